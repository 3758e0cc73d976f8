"""The figures of a compared column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from profiling_engine.comparison.detectable_difference import DetectionBasis
from profiling_engine.comparison.parts import Part

DistanceKind = Literal["kolmogorov_smirnov", "chi_square"]


@dataclass(frozen=True)
class ColumnDistance:
    """Figures of two columns; shares and distances are fractions from 0 to 1.

    Parameters
    ----------
    standardised_difference : float or None
        Difference of the means by the base's standard deviation; for numbers, dates and times.
    distance : float
        Kolmogorov-Smirnov's, or the share of rows that would have to be of another category; among
        the rows with a value.
    p_value, missing_p_value : float
        Of the values, and of the share of missing ones.
    value_basis, missing_basis : DetectionBasis or None
        What decides the smallest detectable differences; None if the values have no distance.
    """

    kind: DistanceKind
    base_rows: int
    other_rows: int
    base_missing: float
    other_missing: float
    base_mean: float | None
    other_mean: float | None
    standardised_difference: float | None
    distance: float
    p_value: float
    missing_p_value: float
    parts: tuple[Part, ...]
    value_basis: DetectionBasis | None = field(repr=False)
    missing_basis: DetectionBasis = field(repr=False)

    @property
    def means(self) -> tuple[float, float] | None:
        """Both sides' means, where there are any."""
        if self.base_mean is None or self.other_mean is None:
            return None
        return self.base_mean, self.other_mean

    def detectable(self, level: float) -> float | None:
        """The smallest detectable ``distance``; None if the values have none."""
        return None if self.value_basis is None else self.value_basis.gap(level)

    def detectable_rows(self, level: float) -> float:
        """The share of all rows that a difference must touch to be detected."""
        missing = self.missing_basis.gap(level)
        return max(missing, (self.detectable(level) or 0.0) * (1 - self.base_missing))
