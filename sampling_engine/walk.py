"""A draw along the order's front.

Owns: the walk. Invariant: it meets rows in order of rank, so a row is taken when its stratum is
still short of its target, and never given back. Called by the draw of a round; costs what it looks
at, not the table's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parquet_tables.progress import Report, share_of
from sampling_engine.errors import RowsMissing
from sampling_engine.order import Int64s, SeededOrder
from sampling_engine.planner import WINDOW_RANKS, ranks_needed
from sampling_engine.strata import NO_STRATUM, Strata


@dataclass(frozen=True)
class Chosen:
    """Rows of one round, in order of rank; three arrays of equal length."""

    ordinals: Int64s
    strata: Int64s
    ranks: Int64s

    @classmethod
    def of_parts(cls, parts: list[Chosen]) -> Chosen:
        """Join parts that are in order of rank already."""
        empty = np.empty(0, dtype=np.int64)
        return cls(
            np.concatenate([empty, *(part.ordinals for part in parts)]),
            np.concatenate([empty, *(part.strata for part in parts)]),
            np.concatenate([empty, *(part.ranks for part in parts)]),
        )

    def where(self, kept: NDArray[np.bool_] | NDArray[np.intp]) -> Chosen:
        """Some of the rows: by a mask, or by their places in a new order."""
        return Chosen(self.ordinals[kept], self.strata[kept], self.ranks[kept])


def walk(
    order: SeededOrder,
    strata: Strata,
    targets: Int64s,
    eligible: Int64s,
    taken: Int64s,
    report: Report,
) -> Chosen:
    """Take each stratum's first rows of the order.

    Parameters
    ----------
    targets, eligible : arrays of int64, shape (strata,)
        Rows to draw, at most the eligible ones.
    taken : array of int64
        Ordinals that are left out or were drawn by earlier rounds, sorted.

    Returns
    -------
    Chosen
        ``targets.sum()`` rows.

    Raises
    ------
    RowsMissing
        The files hold fewer rows than they are said to.
    """
    missing = targets.copy()
    parts: list[Chosen] = []
    start = 0
    while missing.any():
        done = 1 - int(missing.sum()) / int(targets.sum())
        report(done, "walking the seeded order")
        if start >= order.size:
            raise RowsMissing(int(missing.sum()))
        reach = int(np.ceil(np.max(ranks_needed(missing, eligible, order))))
        stop = min(start + min(max(reach, 1), WINDOW_RANKS), order.size)
        ordinals, ranks = order.window(start, stop)
        fresh = ~in_sorted(ordinals, taken)
        ordinals, ranks = ordinals[fresh], ranks[fresh]
        # One look-up of several: it can be cancelled, and its own progress says nothing.
        met = Chosen(ordinals, strata.of(ordinals, share_of(report, done, done)), ranks)
        met = met.where(met.strata != NO_STRATUM)
        part = met.where(first_of_each(met.strata, missing))
        missing = missing - np.bincount(part.strata, minlength=len(missing))
        parts.append(part)
        start = stop
    return Chosen.of_parts(parts)


def first_of_each(strata: Int64s, targets: Int64s) -> NDArray[np.bool_]:
    """Which rows are among the first ``targets[stratum]`` of their stratum."""
    by_stratum = np.argsort(strata, kind="stable")
    grouped = strata[by_stratum]
    first_place = np.searchsorted(grouped, grouped, side="left")
    among_first = np.arange(len(strata)) - first_place < targets[grouped]
    kept = np.empty(len(strata), dtype=bool)
    kept[by_stratum] = among_first
    return kept


def in_sorted(ordinals: Int64s, taken: Int64s) -> NDArray[np.bool_]:
    """Which ordinals are among the sorted ``taken``."""
    if not len(taken):
        return np.zeros(len(ordinals), dtype=bool)
    places = np.minimum(np.searchsorted(taken, ordinals), len(taken) - 1)
    found: NDArray[np.bool_] = taken[places] == ordinals
    return found
