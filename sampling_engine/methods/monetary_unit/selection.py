"""The selected monetary units of a round, and the selection probabilities of rows.

The units of the rows that are left to chance are numbered from 0 in the order of cumulation. Unit u
is selected by the point ``k·step + r`` on a scale on which it has ``parts`` places: with a size of
n units of T, step is T and parts n; with an interval J, step is J and parts 1. So every unit has
the probability parts/step, exactly. AICPA, *Audit Sampling*; Touw and Hoogduin, *Statistiek voor
Audit en Controlling*.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lazy_dataclasses import dataclass
from sampling_engine.methods.monetary_unit.account import AT_RANDOM, Selection
from sampling_engine.results import Floats
from sampling_engine.selection.order import MAX_BITS, Int64s, SeededOrder, seed_for

MAX_NODES = 256
ALMOST_CERTAIN = float(np.nextafter(1.0, 0.0))


@dataclass(frozen=True)
class UnitSelection:
    """The selection of units from ``total`` units; each has the probability parts/step."""

    selection: Selection
    total: int
    step: int
    parts: int
    seed: str

    @property
    def interval(self) -> Fraction:
        """Units by selected unit."""
        return Fraction(self.step, self.parts) if self.total else Fraction(0)

    def points(self) -> Int64s:
        """The numbers of the selected units, in the order of selection."""
        if not self.total:
            return np.empty(0, dtype=np.int64)
        if self.selection == AT_RANDOM:
            return SeededOrder(self.total, seed_for(self.seed, "units")).first(self.parts)
        cells = -(-self.total * self.parts // self.step)
        if self.selection == "cell":
            ranks = SeededOrder(cells, seed_for(self.seed, "cells"), MAX_BITS).rank(
                np.arange(cells, dtype=np.int64)
            )
            starts = [rank * self.step >> MAX_BITS for rank in ranks.tolist()]
        else:
            starts = [self.start()] * cells
        points = [(k * self.step + start) // self.parts for k, start in enumerate(starts)]
        return np.array([point for point in points if point < self.total], dtype=np.int64)

    def start(self) -> int:
        """The first point of a fixed interval, uniform on 0 … step - 1."""
        return int(SeededOrder(self.step, seed_for(self.seed, "start")).first(1)[0])

    def expected_hits(self, units: Int64s) -> Floats:
        """The expected number of selected units in rows of so many units."""
        chance = float(Fraction(self.parts, self.step)) if self.step else 0.0
        found: Floats = units.astype(np.float64) * chance
        return found

    def probabilities(self, before: Int64s, units: Int64s) -> Floats:
        """The probability of each row to have a selected unit, shape (rows,).

        Parameters
        ----------
        before, units : arrays of int
            The units in front of each row in the order of cumulation, and its own: fewer than the
            interval.
        """
        if self.selection == AT_RANDOM:
            found = self._of_random_units(units)
        elif self.selection == "cell":
            found = np.array(
                [self._of_cells(*row) for row in zip(before.tolist(), units.tolist(), strict=True)],
                dtype=np.float64,
            )
        else:
            found = self.expected_hits(units)
        return np.minimum(found, ALMOST_CERTAIN)

    def _of_cells(self, before: int, units: int) -> float:
        """A row lies in one cell, or in two: 1 - (1 - a/step)(1 - b/step), of points."""
        first, size = before * self.parts, units * self.parts
        inside = min(self.step - first % self.step, size)
        a, b = Fraction(inside, self.step), Fraction(size - inside, self.step)
        return float(a + b - a * b)

    def _of_random_units(self, units: Int64s) -> Floats:
        """1 - C(T - v, n)/C(T, n); the sum of logarithms is over at most 256 nodes."""
        n, total = self.parts, float(self.total)
        nodes = min(n, MAX_NODES)
        places: NDArray[np.float64] = (np.arange(nodes) + 0.5) * n / nodes - 0.5
        logs = np.zeros(len(units))
        size = units.astype(np.float64)
        with np.errstate(divide="ignore"):
            for place in places.tolist():
                logs += np.log1p(-np.minimum(size / (total - place), 1.0))
        found: Floats = -np.expm1(logs * n / nodes)
        return found
