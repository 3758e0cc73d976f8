"""Quartiles, histogram, outliers and values at given ranks of a column of numbers or times.

Ranks are found by radix selection: integer keys in the order of the values are counted by their
leading bits, then by the next bits of the rows that can hold a wanted rank. A search reads the rows
seven times at most. From all rows the figures are exact; a sample's quartiles have the intervals of
Woodruff (1952, *Confidence intervals for medians and other position measures*).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil, floor
from typing import Any

from profiling_engine.columns.bins import (
    Edges,
    calendar_edges,
    is_skewed,
    linear_edges,
    logarithmic_edges,
)
from profiling_engine.columns.first_pass import ColumnScan
from profiling_engine.columns.kinds import Axis, Number
from profiling_engine.columns.passes import DEVIATIONS, Totals, rows
from profiling_engine.columns.profile import Bin, Figure, Histogram, Quartiles
from profiling_engine.columns.sources import Source, Statement

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
    counted: Totals
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
    edges = _edges(scan, extent, places[2])
    fences = _fences(places[0], places[2], extent)
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


def _edges(scan: ColumnScan, extent: Extent, upper_quartile: Number) -> Edges | None:
    if extent.low == extent.high:
        return None
    if scan.kind.kind == "moment":
        return calendar_edges(scan.axis, int(extent.low), int(extent.high))
    if extent.least_positive and is_skewed(extent.low, upper_quartile, extent.high):
        return logarithmic_edges(scan.axis, extent.least_positive, extent.high)
    return linear_edges(scan.axis, extent.low, extent.high)


def _fences(lower: Number, upper: Number, extent: Extent) -> tuple[Number, Number] | None:
    distance = FAR_OUT * (upper - lower)
    if not distance:
        return None
    # Within the range of the values, so that a fence fits their type.
    return max(lower - distance, extent.low), min(upper + distance, extent.high)


def _intervals(
    scan: ColumnScan, extent: Extent, places: list[Number], counted: Totals
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
