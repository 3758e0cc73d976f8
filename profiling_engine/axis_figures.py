"""Quartiles, histogram and outliers of a column of numbers or moments.

Owns: the passes over the axis. Invariant: from all rows every one of these is exact. From a sample
a quartile's interval is Woodruff's (1952, *Confidence intervals for medians and other position
measures*): the values at the ends of the interval of the share of rows below it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np

from profiling_engine.accuracy import Figure
from profiling_engine.aggregates import Aggregate, rows
from profiling_engine.bins import Edges, is_crowded, linear_edges, logarithmic_edges
from profiling_engine.calendar_bins import calendar_edges
from profiling_engine.kinds import Number
from profiling_engine.look import Look
from profiling_engine.order_statistics import Ranked, values_at
from profiling_engine.parts import Bin, Histogram, Quartiles
from profiling_engine.totals import DEVIATIONS, Totals

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
