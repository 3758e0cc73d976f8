"""Weighted rounds: take-all rows first, the others in Pareto order.

The rows with the smallest keys (u/(1-u)) / (p/(1-p)) are drawn, u a row's uniform number and p its
target probability (Rosén 1997, "On sampling with probability proportional to size").
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import frexp, sqrt

import numpy as np
from numpy.typing import NDArray

from contract.requests.draw import FIRST_DRAW_VERSION
from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, ignore_progress
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import RowsMissing
from sampling_engine.methods.method import Round, RoundDraw, order_of
from sampling_engine.methods.weighted.inclusion import SizeGroups, log_odds_of, ratios_to_targets
from sampling_engine.methods.weighted.weights import TakeAll, Weights, effective_rows
from sampling_engine.results import Floats, FrameFacts, RoundRows, RowChances, RowOutcome, nth
from sampling_engine.selection.keyed import Order, OrderByKey
from sampling_engine.selection.order import WINDOW_RANKS, Int64s, SeededOrder, in_sorted
from sampling_engine.selection.strata import NO_STRATUM
from sampling_engine.selection.walk_and_scan import (
    Chosen,
    weighted_walk_is_cheaper,
)
from sampling_engine.spec import Strategy
from sampling_engine.sql.passes import KeyedUnits, ScanUnits
from sampling_engine.sql.units import TAKE_ALL_UNITS, UncertaintyUnits, Units

# Bits of the rank that u is made of. A table's own order may have only 16, which would leave rows
# with a probability below half a step, 2^-17, without any chance.
UNIFORM_BITS = 62

# DuckDB's keys may differ from numpy's in the last digits; a scan asks for a little more.
MARGIN = 1.0 + 1e-9
WIDER = 4
MAX_WINDOWS = 8
"""Windows of ordinals that a thread ranks before it waits for the others."""
NEXT_ROWS = 100
"""The rows in line after the drawn ones whose places an explanation finds."""


@dataclass(frozen=True)
class KeyedRows:
    """Rows with their keys; four arrays of equal length."""

    ordinals: Int64s
    ranks: Int64s
    units: Int64s
    keys: Floats

    def smallest(self, count: int) -> KeyedRows:
        """The ``count`` smallest keys, in their order."""
        return self.where(np.lexsort((self.ranks, self.keys))[:count])

    def where(self, selected: NDArray[np.bool_] | NDArray[np.intp]) -> KeyedRows:
        """Some of the rows: by a mask, or by their places in a new order."""
        return KeyedRows(
            self.ordinals[selected], self.ranks[selected], self.units[selected], self.keys[selected]
        )

    def joined(self, other: KeyedRows) -> KeyedRows:
        """These rows, then the others."""
        return KeyedRows(
            np.concatenate([self.ordinals, other.ordinals]),
            np.concatenate([self.ranks, other.ranks]),
            np.concatenate([self.units, other.units]),
            np.concatenate([self.keys, other.keys]),
        )


def uniform_order(state: DrawState, round_spec: Round) -> Order:
    """The order whose ranks are the uniform numbers u = (rank + 1/2) / size.

    Draw version 1 took them from the table's own order.
    """
    width = None if round_spec.draw_version == FIRST_DRAW_VERSION else UNIFORM_BITS
    return order_of(state, round_spec, width)


def likely_key(count: int) -> float:
    """A key below which nearly surely ``count`` rows are: keys below 1 number ``count`` about."""
    return 1.0 + 1.5 * (3.0 * sqrt(count) + 3.0) / max(count, 1)


def no_rows() -> KeyedRows:
    """None at all."""
    empty = np.empty(0, dtype=np.int64)
    return KeyedRows(empty, empty, empty, np.empty(0))


class SizedRound(RoundDraw):
    """A round that draws rows by their units, those of many with certainty."""

    take_all: TakeAll

    @property
    @abstractmethod
    def units(self) -> Units:
        """The column of the units."""

    @abstractmethod
    def chances(self, state: DrawState, ordinals: Int64s, units: Int64s) -> Floats:
        """The inclusion probabilities of rows of so many units that are left to chance."""

    def units_of(self, state: DrawState, ordinals: Int64s) -> tuple[Int64s, Int64s]:
        """Places in ``ordinals`` and units of the rows that pass the filter and have some."""
        return state.units_of(self.units, self.prepared.round_spec.filter, ordinals)

    def groups_of(self, state: DrawState, ordinals: Int64s) -> Int64s:
        """0 for the rows that pass the filter and have units."""
        groups = np.full(len(ordinals), NO_STRATUM, dtype=np.int64)
        groups[self.units_of(state, ordinals)[0]] = 0
        return groups

    def chances_of(self, state: DrawState, ordinals: Int64s) -> RowChances:
        """1 for take-all rows; of others by their units."""
        groups = np.full(len(ordinals), NO_STRATUM, dtype=np.int64)
        probabilities = np.zeros(len(ordinals))
        at, units = self.units_of(state, ordinals)
        groups[at], probabilities[at] = 0, 1.0
        is_left = units < self.take_all.least
        at, units = at[is_left], units[is_left]
        probabilities[at] = self.chances(state, ordinals[at], units)
        return RowChances(groups, probabilities)


@dataclass(frozen=True)
class WeightedRound(SizedRound):
    """A round with probability proportional to size.

    ``groups`` are set where true and target probabilities differ. The walk and the scan give the
    same rows: numpy evaluates the keys that decide, and equal keys go by rank.
    """

    weights: Weights
    take_all: TakeAll
    groups: SizeGroups | None
    order: Order

    @property
    def units(self) -> Units:
        """The column of weights."""
        return self.weights.units

    def choose(self, state: DrawState, on_progress: ProgressCallback) -> RoundRows:
        """The take-all rows in order of rank, then the others in order of their keys."""
        take_all = self.take_all.ordinals
        ranks = self.order.rank(take_all)
        by_rank = self.order.places(take_all, ranks)
        found, run_by = self._first(state, self.take_all.size, on_progress)
        if len(found.ordinals) < self.take_all.size:
            raise RowsMissing(count=self.take_all.size - len(found.ordinals))
        ordinals = np.concatenate([take_all[by_rank], found.ordinals])
        chosen = Chosen(
            ordinals,
            np.zeros(len(ordinals), dtype=np.int64),
            np.concatenate([ranks[by_rank], found.ranks]),
        )
        others = self.inclusion_probabilities(found.units)
        return RoundRows(chosen, run_by, np.concatenate([np.ones(len(take_all)), others]))

    def next_rows(self, state: DrawState, limit: int, on_progress: ProgressCallback) -> Chosen:
        """The next rows in Pareto order, by the targets that the round had."""
        found, _ = self._first(state, limit, on_progress)
        return Chosen(found.ordinals, np.zeros(len(found.ordinals), dtype=np.int64), found.ranks)

    def inclusion_probabilities(self, units: Int64s) -> Floats:
        """The probabilities with which the round draws rows of so many units."""
        targets = self.targets(units)
        if self.groups is None:
            return targets
        distinct, places = np.unique(units, return_inverse=True)
        log_odds = [log_odds_of(size, 1, self.take_all) for size in distinct.tolist()]
        ratios = ratios_to_targets(self.groups, np.array(log_odds))[places]
        return np.minimum(targets * ratios, 1.0)

    def targets(self, units: Int64s) -> Floats:
        """Target probabilities."""
        return np.minimum(units.astype(np.float64) * self.take_all.target_per_unit, 1.0)

    def keys(self, ranks: Int64s, units: Int64s) -> Floats:
        """The keys; the smallest are drawn first.

        1 - u is computed from integers: as a floating-point difference the last would be 0.
        """
        lower = ranks.astype(np.float64) + 0.5
        upper = (self.order.size - 1 - ranks).astype(np.float64) + 0.5
        p = self.targets(units)
        with np.errstate(divide="ignore"):
            keys: Floats = (lower / upper) * ((1.0 - p) / p)
        return keys

    def facts(self, rows: RoundRows) -> dict[str, object]:
        """The weights' sum in units, what a unit is, and the number of take-all rows."""
        units = self.weights.units
        exponent = None if units.decimals is not None else frexp(units.factor)[1] - 1
        return {
            "rows": self.weights.positive,
            "total": str(self.weights.total),
            "decimals": units.decimals,
            "exponent": exponent,
            "take_all": len(self.take_all.ordinals),
        }

    def frame_facts(self, state: DrawState) -> FrameFacts:
        """By the weights of all rows."""
        row_filter = self.prepared.round_spec.filter
        drawn = int(self.prepared.allocated.sum())
        return FrameFacts(
            self.weights.positive,
            float(drawn),
            effective_rows(state, self.weights.units, row_filter, self.take_all),
            max(self.take_all.size - 1, 0),
            drawn == self.weights.positive,
            drawn,
        )

    def units_of(self, state: DrawState, ordinals: Int64s) -> tuple[Int64s, Int64s]:
        """Places and units; of no row where none has a weight."""
        if not self.weights.positive:
            return ordinals[:0], ordinals[:0]
        return super().units_of(state, ordinals)

    def chances(self, state: DrawState, ordinals: Int64s, units: Int64s) -> Floats:
        """By their weights."""
        return self.inclusion_probabilities(units)

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """Add the row's place in line, its rank, and whether it is a take-all row."""
        ordinals = rows.chosen.ordinals[place : place + 1]
        outcome = replace(
            RowOutcome.drawn(rows, place, int(self.order.rank(ordinals)[0])),
            nth_in_line=place + 1,
            line_rows=self.weights.rows,
            line_drawn=len(rows.chosen.ordinals),
        )
        if place >= len(self.take_all.ordinals):
            return outcome
        return replace(outcome, reason=f"{outcome.reason} {self.take_all_reason(state, ordinals)}")

    def take_all_reason(self, state: DrawState, ordinals: Int64s) -> str:
        """Why one row is drawn with certainty."""
        _, units = self.units_of(state, ordinals)
        if isinstance(self.units, UncertaintyUnits) and (units == TAKE_ALL_UNITS).all():
            return "It has no probability, so it is a take-all row."
        return "Its weight makes it a take-all row."

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinals: Int64s, strata: Int64s
    ) -> list[RowOutcome]:
        """They have no weight, or are further back in the Pareto order than the drawn rows."""
        found = self._look_up(state, ordinals, self.order.rank(ordinals))
        probabilities = self.inclusion_probabilities(found.units).tolist()
        known = dict(zip(found.ordinals.tolist(), probabilities, strict=True))
        following: list[int] = []
        if known:
            following = self.next_rows(state, NEXT_ROWS, ignore_progress).ordinals.tolist()
        return [self._not_drawn(rows, int(each), known, following) for each in ordinals]

    def _not_drawn(
        self,
        rows: RoundRows,
        ordinal: int,
        probabilities: Mapping[int, float],
        following: list[int],
    ) -> RowOutcome:
        """``probabilities`` are those of rows with a weight; ``following`` the next rows."""
        if ordinal not in probabilities:
            return RowOutcome("no_weight", "Its weight is NULL, NaN or 0, so it can't be drawn.")
        drawn = len(rows.chosen.ordinals)
        place = drawn + following.index(ordinal) + 1 if ordinal in following else None
        in_line = f"It isn't among the {NEXT_ROWS:,} rows in line after the {drawn:,} drawn ones."
        if place is not None:
            in_line = f"It is {nth(place)} in line; the first {drawn:,} were drawn."
        return RowOutcome(
            "beyond_the_last",
            f"Its selection probability was {probabilities[ordinal]:.6g}. {in_line}",
            int(self.order.rank(np.array([ordinal]))[0]),
            nth_in_line=place,
            line_rows=self.weights.rows,
            line_drawn=drawn,
        )

    def _first(
        self, state: DrawState, count: int, on_progress: ProgressCallback
    ) -> tuple[KeyedRows, Strategy]:
        """The ``count`` smallest keys of the rows that are left to chance, or all."""
        strategy = state.strategy or state.engine.strategy
        if strategy is None:
            limit = self._rank_limit(likely_key(count))
            walks = weighted_walk_is_cheaper(limit, self.weights.rows, self.order)
            strategy = "walk" if walks else "scan"
        if not count or not self.take_all.target_per_unit:
            return no_rows(), "walk"
        if strategy == "walk":
            return self._walk(state, count, on_progress), strategy
        return self._scan(state, count, on_progress), strategy

    @property
    def _most_units(self) -> int:
        """The units of the row with the largest target, or more."""
        return max(min(self.weights.largest, self.take_all.least - 1), 1)

    def _rank_limit(self, key: float) -> int:
        """Nearly the smallest number that is above the rank of every row with this key or less."""
        p = min(self._most_units * self.take_all.target_per_unit, 1.0)
        share = 1.0 if p == 1.0 else key * p / (1.0 - p + key * p)
        return min(int(share * self.order.size) + 64, self.order.size)

    def _walk(self, state: DrawState, count: int, on_progress: ProgressCallback) -> KeyedRows:
        """Look up the rows of low rank.

        A row that is not looked up has a higher rank, and no larger target than ``_most_units``
        gives: once ``count`` keys are below what it would have, it is out.
        """
        limit = self._rank_limit(likely_key(count))
        while True:
            best = no_rows()
            for ordinals, ranks in self._rows_below(state, limit, on_progress):
                best = best.joined(self._look_up(state, ordinals, ranks)).smallest(count)
            if limit >= self.order.size:
                return best
            next_key = self.keys(np.array([limit]), np.array([self._most_units]))[0]
            if len(best.keys) == count and best.keys[-1] <= next_key:
                return best
            limit = min(limit * WIDER, self.order.size)

    def _rows_below(
        self, state: DrawState, limit: int, on_progress: ProgressCallback
    ) -> Iterator[tuple[Int64s, Int64s]]:
        """Ordinals and ranks of the rows of lower rank that aren't taken, in large parts."""
        rows = self.order.rows
        ((threads,),) = state.cursor.execute("SELECT current_setting('threads')").fetchall()

        def part(start: int) -> tuple[Int64s, Int64s]:
            return self.order.ranked_below(start, min(start + WINDOW_RANKS, rows), limit)

        # As many ordinals as give about the rows of one window for each thread.
        step = threads * WINDOW_RANKS * max(1, min(self.order.size // max(limit, 1), MAX_WINDOWS))
        found: list[tuple[Int64s, Int64s]] = []
        with ThreadPoolExecutor(threads) as executor:
            for first in range(0, rows, step):
                on_progress(first / rows, "looking for the lowest ranks")
                stop = min(first + step, rows)
                found += executor.map(part, range(first, stop, WINDOW_RANKS))
                if stop == rows or sum(len(ordinals) for ordinals, _ in found) >= WINDOW_RANKS:
                    ordinals, ranks = (
                        np.concatenate(arrays) for arrays in zip(*found, strict=True)
                    )
                    fresh = ~in_sorted(ordinals, state.taken)
                    yield ordinals[fresh], ranks[fresh]
                    found = []

    def _look_up(self, state: DrawState, ordinals: Int64s, ranks: Int64s) -> KeyedRows:
        """The rows that pass the filter and have a weight, without the take-all rows."""
        at, units = self.units_of(state, ordinals)
        found = KeyedRows(ordinals[at], ranks[at], units, self.keys(ranks[at], units))
        return found.where(units < self.take_all.least)

    def _scan(self, state: DrawState, count: int, on_progress: ProgressCallback) -> KeyedRows:
        """Read all rows whose key may be small enough."""
        key = likely_key(count)
        while True:
            best = no_rows()
            for ordinals, units, ranks in self._scanned(state, key * MARGIN, on_progress):
                keys = self.keys(ranks, units)
                found = KeyedRows(ordinals, ranks, units, keys).where(keys <= key)
                best = best.joined(found).smallest(count)
            if len(best.keys) >= count or key == np.inf:
                return best
            key = key * WIDER if key < 1e40 else np.inf

    def _scanned(
        self, state: DrawState, largest_key: float, on_progress: ProgressCallback
    ) -> Iterator[KeyedUnits]:
        """The rows up to a key, and perhaps others, in pieces."""
        order = self.order
        wanted = ScanUnits(
            self.weights.units,
            self.prepared.round_spec.filter,
            order if isinstance(order, SeededOrder) else order.ranks.network,
            self.take_all.target_per_unit,
            self._most_units + 1,
            largest_key,
        )
        if isinstance(order, OrderByKey):
            yield from state.engine.units_by_key(state, order, wanted, on_progress)
        else:
            yield state.run(wanted, on_progress)
