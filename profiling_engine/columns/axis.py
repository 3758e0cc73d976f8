"""Quartiles, histogram, outliers and values at given ranks of a column of numbers or times.

Ranks are found by radix selection, in at most seven passes, which count integer keys in the order
of the values by their leading bits. A histogram has at most 40 bins with round or calendar edges.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import accumulate, count, pairwise
from math import ceil, floor, inf, isfinite, log10
from typing import Any, Literal

import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.rows import Statement
from profiling_engine.columns.kinds import Axis, Number
from profiling_engine.columns.passes import DEVIATIONS, ColumnScan, PassTotals, Source, rows
from profiling_engine.columns.profile import Bin, Figure, Histogram, Quartiles

MAX_BINS = 40
SMALLEST_DOUBLE = 5e-324
STEPS = (1, 2, 5)
SKEW_RATIO = 20
"""Bins are logarithmic if the maximum is more than this many times the upper quartile."""
TAIL_RATIO = 4
"""Bins are clipped if the range is more than this many times the distance of the fences."""


@dataclass(frozen=True)
class Edges:
    """The edges of adjacent bins, ascending on the axis: one more than there are bins."""

    scale: Literal["linear", "clipped", "logarithmic", "calendar"]
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
    place: Callable[[Fraction], Number] = nearest_double if axis.is_float else int

    def bin_of(x: Number) -> int:
        number = floor(Fraction(x) / width)
        while place((number + 1) * width) <= x:  # the edge, a double, may be rounded down
            number += 1
        return number

    for width in _widths((Fraction(high) - Fraction(low)) / MAX_BINS, whole=not axis.is_float):
        first, last = bin_of(low), bin_of(high)
        if last - first < MAX_BINS:
            places = (place(i * width) for i in range(first, last + 2))
            return Edges("linear", tuple(dict.fromkeys(places)))
    raise AssertionError  # pragma: no cover - the widths have no end


def clipped_edges(axis: Axis, low: Number, high: Number, fences: tuple[Number, Number]) -> Edges:
    """Bins of equal width between the fences; the first and the last one reach to the ends."""
    inner, outer = linear_edges(axis, *fences).at, linear_edges(axis, low, high).at
    ends = min(inner[0], outer[0]), max(inner[-1], outer[-1])
    return Edges("clipped", (ends[0], *inner[1:-1], ends[1]))


def _widths(about: Fraction, *, whole: bool) -> Iterator[Fraction]:
    exponent = floor(log10(max(float(about), SMALLEST_DOUBLE)))
    for power in count(max(exponent, 0) if whole else exponent):
        yield from (step * Fraction(10) ** power for step in STEPS)


def nearest_double(value: Fraction) -> float:
    """The nearest double; infinite beyond the largest one."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


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
            place: Number = float(f"{step}e{power}") if axis.is_float else step * 10**power
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


FIRST_BITS = 12
MAX_GROUPS = 1 << 14
FEW_ROWS = 1 << 14
"""Up to this number of rows are counted by their whole keys."""

Fetch = Callable[[Statement], list[tuple[int, int, int]]]


@dataclass(frozen=True)
class Ranked:
    """A value on the axis at a rank, the number of rows with larger values and their amount."""

    x: Number
    rows_above: int
    amount_above: int


@dataclass(frozen=True)
class _Search:
    """The search for one rank from above: the leading bits found, their rows and those above."""

    from_above: int
    prefix: int
    rows: int
    above: int = 0
    amount_above: int = 0


class _Groups:
    """Groups of rows by the leading bits of their keys, the largest first."""

    def __init__(self, groups: Sequence[tuple[int, int, int]]) -> None:
        self._groups = groups
        self._rows = list(accumulate((count for _, count, _ in groups), initial=0))
        self._amounts = list(accumulate((int(amount) for *_, amount in groups), initial=0))

    @property
    def rows(self) -> int:
        return self._rows[-1]

    def narrow(self, search: _Search) -> _Search:
        at = bisect_left(self._rows, search.from_above - search.above) - 1
        prefix, count, _ = self._groups[at]
        above, amount = search.above + self._rows[at], search.amount_above + self._amounts[at]
        return _Search(search.from_above, prefix, count, above, amount)


def count_keys(
    source: Source, axis: Axis, shift: int, before: int, prefixes: Sequence[int], amount: str
) -> Statement:
    """Count rows by the leading bits of their keys, the largest first, with their ``amount``.

    ``shift`` and ``before`` trailing bits are ignored now and were in the last pass, whose
    ``prefixes`` are continued; none for all rows.
    """
    among = ""
    params = list(source.params)
    if prefixes:
        among = f" AND (k >> {before:d}) IN ({', '.join('?' * len(prefixes))})"
        params += prefixes
    return (
        f"SELECT k >> {shift:d} AS p, {source.rows}, {source.total(amount)} "
        f"FROM (SELECT *, {axis.key_sql()} AS k FROM "
        f"(SELECT *, {axis.sql('v')} AS x FROM {source.relation})) "
        f"WHERE x IS NOT NULL{among} GROUP BY p ORDER BY p DESC",
        params,
    )


def values_at(
    fetch: Fetch,
    source: Source,
    axis: Axis,
    between: tuple[Number, Number],
    ranks: Sequence[int],
    amount: str = "0",
) -> list[Ranked]:
    """Find the values at some ranks, from 1 for the smallest, by radix selection."""
    if not ranks:
        return []
    low, high = (axis.key(x) for x in between)
    shift = max((high - low).bit_length() - FIRST_BITS, 0)
    groups = _Groups(fetch(count_keys(source, axis, shift, shift, (), amount)))
    searches = [groups.narrow(_Search(groups.rows - rank + 1, 0, groups.rows)) for rank in ranks]
    while shift:
        prefixes = sorted({search.prefix for search in searches})
        before, shift = shift, _next_shift(shift, searches, prefixes)
        rows = fetch(count_keys(source, axis, shift, before, prefixes, amount))
        by_prefix: dict[int, list[tuple[int, int, int]]] = {prefix: [] for prefix in prefixes}
        for row in rows:
            by_prefix[row[0] >> (before - shift)].append(row)
        inside = {prefix: _Groups(counts) for prefix, counts in by_prefix.items()}
        searches = [inside[search.prefix].narrow(search) for search in searches]
    return [
        Ranked(axis.of_key(search.prefix), search.above, search.amount_above) for search in searches
    ]


def _next_shift(shift: int, searches: Sequence[_Search], prefixes: Sequence[int]) -> int:
    """The trailing bits to ignore: 0 if few rows are left, else enough to bound the groups."""
    rows = {search.prefix: search.rows for search in searches}
    if sum(rows.values()) <= FEW_ROWS:
        return 0
    bits = (MAX_GROUPS // len(prefixes)).bit_length() - 1
    return max(shift - max(bits, 1), 0)


QUARTERS = (1, 2, 3)
FAR_OUT = 3
"""Interquartile ranges outside the quartiles (Tukey 1977, *Exploratory Data Analysis*)."""

Show = Callable[[Number | None], Any]


@dataclass(frozen=True)
class Extent:
    count: int
    low: Number
    high: Number
    least_positive: Number | None = None


@dataclass(frozen=True)
class AxisFigures:
    """Places on the axis, before they are formatted as values."""

    quartiles: tuple[tuple[Number, Number, Number], ...]
    edges: Edges | None
    counted: PassTotals
    fences: tuple[Number, Number] | None
    largest: tuple[Ranked, ...]


def read_axis(scan: ColumnScan, extent: Extent, largest: list[int], amount: str) -> AxisFigures:
    """Find the quartiles, then count the rows of each bin and outside the fences.

    ``largest`` lists the k for which the k-th largest value is found, with the ``amount`` above it.
    """
    between = (extent.low, extent.high)
    quarters = (-(-extent.count * quarter // 4) for quarter in QUARTERS)
    ranks = [*quarters, *(extent.count - k + 1 for k in largest)]
    ranked = values_at(scan.run.fetch, scan.source, scan.axis, between, ranks, amount)
    places = [value.x for value in ranked[:3]]
    fences = _fences(places[0], places[2], extent)
    edges = _edges(scan, extent, places[2], fences)
    aggregates = {
        f"below_{i}": rows("x < ?", at) for i, at in enumerate(edges.at[1:-1] if edges else ())
    }
    aggregates["finite"] = rows("x IS NOT NULL")
    if fences:
        aggregates |= {"far_below": rows("x < ?", fences[0]), "far_above": rows("x > ?", fences[1])}
    if not scan.is_exact:
        aggregates |= {f"under_{i}": rows("x < ?", x) for i, x in enumerate(places)}
        aggregates |= {f"up_to_{i}": rows("x <= ?", x) for i, x in enumerate(places)}
    counted = scan.measure(aggregates)
    intervals = [(x, x, x) for x in places]
    if not scan.is_exact:
        intervals = _intervals(scan, extent, places, counted)
    return AxisFigures(tuple(intervals), edges, counted, fences, tuple(ranked[3:]))


def _edges(
    scan: ColumnScan,
    extent: Extent,
    upper_quartile: Number,
    fences: tuple[Number, Number] | None,
) -> Edges | None:
    if extent.low == extent.high:
        return None
    if scan.kind.kind == "moment":
        return calendar_edges(scan.axis, int(extent.low), int(extent.high))
    if extent.least_positive and is_skewed(extent.low, upper_quartile, extent.high):
        return logarithmic_edges(scan.axis, extent.least_positive, extent.high)
    if fences and extent.high - extent.low > TAIL_RATIO * (fences[1] - fences[0]):
        return clipped_edges(scan.axis, extent.low, extent.high, fences)
    return linear_edges(scan.axis, extent.low, extent.high)


def _fences(lower: Number, upper: Number, extent: Extent) -> tuple[Number, Number] | None:
    distance = FAR_OUT * (upper - lower)
    if not distance:
        return None
    # Within the range of the values, so that a fence fits their type.
    return max(lower - distance, extent.low), min(upper + distance, extent.high)


def _intervals(
    scan: ColumnScan, extent: Extent, places: list[Number], counted: PassTotals
) -> list[tuple[Number, Number, Number]]:
    """Woodruff's interval of each quartile (1952, *Confidence intervals for medians*)."""
    assert counted.sample is not None  # noqa: S101 - only of a sample
    sums = counted.sample.sums
    ranks: list[int] = []
    for i, quarter in enumerate(QUARTERS):
        errors = [
            counted.sample.share_error(sums[name], sums["finite"])
            for name in (f"under_{i}", f"up_to_{i}")
        ]
        half = DEVIATIONS * max(errors) * extent.count
        rank = quarter * extent.count / 4
        ranks += [max(floor(rank - half), 1), min(ceil(rank + half), extent.count)]
    between = (extent.low, extent.high)
    ends = values_at(scan.run.fetch, scan.source, scan.axis, between, ranks)
    return [(x, ends[2 * i].x, ends[2 * i + 1].x) for i, x in enumerate(places)]


def quartiles_of(found: AxisFigures, show: Show) -> Quartiles:
    lower, median, upper = (
        Figure(show(x), found.counted.accuracy(show(low), show(high)))
        for x, low, high in found.quartiles
    )
    return Quartiles(lower, median, upper)


def histogram_of(found: AxisFigures, show: Show) -> Histogram | None:
    """The histogram; None for a column of one value."""
    edges = found.edges
    if edges is None:
        return None
    counted = found.counted
    names = [None, *(f"below_{i}" for i in range(len(edges.at) - 2)), "finite"]
    bins = []
    for (start, end), (before, name) in zip(pairwise(edges.at), pairwise(names), strict=True):
        figure = counted.count(str(name), without=before)
        bounds = figure.accuracy
        bins.append(Bin(show(start), show(end), figure.value, bounds.low, bounds.high))
    accuracy = counted.accuracy(None, None)
    return Histogram(edges.scale, tuple(bins), accuracy, edges.unit, edges.step)


def places_of(found: AxisFigures) -> list[Number]:
    edges = found.edges.at if found.edges else ()
    quartiles = [x for bounds in found.quartiles for x in bounds]
    return [*quartiles, *edges, *(value.x for value in found.largest)]
