"""Distances of two columns and their p-values.

Kolmogorov-Smirnov distances are tested by Kolmogorov's distribution (1933), shares by chi-square
with the correction of Rao and Scott (1981) in the size, several tests together by Holm (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from profiling_engine.comparison.weights import Bools, Floats, Ints

MIN_EXPECTED = 5.0
"""Categories with fewer expected rows are merged for chi-square."""
TERMS = 100
ROUNDING = 1e-12
"""Distances up to this come from floating-point rounding."""


def drawn_size(rows: float, population: float) -> float:
    """The size of a simple random sample with the finite population correction, n(N - 1)/(N - n).

    Cochran (1977), *Sampling Techniques*, §2.6; infinite if every row is drawn.
    """
    return rows * (population - 1) / (population - rows) if rows < population else math.inf


def joint_size(base_size: float, other_size: float) -> float:
    """The size for a distance of two samples; infinite for two populations."""
    if math.isinf(base_size) or math.isinf(other_size):
        return min(base_size, other_size)
    both = base_size + other_size
    return base_size * other_size / both if both else 0.0


def weighted_mean_and_deviation(values: Floats, weights: Floats) -> tuple[float, float]:
    """Mean and standard deviation of a population with these weights."""
    mean = float(np.average(values, weights=weights))
    return mean, math.sqrt(float(np.average((values - mean) ** 2, weights=weights)))


def kolmogorov_distance(
    base: Floats, base_weights: Floats, other: Floats, other_weights: Floats
) -> float:
    """The largest difference between two weighted distribution functions, 0 to 1."""
    points = np.union1d(base, other)
    difference = _distribution(base, base_weights, points) - _distribution(
        other, other_weights, points
    )
    distance = float(np.abs(difference).max())
    return distance if distance > ROUNDING else 0.0


def _distribution(values: Floats, weights: Floats, points: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    shares: Floats = below[np.searchsorted(values[order], points, side="right")] / below[-1]
    return shares


def kolmogorov_p(distance: float, size: float) -> float:
    """The p-value of a Kolmogorov-Smirnov distance.

    With the correction of Stephens (1970) for small sizes. Ties make it larger, so the test of a
    column with few values is conservative.
    """
    if size < 1 or distance <= 0:
        return 1.0
    root = math.sqrt(size)
    x = (root + 0.12 + 0.11 / root) * distance
    if x < 0.2:
        return 1.0
    total = math.fsum((-1.0) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, TERMS))
    return min(max(2 * total, 0.0), 1.0)


def expected_shares(base: Floats, other: Floats, base_size: float, other_size: float) -> Floats:
    """The expected shares: those of the population, or the pooled ones of two samples."""
    if math.isinf(base_size) or not base_size + other_size:
        return base
    if math.isinf(other_size):
        return other
    return np.asarray((base * base_size + other * other_size) / (base_size + other_size))


def total_variation(base: Floats, other: Floats) -> float:
    """The total variation distance of two sets of shares."""
    distance = float(np.abs(other - base).sum() / 2)
    return distance if distance > ROUNDING else 0.0


def chi_square(
    base: Floats, other: Floats, expected: Floats, size: float
) -> tuple[float, float, int]:
    """Chi-square of two sets of shares, its p-value and the degrees of freedom.

    Parameters
    ----------
    base, other, expected : array of float, shape (categories,)
        Shares that sum to 1; the expected ones are above 0.
    size : float
        The effective size of the difference.

    Returns
    -------
    (float, float, int)
        size · Σ (other - base)²/expected; the p-value; the degrees.
    """
    distance = float(((other - base) ** 2 / expected).sum())
    statistic = size * distance if distance > ROUNDING**2 else 0.0
    return statistic, chi_square_p(statistic, len(base) - 1), len(base) - 1


def groups_of_categories(shares: Floats, size: float) -> Ints:
    """The group of each category, from 0: rare categories (fewer than 5 expected rows) are merged.

    If the merged group is rare, too, it is merged with the smallest of the others.
    """
    rare = is_rare(shares, size)
    alone = np.flatnonzero(~rare)
    groups = np.full(len(shares), len(alone), dtype=np.int64)
    groups[alone] = np.arange(len(alone))
    together = float(shares[rare].sum())
    if len(alone) and (together <= 0 or together * size < MIN_EXPECTED):
        groups[rare] = int(np.argmin(shares[alone]))
    return groups


def is_rare(shares: Floats, size: float) -> Bools:
    """Which categories are too rare for chi-square."""
    return shares * size < MIN_EXPECTED if math.isfinite(size) else shares <= 0


def chi_square_tails(statistics: Floats, degrees: int) -> Floats:
    """The upper tails of chi-square, by its finite series for whole degrees of freedom.

    Abramowitz and Stegun (1964), 26.4.4 and 26.4.5.

    Parameters
    ----------
    statistics : array of float, shape (n,)
        At 0 or above.
    """
    half = np.asarray(statistics, dtype=np.float64) / 2
    odd = degrees % 2
    shift = 0.5 if odd else 1.0  # the k-th term is half**(k - shift) / gamma(k - shift + 1)
    tails = np.array([math.erfc(math.sqrt(x)) for x in half]) if odd else np.zeros(len(half))
    logs = np.log(np.maximum(half, 1e-300))
    for k in range(1, degrees // 2 + 1):
        tails = tails + np.exp((k - shift) * logs - half - math.lgamma(k - shift + 1))
    return np.asarray(np.minimum(tails, 1.0), dtype=np.float64)


def chi_square_p(statistic: float, degrees: int) -> float:
    """The upper tail of chi-square for one statistic."""
    if degrees < 1 or statistic <= 0:
        return 1.0
    if math.isinf(statistic):
        return 0.0
    return float(chi_square_tails(np.array([statistic]), degrees)[0])


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Which of several tests are significant, with ``level`` as the error rate of all together."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    is_significant = [False] * len(p_values)
    for place, at in enumerate(order):
        if p_values[at] > level / (len(p_values) - place):
            break
        is_significant[at] = True
    return is_significant
