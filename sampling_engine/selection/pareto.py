"""Pareto order sampling: probability proportional to size with a fixed number of rows.

The rows with the smallest keys (u/(1-u)) / (p/(1-p)) are drawn, u a row's uniform number and p its
target probability (Rosén 1997, "On sampling with probability proportional to size", J. Statist.
Plann. Inference 62). Walk and scan give the same rows: the keys that decide are evaluated in numpy,
each operation rounded as IEEE 754 says, and equal keys go by rank. Used by the weighted round.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback, watched
from sampling_engine.draw_state import DrawState
from sampling_engine.selection.order import Int64s, Seed, SeededOrder
from sampling_engine.selection.walk import WINDOW_RANKS, in_sorted
from sampling_engine.spec import FIRST_DRAW_VERSION, RowFilter
from sampling_engine.sql import number_statements
from sampling_engine.sql.number_statements import Units

Floats = NDArray[np.float64]

UNIFORM_BITS = 62
"""Bits of the rank that u is made of. A table's own order has 16 at least, which would leave rows
with a probability below half a step, 2^-17, without any chance."""

# DuckDB's keys may differ from numpy's in the last digits; a scan asks for a little more.
MARGIN = 1.0 + 1e-9
WIDER = 4


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

    def where(self, kept: NDArray[np.bool_] | NDArray[np.intp]) -> KeyedRows:
        """Some of the rows: by a mask, or by their places in a new order."""
        return KeyedRows(self.ordinals[kept], self.ranks[kept], self.units[kept], self.keys[kept])

    def joined(self, other: KeyedRows) -> KeyedRows:
        """These rows, then the others."""
        return KeyedRows(
            np.concatenate([self.ordinals, other.ordinals]),
            np.concatenate([self.ranks, other.ranks]),
            np.concatenate([self.units, other.units]),
            np.concatenate([self.keys, other.keys]),
        )


def uniform_order(rows: int, seed: Seed, draw_version: int) -> SeededOrder:
    """The order whose ranks are the uniform numbers of a table's rows.

    Draw version 1 took them from the table's own order.
    """
    return SeededOrder(rows, seed, None if draw_version == FIRST_DRAW_VERSION else UNIFORM_BITS)


@dataclass(frozen=True)
class ParetoOrder:
    """The order of the rows that are left to chance.

    Parameters
    ----------
    order : SeededOrder
        Its ranks are the uniform numbers: u = (rank + 1/2) / size.
    target_per_unit : float
        Target probability of one unit.
    below : int
        Rows of so many units or more are take-all rows and not in this order.
    largest : int
        No row has more units.
    """

    order: SeededOrder
    units: Units
    row_filter: RowFilter | None
    target_per_unit: float
    below: int
    largest: int

    def targets(self, units: Int64s) -> Floats:
        """Target probabilities."""
        return np.minimum(units.astype(np.float64) * self.target_per_unit, 1.0)

    def keys(self, ranks: Int64s, units: Int64s) -> Floats:
        """The keys; the smallest are drawn first.

        1 - u is computed from integers: as a difference of floating-point numbers it would be 0 for
        the last ranks.
        """
        lower = ranks.astype(np.float64) + 0.5
        upper = (self.order.size - 1 - ranks).astype(np.float64) + 0.5
        p = self.targets(units)
        with np.errstate(divide="ignore"):
            keys: Floats = (lower / upper) * ((1.0 - p) / p)
        return keys

    @property
    def most_units(self) -> int:
        """The units of the row with the largest target, or more."""
        return max(min(self.largest, self.below - 1), 1)

    def rank_limit(self, key: float) -> int:
        """Nearly the smallest number that is above the rank of every row with this key or less."""
        p = min(self.most_units * self.target_per_unit, 1.0)
        share = 1.0 if p == 1.0 else key * p / (1.0 - p + key * p)
        return min(int(share * self.order.size) + 64, self.order.size)

    def walk(self, state: DrawState, count: int, on_progress: ProgressCallback) -> KeyedRows:
        """The ``count`` smallest keys, or all, by looking up the rows of low rank.

        A row that is not looked up has a higher rank, and no larger target than :attr:`most_units`
        gives: once ``count`` keys are below what it would have, it is out.
        """
        limit = self.rank_limit(likely_key(count))
        while True:
            best = no_rows()
            for ordinals, ranks in self._rows_below(state, limit, on_progress):
                best = best.joined(self.look_up(state, ordinals, ranks)).smallest(count)
            if limit >= self.order.size:
                return best
            one = np.array([limit]), np.array([self.most_units])
            if len(best.keys) == count and best.keys[-1] <= self.keys(*one)[0]:
                return best
            limit = min(limit * WIDER, self.order.size)

    def _rows_below(
        self, state: DrawState, limit: int, on_progress: ProgressCallback
    ) -> Iterator[tuple[Int64s, Int64s]]:
        """Ordinals and ranks of the rows of lower rank that aren't taken.

        In parts of a million rows or more, for each look-up has a fixed cost.
        """
        rows = self.order.rows
        ((threads,),) = state.cursor.execute("SELECT current_setting('threads')").fetchall()

        def part(start: int) -> tuple[Int64s, Int64s]:
            return self.order.ranked_below(start, min(start + WINDOW_RANKS, rows), limit)

        found: list[tuple[Int64s, Int64s]] = []
        with ThreadPoolExecutor(threads) as executor:
            for first in range(0, rows, threads * WINDOW_RANKS):
                on_progress(first / rows, "looking for the lowest ranks")
                stop = min(first + threads * WINDOW_RANKS, rows)
                found += executor.map(part, range(first, stop, WINDOW_RANKS))
                if stop == rows or sum(len(ordinals) for ordinals, _ in found) >= WINDOW_RANKS:
                    ordinals, ranks = (
                        np.concatenate(arrays) for arrays in zip(*found, strict=True)
                    )
                    fresh = ~in_sorted(ordinals, state.taken)
                    yield ordinals[fresh], ranks[fresh]
                    found = []

    def look_up(self, state: DrawState, ordinals: Int64s, ranks: Int64s) -> KeyedRows:
        """The rows that pass the filter and have a weight, without the take-all rows."""
        picked = {"position": np.arange(len(ordinals)), "ordinal": ordinals}
        sql, params = number_statements.units_of_picked(state.table, self.units, self.row_filter)
        with registered(state.cursor, {"picked": picked}):
            rows = state.cursor.execute(sql, params).fetchnumpy()
        at, units = rows["position"], rows["v"]
        found = KeyedRows(ordinals[at], ranks[at], units, self.keys(ranks[at], units))
        return found.where(units < self.below)

    def scan(self, state: DrawState, count: int, on_progress: ProgressCallback) -> KeyedRows:
        """The ``count`` smallest keys by a pass over all rows; fewer if there are fewer rows."""
        key = likely_key(count)
        while True:
            most = key * MARGIN
            sql, params = number_statements.scan_units(
                state.table,
                self.units,
                self.row_filter,
                self.order,
                self.target_per_unit,
                self.below,
                most,
            )
            with watched(state.cursor, on_progress, "scanning for the smallest keys"):
                rows = state.cursor.execute(sql, params).fetchnumpy()
            keys = self.keys(rows["rank"], rows["v"])
            found = KeyedRows(rows["ordinal"], rows["rank"], rows["v"], keys)
            kept = found.where(keys <= key)
            if len(kept.keys) >= count or key == np.inf:
                return kept.smallest(count)
            key = key * WIDER if key < 1e40 else np.inf


def likely_key(count: int) -> float:
    """A key below which nearly surely ``count`` rows are: keys below 1 number ``count`` about."""
    return 1.0 + 1.5 * (3.0 * sqrt(count) + 3.0) / max(count, 1)


def no_rows() -> KeyedRows:
    """None at all."""
    empty = np.empty(0, dtype=np.int64)
    return KeyedRows(empty, empty, empty, np.empty(0))
