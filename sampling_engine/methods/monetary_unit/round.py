"""Monetary unit rounds: take-all rows first, then the rows in which the selected units lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.monetary_unit.account import (
    MonetaryAccount,
    RowsAndTotal,
    decimal_text,
)
from sampling_engine.methods.monetary_unit.cumulation import CumulatedRows
from sampling_engine.methods.monetary_unit.ledger import Ledger
from sampling_engine.methods.monetary_unit.selection import UnitSelection
from sampling_engine.methods.weighted.round import UNIFORM_BITS, SizedRound, WeightedRound
from sampling_engine.methods.weighted.weights import TakeAll, effective_rows
from sampling_engine.results import Floats, FrameFacts, RoundRows, RowOutcome
from sampling_engine.selection.order import Int64s, SeededOrder, seed_for
from sampling_engine.selection.walk_and_scan import Chosen
from sampling_engine.sql.passes import UnitRows
from sampling_engine.sql.units import Units


@dataclass(frozen=True)
class MonetaryRound(SizedRound):
    """A round that selects monetary units, and draws the rows in which they lie.

    ``take_all.target_per_unit`` is the probability of a unit of the other rows.
    """

    ledger: Ledger
    take_all: TakeAll
    selection: UnitSelection
    cumulated: CumulatedRows

    @property
    def units(self) -> Units:
        """The column of amounts."""
        return self.ledger.units

    def choose(self, state: DrawState, on_progress: ProgressCallback) -> RoundRows:
        """Take-all rows in order of rank, then rows by their first unit in order of selection."""
        order = SeededOrder(state.table.file_rows, self.prepared.round_spec.effective_seed)
        take_all = self.take_all.ordinals
        take_all = take_all[np.argsort(order.rank(take_all))]
        found = self.cumulated.rows_of(state, self.selection.points(), on_progress)
        _, firsts, hits = np.unique(found.ordinals, return_index=True, return_counts=True)
        by_first = np.argsort(firsts)
        firsts, hits = firsts[by_first], hits[by_first]
        ordinals = np.concatenate([take_all, found.ordinals[firsts]])
        chosen = Chosen(ordinals, np.zeros(len(ordinals), dtype=np.int64), order.rank(ordinals))
        units = found.units[firsts]
        row_filter = self.prepared.round_spec.filter
        rows = UnitRows(found.ordinals[firsts], units)
        state.engine.check_units(state, self.ledger.units, row_filter, rows)
        others = self.selection.probabilities(found.before[firsts], units)
        certain = np.ones(len(take_all))
        return RoundRows(
            chosen,
            "scan",
            np.concatenate([certain, others]),
            np.concatenate([certain.astype(np.int64), hits]),
            np.concatenate([certain, hits / self.selection.expected_hits(units)]),
        )

    def next_rows(self, state: DrawState, limit: int, on_progress: ProgressCallback) -> Chosen:
        """The next rows by Pareto sampling with the same probabilities, by a seed of its own."""
        return self._reserves(state).next_rows(state, limit, on_progress)

    def _reserves(self, state: DrawState) -> WeightedRound:
        seed = seed_for(self.prepared.round_spec.effective_seed, "reserves")
        order = SeededOrder(state.table.file_rows, seed, UNIFORM_BITS)
        return WeightedRound(self.prepared, self.ledger.weights, self.take_all, None, order)

    def facts(self, rows: RoundRows) -> dict[str, object]:
        """The amounts in minor units, and the selection of units."""
        ledger, selection = self.ledger, self.selection
        account = self.prepared.own
        assert isinstance(account, MonetaryAccount)  # noqa: S101 - set by the method
        return {
            "positive": _rows_and_total(ledger.positive),
            "negative": _rows_and_total(ledger.negative),
            "zero_rows": ledger.zero_rows,
            "missing_rows": ledger.missing_rows,
            "decimals": account.decimals,
            "take_all": _rows_and_total(account.take_all),
            "units": str(selection.total),
            "selected": account.units,
            "step": str(selection.step),
            "parts": str(selection.parts),
        }

    def frame_facts(self, state: DrawState) -> FrameFacts:
        """By the amounts of all rows; an interval selects total/interval units in expectation."""
        row_filter = self.prepared.round_spec.filter
        selection, take_all = self.selection, len(self.take_all.ordinals)
        units = selection.total * selection.parts / max(selection.step, 1)
        return FrameFacts(
            self.ledger.population_rows,
            take_all + units,
            effective_rows(state, self.ledger.units, row_filter, self.take_all),
            max(int(units) - 1, 0),
            take_all == self.ledger.population_rows,
            take_all + int(units) + 1,
        )

    def chances(self, state: DrawState, ordinals: Int64s, units: Int64s) -> Floats:
        """By their amounts and places in the cumulation."""
        return self.selection.probabilities(self.cumulated.units_before(state, ordinals), units)

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """Add the number of selected units in the row, or that it is a take-all row."""
        outcome = RowOutcome.drawn(rows, place)
        if place < len(self.take_all.ordinals):
            reason = "Its amount is at least the interval, which makes it a take-all row."
        else:
            assert rows.hits is not None  # noqa: S101 - set by choose
            hits = int(rows.hits[place])
            units = "selected monetary unit lies" if hits == 1 else "selected monetary units lie"
            reason = f"{hits:,} {units} in its amount."
        return replace(outcome, reason=f"{outcome.reason} {reason}")

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinals: Int64s, strata: Int64s
    ) -> list[RowOutcome]:
        """They aren't of the population, or no selected unit lies in their amount."""
        places, units = self.units_of(state, ordinals)
        amounts = dict(zip(ordinals[places].tolist(), units.tolist(), strict=True))
        return [self._not_drawn(int(ordinal), amounts) for ordinal in ordinals]

    def _not_drawn(self, ordinal: int, amounts: Mapping[int, int]) -> RowOutcome:
        """``amounts`` are the minor units of the rows of the population."""
        if ordinal not in amounts:
            population = self.ledger.units.population
            kinds = "positive or negative" if population == "absolute" else population
            return RowOutcome("no_weight", f"Its amount isn't {kinds}, so it can't be drawn.")
        units = amounts[ordinal]
        expected = float(self.selection.expected_hits(np.array([units]))[0])
        amount = decimal_text(units, self.ledger.units.decimals or 0)
        return RowOutcome(
            "not_hit",
            f"None of the {len(self.selection.points()):,} selected monetary units lies in its "
            f"amount of {amount}, where {expected:.6g} were expected.",
        )


def _rows_and_total(amounts: RowsAndTotal) -> dict[str, object]:
    return {"rows": amounts.rows, "total": str(amounts.total)}
