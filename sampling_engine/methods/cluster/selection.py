"""The choice of clusters: with equal probabilities, or in proportion to their size.

With equal probabilities, those that come first in an order. By size, systematic selection of
clusters in random order: Goodman and Kish 1950, "Controlled selection"; Hartley and Rao 1962,
"Sampling with unequal probabilities and without replacement". All of it is of integers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lazy_dataclasses import dataclass
from sampling_engine.selection.order import MAX_BITS, Int64s, Seed, SeededOrder

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chances:
    """Drawn units, and the probability of every one as a fraction; arrays of one shape.

    Parameters
    ----------
    drawn : array of bool
    parts, wholes : arrays of Python's or numpy's int
        The probability is part by whole.
    """

    drawn: Booleans
    parts: np.ndarray
    wholes: np.ndarray

    def placed(self, numbers: Int64s, count: int) -> Chances:
        """The units under their numbers, among ``count`` of which the others have no chance."""
        drawn = np.zeros(count, dtype=np.bool_)
        parts, wholes = np.zeros(count, self.parts.dtype), np.ones(count, self.wholes.dtype)
        drawn[numbers], parts[numbers], wholes[numbers] = self.drawn, self.parts, self.wholes
        return Chances(drawn, parts, wholes)

    @property
    def probabilities(self) -> Floats:
        """The probability of each unit."""
        if self.parts.dtype == object:
            pairs = zip(self.parts, self.wholes, strict=True)
            return np.array([part / whole for part, whole in pairs], dtype=np.float64)
        found: Floats = self.parts.astype(np.float64) / self.wholes
        return found


def first_in_line(groups: Int64s, ranks: Int64s, sizes: Int64s) -> Booleans:
    """The units among the first of their group by rank; ``sizes`` by group."""
    by_rank = np.lexsort((ranks, groups))
    in_line = groups[by_rank]
    places = np.arange(len(groups)) - np.searchsorted(in_line, in_line)
    drawn = np.zeros(len(groups), dtype=np.bool_)
    drawn[by_rank] = places < sizes[in_line]
    return drawn


def equal_chances(groups: Int64s, ranks: Int64s, sizes: Int64s) -> Chances:
    """Draw the first units of each group; ``sizes`` are at most the units of a group."""
    whole = np.bincount(groups, minlength=len(sizes))
    return Chances(first_in_line(groups, ranks, sizes), sizes[groups], whole[groups])


def start_of(seed: Seed, stratum: int, total: int) -> int:
    """The start of a stratum's selection, a number below ``total``.

    >>> start_of("42:cluster starts", 0, 1_000), start_of("42:cluster starts", 1, 1_000)
    (26, 704)
    """
    order = SeededOrder(1 << MAX_BITS, seed, MAX_BITS)
    number = int(order.ordinal(np.array([stratum], dtype=np.int64))[0])
    return number * total >> MAX_BITS


def certain_units(sizes: Sequence[int], count: int) -> list[int]:
    """The places of the units whose probability, count · size by the total, would reach 1.

    The largest leaves the frame first, and the others share what is left.

    >>> certain_units([50, 5, 5, 30, 10], 3)
    [0, 3]
    """
    certain: list[int] = []
    left, total = count, sum(sizes)
    for place in sorted(range(len(sizes)), key=lambda at: -sizes[at]):
        if not left or sizes[place] <= 0 or sizes[place] * left < total:
            break
        certain.append(place)
        left, total = left - 1, total - sizes[place]
    return certain


def chances_by_size(
    groups: Int64s, ranks: Int64s, sizes: Sequence[int], counts: Int64s, seed: Seed
) -> Chances:
    """Draw units of each group with probabilities in proportion to their sizes.

    Parameters
    ----------
    groups, ranks : arrays of int, shape (units,)
        Each unit's group, and its rank in the random order.
    sizes : sequence of int
        The size of each unit; one of 0 can't be drawn.
    counts : array of int, shape (groups,)
        The units to draw of each group, or all that have a size if these are fewer.
    seed : Seed
        That of the starts.
    """
    drawn = np.zeros(len(groups), dtype=np.bool_)
    parts, wholes = (np.array([number] * len(groups), dtype=object) for number in (0, 1))
    by_rank = np.lexsort((ranks, groups))
    in_line = groups[by_rank]
    for group, count in enumerate(counts.tolist()):
        first, stop = np.searchsorted(in_line, [group, group + 1])
        own = [at for at in by_rank[first:stop].tolist() if sizes[at] > 0]
        certain = {own[place] for place in certain_units([sizes[at] for at in own], count)}
        for at in certain:
            drawn[at], parts[at] = True, 1
        others = [at for at in own if at not in certain]
        left, total = count - len(certain), sum(sizes[at] for at in others)
        if not left or not total:
            continue
        next_point, cumulated = start_of(seed, group, total), 0
        for at in others:
            parts[at], wholes[at] = left * sizes[at], total
            cumulated += left * sizes[at]
            if next_point < cumulated:
                drawn[at] = True
                next_point += total
    return Chances(drawn, parts, wholes)
