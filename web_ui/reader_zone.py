"""The reader's time zone, which their browser tells by a cookie.

Owns: how a stored time is written on a page. A script sees to it that no other zone is shown, so
both write alike (``static/format.js``).
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import request


def zone() -> ZoneInfo:
    """The reader's zone; UTC as long as the browser has told none."""
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(request.cookies.get("zone", "UTC"))
    return ZoneInfo("UTC")


def local_time(text: str) -> str:
    """A stored time in the reader's zone."""
    return datetime.fromisoformat(text).astimezone(zone()).strftime("%Y-%m-%d %H:%M:%S")
