"""The filters of a list, as they stand in the page's address.

Owns: what a day in a filter means to the reader, and how a filter that can't be read is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time
from typing import Any

from flask import request
from marshmallow import ValidationError

from web_ui.reader_zone import zone


def with_days(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The query with each date under these names as a moment: when the reader's own day begins."""
    moments = dict(given)
    for name in names:
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            day = date.fromisoformat(given[name])
            moments[name] = datetime.combine(day, time.min, zone()).isoformat()
    return moments


def day_of(name: str) -> str:
    """The day that stands under this name, for a field that takes nothing else."""
    with suppress(ValueError):
        return date.fromisoformat(request.args.get(name, "")[:10]).isoformat()
    return ""


def what_is_wrong(error: ValidationError) -> str:
    """A query's errors as a sentence."""
    told = [
        f"{name.replace('_', ' ')}: {' '.join(_messages(found))}"
        for name, found in error.messages_dict.items()
    ]
    return f"These filters can't be read, so none is applied. {' '.join(told)}"


def _messages(found: Any) -> list[str]:
    if isinstance(found, Mapping):
        return [one for nested in found.values() for one in _messages(nested)]
    return [str(one) for one in found] if isinstance(found, list | tuple) else [str(found)]
