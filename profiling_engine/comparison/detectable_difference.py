"""The smallest difference that a test detects with 80 % power.

It is the difference of the hardest case: a shift of all numbers, or of rows from one half of the
categories to the other. Numbers that move to a single value are detected in about 55 % of samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from profiling_engine.comparison.exact_tests import UNLIMITED, count_p, upper_tail
from profiling_engine.comparison.figures import chi_square_p, chi_square_tails
from profiling_engine.comparison.weights import Floats

POWER = 0.8
SHIFT_MARGIN = 0.05
"""The distance beyond the critical one, times √n. In simulations with 100 to 2,000 rows and levels
of 0.005 to 0.00005, shifted normal and scaled exponential distributions with this distance differ
significantly in 79 to 87 % of samples."""
STEPS = 24
"""The steps of a bisection, which is exact to 10^-7."""
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


def distribution_gap(size: float, level: float) -> float:
    """The distance of two distribution functions that the Kolmogorov-Smirnov test detects.

    ``size`` is the effective sample size, infinite without sampling error.
    """
    if math.isinf(size):
        return 0.0
    if size < 1:
        return 1.0
    root = math.sqrt(size)
    critical = math.sqrt(math.log(2 / level) / 2) / (root + 0.12 + 0.11 / root)
    return min(critical + SHIFT_MARGIN / root, 1.0)


def share_gap(share: float, size: float, level: float, population: int = UNLIMITED) -> float:
    """The change of a share that the exact test detects in both directions.

    If no sample of this size can show a change in one direction, the largest possible change in
    that direction counts.
    """
    if math.isinf(size):
        return 0.0
    rows = min(math.floor(size), population)
    if rows < 1:
        return 1.0
    up = _increase(share, rows, level, population)
    down = _increase(1 - share, rows, level, population)
    if up is None and down is None:
        return 1.0
    return max(1 - share if up is None else up, share if down is None else down)


def _increase(share: float, rows: int, level: float, population: int) -> float | None:
    """The detectable increase of a share; None if even an increase to 1 isn't detected."""
    marked = round(share * population)
    low, high = math.floor(share * rows), rows
    if count_p(population, marked, rows, rows) > level:
        return None
    while high - low > 1:  # the smallest count that is significant
        middle = (low + high) // 2
        if count_p(population, marked, rows, middle) <= level:
            high = middle
        else:
            low = middle
    critical = high
    below, above = share, 1.0
    for _ in range(STEPS):
        middle_share = (below + above) / 2
        power = upper_tail(population, round(middle_share * population), rows, critical)
        below, above = (below, middle_share) if power >= POWER else (middle_share, above)
    return above - share


def categories_gap(shares: Floats, size: float, level: float) -> float:
    """The difference of two sets of shares that the chi-square test detects.

    The hardest case shifts rows between two halves of the categories, each in proportion
    to its share: statistic = (μ + s·Z)² + chi-square of the other degrees of freedom, where μ is
    the shift in standard deviations and s allows for the shares' larger variance after it.

    """
    if math.isinf(size):
        return 0.0
    degrees = len(shares) - 1
    if size <= 0 or degrees < 2:
        half = float(shares.min()) if degrees == 1 else 0.0
        return share_gap(half, size, level)
    critical, half = chi_square_critical(level, degrees), _half(shares)
    return max(
        _shift(half, size, critical, degrees),
        _shift(1 - half, size, critical, degrees),
    )


def _half(shares: Floats) -> float:
    """The smaller sum of two balanced halves of the shares."""
    first, second = 0.0, 0.0
    for share in sorted(shares, reverse=True):
        first, second = (first + share, second) if first <= second else (first, second + share)
    return min(first, second)


def _shift(half: float, size: float, critical: float, degrees: int) -> float:
    """The detectable increase of a half's share; 1 if there is none."""
    variance = half * (1 - half)
    low, high = 0.0, 1 - half
    for step in range(STEPS):
        middle = high if not step else (low + high) / 2
        scale = math.sqrt(max((half + middle) * (1 - half - middle), 0.0) / variance)
        shifted = (middle * math.sqrt(size / variance) + scale * _NODES) ** 2
        tails = chi_square_tails(np.maximum(critical - shifted, 0.0), degrees - 1)
        if float((_NODE_WEIGHTS * tails).sum()) >= POWER:
            high = middle
        elif not step:
            return 1.0
        else:
            low = middle
    return high


def chi_square_critical(level: float, degrees: int) -> float:
    """The statistic whose p-value is ``level``."""
    low, high = 0.0, degrees + 10.0
    while chi_square_p(high, degrees) > level:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if chi_square_p(middle, degrees) > level else (low, middle)
    return high


@dataclass(frozen=True)
class DetectionBasis:
    """The groups that a test compared, for its smallest detectable difference.

    Parameters
    ----------
    shares : array of float, shape (groups,)
        Empty for a test of distribution functions.
    size : float
        The effective size of the difference.
    level_share : float
        This test's share of the significance level.
    population : int
        The rows of the population, for an exact test.
    """

    shares: Floats
    size: float
    level_share: float
    population: int = UNLIMITED

    def gap(self, level: float) -> float:
        """The smallest detectable difference at a significance level of the column."""
        own = level * self.level_share
        if not len(self.shares):
            return distribution_gap(self.size, own)
        if len(self.shares) == 1:
            return share_gap(float(self.shares[0]), self.size, own, self.population)
        return categories_gap(self.shares, self.size, own)
