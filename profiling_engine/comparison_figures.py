"""The figures by which two columns are compared, and how surprising they are.

Owns: the formulas. A weighted sample counts as fewer rows than it has (Kish 1965, Survey Sampling,
§8.2: (Σw)²/Σw²); its distribution function and its shares are those of the weights. Distances are
tested against what chance gives: Kolmogorov-Smirnov by the distribution of Kolmogorov (1933),
shares by chi-square; many tests together by Holm (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

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


def chi_square(base_shares: Floats, other_shares: Floats, size: float) -> tuple[float, float, int]:
    """Distance between two sets of shares, its p-value and the degrees of freedom.

    Returns
    -------
    (float, float, int)
        Cohen's w, the root of Σ (q - p)²/p, whatever the size; the p-value; the degrees.
    """
    base, other = _pooled(base_shares, other_shares, size)
    if len(base) < 2:
        return 0.0, 1.0, 0
    effect = math.sqrt(float(((other - base) ** 2 / base).sum()))
    degrees = len(base) - 1
    return effect, chi_square_p(size * effect**2 if effect else 0.0, degrees), degrees


def _pooled(base: Floats, other: Floats, size: float) -> tuple[Floats, Floats]:
    """Shares with the rare categories put together."""
    rare = base * size < FEWEST_EXPECTED if math.isfinite(size) else base <= 0
    kept_base, kept_other = base[~rare], other[~rare]
    rest_base, rest_other = float(base[rare].sum()), float(other[rare].sum())
    if rest_base <= 0 and rest_other <= 0:
        return kept_base, kept_other
    if rest_base * size < FEWEST_EXPECTED and len(kept_base):
        # Too few even together: they go with the smallest of the others.
        smallest = int(np.argmin(kept_base))
        kept_base[smallest] += rest_base
        kept_other[smallest] += rest_other
        return kept_base, kept_other
    return np.append(kept_base, rest_base), np.append(kept_other, rest_other)


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


def shares_differ_p(base_share: float, other_share: float, size: float) -> float:
    """How likely chance alone makes two shares differ so."""
    pooled = (base_share + other_share) / 2
    if base_share == other_share or pooled in (0.0, 1.0) or size <= 0:
        return 1.0
    if math.isinf(size):
        return 0.0
    # A share of 0 in the base leaves no spread of its own: take the mean of the two.
    spread = base_share * (1 - base_share) or pooled * (1 - pooled)
    return math.erfc(abs(other_share - base_share) / math.sqrt(2 * spread / size))


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Which of several tests stand out, so that all together mislead at most so often."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    stands_out = [False] * len(p_values)
    for place, at in enumerate(order):
        if p_values[at] > level / (len(p_values) - place):
            break
        stands_out[at] = True
    return stands_out
