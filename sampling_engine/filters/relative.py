"""Dates and times relative to the present: ``today - 7``, ``yesterday``, ``now - 12 hours``.

They are read at the time of a request. A request that is stored has the date itself in their place,
so that a job, a certificate and a digest never depend on when they are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from parquet_tables.tables import Column, TableFiles, UnknownColumn
from sampling_engine.filters.errors import Location
from sampling_engine.filters.tree import Family, family_of

WORDS = frozenset({"TODAY", "YESTERDAY", "NOW"})
RELATIVE = re.compile(
    r"(?P<word>today|yesterday|now)(?![^\s\x00-/:-@\[-^`{-\x7f])"
    r"(?:\s*(?P<sign>[+-])\s*(?P<number>[0-9]+)(?:\s*(?P<unit>days?|hours?|minutes?)\b)?)?",
    re.IGNORECASE,
)
TEMPORAL = frozenset({Family.DATE, Family.TIMESTAMP, Family.TIMESTAMP_TZ})
MAX_DIGITS = 7


def utc_now() -> datetime:
    """The present time."""
    return datetime.now(UTC)


def absolute_text(match: re.Match[str], now: datetime, location: Location) -> str:
    """The date or the time of a match of ``RELATIVE``.

    ``today`` is the date of ``now`` in its time zone; a time is in UTC.

    >>> from datetime import timezone
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    >>> [absolute_text(RELATIVE.fullmatch(text), noon, Location(()))
    ...  for text in ("today", "yesterday", "today - 7", "now - 12 hours")]
    ['2026-03-01', '2026-02-28', '2026-02-22', '2026-03-01 00:00:00']
    """
    word, unit = match["word"].lower(), (match["unit"] or "").lower().rstrip("s")
    if word != "now" and unit not in ("", "day"):
        raise location.error(
            "{word} counts days; for a time write now {sign} {number} {unit}",
            word=word,
            sign=match["sign"],
            number=match["number"],
            unit=match["unit"],
        )
    if word == "now" and match["number"] and not unit:
        raise location.error(
            "Write a unit after the number: now {sign} {number} days, hours or minutes",
            sign=match["sign"],
            number=match["number"],
        )
    number = match["number"] or "0"
    try:
        if len(number) > MAX_DIGITS:
            raise OverflowError
        by = timedelta(**{f"{unit or 'day'}s": int(number)})
        by = -by if match["sign"] == "-" else by
        if word == "now":
            return f"{now.astimezone(UTC) + by:%Y-%m-%d %H:%M:%S}"
        return (now.date() + by - timedelta(days=word == "yesterday")).isoformat()
    except OverflowError:
        raise location.error("{text} is no date of the years 1 to 9999", text=match[0]) from None


def absolute_value(column: Column, value: object, now: datetime, location: Location) -> object:
    """The value of a condition on a column of dates or times, without relative ones."""
    if family_of(column.type) not in TEMPORAL:
        return value
    if isinstance(value, list | tuple):
        return [absolute_value(column, each, now, location) for each in value]
    match = RELATIVE.fullmatch(value.strip()) if isinstance(value, str) else None
    return value if match is None else absolute_text(match, now, location)


def absolute_condition(
    condition: Mapping[str, Any], table: TableFiles, now: datetime
) -> dict[str, Any]:
    """A condition without relative dates; one that isn't valid stays as it is."""
    value, name = condition.get("value"), condition.get("column")
    try:
        column = table.column(name) if isinstance(name, str) else None
    except UnknownColumn:
        column = None
    if column is None or value is None:
        return dict(condition)
    return {**condition, "value": absolute_value(column, value, now, Location(("value",)))}
