"""Parse and format dates, timestamps and times of day as exact nanoseconds.

Years 1 to 9999 of the proleptic Gregorian calendar. A text for TIMESTAMP WITH TIME ZONE is in UTC
unless it has an offset; a text for TIMESTAMP can't have one.
"""

from __future__ import annotations

import re
from datetime import date, time

from sampling_engine.filters.types import Family

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
DAY_NS = 86_400_000_000_000
MIN_TIMESTAMP_NS = (date.min.toordinal() - EPOCH_ORDINAL) * DAY_NS
MAX_TIMESTAMP_NS = (date.max.toordinal() - EPOCH_ORDINAL + 1) * DAY_NS - 1
MAX_OFFSET_MINUTES = 16 * 60

DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
TIME = (
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
)
OFFSET = r"[ ]?(?:(?P<utc>[Zz])|(?P<sign>[+-])(?P<hours>[0-9]{2})(?::?(?P<minutes>[0-9]{2}))?)"
TIMESTAMP = rf"{DATE}(?:[Tt ]{TIME}"
FORMATS = {
    Family.DATE: re.compile(rf"{TIMESTAMP})?"),
    Family.TIMESTAMP: re.compile(rf"{TIMESTAMP})?"),
    Family.TIMESTAMP_TZ: re.compile(rf"{TIMESTAMP}(?:{OFFSET})?)?"),
    Family.TIME: re.compile(TIME),
}


def parse_temporal(text: str, family: Family) -> int | None:
    """Return nanoseconds since 1970 in UTC, or since midnight for a time; None if invalid.

    >>> parse_temporal("1970-01-01T02:00+02:00", Family.TIMESTAMP_TZ)
    0
    """
    match = FORMATS[family].fullmatch(text)
    if match is None:
        return None
    fields = match.groupdict()
    try:
        ns = _time_ns(fields)
        if family is not Family.TIME:
            day = date(int(fields["year"]), int(fields["month"]), int(fields["day"]))
            ns += (day.toordinal() - EPOCH_ORDINAL) * DAY_NS - _offset_ns(fields)
    except ValueError:
        return None
    return ns if family is Family.TIME or MIN_TIMESTAMP_NS <= ns <= MAX_TIMESTAMP_NS else None


def format_temporal(ns: int, family: Family) -> str:
    """Return the canonical text, which DuckDB parses as well.

    >>> format_temporal(0, Family.DATE), format_temporal(0, Family.TIMESTAMP_TZ)
    ('1970-01-01', '1970-01-01 00:00:00+00:00')
    """
    days, day_ns = divmod(ns, DAY_NS)
    seconds, fraction = divmod(day_ns, 1_000_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if fraction:
        clock += f".{fraction:09}".rstrip("0")
    if family is Family.TIME:
        return clock
    day = date.fromordinal(days + EPOCH_ORDINAL).isoformat()
    if family is Family.DATE and not day_ns:
        return day
    return f"{day} {clock}" + ("+00:00" if family is Family.TIMESTAMP_TZ else "")


def _time_ns(fields: dict[str, str | None]) -> int:
    hour, minute, second = (int(fields[name] or 0) for name in ("hour", "minute", "second"))
    clock = time(hour, minute, second)
    fraction = int((fields["fraction"] or "").ljust(9, "0"))
    return (clock.hour * 3600 + clock.minute * 60 + clock.second) * 1_000_000_000 + fraction


def _offset_ns(fields: dict[str, str | None]) -> int:
    minutes, hours = int(fields.get("minutes") or 0), int(fields.get("hours") or 0)
    if minutes > 59 or hours * 60 + minutes > MAX_OFFSET_MINUTES:
        raise ValueError("invalid UTC offset")
    ns = (hours * 60 + minutes) * 60_000_000_000
    return -ns if fields.get("sign") == "-" else ns
