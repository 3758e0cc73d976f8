"""The reader's time zone, which their browser tells by a cookie.

Owns: how a stored time is written on a page, and how the page tells which zone that is. A script
sees to it that no other zone is shown, so both write alike (``static/format.js``).
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


def zone_told() -> str:
    """The zone that a page's times are in, with its present distance from UTC."""
    here = zone()
    offset = datetime.now(here).strftime("%z")  # +0530
    return f"{here.key}, UTC{offset[:3]}:{offset[3:]}" if here.key != "UTC" else "UTC"


def local_time(text: str) -> str:
    """A stored time in the reader's zone."""
    return datetime.fromisoformat(text).astimezone(zone()).strftime("%Y-%m-%d %H:%M:%S")
