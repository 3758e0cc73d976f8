"""Significance tests of one column: its values, and the share of missing values.

Values have a Kolmogorov-Smirnov or chi-square test and exact tests of single values, which detect
rare categories. The p-value of two tests is twice the smaller one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from profiling_engine.comparison.compared_table import (
    Bools,
    ColumnValues,
    Floats,
    Ints,
    SampleDesign,
)
from profiling_engine.comparison.significance import (
    UNLIMITED,
    DetectionBasis,
    Share,
    chi_square_p,
    drawn_size,
    expected_shares,
    groups_of_categories,
    is_rare,
    joint_size,
    kolmogorov_distance,
    kolmogorov_p,
    share_p,
    smallest_share_p,
)

GRID = np.linspace(0.02, 0.98, 49)
"""Quantiles of the base where the variance of the distribution function is computed."""


NOTHING_DETECTABLE = DetectionBasis(np.empty(0), 0.0, 1.0)


@dataclass(frozen=True)
class ColumnTest:
    p_value: float
    basis: DetectionBasis


@dataclass(frozen=True)
class ComparedRows:
    """The designs of the rows of both tables.

    The population has UNLIMITED rows unless the second rows are a simple random sample of the
    first.
    """

    first: SampleDesign
    second: SampleDesign
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
            values.design.of(values.usable) if with_value else values.design
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
        float(values.design.share_sizes(values.missing.astype(np.int64), both)[1])
        for values in (one, two)
    )
    drawn = Share(two.missing_share, second_size)
    p_value = share_p(Share(one.missing_share, first_size, rows.population), drawn)
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


def _distribution_size(design: SampleDesign, numbers: Floats, base: Floats) -> float:
    """The effective size at the largest variance of the distribution function."""
    if design.given_size is not None or design.is_simple:
        return design.tested_size
    points = np.unique(np.quantile(base, GRID))
    below = np.searchsorted(np.sort(base), points, side="right") / len(base)
    codes = np.searchsorted(points, numbers, side="left").astype(np.int64)
    # The last code is that of the rows above the last point.
    shares = np.append(below, 1.0)
    sizes = design.share_sizes(codes, shares, cumulative=True)[:-1]
    variance = 4 * below * (1 - below)
    return min(design.tested_size, float((sizes / np.maximum(variance, 1e-12)).min()))


def categories_test(
    rows: ComparedRows, codes: tuple[Ints, Ints], shares: tuple[Floats, Floats], exact: ColumnTest
) -> ColumnTest:
    """Chi-square of the categories, combined with the exact test of each."""
    expected, size = expected_shares(*shares, *rows.sizes), joint_size(*rows.sizes)
    groups = groups_of_categories(expected, size)
    grouped = [np.bincount(groups, part).astype(np.float64) for part in (*shares, expected)]
    if len(grouped[2]) < 2:
        no_group = is_rare(expected, size).all()
        return replace(exact, basis=NOTHING_DETECTABLE) if no_group else exact
    first_size, second_size = (
        _mean_size(design.share_sizes(groups[own], grouped[2]), grouped[2])
        for design, own in zip((rows.first, rows.second), codes, strict=True)
    )
    size = rows.joint(first_size, second_size)
    if len(grouped[2]) == 2:
        one = Share(float(grouped[0][0]), first_size, rows.population)
        p_value = share_p(one, Share(float(grouped[1][0]), second_size, rows.population))
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
) -> list[tuple[Share, Share]]:
    first = rows.first.share_sizes(codes[0], expected)
    second = rows.second.share_sizes(codes[1], expected)
    return [
        (Share(float(one), float(size), rows.population), Share(float(two), float(other)))
        for one, size, two, other in zip(shares[0], first, shares[1], second, strict=True)
    ]
