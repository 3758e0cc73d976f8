"""A share or a recall by guessed rates in strata, as the facts of a plan."""

from __future__ import annotations

import numpy as np

from estimation_engine.arrays import Floats, Ints
from lazy_dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class GuessedStatistic:
    """A guessed figure, and the variances of its linearised variable by stratum.

    Every row of a stratum has a value once it is labelled. The arrays of a plan have one domain.

    Parameters
    ----------
    figure : float
        The share, or the recall.
    strata_rows : array of int, shape (strata,)
        N_h.
    rates, spreads : array, shape (strata,)
        r_h, and the standard deviation of the variable with N_h in the denominator.
    scale : float
        What the variable's total is divided by.
    """

    figure: float
    strata_rows: Ints
    rates: Floats
    spreads: Floats
    scale: float

    @property
    def values(self) -> Floats:
        """The figure, shape (1,)."""
        return np.array([self.figure])

    @property
    def rows(self) -> Ints:
        """All rows, shape (1,)."""
        return np.array([self.strata_rows.sum()])

    @property
    def group_counts(self) -> Floats:
        """All rows of each stratum, shape (1, strata)."""
        return self.strata_rows[None, :].astype(np.float64)

    @property
    def group_squares(self) -> Floats:
        """S²_h with N_h - 1 in the denominator, shape (1, strata)."""
        corrections = self.strata_rows / np.maximum(self.strata_rows - 1, 1)
        squares: Floats = (corrections * (self.spreads / self.scale) ** 2)[None, :]
        return squares

    def deviations(self) -> Floats:
        """The standard deviation of the condition in each stratum, shape (strata,)."""
        found: Floats = np.sqrt(self.rates * (1.0 - self.rates))
        return found

    def expected(self, sizes: Ints) -> Floats:
        """The rows with the condition that so many rows of each stratum are expected to have."""
        found: Floats = self.rates * sizes
        return found

    def share_of_few(self, sizes: Ints, few: int) -> float:
        """The part of the variance of strata that are expected to have fewer such rows."""
        rows = self.strata_rows.astype(np.float64)
        parts = self.group_squares[0] * rows * (rows / np.maximum(sizes, 1) - 1.0)
        total = float(parts.sum())
        return float(parts[self.expected(sizes) < few].sum()) / total if total > 0 else 0.0
