"""Weighted rounds: certain rows first, the others in Pareto order.

Owns: the weighted round from its weights to its rows. Invariant: ``_inclusion_probability`` is the
target, which Pareto sampling meets exactly for certain rows and nearly for the others (Rosén 2000,
"On inclusion probabilities for order πps sampling": the error vanishes as the sample grows).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parquet_tables.progress import Report
from sampling_engine.draw_state import DrawState
from sampling_engine.errors import RowsMissing
from sampling_engine.order import Int64s, SeededOrder
from sampling_engine.pareto import Keyed, ParetoOrder, likely_key, no_rows
from sampling_engine.planner import walk_is_cheaper
from sampling_engine.rounds import Floats, Prepared, RoundRows
from sampling_engine.walk import Chosen
from sampling_engine.weights import Certain, Weights


@dataclass(frozen=True)
class WeightedRound:
    """A round with probability proportional to size."""

    prepared: Prepared
    weights: Weights
    certain: Certain

    def choose(self, state: DrawState, report: Report) -> RoundRows:
        """The certain rows in order of rank, then the others in order of their keys."""
        pareto = self.pareto(state)
        certain = self.certain.ordinals
        ranks = pareto.order.rank(certain)
        by_rank = np.argsort(ranks)
        found, walked = self._first(state, pareto, self.certain.size, report)
        if len(found.ordinals) < self.certain.size:
            raise RowsMissing(self.certain.size - len(found.ordinals))
        ordinals = np.concatenate([certain[by_rank], found.ordinals])
        chosen = Chosen(
            ordinals,
            np.zeros(len(ordinals), dtype=np.int64),
            np.concatenate([ranks[by_rank], found.ranks]),
        )
        chances = np.concatenate([np.ones(len(certain)), pareto.probabilities(found.units)])
        return RoundRows(chosen, "walk" if walked else "scan", chances)

    def next_rows(self, state: DrawState, limit: int, report: Report) -> Chosen:
        """The next rows in Pareto order, by the chances that the round had."""
        found, _ = self._first(state, self.pareto(state), limit, report)
        return Chosen(found.ordinals, np.zeros(len(found.ordinals), dtype=np.int64), found.ranks)

    def chances(self, sampled: Int64s) -> tuple[Floats, Floats]:
        """Not a stratum's but each row's own."""
        return np.full(len(sampled), np.nan), np.full(len(sampled), np.nan)

    def pareto(self, state: DrawState) -> ParetoOrder:
        """The order of the rows that aren't certain."""
        return ParetoOrder(
            SeededOrder(state.table.file_rows, self.prepared.one.effective_seed),
            self.weights.units,
            self.prepared.one.filter,
            ParetoOrder.target(self.certain.size, self.certain.total),
            self.certain.least,
            self.weights.largest,
        )

    def _first(
        self, state: DrawState, pareto: ParetoOrder, count: int, report: Report
    ) -> tuple[Keyed, bool]:
        ranks = pareto.ranks_below(likely_key(count))
        walked = walk_is_cheaper(ranks, self.weights.rows, pareto.order)
        if state.strategy is not None:
            walked = state.strategy == "walk"
        if not count or not pareto.chance:
            return no_rows(), True
        if walked:
            return pareto.walk(state, count, report), True
        return pareto.scan(state, count, report), False
