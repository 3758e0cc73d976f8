"""Edges of the bins of histograms: linear, logarithmic and by the calendar.

There are at most 40 bins, which cover every finite value; a bin contains its lower edge, not its
upper one. Numbers have round edges; bins of times begin with a unit of the Gregorian calendar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from math import floor, isfinite, log10
from typing import Literal

import numpy as np

from profiling_engine.columns.kinds import Axis, Number

MAX_BINS = 40
STEPS = (1, 2, 5)
SKEW_RATIO = 20
"""Bins are logarithmic if the maximum is more than this many times the upper quartile."""


@dataclass(frozen=True)
class Edges:
    """The edges of adjacent bins, ascending on the axis: one more than there are bins."""

    scale: Literal["linear", "logarithmic", "calendar"]
    at: tuple[Number, ...]
    unit: str | None = None
    step: int | None = None


def is_skewed(low: Number, upper_quartile: Number, high: Number) -> bool:
    return low >= 0 and upper_quartile * SKEW_RATIO < high


def linear_edges(axis: Axis, low: Number, high: Number) -> Edges:
    """Bins of equal width, the narrowest that needs at most 40.

    >>> linear_edges(Axis("BIGINT", "INTEGER"), 3, 17).at[:3]
    (3, 4, 5)
    """
    if axis.is_float:
        return Edges("linear", _float_edges(float(low), float(high)))
    low, high = int(low), int(high)
    for width in _whole_widths(low, high):
        first, last = low // width, high // width
        if last - first < MAX_BINS:
            return Edges("linear", tuple(i * width for i in range(first, last + 2)))
    raise AssertionError  # pragma: no cover - the widths have no end


def _whole_widths(low: int, high: int) -> Iterator[int]:
    power = 10 ** max(len(str((high - low) // MAX_BINS)) - 1, 0)
    for more in count():
        yield from (step * power * 10**more for step in STEPS)


def _float_edges(low: float, high: float) -> tuple[float, ...]:
    start = floor(log10(max(high / MAX_BINS - low / MAX_BINS, 5e-324)))
    for exponent in count(start):
        for step in STEPS:
            width = _place(step, exponent)
            if not width or high / width - low / width > MAX_BINS:
                continue
            first, last = _index(low, step, exponent), _index(high, step, exponent)
            if last - first < MAX_BINS:
                places = (_place(i * step, exponent) for i in range(first, last + 2))
                return tuple(dict.fromkeys(places))
    raise AssertionError  # pragma: no cover - the widths have no end


def _index(x: float, step: int, exponent: int) -> int:
    i = floor(x / _place(step, exponent))
    while _place(i * step, exponent) > x:
        i -= 1
    while _place((i + 1) * step, exponent) <= x:
        i += 1
    return i


def _place(whole: int, exponent: int) -> float:
    """The double nearest to ``whole`` times a power of ten.

    >>> _place(3, -1)
    0.3
    """
    return float(f"{whole}e{exponent}")


def logarithmic_edges(axis: Axis, least_positive: Number, high: Number) -> Edges:
    """0, then 1, 2, 5, 10, 20, 50 … from the smallest positive value to beyond the largest.

    If there would be more than 40 bins, the first one from 0 contains the smallest values.
    """
    places: list[Number] = []
    for place in _falling(axis, high):
        places.append(place)
        if place <= least_positive or len(places) == MAX_BINS:
            break
    return Edges("logarithmic", (0.0 if axis.is_float else 0, *reversed(places)))


def _falling(axis: Axis, high: Number) -> Iterator[Number]:
    """The round numbers from the first above ``high``, descending."""
    exponent = floor(log10(high)) + 1 if axis.is_float else len(str(high))
    above: Number | None = None
    for power in count(exponent, -1):
        for step in reversed(STEPS):
            if not axis.is_float and power < 0:
                return
            place: Number = _place(step, power) if axis.is_float else step * 10**power
            if place > high:
                above = place
                continue
            if above is not None:
                yield above
                above = None
            if not place or not isfinite(place):
                return
            yield place


MONDAY = 4
SECONDS_A_DAY = 86_400
CLOCK_STEPS = (
    ("second", 1, (1, 5, 15, 30)),
    ("minute", 60, (1, 5, 15, 30)),
    ("hour", 3_600, (1, 3, 6, 12)),
)
"""Unit, its seconds, and the numbers of it in a bin."""
MONTHS_BEFORE_1970 = 12 * 1970


@dataclass(frozen=True)
class Step:
    """The length of a bin in months or ticks of the axis; the offset is that of a first bin."""

    unit: str
    number: int
    ticks: int = 0
    months: int = 0
    offset: int = 0


def ticks_a_day(axis: Axis) -> int:
    if axis.column_type == "DATE":
        return 1
    seconds = 1_000_000_000 if axis.column_type == "TIMESTAMP_NS" else 1_000_000
    return SECONDS_A_DAY * seconds


def calendar_edges(axis: Axis, low: int, high: int) -> Edges:
    """Bins of the smallest calendar unit that needs at most 40."""
    day = ticks_a_day(axis)
    for step in _steps(axis, day):
        if step.months:
            first, last = (_month_at(x // day) // step.months for x in (low, high))
        else:
            first, last = ((x - step.offset) // step.ticks for x in (low, high))
        if last - first < MAX_BINS:
            at = tuple(_begin(step, i, day) for i in range(first, last + 2))
            return Edges("calendar", at, step.unit, step.number)
    raise AssertionError  # pragma: no cover - the years have no end


def _steps(axis: Axis, day: int) -> Iterator[Step]:
    """All units, the smallest first; a time of day has units up to hours."""
    second = day // SECONDS_A_DAY
    if second:
        tick = "nanosecond" if second > 1_000_000 else "microsecond"
        for power in range(len(str(second)) - 1):
            for step in STEPS:
                yield Step(tick, step * 10**power, step * 10**power)
        for unit, seconds, numbers in CLOCK_STEPS:
            for number in numbers:
                yield Step(unit, number, number * seconds * second)
    if axis.column_type == "TIME":
        return
    yield Step("day", 1, day)
    yield Step("week", 1, 7 * day, offset=MONDAY * day)
    yield Step("month", 1, months=1)
    yield Step("quarter", 1, months=3)
    for power in count():
        for step in STEPS:
            years = step * 10**power
            yield Step("year", years, months=12 * years)


def _begin(step: Step, number: int, day: int) -> int:
    if step.months:
        return _day_of_month(number * step.months) * day
    return number * step.ticks + step.offset


def _month_at(day: int) -> int:
    """The month of a day after 1970-01-01, counted from January of the year 0.

    >>> divmod(_month_at(0), 12)
    (1970, 0)
    """
    return int(np.datetime64(day, "D").astype("M8[M]").astype(np.int64)) + MONTHS_BEFORE_1970


def _day_of_month(month: int) -> int:
    """The first day of a month, in days after 1970-01-01.

    >>> _day_of_month(1970 * 12), _day_of_month(2000 * 12 + 2)
    (0, 11017)
    """
    first = np.datetime64(month - MONTHS_BEFORE_1970, "M")
    return int(first.astype("M8[D]").astype(np.int64))
