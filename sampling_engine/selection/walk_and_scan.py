"""Select each stratum's first rows: walk the order's front, or scan all rows.

Both give the same rows. The planner chooses by cost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, progress_part
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import RowsMissing
from sampling_engine.selection.keyed import Order
from sampling_engine.selection.order import Int64s, SeededOrder, in_sorted
from sampling_engine.selection.strata import NO_STRATUM, Strata
from sampling_engine.spec import RunBy, Strategy
from sampling_engine.sql.passes import RankedBelow

# Costs in nanoseconds, measured on 60 million rows, two strata columns and two cores. Their
# proportions are what counts. A walk looks up the strata of the rows it meets; a scan reads the
# strata of all rows and evaluates the order for those of its own strata.
LOOK_UP_NS = 350
READ_NS = 7
RANK_NS = 25
# The rank of an ordinal outside DuckDB, which a weighted walk evaluates for all rows.
PLAIN_RANK_NS = 4


@dataclass(frozen=True)
class ScanPlan:
    """A round's rows by stratum, each walked or scanned."""

    walked: Int64s
    scanned: Int64s

    @property
    def run_by(self) -> RunBy:
        """The plan in a word, for the account of the round."""
        if not self.scanned.any():
            return "walk"
        return "walk+scan" if self.walked.any() else "scan"


def plan_round(
    allocated: Int64s,
    eligible: Int64s,
    order: Order,
    strategy: Strategy | None,
    *,
    look_up: bool = True,
) -> ScanPlan:
    """Split the rows to draw between walk and scan.

    A walk goes as far as its neediest stratum makes it, and a scan costs more with every row of its
    strata: so the neediest strata are scanned, as many of them as make the sum least. Where no row
    has to be read for its stratum (``look_up``), a walk is always cheaper.
    """
    if strategy is not None or not look_up:
        scanned = np.full(len(allocated), strategy == "scan")
    else:
        needed = ranks_needed(allocated, eligible, order)
        neediest_first = np.argsort(-needed, kind="stable")
        # Entry i of each: the costs when the i neediest strata are scanned.
        rows_met = np.append(needed[neediest_first], 0.0) / order.size * order.rows
        rows_scanned = np.append(0, np.cumsum(eligible[neediest_first]))
        scanning = READ_NS * order.rows + RANK_NS * rows_scanned
        scanning[0] = 0
        scanned = np.zeros(len(allocated), dtype=bool)
        scanned[neediest_first[: int(np.argmin(LOOK_UP_NS * rows_met + scanning))]] = True
    return ScanPlan(np.where(scanned, 0, allocated), np.where(scanned, allocated, 0))


def ranks_needed(allocated: Int64s, eligible: Int64s, order: Order) -> NDArray[np.float64]:
    """Ranks to read, from the front, to find each stratum's target nearly surely.

    The number of a stratum's rows among the first ranks is nearly a Poisson variable; the margin is
    three of its standard deviations and three rows.
    """
    generous = np.where(allocated > 0, allocated + 3 * np.sqrt(allocated) + 3, 0)
    return np.minimum(generous / np.maximum(eligible, 1), 1.0) * order.size


def weighted_walk_is_cheaper(rank_limit: int, rows: int, order: Order) -> bool:
    """Whether a walk of a weighted round, up to ``rank_limit``, costs less than a scan."""
    walking = (PLAIN_RANK_NS + LOOK_UP_NS * rank_limit / order.size) * order.rows
    return walking <= READ_NS * order.rows + RANK_NS * rows


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

    def where(self, selected: NDArray[np.bool_] | NDArray[np.intp]) -> Chosen:
        """Some of the rows: by a mask, or by their places in a new order."""
        return Chosen(self.ordinals[selected], self.strata[selected], self.ranks[selected])


def walk(
    order: Order,
    strata: Strata,
    allocated: Int64s,
    eligible: Int64s,
    taken: Int64s,
    on_progress: ProgressCallback,
) -> Chosen:
    """Take each stratum's first rows of the order, in order of rank.

    Raises
    ------
    RowsMissing
        The files hold fewer rows than the manifest says.
    """
    missing = allocated.copy()
    parts: list[Chosen] = []
    start = 0
    while missing.any():
        done = 1 - int(missing.sum()) / int(allocated.sum())
        on_progress(done, "walking the seeded order")
        if start >= order.size:
            raise RowsMissing(count=int(missing.sum()))
        reach = int(np.ceil(np.max(ranks_needed(missing, eligible, order))))
        stop = min(start + min(max(reach, 1), order.window_ranks), order.size)
        ordinals, ranks = order.window(start, stop)
        fresh = ~in_sorted(ordinals, taken)
        ordinals, ranks = ordinals[fresh], ranks[fresh]
        # One look-up of several: it can be cancelled, and its own progress says nothing.
        met = Chosen(ordinals, strata.of(ordinals, progress_part(on_progress, done, done)), ranks)
        met = met.where(met.strata != NO_STRATUM)
        part = met.where(first_of_each(met.strata, missing))
        missing = missing - np.bincount(part.strata, minlength=len(missing))
        parts.append(part)
        start = stop
    return Chosen.of_parts(parts)


def first_of_each(strata: Int64s, allocated: Int64s) -> NDArray[np.bool_]:
    """Which rows are among the first ``targets[stratum]`` of their stratum."""
    by_stratum = np.argsort(strata, kind="stable")
    grouped = strata[by_stratum]
    first_place = np.searchsorted(grouped, grouped, side="left")
    among_first = np.arange(len(strata)) - first_place < allocated[grouped]
    selected = np.empty(len(strata), dtype=bool)
    selected[by_stratum] = among_first
    return selected


def first_listed(order: Order, listed: Int64s, taken: Int64s, count: int) -> Chosen:
    """The ``count`` listed rows of one stratum with the lowest ranks that aren't taken, in order.

    Raises
    ------
    RowsMissing
        Fewer rows are left.
    """
    fresh = listed[~in_sorted(listed, taken)] if len(taken) else listed
    if len(fresh) < count:
        raise RowsMissing(count=count - len(fresh))
    needed = ranks_needed(np.array([count]), np.array([len(fresh)]), order)
    limit = int(np.ceil(needed[0]))
    ordinals, ranks = order.among_below(fresh, limit)
    while len(ordinals) < count:
        limit = min(limit * SCAN_WIDER + SCAN_WIDER, order.size)
        ordinals, ranks = order.among_below(fresh, limit)
    lowest = order.places(ordinals, ranks)[:count]
    return Chosen(ordinals[lowest], np.zeros(count, dtype=np.int64), ranks[lowest])


SCAN_WIDER = 8


def scan(
    state: DrawState,
    order: Order,
    strata: Strata,
    allocated: Int64s,
    eligible: Int64s,
    on_progress: ProgressCallback,
) -> Chosen:
    """Select each stratum's rows with the lowest ranks by a pass over all rows.

    The engine returns the rows whose rank is below a threshold that nearly surely leaves enough of
    them. A stratum that is left short is scanned again with a higher one.

    Raises
    ------
    RowsMissing
        The files hold fewer rows than the manifest says.
    """
    parts: list[Chosen] = []
    missing = allocated
    thresholds = np.ceil(ranks_needed(allocated, eligible, order)).astype(np.int64)
    while missing.any():
        step = progress_part(on_progress, 0.9 if parts else 0.0, 0.9)
        found = _scanned_below(state, order, strata, missing, thresholds, step)
        counts = np.bincount(found.strata, minlength=len(missing))
        complete = counts >= missing
        selected = first_of_each(found.strata, np.where(complete, missing, 0))
        parts.append(found.where(selected))
        missing = np.where(complete, 0, missing)
        if (thresholds[missing > 0] >= order.size).any():
            raise RowsMissing(count=int(missing.sum()))
        thresholds = np.minimum(thresholds, order.size // SCAN_WIDER) * SCAN_WIDER + SCAN_WIDER
        thresholds = np.minimum(thresholds, order.size)
    chosen = Chosen.of_parts(parts)
    return chosen.where(order.places(chosen.ordinals, chosen.ranks))


def _scanned_below(
    state: DrawState,
    order: Order,
    strata: Strata,
    missing: Int64s,
    thresholds: Int64s,
    on_progress: ProgressCallback,
) -> Chosen:
    """The rows of the strata that miss some, below their thresholds, in order of rank."""
    wanted = np.flatnonzero(missing)
    limits = thresholds[wanted]
    if isinstance(order, SeededOrder):
        found = Chosen(*state.run(RankedBelow(order, strata, wanted, limits), on_progress))
    else:
        ranked = state.engine.ranked_by_key(state, order, strata, wanted, limits, on_progress)
        found = Chosen(*ranked)
    return found.where(order.places(found.ordinals, found.ranks))
