"""Dates, timestamps and times of day, as exact nanoseconds.

Owns: how they are read and spelled. Invariant: years 1 to 9999, proleptic Gregorian; a timestamp
with a time zone that names no offset is in UTC, and one without a time zone takes no offset.
Called by :mod:`literals` and :mod:`statement`.
"""

from __future__ import annotations

import re
from datetime import date, time

from sampling_engine.filters.types import Family

EPOCH = date(1970, 1, 1).toordinal()
DAY_NS = 86_400_000_000_000
FIRST_NS = (date.min.toordinal() - EPOCH) * DAY_NS
LAST_NS = (date.max.toordinal() - EPOCH + 1) * DAY_NS - 1
LONGEST_OFFSET_MINUTES = 16 * 60

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


def read(text: str, family: Family) -> int | None:
    """Nanoseconds since 1970 in UTC, or since midnight for a time of day; None if it is neither.

    >>> read("1970-01-01T02:00+02:00", Family.TIMESTAMP_TZ)
    0
    """
    found = FORMATS[family].fullmatch(text)
    if found is None:
        return None
    part = found.groupdict()
    try:
        ns = _time_ns(part)
        if family is not Family.TIME:
            day = date(int(part["year"]), int(part["month"]), int(part["day"]))
            ns += (day.toordinal() - EPOCH) * DAY_NS - _offset_ns(part)
    except ValueError:
        return None
    return ns if family is Family.TIME or FIRST_NS <= ns <= LAST_NS else None


def spell(ns: int, family: Family) -> str:
    """The one spelling, which DuckDB reads as well.

    >>> spell(0, Family.DATE), spell(0, Family.TIMESTAMP_TZ)
    ('1970-01-01', '1970-01-01 00:00:00+00:00')
    """
    days, rest = divmod(ns, DAY_NS)
    seconds, fraction = divmod(rest, 1_000_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if fraction:
        clock += f".{fraction:09}".rstrip("0")
    if family is Family.TIME:
        return clock
    day = date.fromordinal(days + EPOCH).isoformat()
    if family is Family.DATE and not rest:
        return day
    return f"{day} {clock}" + ("+00:00" if family is Family.TIMESTAMP_TZ else "")


def _time_ns(part: dict[str, str | None]) -> int:
    hour, minute, second = (int(part[name] or 0) for name in ("hour", "minute", "second"))
    clock = time(hour, minute, second)
    fraction = int((part["fraction"] or "").ljust(9, "0"))
    return (clock.hour * 3600 + clock.minute * 60 + clock.second) * 1_000_000_000 + fraction


def _offset_ns(part: dict[str, str | None]) -> int:
    minutes, hours = int(part.get("minutes") or 0), int(part.get("hours") or 0)
    if minutes > 59 or hours * 60 + minutes > LONGEST_OFFSET_MINUTES:
        raise ValueError("no such offset")
    ns = (hours * 60 + minutes) * 60_000_000_000
    return -ns if part.get("sign") == "-" else ns
