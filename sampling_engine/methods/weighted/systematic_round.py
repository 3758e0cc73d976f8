"""Systematic selection with probability proportional to size: points at equal distances.

Madow 1949, "On the theory of systematic sampling, II", Ann. Math. Statist. 20. The rows that are
left to chance lie along a line, each as long as its units. A point in each interval, all from one
random start, selects the row in which it lies. No row is as long as an interval, so none is
selected twice, and its probability is its units by the interval, exactly.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, ignore_progress
from sampling_engine.engines.duckdb_engine import DUCKDB
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import RowsMissing
from sampling_engine.methods.weighted.round import WeightedRound
from sampling_engine.results import Floats, RoundRows, RowChances, RowOutcome
from sampling_engine.selection.order import MAX_BITS, Int64s, SeededOrder, seed_for
from sampling_engine.selection.walk_and_scan import Chosen
from sampling_engine.sql.lines import TABLE_ORDER, SelectionLine
from sampling_engine.sql.passes import PlacesInLine, RowsOfPoints


def start_of(total: int, seed: str) -> int:
    """The start among ``total`` units: total·u/2^62, u a rank of 62 bits by the seed."""
    order = SeededOrder(1, seed_for(seed, "start"), MAX_BITS)
    return total * int(order.rank(np.zeros(1, dtype=np.int64))[0]) >> MAX_BITS


@dataclass(frozen=True)
class SystematicWeightedRound(WeightedRound):
    """The take-all rows, then the rows of the points along a line."""

    line: SelectionLine = TABLE_ORDER

    @property
    def start(self) -> int:
        """The unit of the first point, times the number of points."""
        return start_of(self.take_all.total, self.prepared.round_spec.effective_seed)

    def choose(self, state: DrawState, on_progress: ProgressCallback) -> RoundRows:
        """The take-all rows in order of rank, then the others in the order of the line."""
        of_all = self.take_all
        ranks = self.order.rank(of_all.ordinals)
        by_rank = self.order.places(of_all.ordinals, ranks)
        ordinals, units = of_all.ordinals[:0], of_all.ordinals[:0]
        if of_all.size:
            wanted = RowsOfPoints(
                self.line,
                self.prepared.round_spec.filter,
                self.units,
                of_all.least,
                of_all.size,
                of_all.total,
                self.start,
            )
            ordinals, units = state.run(wanted, on_progress)
        if len(ordinals) < of_all.size:
            raise RowsMissing(count=of_all.size - len(ordinals))
        every = np.concatenate([of_all.ordinals[by_rank], ordinals])
        chosen = Chosen(every, np.zeros(len(every), dtype=np.int64), np.arange(len(every)))
        probabilities = np.concatenate([np.ones(len(of_all.ordinals)), self.targets(units)])
        return RoundRows(chosen, "scan", probabilities)

    def chances_of(self, state: DrawState, ordinals: Int64s) -> RowChances:
        """With the part of the starts that select each row."""
        found = super().chances_of(state, ordinals)
        before = self._before(state, ordinals)
        total = max(self.take_all.total, 1)
        arcs = np.array(
            [(before.get(at, 0) * self.take_all.size % total) / total for at in ordinals.tolist()]
        )
        return replace(found, arcs=arcs)

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """Add where the row lies along the line, or that it is a take-all row."""
        outcome = RowOutcome.drawn(rows, place)
        ordinals = rows.chosen.ordinals[place : place + 1]
        if place < len(self.take_all.ordinals):
            reason = f"{outcome.reason} {self.take_all_reason(state, ordinals)}"
            return replace(outcome, reason=reason)
        with state.without_taking(rows.chosen.ordinals):
            (text,) = self._places_text(state, ordinals).values()
        return replace(outcome, reason=f"{outcome.reason} {text}")

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinals: Int64s, strata: Int64s
    ) -> list[RowOutcome]:
        """They have no weight, or no point lies in them."""
        with state.without_taking(rows.chosen.ordinals):
            texts = self._places_text(state, ordinals)
        return [
            RowOutcome("off_the_grid", f"No point lies in the row. {texts[each]}")
            if each in texts
            else RowOutcome("no_weight", "Its weight is NULL, NaN or 0, so it can't be drawn.")
            for each in ordinals.tolist()
        ]

    def _places_text(self, state: DrawState, ordinals: Int64s) -> dict[int, str]:
        """Where rows with a weight lie along the line, in intervals."""
        before = self._before(state, ordinals)
        at, units = self.units_of(state, ordinals)
        size_of = dict(zip(ordinals[at].tolist(), units.tolist(), strict=True))
        size, total = self.take_all.size, max(self.take_all.total, 1)
        return {
            ordinal: (
                f"In {self.line.text} it reaches from {units_before * size / total:,.6f} to "
                f"{(units_before + size_of[ordinal]) * size / total:,.6f} intervals, a part of "
                f"{size_of[ordinal] * size / total:.6g}; the points are "
                f"{self.start / total:.6f} behind each whole interval."
            )
            for ordinal, units_before in before.items()
        }

    def _before(self, state: DrawState, ordinals: Int64s) -> dict[int, int]:
        """The units before rows that are left to chance; by DuckDB on any engine."""
        if not self.take_all.size:
            return {}
        row_filter = self.prepared.round_spec.filter
        wanted = PlacesInLine(self.line, row_filter, ordinals, self.units, self.take_all.least)
        return DUCKDB.run(state, wanted, ignore_progress)

    def chances(self, state: DrawState, ordinals: Int64s, units: Int64s) -> Floats:
        """Their units by the interval."""
        return self.targets(units)
