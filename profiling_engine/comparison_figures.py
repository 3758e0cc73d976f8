"""The figures by which two columns are compared, and how surprising they are.

Owns: the formulas. Distribution functions and shares are those of the weights; for how many rows a
weighted sample counts is for :mod:`profiling_engine.sample_design`. Distances are tested against
what chance gives: Kolmogorov-Smirnov by the distribution of Kolmogorov (1933), shares by chi-square
(with the correction of Rao and Scott 1981 in that size); many tests together by Holm (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from profiling_engine.sample_design import Floats, Ints

FEWEST_EXPECTED = 5.0
"""Categories in which less is expected are put together: below, chi-square misleads."""
TERMS = 100


def joint_size(base_size: float, other_size: float) -> float:
    """The size that a distance between two samples is tested with; infinite is a whole table."""
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
    return float(np.abs(difference).max())


def _distribution(values: Floats, weights: Floats, points: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    shares: Floats = below[np.searchsorted(values[order], points, side="right")] / below[-1]
    return shares


def kolmogorov_p(distance: float, size: float) -> float:
    """How likely chance alone gives such a distance or a larger one.

    With the correction of Stephens (1970) for small sizes. Ties make it larger than it is, so a
    column of few values is called out too rarely rather than too often.
    """
    if size <= 0 or distance <= 0:
        return 1.0
    root = math.sqrt(size)
    x = (root + 0.12 + 0.11 / root) * distance
    if x < 0.2:
        return 1.0
    total = math.fsum((-1.0) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, TERMS))
    return min(max(2 * total, 0.0), 1.0)


def expected_shares(base: Floats, other: Floats, base_size: float, other_size: float) -> Floats:
    """What both sides' shares would be if they were alike: a whole table's own, else the mean."""
    if math.isinf(base_size) or not base_size + other_size:
        return base
    return np.asarray((base * base_size + other * other_size) / (base_size + other_size))


def total_variation(base: Floats, other: Floats) -> float:
    """The share of rows that would have to change to make two sets of shares the same."""
    return float(np.abs(other - base).sum() / 2)


def chi_square(
    base: Floats, other: Floats, expected: Floats, size: float
) -> tuple[float, float, int]:
    """Chi-square of two sets of shares, its p-value and the degrees of freedom.

    Parameters
    ----------
    base, other, expected : array of float, shape (categories,)
        Shares that sum to 1; each is expected to be there.
    size : float
        For how many rows the difference stands.

    Returns
    -------
    (float, float, int)
        size · Σ (other - base)²/expected; the p-value; the degrees.
    """
    distance = float(((other - base) ** 2 / expected).sum())
    statistic = size * distance if distance else 0.0
    return statistic, chi_square_p(statistic, len(base) - 1), len(base) - 1


def groups_of_categories(shares: Floats, size: float) -> Ints:
    """The group of each category, from 0: rare ones are put together, the others stay alone.

    Rare is what the base has less than 5 of in so many rows, or nothing at all; what is rare even
    together goes with the smallest of the others.
    """
    rare = shares * size < FEWEST_EXPECTED if math.isfinite(size) else shares <= 0
    alone = np.flatnonzero(~rare)
    groups = np.full(len(shares), len(alone), dtype=np.int64)
    groups[alone] = np.arange(len(alone))
    together = float(shares[rare].sum())
    if len(alone) and (together <= 0 or together * size < FEWEST_EXPECTED):
        groups[rare] = int(np.argmin(shares[alone]))
    return groups


def chi_square_p(statistic: float, degrees: int) -> float:
    """The upper tail of chi-square, by its finite series for whole degrees of freedom.

    Abramowitz and Stegun (1964), 26.4.4 and 26.4.5.
    """
    if degrees < 1 or statistic <= 0:
        return 1.0
    half = statistic / 2
    if math.isinf(half):
        return 0.0
    odd = degrees % 2
    shift = 0.5 if odd else 1.0  # the k-th term is half**(k - shift) / gamma(k - shift + 1)
    terms = (
        math.exp((k - shift) * math.log(half) - half - math.lgamma(k - shift + 1))
        for k in range(1, degrees // 2 + 1)
    )
    return min(math.fsum(terms) + (math.erfc(math.sqrt(half)) if odd else 0.0), 1.0)


def shares_differ_p(base: float, other: float, expected: float, size: float) -> float:
    """How likely chance alone makes two shares differ so, where both should be ``expected``."""
    spread = expected * (1 - expected)
    if base == other or size <= 0:
        return 1.0
    if math.isinf(size) or spread <= 0:
        return 0.0
    return math.erfc(abs(other - base) / math.sqrt(2 * spread / size))


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Which of several tests stand out, so that all together mislead at most so often."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    stands_out = [False] * len(p_values)
    for place, at in enumerate(order):
        if p_values[at] > level / (len(p_values) - place):
            break
        stands_out[at] = True
    return stands_out
