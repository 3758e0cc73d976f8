"""Weighted rounds: take-all rows first, the others in Pareto order.

``_inclusion_probability`` is the true one, to 0.1 % or better: the target where the population is
such that the two hardly differ, and else computed. Used by the draw, the plan, the reserves and the
explanation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from parquet_tables.progress import ProgressCallback
from sampling_engine.draw_state import DrawState
from sampling_engine.errors import RowsMissing
from sampling_engine.rounds import Floats, Prepared, RoundRows, RowOutcome
from sampling_engine.selection.inclusion import SizeGroups, log_odds_of, ratios_to_targets
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.pareto import (
    KeyedRows,
    ParetoOrder,
    likely_key,
    no_rows,
    uniform_order,
)
from sampling_engine.selection.walk import Chosen, weighted_walk_is_cheaper
from sampling_engine.weights import TakeAll, Weights


@dataclass(frozen=True)
class WeightedRound:
    """A round with probability proportional to size.

    Parameters
    ----------
    groups : SizeGroups or None
        The rows that are left to chance, where their true probabilities must be computed.
    """

    prepared: Prepared
    weights: Weights
    take_all: TakeAll
    groups: SizeGroups | None

    def choose(self, state: DrawState, on_progress: ProgressCallback) -> RoundRows:
        """The take-all rows in order of rank, then the others in order of their keys."""
        pareto = self.pareto(state)
        take_all = self.take_all.ordinals
        ranks = pareto.order.rank(take_all)
        by_rank = np.argsort(ranks)
        found, walked = self._first(state, pareto, self.take_all.size, on_progress)
        if len(found.ordinals) < self.take_all.size:
            raise RowsMissing(self.take_all.size - len(found.ordinals))
        ordinals = np.concatenate([take_all[by_rank], found.ordinals])
        chosen = Chosen(
            ordinals,
            np.zeros(len(ordinals), dtype=np.int64),
            np.concatenate([ranks[by_rank], found.ranks]),
        )
        others = self.inclusion_probabilities(state, found.units)
        probabilities = np.concatenate([np.ones(len(take_all)), others])
        return RoundRows(chosen, "walk" if walked else "scan", probabilities)

    def next_rows(self, state: DrawState, limit: int, on_progress: ProgressCallback) -> Chosen:
        """The next rows in Pareto order, by the targets that the round had."""
        found, _ = self._first(state, self.pareto(state), limit, on_progress)
        return Chosen(found.ordinals, np.zeros(len(found.ordinals), dtype=np.int64), found.ranks)

    def chances(self, sampled: Int64s) -> tuple[Floats, Floats]:
        """Not a stratum's but each row's own."""
        return np.full(len(sampled), np.nan), np.full(len(sampled), np.nan)

    def inclusion_probabilities(self, state: DrawState, units: Int64s) -> Floats:
        """The probabilities with which the round draws rows of so many units."""
        targets = self.pareto(state).targets(units)
        if self.groups is None:
            return targets
        distinct, places = np.unique(units, return_inverse=True)
        log_odds = [log_odds_of(one, 1, self.take_all) for one in distinct.tolist()]
        ratios = ratios_to_targets(self.groups, np.array(log_odds))[places]
        return np.minimum(targets * ratios, 1.0)

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """With the row's rank, and whether it is a take-all row."""
        ordinals = rows.chosen.ordinals[place : place + 1]
        outcome = RowOutcome.drawn(rows, place, int(self.pareto(state).order.rank(ordinals)[0]))
        if place >= len(self.take_all.ordinals):
            return outcome
        reason = f"{outcome.reason} Its weight makes it a take-all row."
        return replace(outcome, reason=reason)

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinal: int, stratum: int
    ) -> RowOutcome:
        """It has no weight, or too large a key in the Pareto order."""
        pareto, chosen = self.pareto(state), rows.chosen
        ordinals = np.array([ordinal])
        ranks = pareto.order.rank(ordinals)
        found = pareto.look_up(state, ordinals, ranks)
        if not len(found.keys):
            return RowOutcome("no_weight", "Its weight is NULL, NaN or 0, so it can't be drawn.")
        probability = float(self.inclusion_probabilities(state, found.units)[0])
        last = pareto.look_up(state, chosen.ordinals[-1:], chosen.ranks[-1:])
        after = f", after the last one taken, {last.keys[0]:.6g}" if len(last.keys) else ""
        reason = (
            f"Its inclusion probability was {probability:.6g}; its key in the Pareto order is "
            f"{found.keys[0]:.6g}{after}."
        )
        return RowOutcome("beyond_the_last", reason, int(ranks[0]))

    def pareto(self, state: DrawState) -> ParetoOrder:
        """The order of the rows that are left to chance."""
        one = self.prepared.one
        return ParetoOrder(
            uniform_order(state.table.file_rows, one.effective_seed, one.draw_version),
            self.weights.units,
            one.filter,
            self.take_all.target_per_unit,
            self.take_all.least,
            self.weights.largest,
        )

    def _first(
        self, state: DrawState, pareto: ParetoOrder, count: int, on_progress: ProgressCallback
    ) -> tuple[KeyedRows, bool]:
        limit = pareto.rank_limit(likely_key(count))
        walked = weighted_walk_is_cheaper(limit, self.weights.rows, pareto.order)
        if state.strategy is not None:
            walked = state.strategy == "walk"
        if not count or not pareto.target_per_unit:
            return no_rows(), True
        if walked:
            return pareto.walk(state, count, on_progress), True
        return pareto.scan(state, count, on_progress), False
