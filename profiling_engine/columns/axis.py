"""The values at given ranks, exactly, in bounded memory.

Owns: the search. Invariant: whatever the distribution and the number of rows, a search reads the
rows a few times (two to four as a rule, seven at most for 64 bits) and holds some ten thousand
groups.

It is a radix selection: the values' keys, which are integers in the values' order, are counted by
their leading bits; then by the bits that follow, among those rows alone whose leading bits are a
wanted rank's; until no bit is left.

Quartiles, histogram and outliers of a column of numbers or moments.

Owns: the passes over the axis. Invariant: from all rows every one of these is exact. From a sample
a quartile's interval is Woodruff's (1952, *Confidence intervals for medians and other position
measures*): the values at the ends of the interval of the share of rows below it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, floor
from typing import Any

import numpy as np

from profiling_engine.columns.accuracy import Figure
from profiling_engine.columns.aggregates import DEVIATIONS, Aggregate, Totals, rows
from profiling_engine.columns.bins import (
    Edges,
    calendar_edges,
    is_crowded,
    linear_edges,
    logarithmic_edges,
)
from profiling_engine.columns.first_pass import Look
from profiling_engine.columns.kinds import Axis, Number
from profiling_engine.columns.profile import Bin, Histogram, Quartiles
from profiling_engine.tables.sources import Source, Statement

FIRST_BITS = 12
MAX_GROUPS = 1 << 14
FEW_ROWS = 1 << 14
"""So few rows are counted by their whole keys."""

Fetch = Callable[[Statement], list[tuple[int, int, int]]]


@dataclass(frozen=True)
class Ranked:
    """A value at a rank.

    Parameters
    ----------
    x : int or float
        The value on its axis.
    rows_above : int
        Rows whose value is larger.
    amount_above : int
        Their amounts.
    """

    x: Number
    rows_above: int
    amount_above: int


@dataclass(frozen=True)
class _Search:
    """One rank, counted from the largest value, and what is already known of it.

    Parameters
    ----------
    prefix : int
        The leading bits of its key.
    rows : int
        With these leading bits.
    above, amount_above : int
        Rows with larger ones, and their amounts.
    """

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
        """Over all groups."""
        return self._rows[-1]

    def narrow(self, one: _Search) -> _Search:
        """The search in the one group that holds its rank."""
        at = bisect_left(self._rows, one.from_above - one.above) - 1
        prefix, count, _ = self._groups[at]
        above, amount = one.above + self._rows[at], one.amount_above + self._amounts[at]
        return _Search(one.from_above, prefix, count, above, amount)


def count_keys(
    source: Source, axis: Axis, shift: int, before: int, prefixes: Sequence[int], amount: str
) -> Statement:
    """Leading bits, rows and amount of the rows whose bits until then are among ``prefixes``.

    Parameters
    ----------
    shift : int
        Bits that are not looked at.
    before : int
        Bits that were not looked at the last time; all rows count when there are no prefixes.
    amount : str
        An integer of ``x`` that is summed.

    Returns
    -------
    (str, list)
        The largest bits first.
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
    """The values at some ranks.

    Parameters
    ----------
    fetch : callable
        Runs a statement.
    between : (number, number)
        The smallest and the largest ``x``.
    ranks : sequence of int
        From 1, the smallest value, to the number of values.

    Returns
    -------
    list of Ranked
        In the order of ``ranks``.
    """
    if not ranks:
        return []
    low, high = (axis.key(x) for x in between)
    shift = max((high - low).bit_length() - FIRST_BITS, 0)
    groups = _Groups(fetch(count_keys(source, axis, shift, shift, (), amount)))
    found = [groups.narrow(_Search(groups.rows - rank + 1, 0, groups.rows)) for rank in ranks]
    while shift:
        prefixes = sorted({one.prefix for one in found})
        before, shift = shift, _next_shift(shift, found, prefixes)
        rows = fetch(count_keys(source, axis, shift, before, prefixes, amount))
        by_prefix: dict[int, list[tuple[int, int, int]]] = {prefix: [] for prefix in prefixes}
        for row in rows:
            by_prefix[row[0] >> (before - shift)].append(row)
        inside = {prefix: _Groups(those) for prefix, those in by_prefix.items()}
        found = [inside[one.prefix].narrow(one) for one in found]
    return [Ranked(axis.of_key(one.prefix), one.above, one.amount_above) for one in found]


def _next_shift(shift: int, found: Sequence[_Search], prefixes: Sequence[int]) -> int:
    """Bits to leave for later: none if few rows are left, else as many as keep the groups few."""
    rows = {one.prefix: one.rows for one in found}
    if sum(rows.values()) <= FEW_ROWS:
        return 0
    bits = (MAX_GROUPS // len(prefixes)).bit_length() - 1
    return max(shift - max(bits, 1), 0)


QUARTERS = (1, 2, 3)
FAR_OUT = 3
"""Quartile distances beyond the quartiles (Tukey 1977, *Exploratory Data Analysis*)."""

Show = Callable[[Number | None], Any]


@dataclass(frozen=True)
class Extent:
    """The finite values of a column: how many were read, the smallest and the largest."""

    count: int
    low: Number
    high: Number
    least_positive: Number | None = None


@dataclass(frozen=True)
class OnAxis:
    """What was found on the axis, its places not yet shown as values."""

    quartiles: tuple[tuple[Number, Number, Number], ...]
    edges: Edges | None
    counted: Totals
    fences: tuple[Number, Number] | None
    largest: tuple[Ranked, ...]


def quarter_ranks(count: int) -> list[int]:
    """The ranks of the quartiles: the smallest value that so much of the rows is no larger than."""
    return [-(-count * quarter // 4) for quarter in QUARTERS]


def read_axis(look: Look, extent: Extent, largest: list[int], amount: str) -> OnAxis:
    """Find quartiles, then count the rows of each bin and beyond the fences.

    Parameters
    ----------
    largest : list of int
        How many of the largest values are also wanted, for each of these numbers.
    amount : str
        The integer of ``x`` that is summed above each of them.
    """
    between = (extent.low, extent.high)
    ranks = [*quarter_ranks(extent.count), *(extent.count - k + 1 for k in largest)]
    ranked = values_at(look.run.fetch, look.source, look.axis, between, ranks, amount)
    places = [one.x for one in ranked[:3]]
    edges = _edges(look, extent, places[2])
    fences = _fences(places[0], places[2], extent)
    aggregates = {f"below_{i}": rows("x < ?", at) for i, at in enumerate(_inner(edges))}
    aggregates["finite"] = rows("x IS NOT NULL")
    if fences:
        aggregates |= {"far_below": rows("x < ?", fences[0]), "far_above": rows("x > ?", fences[1])}
    if not look.is_exact:
        aggregates |= _around(places)
    counted = look.measure(aggregates)
    intervals = [(x, x, x) for x in places]
    if not look.is_exact:
        intervals = _intervals(look, extent, places, counted)
    return OnAxis(tuple(intervals), edges, counted, fences, tuple(ranked[3:]))


def _edges(look: Look, extent: Extent, upper_quartile: Number) -> Edges | None:
    if extent.low == extent.high:
        return None
    if look.kind.kind == "moment":
        return calendar_edges(look.axis, int(extent.low), int(extent.high))
    if extent.least_positive and is_crowded(extent.low, upper_quartile, extent.high):
        return logarithmic_edges(look.axis, extent.least_positive, extent.high)
    return linear_edges(look.axis, extent.low, extent.high)


def _inner(edges: Edges | None) -> tuple[Number, ...]:
    return edges.at[1:-1] if edges else ()


def _fences(lower: Number, upper: Number, extent: Extent) -> tuple[Number, Number] | None:
    """Beyond which a value is far out; None if half of the rows have one value."""
    distance = FAR_OUT * (upper - lower)
    if not distance:
        return None
    # No further than the values themselves, so that no fence is too large for its type.
    return max(lower - distance, extent.low), min(upper + distance, extent.high)


def _around(places: list[Number]) -> dict[str, Aggregate]:
    below = {f"under_{i}": rows("x < ?", x) for i, x in enumerate(places)}
    return below | {f"up_to_{i}": rows("x <= ?", x) for i, x in enumerate(places)}


def _intervals(
    look: Look, extent: Extent, places: list[Number], counted: Totals
) -> list[tuple[Number, Number, Number]]:
    """Each quartile with the values that it lies between."""
    assert counted.blocks is not None  # noqa: S101 - only of a sample
    finite = counted.blocks["finite"]
    ranks: list[int] = []
    for i, quarter in enumerate(QUARTERS):
        errors = [
            counted.share_error(counted.blocks[name], finite)
            for name in (f"under_{i}", f"up_to_{i}")
        ]
        half = DEVIATIONS * max(errors) * extent.count
        rank = quarter * extent.count / 4
        ranks += [max(floor(rank - half), 1), min(ceil(rank + half), extent.count)]
    between = (extent.low, extent.high)
    ends = values_at(look.run.fetch, look.source, look.axis, between, ranks)
    return [(x, ends[2 * i].x, ends[2 * i + 1].x) for i, x in enumerate(places)]


def quartiles_of(found: OnAxis, show: Show) -> Quartiles:
    """The quartiles as values."""
    lower, median, upper = (
        Figure(show(x), found.counted.accuracy(show(low), show(high)))
        for x, low, high in found.quartiles
    )
    return Quartiles(lower, median, upper)


def histogram_of(found: OnAxis, show: Show) -> Histogram | None:
    """The rows of each bin; None for a column of one value."""
    edges = found.edges
    if edges is None:
        return None
    counted = _by_bin(found.counted, len(edges.at) - 1)
    bins = []
    for i, (start, end) in enumerate(zip(edges.at, edges.at[1:], strict=False)):
        figure = counted.count(f"bin_{i}")
        told = figure.accuracy
        bins.append(Bin(show(start), show(end), figure.value, told.low, told.high))
    accuracy = counted.accuracy(None, None)
    return Histogram(edges.scale, tuple(bins), accuracy, edges.unit, edges.step)


def _by_bin(counted: Totals, bins: int) -> Totals:
    """Rows in each bin, from the rows below each edge."""
    names = [f"below_{i}" for i in range(bins - 1)]
    below = [0, *(counted.values[name] for name in names), counted.values["finite"]]
    values = {f"bin_{i}": below[i + 1] - below[i] for i in range(bins)}
    if counted.blocks is None:
        return Totals(counted.rows, values)
    blocks = [counted.blocks[name] for name in names]
    edges = [np.zeros_like(counted.blocks["finite"]), *blocks, counted.blocks["finite"]]
    by_block = {f"bin_{i}": edges[i + 1] - edges[i] for i in range(bins)}
    by_block["rows"] = counted.blocks["rows"]
    return Totals(counted.rows, values, by_block, counted.size)


def places_of(found: OnAxis) -> list[Number]:
    """All places that are shown as values."""
    edges = found.edges.at if found.edges else ()
    quartiles = [x for one in found.quartiles for x in one]
    return [*quartiles, *edges, *(one.x for one in found.largest)]
