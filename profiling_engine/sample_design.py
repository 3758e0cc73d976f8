"""For how many rows a weighted or clustered sample counts.

Owns: the design effects. Rows of one unit were drawn together, so a unit counts once; unequal
weights make a sample count for less than its rows (Kish 1965, Survey Sampling, §8.2: (Σw)²/Σw²).
How much less differs by what is asked of it, so a share's variance comes from how the units differ
in it (linearisation; Särndal, Swensson and Wretman 1992, §5.5), and the size is the one at which
equally weighted rows would give that variance. Invariant: a sample never counts for more than
Kish's size of its units, and a variance that few units settle counts as less sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TAIL_WIDTH = 10.0
"""With d degrees of freedom, the square of Student's t is 1 + 10/d times the normal's at p = 0.001
(t²/z²: 1.94 for d = 10, 1.23 for 30, 1.06 for 100)."""


@dataclass(frozen=True)
class SampleDesign:
    """The weights of a sample's rows, and which rows were drawn together.

    Parameters
    ----------
    weights : array of float, shape (rows,)
    units : array of int, shape (rows,), or None
        A number from 0 for each row's unit; None when each row is one of its own.
    """

    weights: Floats
    units: Ints | None = None

    def of(self, rows: Bools) -> SampleDesign:
        """The design of some of the rows."""
        if self.units is None:
            return SampleDesign(self.weights[rows])
        return SampleDesign(self.weights[rows], np.unique(self.units[rows], return_inverse=True)[1])

    @cached_property
    def total(self) -> float:
        """The sum of the weights."""
        return float(self.weights.sum())

    @cached_property
    def unit_weights(self) -> Floats:
        """The sum of the weights of each unit."""
        if self.units is None:
            return self.weights
        return np.bincount(self.units, self.weights).astype(np.float64)

    @cached_property
    def size(self) -> float:
        """Kish's size of the units, less what few units make unsure."""
        squares = self.unit_weights**2
        if not self.total:
            return 0.0
        degrees = float(squares.sum() ** 2 / (squares**2).sum())
        return float(self.total**2 / squares.sum()) / (1 + TAIL_WIDTH / degrees)

    @cached_property
    def _kish(self) -> float:
        return float(self.total**2 / (self.unit_weights**2).sum()) if self.total else 0.0

    def size_for(self, ratio: float) -> float:
        """The size when a variance is ``ratio`` times that of one equally weighted row."""
        return self.size if ratio * self._kish <= 1 else self.size / (ratio * self._kish)

    def variances(self, codes: Ints, shares: Floats, *, cumulative: bool = False) -> Floats:
        """Variances of the weighted shares of the codes, were they ``shares`` in the population.

        Parameters
        ----------
        codes : array of int, shape (rows,)
            What each row is, from 0.
        shares : array of float, shape (codes,)
        cumulative : bool
            Of the shares of each code and those below it, which ``shares`` then are.

        Returns
        -------
        array of float, shape (codes,)
        """
        count = len(shares)
        if self.units is None:
            squares = np.bincount(codes, self.weights**2, minlength=count)
            inside = np.cumsum(squares) if cumulative else squares
            spread = inside * (1 - shares) ** 2 + (squares.sum() - inside) * shares**2
            return np.asarray(spread / self.total**2)
        units = len(self.unit_weights)
        cells = np.bincount(self.units * count + codes, self.weights, minlength=units * count)
        held = cells.reshape(units, count)
        if cumulative:
            held = np.cumsum(held, axis=1)
        apart = held - self.unit_weights[:, np.newaxis] * shares
        correction = units / max(units - 1, 1)
        return np.asarray((apart**2).sum(axis=0) * correction / self.total**2)
