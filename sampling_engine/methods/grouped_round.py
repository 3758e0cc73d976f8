"""Rounds of groups: the first rows of the order in each stratum.

A random round has one stratum. In a cluster round the clusters are the strata.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from sampling_engine.engines.duckdb_engine import eligible_pieces, stratum_pieces
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.method import RoundDraw, order_of
from sampling_engine.results import Floats, FrameFacts, RoundRows, RowChances, RowOutcome, nth
from sampling_engine.selection.keyed import Order, OrderByKey, shift_of
from sampling_engine.selection.order import WINDOW_RANKS, Int64s
from sampling_engine.selection.strata import NO_STRATUM, Strata, WholeTable
from sampling_engine.selection.walk_and_scan import (
    Chosen,
    ScanPlan,
    first_listed,
    plan_round,
    scan,
    walk,
)
from sampling_engine.spec import KeyedOrder
from sampling_engine.sql import statements


@dataclass(frozen=True)
class GroupedRound(RoundDraw):
    """A round that draws in each stratum the first rows of the order."""

    def choose(self, state: DrawState, on_progress: ProgressCallback) -> RoundRows:
        """Each stratum's first rows, in order of rank."""
        return self._first(state, self.prepared.allocated, self.prepared.eligible, on_progress)

    def next_rows(self, state: DrawState, limit: int, on_progress: ProgressCallback) -> Chosen:
        """The next rows of each stratum or cluster from which rows were drawn."""
        eligible = state.eligible_of(self.prepared.strata, progress_part(on_progress, 0.0, 0.3))
        allocated = np.minimum(eligible, limit)
        allocated[self.prepared.allocated == 0] = 0
        step = progress_part(on_progress, 0.3, 1.0)
        return self._first(state, allocated, eligible, step).chosen

    def probabilities_and_weights(self, rows: RoundRows) -> tuple[Floats, Floats]:
        """Drawn rows by eligible rows of a stratum."""
        strata = rows.chosen.strata
        sampled = np.bincount(strata, minlength=len(self.prepared.eligible))
        part, whole = sampled.astype(np.float64), self.prepared.eligible.astype(np.float64)
        return self.by_group(part, whole, strata)

    def by_group(self, part: Floats, whole: Floats, strata: Int64s) -> tuple[Floats, Floats]:
        """Part by whole, and whole by part, of each row's group."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (part / whole)[strata], (whole / part)[strata]

    def facts(self, rows: RoundRows) -> dict[str, object]:
        """The last rank that was drawn, of each stratum or cluster if there are any."""
        prepared, chosen = self.prepared, rows.chosen
        if prepared.round_spec.method.group_kind is None:
            return {"last_rank": str(chosen.ranks.max()) if len(chosen.ranks) else None}
        sampled = np.bincount(chosen.strata, minlength=len(prepared.eligible))
        last_ranks = np.full(len(prepared.eligible), -1, dtype=np.int64)
        np.maximum.at(last_ranks, chosen.strata, chosen.ranks)
        present = np.flatnonzero(prepared.eligible)
        keys, labels = prepared.strata.keys(present), prepared.strata.labels(present)
        groups = [
            {
                "key": key,
                "label": label,
                "rows": int(prepared.eligible[at]),
                "allocated": int(prepared.allocated[at]),
                "sampled": int(sampled[at]),
                "last_rank": str(last_ranks[at]) if sampled[at] else None,
            }
            for at, key, label in zip(present, keys, labels, strict=True)
        ]
        return {"groups": groups}

    def groups_of(self, state: DrawState, ordinals: Int64s) -> Int64s:
        """The stratum, unless the round leaves it out."""
        groups = super().groups_of(state, ordinals)
        left_out = (self.prepared.eligible > 0) & (self.prepared.allocated == 0)
        groups[(groups >= 0) & left_out[groups]] = NO_STRATUM
        return groups

    def frame_facts(self, state: DrawState) -> FrameFacts:
        """The effective units are N²/Σ(N_h²/n_h)."""
        has_rows = self.prepared.allocated > 0
        drawn, rows = self.prepared.allocated[has_rows], self.prepared.eligible[has_rows]
        chance = drawn < rows
        inverse = (rows.astype(np.float64) ** 2 / drawn).sum()
        return FrameFacts(
            int(rows.sum()),
            float(drawn.sum()),
            float(rows.sum()) ** 2 / inverse if inverse else 0.0,
            int((drawn[chance] - 1).sum()),
            not chance.any(),
            int(drawn.sum()),
            float((drawn / rows).max(initial=0.0)),
        )

    def chances_of(self, state: DrawState, ordinals: Int64s) -> RowChances:
        """Rows of each group to draw by its rows."""
        groups = self.groups_of(state, ordinals)
        return RowChances(groups, np.where(groups >= 0, self.group_chances[groups], 0.0))

    @property
    def group_chances(self) -> Floats:
        """The inclusion probability of each group's rows, shape (groups,)."""
        chances: Floats = self.prepared.allocated / np.maximum(self.prepared.eligible, 1)
        return chances

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """Add the row's place in line, its rank, and the last drawn rank of its group."""
        ranks = _ranks_of(rows, int(rows.chosen.strata[place]))
        rank = int(rows.chosen.ranks[place])
        return replace(
            RowOutcome.drawn(rows, place, rank),
            last_rank=int(ranks.max()),
            nth_in_line=int((ranks <= rank).sum()),
            line_rows=int(self.prepared.eligible[rows.chosen.strata[place]]),
            line_drawn=len(ranks),
        )

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinals: Int64s, strata: Int64s
    ) -> list[RowOutcome]:
        """They are further back in line than the drawn rows."""
        order = self.order(state)
        ranks = (
            order.rank_in(ordinals, strata)
            if isinstance(order, OrderByKey)
            else order.rank(ordinals)
        )
        before = self._fresh_before(state, strata, ranks)
        groups = [self.prepared.strata.labels(np.array([stratum]))[0] for stratum in strata]
        return [
            self._not_drawn(rows, int(strata[at]), int(ranks[at]), int(before[at]), groups[at])
            for at in range(len(ordinals))
        ]

    def _not_drawn(
        self, rows: RoundRows, stratum: int, rank: int, before: int, group: str | None
    ) -> RowOutcome:
        """``before`` are the rows of the stratum with a lower rank that weren't drawn."""
        ranks = _ranks_of(rows, stratum)
        last_rank = int(ranks.max()) if len(ranks) else None
        line_rows, line_drawn = int(self.prepared.eligible[stratum]), len(ranks)
        place = line_drawn + before + 1
        where = "" if group is None else f" in {group}"
        drawn_rows = f"the first {line_drawn:,} of {line_rows:,} rows were drawn"
        if line_drawn < 2:
            drawn_rows = f"{line_drawn or 'none'} of {line_rows:,} rows was drawn"
        return RowOutcome(
            "beyond_the_last",
            f"It is {nth(place)} in line{where}; {drawn_rows}.",
            rank,
            last_rank,
            place,
            line_rows,
            line_drawn,
        )

    def _fresh_before(self, state: DrawState, strata: Int64s, ranks: Int64s) -> Int64s:
        """Rows of each one's stratum that aren't taken and have a lower rank, by a pass."""
        counts = np.zeros(len(strata), dtype=np.int64)
        if not len(strata):
            return counts
        of = self.prepared.strata
        if of.table_name is None:
            return _ranked_before(self.order(state), state.taken, ranks)
        if not of.columns:
            return self._eligible_before(state, ranks)
        wanted = np.unique(strata)
        order = self.order(state)
        if isinstance(order, OrderByKey):
            for ordinals, numbers in stratum_pieces(state, of, wanted, ignore_progress):
                found_ranks = order.rank_in(ordinals, numbers)
                for at, (stratum, rank) in enumerate(zip(strata, ranks, strict=True)):
                    counts[at] += int(((numbers == stratum) & (found_ranks < rank)).sum())
            return counts
        limits = {
            "stratum": wanted,
            "threshold": np.array([ranks[strata == stratum].max() for stratum in wanted]),
        }
        lines = {"position": np.arange(len(strata)), "stratum": strata, "rank": ranks}
        sql, params = statements.count_before(state.table, of, order)
        with registered(state.cursor, {"wanted": limits, "lines": lines}):
            found = state.cursor.execute(sql, params).fetchnumpy()
        counts[found["position"]] = found["rows"]
        return counts

    def _eligible_before(self, state: DrawState, ranks: Int64s) -> Int64s:
        """Rows that pass the filter, aren't taken and have a lower rank; ranked by numpy."""
        counts = np.zeros(len(ranks), dtype=np.int64)
        order = self.order(state)
        row_filter = self.prepared.strata.row_filter
        assert row_filter is not None  # noqa: S101 - the caller's part
        for ordinals in eligible_pieces(state, row_filter, ignore_progress):
            counts += np.searchsorted(np.sort(order.rank(ordinals)), ranks)
        return counts

    def order(self, state: DrawState) -> Order:
        """The order of the rows."""
        order, keyed = order_of(state, self.prepared.round_spec), self.prepared.round_spec.order
        if isinstance(order, OrderByKey) and keyed is not None and keyed.starts:
            order.shifts = shifts_of(self.prepared.strata, keyed)
        return order

    def _first(
        self, state: DrawState, allocated: Int64s, eligible: Int64s, on_progress: ProgressCallback
    ) -> RoundRows:
        strata = self.prepared.strata
        order = self.order(state)
        is_read = isinstance(order, OrderByKey) and state.engine.strategy is not None
        look_up = bool(strata.columns or strata.row_filter) or is_read
        strategy = state.strategy or (state.engine.strategy if look_up else None)
        if isinstance(order, OrderByKey) and order.shifts is not None:
            strategy = "scan"  # the front of the order is another one in each stratum
        plan = plan_round(allocated, eligible, order, strategy, look_up=look_up)
        listed = self._listed(state, plan, on_progress) if state.strategy is None else None
        if listed is not None:
            return RoundRows(first_listed(order, listed, state.taken, int(allocated[0])), "scan")
        walked_part = 0.2 if plan.scanned.any() else 1.0
        step = progress_part(on_progress, 0.0, walked_part)
        rows = walk(order, strata, plan.walked, eligible, state.taken, step)
        if plan.scanned.any():
            step = progress_part(on_progress, walked_part, 1.0)
            scanned = scan(state, order, strata, plan.scanned, eligible, step)
            both = Chosen.of_parts([rows, scanned])
            rows = both.where(order.places(both.ordinals, both.ranks))
        return RoundRows(rows, plan.run_by)

    def _listed(
        self, state: DrawState, plan: ScanPlan, on_progress: ProgressCallback
    ) -> Int64s | None:
        """The rows that pass the filter, if they are listed or a scan would read them."""
        strata = self.prepared.strata
        if isinstance(strata, WholeTable) or strata.columns or strata.row_filter is None:
            return None
        if strata.listed is None and plan.scanned.any():
            count = int(strata.rows[0])
            strata.listed = state.engine.list_rows(state, strata.row_filter, count, on_progress)
        return strata.listed


def shifts_of(strata: Strata, keyed: KeyedOrder) -> Int64s:
    """The shift of each stratum's start."""
    labels = strata.labels(np.arange(len(strata.rows)))
    starts = [keyed.starts.get(label or "", keyed.start) for label in labels]
    return np.array([shift_of(start) for start in starts], dtype=np.int64)


def _ranked_before(order: Order, taken: Int64s, ranks: Int64s) -> Int64s:
    """Rows of the whole table that aren't taken and have a lower rank; nothing is read."""
    counts = -np.searchsorted(np.sort(order.rank(taken)), ranks)
    for start in range(0, order.rows, WINDOW_RANKS):
        stop = min(start + WINDOW_RANKS, order.rows)
        _, found = order.ranked_below(start, stop, int(ranks.max()))
        counts += np.searchsorted(np.sort(found), ranks)
    return counts.astype(np.int64)


def _ranks_of(rows: RoundRows, stratum: int) -> Int64s:
    """The ranks drawn from a stratum or cluster."""
    ranks: Int64s = rows.chosen.ranks[rows.chosen.strata == stratum]
    return ranks
