"""Random, stratified and cluster rounds: the first rows of the order in each stratum.

A random round has one stratum. In a cluster round the clusters are the strata.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from parquet_tables.progress import ProgressCallback, progress_part
from sampling_engine.rounds import DrawState, Floats, Prepared, RoundRows, RowOutcome
from sampling_engine.selection.order import Int64s, SeededOrder
from sampling_engine.selection.walk_and_scan import Chosen, plan_round, scan, walk


@dataclass(frozen=True)
class GroupedRound:
    """A round that draws in each stratum the first rows of the order.

    ``clusters`` are the drawn ones and those with eligible rows; None where the groups are strata.
    """

    prepared: Prepared
    clusters: tuple[int, int] | None = None

    def choose(self, state: DrawState, on_progress: ProgressCallback) -> RoundRows:
        """Each stratum's first rows, in order of rank."""
        return self._first(state, self.prepared.allocated, self.prepared.eligible, on_progress)

    def next_rows(self, state: DrawState, limit: int, on_progress: ProgressCallback) -> Chosen:
        """The next rows of each stratum; of clusters, only of those that were drawn."""
        eligible = state.eligible_of(self.prepared.strata, progress_part(on_progress, 0.0, 0.3))
        allocated = np.minimum(eligible, limit)
        if self.clusters is not None:
            allocated[self.prepared.allocated == 0] = 0
        step = progress_part(on_progress, 0.3, 1.0)
        return self._first(state, allocated, eligible, step).chosen

    def probabilities_and_weights(self, rows: RoundRows) -> tuple[Floats, Floats]:
        """Drawn rows by eligible rows of a stratum, times drawn clusters by clusters."""
        drawn, clusters = self.clusters or (1, 1)
        strata = rows.chosen.strata
        sampled = np.bincount(strata, minlength=len(self.prepared.eligible))
        part = sampled.astype(np.float64) * drawn
        whole = self.prepared.eligible.astype(np.float64) * clusters
        with np.errstate(divide="ignore", invalid="ignore"):
            return (part / whole)[strata], (whole / part)[strata]

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """With the row's rank and the last one of its stratum or cluster."""
        chosen = rows.chosen
        last_rank = _last_rank(rows, int(chosen.strata[place]))
        outcome = RowOutcome.drawn(rows, place, int(chosen.ranks[place]))
        return replace(outcome, last_rank=last_rank)

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinal: int, stratum: int
    ) -> RowOutcome:
        """Its cluster wasn't drawn, or its rank is beyond the last one."""
        group = self.prepared.strata.labels(np.array([stratum]))[0]
        order = SeededOrder(state.table.file_rows, self.prepared.round_spec.effective_seed)
        rank = int(order.rank(np.array([ordinal]))[0])
        last_rank = _last_rank(rows, stratum)
        if self.clusters is not None and not self.prepared.allocated[stratum]:
            drawn, clusters = self.clusters
            reason = f"Its cluster, {group}, is not among the {drawn:,} drawn of {clusters:,}."
            return RowOutcome("cluster_not_drawn", reason, rank, last_rank)
        place = "" if group is None else f" in {group}"
        last = f"the last rank taken{place} is {last_rank}"
        if last_rank is None:
            last = f"no row was taken{place}"
        return RowOutcome("beyond_the_last", f"Its rank is {rank}; {last}.", rank, last_rank)

    def _first(
        self, state: DrawState, allocated: Int64s, eligible: Int64s, on_progress: ProgressCallback
    ) -> RoundRows:
        strata = self.prepared.strata
        order = SeededOrder(state.table.file_rows, self.prepared.round_spec.effective_seed)
        look_up = bool(strata.columns or strata.row_filter)
        plan = plan_round(allocated, eligible, order, state.strategy, look_up=look_up)
        walked_part = 0.2 if plan.scanned.any() else 1.0
        step = progress_part(on_progress, 0.0, walked_part)
        rows = walk(order, strata, plan.walked, eligible, state.taken, step)
        if plan.scanned.any():
            step = progress_part(on_progress, walked_part, 1.0)
            scanned = scan(state.cursor, state.table, order, strata, plan.scanned, eligible, step)
            both = Chosen.of_parts([rows, scanned])
            rows = both.where(np.argsort(both.ranks))
        return RoundRows(rows, plan.run_by)


def _last_rank(rows: RoundRows, stratum: int) -> int | None:
    """The largest rank drawn from a stratum or cluster."""
    ranks = rows.chosen.ranks[rows.chosen.strata == stratum]
    return int(ranks.max()) if len(ranks) else None
