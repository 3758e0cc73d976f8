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
    ComparedTable,
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
class DesignedRows:
    """The rows of one table, or those with a value, with their sampling design."""

    design: SampleDesign
    given_size: float | None

    def size(self) -> float:
        return self.design.tested_size if self.given_size is None else self.given_size

    def sizes(self, codes: Ints, shares: Floats, *, cumulative: bool = False) -> Floats:
        if self.given_size is None:
            return self.design.share_sizes(codes, shares, cumulative=cumulative)
        return np.full(len(shares), self.given_size)


@dataclass(frozen=True)
class ComparedRows:
    """The rows of a column in both tables, and the size of the population."""

    first: DesignedRows
    second: DesignedRows
    population: int
    """UNLIMITED unless the rows are a simple random sample of the base."""

    @property
    def has_population(self) -> bool:
        """Whether the first table is a population, without sampling error."""
        return math.isinf(self.first.size())

    def joint(self, first: float, second: float) -> float:
        """The effective size of a difference, with the finite population correction if known."""
        if self.population < UNLIMITED and math.isinf(first):
            return drawn_size(second, self.population)
        return joint_size(first, second)


def compared_rows(
    base: ComparedTable,
    first: ColumnValues,
    other: ComparedTable,
    second: ColumnValues,
    *,
    with_value: bool,
) -> ComparedRows:
    rows = []
    for table, values in ((base, first), (other, second)):
        design = values.design.of(values.usable) if with_value else values.design
        size = table.size
        if size is not None and math.isfinite(size) and with_value and values.rows:
            size *= design.total / values.design.total
        rows.append(DesignedRows(design, size))
    is_drawn = other.drawn_from_base and math.isinf(base.size or 0) and rows[1].design.is_simple
    population = len(rows[0].design.weights) if is_drawn else UNLIMITED
    return ComparedRows(rows[0], rows[1], population)


def missing_test(rows: ComparedRows, first: ColumnValues, second: ColumnValues) -> ColumnTest:
    one, two = first.missing_share, second.missing_share
    sizes = rows.first.size(), rows.second.size()
    shares = np.array([one]), np.array([two])
    expected = float(expected_shares(*shares, *sizes)[0])
    both = np.array([1 - expected, expected])
    first_size, second_size = (
        float(side.sizes(values.missing.astype(np.int64), both)[1])
        for side, values in ((rows.first, first), (rows.second, second))
    )
    p_value = share_p(Share(one, first_size, rows.population), Share(two, second_size))
    size = second_size if math.isinf(first_size) else joint_size(first_size, second_size)
    return ColumnTest(p_value, DetectionBasis(np.array([expected]), size, 1.0, rows.population))


def distribution_test(
    rows: ComparedRows, base: Floats, other: Floats, repeated: ColumnTest | None
) -> tuple[float, ColumnTest]:
    """The Kolmogorov-Smirnov distance and its test, combined with that of repeated values."""
    first, second = rows.first, rows.second
    distance = kolmogorov_distance(base, first.design.weights, other, second.design.weights)
    sizes = [
        _distribution_size(side, numbers, base)
        for side, numbers in ((first, base), (second, other))
    ]
    size = rows.joint(*sizes)
    p_value, share = kolmogorov_p(distance, size), 1.0
    if repeated is not None:
        p_value, share = min(2 * min(p_value, repeated.p_value), 1.0), 0.5
    return distance, ColumnTest(p_value, DetectionBasis(np.empty(0), size, share))


def _distribution_size(side: DesignedRows, numbers: Floats, base: Floats) -> float:
    """The effective size at the largest variance of the distribution function."""
    if side.given_size is not None or side.design.is_simple:
        return side.size()
    points = np.unique(np.quantile(base, GRID))
    below = np.searchsorted(np.sort(base), points, side="right") / len(base)
    codes = np.searchsorted(points, numbers, side="left").astype(np.int64)
    # The last code is that of the rows above the last point.
    shares = np.append(below, 1.0)
    sizes = side.sizes(codes, shares, cumulative=True)[:-1]
    variance = 4 * below * (1 - below)
    return min(side.size(), float((sizes / np.maximum(variance, 1e-12)).min()))


def categories_test(
    rows: ComparedRows, codes: tuple[Ints, Ints], shares: tuple[Floats, Floats], exact: ColumnTest
) -> ColumnTest:
    """Chi-square of the categories, combined with the exact test of each."""
    sizes = rows.first.size(), rows.second.size()
    expected = expected_shares(*shares, *sizes)
    groups = groups_of_categories(expected, joint_size(*sizes))
    grouped = [np.bincount(groups, part).astype(np.float64) for part in (*shares, expected)]
    if len(grouped[2]) < 2:
        no_group = is_rare(expected, joint_size(*sizes)).all()
        return replace(exact, basis=NOTHING_DETECTABLE) if no_group else exact
    of_groups = [
        _mean_size(side.sizes(groups[own], grouped[2]), grouped[2])
        for side, own in zip((rows.first, rows.second), codes, strict=True)
    ]
    size = rows.joint(*of_groups)
    if len(grouped[2]) == 2:
        p_value = share_p(
            *(
                Share(float(part[0]), of_groups[at], rows.population)
                for at, part in enumerate(grouped[:2])
            )
        )
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
    sizes = rows.first.size(), rows.second.size()
    expected = expected_shares(*shares, *sizes)
    rare = known & is_rare(expected, joint_size(*sizes))
    groups = np.where(rare, 1, np.where(known, 0, 2))
    grouped = [np.bincount(groups, part, 3).astype(np.float64) for part in (*shares, expected)]
    of_groups = _pairs(
        rows, (groups[codes[0]], groups[codes[1]]), (grouped[0], grouped[1]), grouped[2]
    )
    pairs = [*_pairs(rows, codes, shares, expected)[:-1], *of_groups[1:]]
    tests = distinct + 2
    one, two = of_groups[1]
    size = two.size if math.isinf(one.size) else joint_size(one.size, two.size)
    basis = DetectionBasis(grouped[2][1:2], size, 1 / tests, rows.population)
    return ColumnTest(min(tests * smallest_share_p(pairs), 1.0), basis)


def _pairs(
    rows: ComparedRows, codes: tuple[Ints, Ints], shares: tuple[Floats, Floats], expected: Floats
) -> list[tuple[Share, Share]]:
    first = rows.first.sizes(codes[0], expected)
    second = rows.second.sizes(codes[1], expected)
    return [
        (Share(float(one), float(size), rows.population), Share(float(two), float(other)))
        for one, size, two, other in zip(shares[0], first, shares[1], second, strict=True)
    ]
