"""The figures of a compared column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from profiling_engine.comparison.detectable_difference import DetectionBasis
from profiling_engine.comparison.parts import PartShares

DistanceKind = Literal["kolmogorov_smirnov", "chi_square"]


@dataclass(frozen=True)
class ColumnDistance:
    """Figures of two columns; shares and distances are fractions from 0 to 1.

    Parameters
    ----------
    standardised_difference : float or None
        The difference of the means divided by the base's standard deviation.
    distance : float
        The Kolmogorov-Smirnov distance or the total variation, among the rows with a value.
    p_value, missing_p_value : float
        The p-values of the values, and of the share of missing values.
    value_basis, missing_basis : DetectionBasis or None
        The bases of the smallest detectable differences; None if the values have no distance.
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
    parts: tuple[PartShares, ...]
    value_basis: DetectionBasis | None = field(repr=False)
    missing_basis: DetectionBasis = field(repr=False)

    @property
    def means(self) -> tuple[float, float] | None:
        """The means of both tables; None if the type has none."""
        if self.base_mean is None or self.other_mean is None:
            return None
        return self.base_mean, self.other_mean

    def detectable(self, level: float) -> float | None:
        """The smallest detectable ``distance``; None if the values have none."""
        return None if self.value_basis is None else self.value_basis.gap(level)

    def detectable_rows(self, level: float) -> float:
        """The smallest detectable difference as a share of all rows."""
        missing = self.missing_basis.gap(level)
        return max(missing, (self.detectable(level) or 0.0) * (1 - self.base_missing))
