"""Whether a sum over a sample is nearly normally distributed, as its limits assume.

A limit by t is too low where few rows make up the standard error, and much too low where such rows
weren't drawn. The measure is A = √n·Σ|c|³ / (Σ c²)^1.5, c the deviations of the independently drawn
units whose squares add up to the variance. A random sample has A = mean |e - ē|³ / s³, which is at
least the skewness G of Cochran (1977, section 2.15). Its absolute values matter: large deviations
of both signs, of over- and understatements or of a ratio's residuals, cancel in G, and so do those
of the two rows of a stratum.
"""

from __future__ import annotations

from functools import cached_property
from math import ceil

import numpy as np

from estimation_engine.arrays import Booleans, Floats
from estimation_engine.designs import Design
from estimation_engine.designs.stages import sums_by
from estimation_engine.estimates import ROWS_BY_SKEWNESS
from lazy_dataclasses import dataclass

CERTAIN = 1e-9
"""A weight that differs less from 1 is that of a row that was drawn with certainty.

Deviations below this part of the largest one are rounding.
"""


@dataclass(frozen=True, eq=False)
class Normality:
    """How far the sum of t over a sample is from a normal distribution; t has shape (rows,)."""

    design: Design
    t: Floats

    @cached_property
    def _deviations(self) -> Floats:
        """Those of the units, by the largest t."""
        return deviations(self.design, self.t / (np.abs(self.t).max(initial=0.0) or 1.0))

    @property
    def is_constant(self) -> bool:
        """Whether no unit differs from the others."""
        return not bool((np.abs(self._deviations) > CERTAIN).any())

    @property
    def units(self) -> int:
        """n: the rows or clusters that were left to chance."""
        return units_in(self.design, left_to_chance(self.design))

    @cached_property
    def skewness(self) -> float:
        """A/√n: the skewness of the sum if all deviations had one sign."""
        if self.is_constant:
            return 0.0
        c = np.abs(self._deviations)
        return float((c**3).sum() / (c**2).sum() ** 1.5)

    @property
    def needed(self) -> int:
        """25·A²: the units that are needed."""
        return ceil(ROWS_BY_SKEWNESS * self.units * self.skewness**2)

    def allowance(self, t: float) -> float:
        """What skewness adds to a quantile of t, to the first order.

        Johnson 1978, Journal of the American Statistical Association 73, 536-544; Hall 1992,
        Journal of the Royal Statistical Society B 54, 221-228.
        """
        return self.skewness * (2.0 * t * t + 1.0) / 6.0


def left_to_chance(design: Design) -> Booleans:
    """The rows that weren't drawn with certainty, shape (rows,)."""
    w = design.weights
    left: Booleans = ~design.take_all & (w > 0) & (np.abs(w - 1.0) > CERTAIN)
    return left


def units_in(design: Design, rows: Booleans) -> int:
    """The rows that are marked, or the clusters with such a row."""
    return len(np.unique(design.unit_numbers[rows]))


def deviations(design: Design, t: Floats) -> Floats:
    """c of the units of all stages: their squares add up to the variance of Σ t.

    Of a systematic sample they are those of a random one, and lonely strata have none.
    """
    of_layers = []
    for part in design.parts:
        own = part.design
        of_rows = own.per_unit(t[part.rows] * part.factors, np.arange(own.rows))
        for layer in own.layers:
            c = layer.c_of_units
            values = of_rows
            if layer.of_rows is not None:
                values = sums_by(layer.of_rows, of_rows, len(layer.groups))
            sums = sums_by(layer.groups, c * values, len(layer.whole))
            means = sums / np.where(layer.whole > 0, layer.whole, 1.0)
            scales = np.sqrt(c * layer.factors[layer.groups])
            of_layers.append(scales * (values - means[layer.groups]))
    return np.concatenate(of_layers)
