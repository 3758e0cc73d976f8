"""The times of a cron expression in a time zone.

Debian's cron rules hold where clocks change: a time that is skipped runs right after the gap, a
time that comes twice runs at the first one, and expressions with ``*`` follow the elapsed time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from storage.errors import InvalidValue

FIELDS = 5
SHOWN = 5
"""Times of a preview."""


def upcoming(cron: str, zone: str, after: datetime, count: int = SHOWN) -> list[datetime]:
    """The next times after a moment, in UTC.

    Raises
    ------
    InvalidValue
        The expression or the zone isn't valid, or there is no such time.

    Examples
    --------
    >>> start = datetime(2026, 11, 26, tzinfo=UTC)
    >>> [str(at) for at in upcoming("0 6 * * 1", "Europe/Berlin", start, 1)]
    ['2026-11-30 05:00:00+00:00']
    """
    times = [at.astimezone(UTC) for at in islice(_simulated(cron, zone, after), count)]
    if not times:
        raise InvalidValue("`cron` has no time in the next 50 years.", loc=("body", "cron"))
    return times


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The next time after a moment, in UTC; InvalidValue as in :func:`upcoming`."""
    return upcoming(cron, zone, after, 1)[0]


def explained(cron: str, zone: str) -> str:
    """The expression in words; InvalidValue as in :func:`upcoming`.

    >>> explained("0 6 * * 1", "UTC")
    'At 06:00 on Monday'
    """
    return str(_simulated(cron, zone, datetime.now(UTC)).explain())


def zone_of(zone: str) -> ZoneInfo:
    """The time zone of an IANA name; InvalidValue if there is none."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidValue(
            "`zone` must be an IANA time zone, such as Europe/Berlin or UTC.", loc=("body", "zone")
        ) from None


def _simulated(cron: str, zone: str, after: datetime) -> CronSim:
    place = zone_of(zone)
    if len(cron.split()) != FIELDS:
        raise InvalidValue(
            "`cron` must have five fields: minute, hour, day of the month, month, day of the week.",
            loc=("body", "cron"),
        )
    try:
        return CronSim(cron, after.astimezone(place))
    except CronSimError as error:
        raise InvalidValue(
            "`cron` isn't valid: {problem}.", loc=("body", "cron"), problem=str(error)
        ) from None
