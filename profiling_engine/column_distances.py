"""How far one column is from another of the same name.

Owns: which figure fits which type. Numbers, dates and times are compared by their distribution
functions, everything of few values by shares; a column in which hardly two rows agree, such as a
key or a free text, says nothing by its values, and is compared by where it has none alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import duckdb
import numpy as np

from parquet_tables.tables import Column
from profiling_engine.column_values import (
    ColumnValues,
    frequent_labels,
    is_nested,
    is_ordered,
    read_labels,
    read_numbers,
)
from profiling_engine.comparison_figures import (
    chi_square,
    expected_shares,
    groups_of_categories,
    joint_size,
    kolmogorov_distance,
    kolmogorov_p,
    shares_differ_p,
    total_variation,
    weighted_mean_and_deviation,
)
from profiling_engine.comparison_parts import Part, categories, intervals
from profiling_engine.comparison_sides import Side
from profiling_engine.sample_design import Floats, Ints, SampleDesign

DistanceKind = Literal["kolmogorov_smirnov", "chi_square"]
MOST_CATEGORIES = 50
FEWEST_AGREEING = 0.5
"""Of the base's rows, the share that the categories must hold together to tell anything."""
GRID = np.linspace(0.02, 0.98, 49)
"""Shares of the base at which a distribution function's variance is looked at."""


@dataclass(frozen=True)
class ColumnDistance:
    """Figures of two columns; shares and distances are fractions from 0 to 1.

    Parameters
    ----------
    standardised_difference : float or None
        Difference of the means by the base's standard deviation; for numbers, dates and times.
    distance : float
        Kolmogorov-Smirnov's, or the share of rows that would have to be of another category.
    p_value, missing_p_value : float
        How likely chance alone makes the values, and the share without one, differ so.
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

    @property
    def means(self) -> tuple[float, float] | None:
        """Both sides' means, where there are any."""
        if self.base_mean is None or self.other_mean is None:
            return None
        return self.base_mean, self.other_mean


@dataclass(frozen=True)
class _Found:
    """What the values tell, beside where they are missing."""

    base_mean: float | None = None
    other_mean: float | None = None
    standardised_difference: float | None = None
    distance: float = 0.0
    p_value: float = 1.0
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class _Read:
    """Both sides' values, and for how many rows each side stands; None is told by the design."""

    first: ColumnValues
    second: ColumnValues
    first_size: float | None
    second_size: float | None

    def usable(self) -> tuple[SampleDesign, SampleDesign]:
        """The designs of the rows whose values are compared."""
        return (
            self.first.design.of(self.first.usable),
            self.second.design.of(self.second.usable),
        )


def column_distance(
    cursor: duckdb.DuckDBPyConnection, base: Side, one: Column, other: Side, two: Column
) -> ColumnDistance | None:
    """Compare two columns; None when they can't be, being of different kinds or nested."""
    if is_ordered(one) and is_ordered(two):
        first, second = read_numbers(cursor, base, one), read_numbers(cursor, other, two)
        read = _Read(first, second, base.size, other.size)
        return _with_missing("kolmogorov_smirnov", read, _by_distribution(read, one))
    if is_ordered(one) or is_ordered(two) or is_nested(one, two):
        return None
    labels = frequent_labels(cursor, base, one, MOST_CATEGORIES)
    first, second = (
        read_labels(cursor, side, column, labels) for side, column in ((base, one), (other, two))
    )
    read = _Read(first, second, base.size, other.size)
    return _with_missing("chi_square", read, _by_shares(read, labels))


def _with_missing(kind: DistanceKind, read: _Read, found: _Found) -> ColumnDistance:
    """The column's figures, with a test of the shares that have no value."""
    first, second = read.first, read.second
    sizes = _size(read.first_size, first.design), _size(read.second_size, second.design)
    shares = np.array([first.missing_share]), np.array([second.missing_share])
    expected = float(expected_shares(*shares, *sizes)[0])
    spread = expected * (1 - expected)
    if read.second_size is None and spread > 0 and second.rows:
        null = np.array([1 - expected, expected])
        variance = second.design.variances(second.missing.astype(np.int64), null)[1]
        sizes = sizes[0], second.design.size_for(variance / spread)
    return ColumnDistance(
        kind,
        first.rows,
        second.rows,
        first.missing_share,
        second.missing_share,
        found.base_mean,
        found.other_mean,
        found.standardised_difference,
        found.distance,
        found.p_value,
        shares_differ_p(first.missing_share, second.missing_share, expected, joint_size(*sizes)),
        found.parts,
    )


def _size(given: float | None, design: SampleDesign) -> float:
    return design.size if given is None else given


def _size_with_value(given: float | None, part: SampleDesign, whole: SampleDesign) -> float:
    """For how many rows those with a value stand."""
    return part.size if given is None else given * (part.total / whole.total)


def _by_distribution(read: _Read, column: Column) -> _Found:
    base, other = read.first.numbers[read.first.usable], read.second.numbers[read.second.usable]
    if not len(base) or not len(other):
        return _Found()
    first, second = read.usable()
    base_mean, deviation = weighted_mean_and_deviation(base, first.weights)
    other_mean, _ = weighted_mean_and_deviation(other, second.weights)
    distance = kolmogorov_distance(base, first.weights, other, second.weights)
    base_size = _size_with_value(read.first_size, first, read.first.design)
    other_size = _size_with_value(read.second_size, second, read.second.design)
    if read.second_size is None:
        other_size = second.size_for(4 * _largest_variance(base, other, second))
    shift = other_mean - base_mean
    return _Found(
        base_mean,
        other_mean,
        shift / deviation if deviation > 0 else float(np.sign(shift)),
        distance,
        kolmogorov_p(distance, joint_size(base_size, other_size)),
        intervals(column, base, first.weights, other, second.weights),
    )


def _largest_variance(base: Floats, other: Floats, design: SampleDesign) -> float:
    """The largest variance of the other's distribution function; a quarter for a single row."""
    points = np.unique(np.quantile(base, GRID))
    below = np.searchsorted(np.sort(base), points, side="right") / len(base)
    codes = np.searchsorted(points, other, side="left").astype(np.int64)
    # The last code is of those beyond the last point: all rows are at or below it.
    variances = design.variances(codes, np.append(below, 1.0), cumulative=True)
    return float(variances.max())


def _by_shares(read: _Read, labels: list[str]) -> _Found:
    first, second = read.usable()
    count = len(labels) + 1
    if not first.total or not second.total:
        return _Found()
    base, other = (
        np.bincount(side.codes[side.usable], design.weights, count) / design.total
        for side, design in ((read.first, first), (read.second, second))
    )
    if base[:-1].sum() < FEWEST_AGREEING:
        return _Found()
    sizes = (
        _size_with_value(read.first_size, first, read.first.design),
        _size_with_value(read.second_size, second, read.second.design),
    )
    expected = expected_shares(base, other, *sizes)
    groups = groups_of_categories(expected, joint_size(*sizes))
    if read.second_size is None:
        codes = groups[read.second.codes[read.second.usable]]
        sizes = sizes[0], _size_of_shares(second, codes, _together(expected, groups))
    base_tested, other_tested = _together(base, groups), _together(other, groups)
    _, p_value, _ = chi_square(
        base_tested, other_tested, _together(expected, groups), joint_size(*sizes)
    )
    distance = total_variation(base, other)
    return _Found(distance=distance, p_value=p_value, parts=categories(labels, base, other))


def _together(shares: Floats, groups: Ints) -> Floats:
    """The shares of groups of categories."""
    return np.bincount(groups, shares).astype(np.float64)


def _size_of_shares(design: SampleDesign, codes: Ints, expected: Floats) -> float:
    """The size that chi-square of these categories has, by Rao's and Scott's mean design effect."""
    degrees = len(expected) - 1
    if not degrees or math.isclose(design.total, 0):
        return design.size
    ratio = float((design.variances(codes, expected) / expected).sum()) / degrees
    return design.size_for(ratio)
