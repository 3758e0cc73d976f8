"""Significance tests of one column: its values, and the share of missing values.

Distributions are tested by Kolmogorov's (1933), shares by chi-square with the correction of Rao and
Scott (1981), single values exactly, which detects rare ones, and all columns together by Holm
(1979).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lazy_dataclasses import dataclass
from profiling_engine.comparison.compared_table import (
    Bools,
    ColumnValues,
    Floats,
    Ints,
    WeightedRows,
)

MIN_EXPECTED = 5.0
ROUNDING = 1e-12
"""Distances up to this come from floating-point rounding."""

LARGEST_SQUARED = 500
"""The exponent of the largest numbers whose squares are summed in their own unit."""


def drawn_size(rows: float, population: float) -> float:
    """n(N - 1)/(N - n): a simple random sample with the finite population correction.

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
    """The mean and the deviation, in units of a power of two if squares would overflow."""
    exponent = math.frexp(float(np.abs(values).max(initial=0.0)))[1]
    unit = 2.0 ** max(exponent - LARGEST_SQUARED, 0)
    scaled = values / unit
    mean = float(np.average(scaled, weights=weights))
    deviation = math.sqrt(float(np.average((scaled - mean) ** 2, weights=weights)))
    return mean * unit, deviation * unit


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
    return float(_scipy().kolmogorov(distance * _stephens(size)))


def _stephens(size: float) -> float:
    root = math.sqrt(size)
    return root + 0.12 + 0.11 / root


def _scipy() -> Any:
    """Import scipy when a comparison needs it: it takes as long as a short command."""
    import scipy.special

    return scipy.special


def expected_shares(base: Floats, other: Floats, base_size: float, other_size: float) -> Floats:
    """The expected shares: those of the population, or the pooled ones of two samples."""
    if math.isinf(base_size) or not base_size + other_size:
        return base
    if math.isinf(other_size):
        return other
    return np.asarray((base * base_size + other * other_size) / (base_size + other_size))


def total_variation(base: Floats, other: Floats) -> float:
    distance = float(np.abs(other - base).sum() / 2)
    return distance if distance > ROUNDING else 0.0


def chi_square_p(base: Floats, other: Floats, expected: Floats, size: float) -> float:
    """The p-value of size · Σ (other - base)²/expected; the expected shares are above 0."""
    distance = float(((other - base) ** 2 / expected).sum())
    if distance <= ROUNDING**2 or len(base) < 2:
        return 1.0
    return float(_scipy().chdtrc(len(base) - 1, size * distance))


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
    return shares * size < MIN_EXPECTED if math.isfinite(size) else shares <= 0


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Which of several tests are significant, with ``level`` as the error rate of all together."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    is_significant = [False] * len(p_values)
    for place, at in enumerate(order):
        if p_values[at] > level / (len(p_values) - place):
            break
        is_significant[at] = True
    return is_significant


UNLIMITED = 10**9
CLOSE = 2.0


def upper_tail(total: int, marked: int, drawn: int, found: int) -> float:
    """P(X ≥ ``found``) of the hypergeometric distribution of marked rows among the drawn."""
    if found <= max(0, drawn + marked - total):
        return 1.0
    if found > min(marked, drawn):
        return 0.0
    if found * total > marked * drawn:
        return _outward(total, marked, drawn, found)
    # The terms from here increase up to the mode; those of the complement decrease.
    return 1.0 - _outward(total, total - marked, drawn, drawn - found + 1)


def _outward(total: int, marked: int, drawn: int, found: int) -> float:
    """The upper tail beyond the expectation, by the quotients of neighbouring terms."""
    if found > min(marked, drawn):
        return 0.0
    term = math.exp(
        _log_choose(marked, found)
        + _log_choose(total - marked, drawn - found)
        - _log_choose(total, drawn)
    )
    variance = drawn * (marked / total) * (1 - marked / total)
    count = min(min(marked, drawn) - found, int(20 * math.sqrt(variance)) + 50)
    x = np.arange(found, found + count, dtype=np.float64)
    ratios = (marked - x) * (drawn - x) / ((x + 1) * (total - marked - drawn + x + 1))
    return min(term * (1.0 + float(np.cumprod(ratios).sum())), 1.0)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def count_p(total: int, marked: int, drawn: int, found: int) -> float:
    if found * total >= marked * drawn:
        return min(2 * upper_tail(total, marked, drawn, found), 1.0)
    return min(2 * upper_tail(total, total - marked, drawn, drawn - found), 1.0)


@dataclass(frozen=True)
class ValueShare:
    """The share of a value in one table, with its effective sample size.

    The size is rounded towards the expectation (Korn and Graubard 1998, *Confidence intervals for
    proportions*); it is infinite for a population with ``population`` rows.
    """

    value: float
    size: float
    population: int = UNLIMITED

    def count(self, expected: float) -> tuple[int, int]:
        rows = math.floor(self.size + 1e-9)
        found = self.value * rows
        near = round(found)
        if abs(found - near) <= 1e-6:
            return rows, near
        return rows, math.floor(found) if self.value > expected else math.ceil(found)


def share_p(one: ValueShare, two: ValueShare) -> float:
    """The p-value of two shares of one value; of two samples Fisher's (1935)."""
    if math.isinf(two.size):
        one, two = two, one
    if math.isinf(two.size):
        return 1.0 if abs(one.value - two.value) <= ROUNDING else 0.0
    if math.isinf(one.size):
        rows, found = two.count(one.value)
        total = max(one.population, rows)
        return count_p(total, round(one.value * total), rows, found) if rows else 1.0
    sizes = one.size + two.size
    expected = (one.value * one.size + two.value * two.size) / sizes if sizes else 0.0
    (first_rows, first), (rows, found) = one.count(expected), two.count(expected)
    if not first_rows or not rows:
        return 1.0
    return count_p(first_rows + rows, first + found, rows, found)


def smallest_share_p(pairs: Sequence[tuple[ValueShare, ValueShare]]) -> float:
    return min((share_p(one, two) for one, two in pairs if not _is_close(one, two)), default=1.0)


def _is_close(one: ValueShare, two: ValueShare) -> bool:
    both = [share for share in (one, two) if math.isfinite(share.size) and share.size]
    known = [share.value for share in (one, two) if math.isinf(share.size)]
    if not both or len(known) == 2:
        return False
    expected = known[0] if known else (one.value + two.value) / 2
    variance = expected * (1 - expected) * sum(1 / share.size for share in both)
    population, drawn = (one, two) if math.isinf(one.size) else (two, one)
    if math.isinf(population.size):
        variance *= 1 - drawn.size / population.population
    return abs(one.value - two.value) < CLOSE * math.sqrt(max(variance, 0.0))


POWER = 0.8
SHIFT_MARGIN = 0.05
"""The distance beyond the critical one, times √n. In simulations with 100 to 2,000 rows and levels
of 0.005 to 0.00005, shifted normal and scaled exponential distributions with this distance differ
significantly in 79 to 87 % of samples."""
STEPS = 24
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


def distribution_gap(size: float, level: float) -> float:
    """The distance of two distribution functions that the Kolmogorov-Smirnov test detects."""
    if math.isinf(size):
        return 0.0
    if size < 1:
        return 1.0
    critical = math.sqrt(math.log(2 / level) / 2) / _stephens(size)
    return min(critical + SHIFT_MARGIN / math.sqrt(size), 1.0)


def share_gap(share: float, size: float, level: float, population: int = UNLIMITED) -> float:
    """The change of a share that the exact test detects in both directions.

    If no sample of this size can show a change in one direction, the largest possible change
    counts.
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


def frequent_gap(share: float, size: float, level: float, population: int = UNLIMITED) -> float:
    """The shift of rows to some values, in proportion to their shares, that one value's test finds.

    The values together have the share p and the most frequent one ``share``, which rises to
    share/p: the difference of all values is 1 - p.
    """
    if math.isinf(size):
        return 0.0
    rows = min(math.floor(size), population)
    up = _increase(share, rows, level, population) if rows >= 1 and share > 0 else None
    return 1.0 if up is None else up / (share + up)


def _increase(share: float, rows: int, level: float, population: int) -> float | None:
    """The detectable increase of a share; None if even an increase to 1 isn't detected."""
    marked = round(share * population)
    if count_p(population, marked, rows, rows) > level:
        return None
    counts = range(math.floor(share * rows) + 1, rows)
    at = bisect_left(counts, -level, key=lambda count: -count_p(population, marked, rows, count))
    critical = counts.start + at
    below, above = share, 1.0
    for _ in range(STEPS):
        middle = (below + above) / 2
        power = upper_tail(population, round(middle * population), rows, critical)
        below, above = (below, middle) if power >= POWER else (middle, above)
    return above - share


def categories_gap(shares: Floats, size: float, level: float) -> float:
    """The difference of two sets of shares that the chi-square test detects with 80 % power.

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
    critical = float(_scipy().chdtri(degrees, level))
    half = _half(shares)
    beyond = _concentration(shares, size, critical, degrees)
    return max(_shift(part, size, critical, degrees, beyond) for part in (half, 1 - half))


def _concentration(shares: Floats, size: float, critical: float, degrees: int) -> float:
    """The detectable difference of a sample whose rows are all in some categories; 1 if none is.

    Of categories with the share p together, p below a half's share: the difference is 1 - p and
    the statistic size·(1 - p)/p + chi-square of the other degrees of freedom.
    """
    lack = critical - float(_scipy().chdtri(degrees - 1, POWER))
    p = size / (size + max(lack, 0.0))
    return 1 - p if p >= shares.min() else 1.0


def _half(shares: Floats) -> float:
    """The smaller sum of two balanced halves of the shares."""
    first, second = 0.0, 0.0
    for share in sorted(shares, reverse=True):
        first, second = (first + share, second) if first <= second else (first, second + share)
    return min(first, second)


def _shift(half: float, size: float, critical: float, degrees: int, beyond: float) -> float:
    """The detectable increase of a half's share; ``beyond`` if even an increase to 1 isn't."""
    variance = half * (1 - half)
    low, high = 0.0, 1 - half
    for step in range(STEPS):
        middle = high if not step else (low + high) / 2
        scale = math.sqrt(max((half + middle) * (1 - half - middle), 0.0) / variance)
        shifted = (middle * math.sqrt(size / variance) + scale * _NODES) ** 2
        tails = _scipy().chdtrc(degrees - 1, np.maximum(critical - shifted, 0.0))
        if float((_NODE_WEIGHTS * tails).sum()) >= POWER:
            high = middle
        elif not step:
            return beyond
        else:
            low = middle
    return high


@dataclass(frozen=True)
class DetectionBasis:
    """The groups that a test compared, for its smallest detectable difference.

    The shares are empty for a test of distribution functions. ``level_share`` is this test's share
    of the significance level. ``is_of_frequent`` if only single values are tested: the share is
    that of the most frequent one.
    """

    shares: Floats
    size: float
    level_share: float
    population: int = UNLIMITED
    is_of_frequent: bool = False

    def gap(self, level: float) -> float:
        own = level * self.level_share
        if self.is_of_frequent:
            return frequent_gap(float(self.shares[0]), self.size, own, self.population)
        if not len(self.shares):
            return distribution_gap(self.size, own)
        if len(self.shares) == 1:
            return share_gap(float(self.shares[0]), self.size, own, self.population)
        return categories_gap(self.shares, self.size, own)


GRID = np.linspace(0.02, 0.98, 49)
"""Quantiles of the base where the variance of the distribution function is computed."""


@dataclass(frozen=True)
class ColumnTest:
    p_value: float
    basis: DetectionBasis


@dataclass(frozen=True)
class ComparedRows:
    """The rows of both tables with their weights.

    The population has UNLIMITED rows unless the second rows are a simple random sample of the
    first.
    """

    first: WeightedRows
    second: WeightedRows
    population: int

    @property
    def sizes(self) -> tuple[float, float]:
        return self.first.tested_size, self.second.tested_size

    def joint(self, first: float, second: float) -> float:
        """The effective size of a difference, with the finite population correction if known."""
        if self.population < UNLIMITED and math.isinf(first):
            return drawn_size(second, self.population)
        return joint_size(first, second)


@dataclass(frozen=True)
class ColumnPair:
    """The values of a column in both tables; ``is_drawn`` if the second is drawn from the first."""

    first: ColumnValues
    second: ColumnValues
    is_drawn: bool

    def rows(self, *, with_value: bool) -> ComparedRows:
        """All rows, or those with a value."""
        first, second = (
            values.weighted.of(values.usable) if with_value else values.weighted
            for values in (self.first, self.second)
        )
        is_simple = self.is_drawn and second.is_simple
        return ComparedRows(first, second, len(first.weights) if is_simple else UNLIMITED)


def missing_test(pair: ColumnPair) -> ColumnTest:
    """The exact test of the shares of missing values."""
    rows, one, two = pair.rows(with_value=False), pair.first, pair.second
    shares = np.array([one.missing_share]), np.array([two.missing_share])
    expected = float(expected_shares(*shares, *rows.sizes)[0])
    both = np.array([1 - expected, expected])
    first_size, second_size = (
        float(values.weighted.share_sizes(values.missing.astype(np.int64), both)[1])
        for values in (one, two)
    )
    drawn = ValueShare(two.missing_share, second_size)
    p_value = share_p(ValueShare(one.missing_share, first_size, rows.population), drawn)
    size = joint_size(first_size, second_size)
    return ColumnTest(p_value, DetectionBasis(np.array([expected]), size, 1.0, rows.population))


def distribution_test(
    rows: ComparedRows, base: Floats, other: Floats, repeated: ColumnTest | None
) -> tuple[float, ColumnTest]:
    """The Kolmogorov-Smirnov distance and its test, combined with that of repeated values."""
    first, second = rows.first, rows.second
    distance = kolmogorov_distance(base, first.weights, other, second.weights)
    size = rows.joint(
        _distribution_size(first, base, base), _distribution_size(second, other, base)
    )
    p_value, share = kolmogorov_p(distance, size), 1.0
    if repeated is not None:
        p_value, share = min(2 * min(p_value, repeated.p_value), 1.0), 0.5
    return distance, ColumnTest(p_value, DetectionBasis(np.empty(0), size, share))


def _distribution_size(weighted: WeightedRows, numbers: Floats, base: Floats) -> float:
    """The effective size at the largest variance of the distribution function."""
    if weighted.given_size is not None or weighted.is_simple:
        return weighted.tested_size
    points = np.unique(np.quantile(base, GRID))
    below = np.searchsorted(np.sort(base), points, side="right") / len(base)
    codes = np.searchsorted(points, numbers, side="left").astype(np.int64)
    # The last code is that of the rows above the last point.
    shares = np.append(below, 1.0)
    sizes = weighted.share_sizes(codes, shares, cumulative=True)[:-1]
    variance = 4 * below * (1 - below)
    return min(weighted.tested_size, float((sizes / np.maximum(variance, 1e-12)).min()))


def categories_test(
    rows: ComparedRows, codes: tuple[Ints, Ints], shares: tuple[Floats, Floats], exact: ColumnTest
) -> ColumnTest:
    """Chi-square of the categories, combined with the exact test of each."""
    expected, size = expected_shares(*shares, *rows.sizes), joint_size(*rows.sizes)
    groups = groups_of_categories(expected, size)
    grouped = [np.bincount(groups, part).astype(np.float64) for part in (*shares, expected)]
    if len(grouped[2]) < 2:
        if not is_rare(expected, size).all():
            return exact
        frequent = replace(exact.basis, shares=expected.max(keepdims=True), is_of_frequent=True)
        return replace(exact, basis=replace(frequent, size=size))
    first_size, second_size = (
        _mean_size(weighted.share_sizes(groups[own], grouped[2]), grouped[2])
        for weighted, own in zip((rows.first, rows.second), codes, strict=True)
    )
    size = rows.joint(first_size, second_size)
    if len(grouped[2]) == 2:
        one = ValueShare(float(grouped[0][0]), first_size, rows.population)
        p_value = share_p(one, ValueShare(float(grouped[1][0]), second_size, rows.population))
    else:
        p_value = chi_square_p(grouped[0], grouped[1], grouped[2], size)
    combined = min(2 * min(p_value, exact.p_value), 1.0)
    return ColumnTest(combined, DetectionBasis(grouped[2], size, 0.5))


def _mean_size(sizes: Floats, shares: Floats) -> float:
    """The size for chi-square, by Rao's and Scott's mean design effect (1981)."""
    if np.isinf(sizes).all():
        return math.inf
    return float((len(shares) - 1) / ((1 - shares) / np.maximum(sizes, 1e-9)).sum())


def exact_test(
    rows: ComparedRows,
    codes: tuple[Ints, Ints],
    shares: tuple[Floats, Floats],
    known: Bools,
    distinct: int,
) -> ColumnTest:
    """Test each value, the group of rare known values and the group of unknown values.

    Both shares have one entry more than there are codes: that of all other values. The base alone
    selected the ``known`` values; values that the sample selected are more frequent in it than in
    the base, so they can't be grouped. The smallest p-value is multiplied by the number of
    ``distinct`` values, which allows for the selection.
    """
    expected = expected_shares(*shares, *rows.sizes)
    rare = known & is_rare(expected, joint_size(*rows.sizes))
    groups = np.where(rare, 1, np.where(known, 0, 2))
    grouped = [np.bincount(groups, part, 3).astype(np.float64) for part in (*shares, expected)]
    of_groups = _pairs(
        rows, (groups[codes[0]], groups[codes[1]]), (grouped[0], grouped[1]), grouped[2]
    )
    pairs = [*_pairs(rows, codes, shares, expected)[:-1], *of_groups[1:]]
    tests = distinct + 2
    one, two = of_groups[1]
    size = joint_size(one.size, two.size)
    basis = DetectionBasis(grouped[2][1:2], size, 1 / tests, rows.population)
    return ColumnTest(min(tests * smallest_share_p(pairs), 1.0), basis)


def _pairs(
    rows: ComparedRows, codes: tuple[Ints, Ints], shares: tuple[Floats, Floats], expected: Floats
) -> list[tuple[ValueShare, ValueShare]]:
    first = rows.first.share_sizes(codes[0], expected)
    second = rows.second.share_sizes(codes[1], expected)
    return [
        (ValueShare(float(one), float(size), rows.population), ValueShare(float(two), float(other)))
        for one, size, two, other in zip(shares[0], first, shares[1], second, strict=True)
    ]
