"""Stored times: UTC, ISO 8601 with microseconds and offset, so that text order is time order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Return the stored form of a time.

    >>> timestamp(datetime(2025, 7, 7, 2, 45, 47, 569440, tzinfo=UTC))
    '2025-07-07T02:45:47.569440+00:00'
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def seconds_between(start: str, end: str) -> float:
    """Return the seconds from one stored time to another."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
