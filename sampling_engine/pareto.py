"""Pareto order sampling: probability proportional to size with a fixed number of rows.

Owns: the keys and the two ways to the smallest of them. Invariant: keys come from the same
floating-point operations, in numpy, whichever way rows were found, and each of these operations is
rounded as IEEE 754 says; so walk and scan give the same rows. Ties go to the lower rank. Called by
the weighted round.

Rosén 1997, "On sampling with probability proportional to size", J. Statist. Plann. Inference 62:
with u uniform and p the target probability, the rows with the n smallest (u/(1-u)) / (p/(1-p)).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from parquet_tables.progress import Report, watched
from parquet_tables.registered import registered
from sampling_engine import number_statements
from sampling_engine.draw_state import DrawState
from sampling_engine.number_statements import Units
from sampling_engine.order import Int64s, SeededOrder
from sampling_engine.planner import WINDOW_RANKS
from sampling_engine.spec import RowFilter
from sampling_engine.walk import in_sorted

Floats = NDArray[np.float64]

# DuckDB's keys may differ from numpy's in the last digits; a scan asks for a little more.
MARGIN = 1.0 + 1e-9
WIDER = 4.0


@dataclass(frozen=True)
class Keyed:
    """Rows with their keys; four arrays of equal length."""

    ordinals: Int64s
    ranks: Int64s
    units: Int64s
    keys: Floats

    def smallest(self, count: int) -> Keyed:
        """The ``count`` smallest keys, in their order."""
        first = np.lexsort((self.ranks, self.keys))[:count]
        return Keyed(self.ordinals[first], self.ranks[first], self.units[first], self.keys[first])


@dataclass(frozen=True)
class ParetoOrder:
    """The order of the rows that are not certain.

    Parameters
    ----------
    order : SeededOrder
        Of the table's rows; its ranks are the uniform numbers.
    chance : float
        Target probability of one unit.
    below : int
        Rows of so many units or more are certain and not in this order.
    largest : int
        No row has more units.
    """

    order: SeededOrder
    units: Units
    row_filter: RowFilter | None
    chance: float
    below: int
    largest: int

    @classmethod
    def target(cls, size: int, total: int) -> float:
        """The chance of one unit when ``size`` rows share ``total`` units."""
        return float(Fraction(size, total)) if total else 0.0

    def probabilities(self, units: Int64s) -> Floats:
        """Target probabilities."""
        return np.minimum(units.astype(np.float64) * self.chance, 1.0)

    def keys(self, ranks: Int64s, units: Int64s) -> Floats:
        """The keys; the smallest are drawn first."""
        with np.errstate(divide="ignore"):
            u = (ranks.astype(np.float64) + 0.5) / float(self.order.size)
            p = self.probabilities(units)
            keys: Floats = (u / (1.0 - u)) * ((1.0 - p) / p)
        return keys

    @property
    def most_units(self) -> int:
        """The units of the row with the best chance, or more."""
        return max(min(self.largest, self.below - 1), 1)

    def ranks_below(self, key: float) -> int:
        """Every row whose key is ``key`` or less has a rank below this; nearly the least such."""
        p = min(self.most_units * self.chance, 1.0)
        share = 1.0 if p == 1.0 else key * p / (1.0 - p + key * p)
        return min(int(share * self.order.size) + 64, self.order.size)

    def walk(self, state: DrawState, count: int, report: Report) -> Keyed:
        """The ``count`` smallest keys along the ranks; fewer if there are fewer rows.

        A row that wasn't met has a higher rank than those that were, and no better chance than
        :attr:`most_units` gives: once ``count`` keys are below what it would have, it is out.
        """
        best = no_rows()
        start, stop = 0, self.ranks_below(likely_key(count))
        while start < self.order.size:
            report(min(len(best.keys) / max(count, 1), 1.0), "walking the seeded order")
            stop = min(max(stop, start + 64), start + WINDOW_RANKS, self.order.size)
            ordinals, ranks = self.order.window(start, stop)
            fresh = ~in_sorted(ordinals, state.taken)
            met = self.look_up(state, ordinals[fresh], ranks[fresh])
            best = _joined(best, met).smallest(count)
            start, stop = stop, stop * 2
            if len(best.keys) == count and best.keys[-1] <= self._best_key(start):
                break
        return best

    def _best_key(self, rank: int) -> float:
        """The smallest key that a row of this rank or a higher one may have."""
        if rank >= self.order.size:
            return np.inf
        one = np.array([rank]), np.array([self.most_units])
        return float(self.keys(*one)[0])

    def look_up(self, state: DrawState, ordinals: Int64s, ranks: Int64s) -> Keyed:
        """The rows that pass the filter and have a weight, without the certain ones."""
        picked = {"position": np.arange(len(ordinals)), "ordinal": ordinals}
        sql, params = number_statements.units_of_picked(state.table, self.units, self.row_filter)
        with registered(state.cursor, {"picked": picked}):
            rows = state.cursor.execute(sql, params).fetchnumpy()
        at, units = rows["position"], rows["v"]
        found = Keyed(ordinals[at], ranks[at], units, self.keys(ranks[at], units))
        return _where(found, units < self.below)

    def scan(self, state: DrawState, count: int, report: Report) -> Keyed:
        """The ``count`` smallest keys by a pass over all rows; fewer if there are fewer rows."""
        key = likely_key(count)
        while True:
            most = key * MARGIN
            sql, params = number_statements.scan_units(
                state.table, self.units, self.row_filter, self.order, self.chance, self.below, most
            )
            with watched(state.cursor, report, "scanning for the smallest keys"):
                rows = state.cursor.execute(sql, params).fetchnumpy()
            keys = self.keys(rows["rank"], rows["v"])
            found = Keyed(rows["ordinal"], rows["rank"], rows["v"], keys)
            kept = _where(found, keys <= key)
            if len(kept.keys) >= count or key == np.inf:
                return kept.smallest(count)
            # Beyond this every key is smaller: 2^62 ranks and as many units bound it.
            key = key * WIDER if key < 1e40 else np.inf


def likely_key(count: int) -> float:
    """A key below which nearly surely ``count`` rows are: keys below 1 number ``count`` about."""
    return 1.0 + 1.5 * (3.0 * sqrt(count) + 3.0) / max(count, 1)


def no_rows() -> Keyed:
    """None at all."""
    empty = np.empty(0, dtype=np.int64)
    return Keyed(empty, empty, empty, np.empty(0))


def _joined(one: Keyed, other: Keyed) -> Keyed:
    return Keyed(
        np.concatenate([one.ordinals, other.ordinals]),
        np.concatenate([one.ranks, other.ranks]),
        np.concatenate([one.units, other.units]),
        np.concatenate([one.keys, other.keys]),
    )


def _where(rows: Keyed, kept: NDArray[np.bool_]) -> Keyed:
    return Keyed(rows.ordinals[kept], rows.ranks[kept], rows.units[kept], rows.keys[kept])
