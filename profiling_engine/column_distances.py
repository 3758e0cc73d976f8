"""How far one column is from another of the same name.

Owns: which figure fits which type. Numbers, dates and times are compared by their distribution
functions, everything of few values by shares; a column in which hardly two rows agree, such as a
key or a free text, says nothing by its values, and is compared by where it has none alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import duckdb
import numpy as np

from parquet_tables.tables import Column
from profiling_engine.column_values import ColumnValues, is_nested, is_ordered, read_values
from profiling_engine.comparison_figures import (
    chi_square,
    joint_size,
    kolmogorov_distance,
    kolmogorov_p,
    shares_differ_p,
    weighted_mean_and_deviation,
)
from profiling_engine.comparison_sides import Side

DistanceKind = Literal["kolmogorov_smirnov", "chi_square"]
MOST_CATEGORIES = 50
FEWEST_AGREEING = 0.5
"""Of the base's rows, the share that the categories must hold together to tell anything."""
PICTURE_BINS = 20
OTHER = "(other)"


@dataclass(frozen=True)
class Part:
    """A bar of the picture: a category or an interval, with its share on both sides."""

    label: str
    base: float
    other: float


@dataclass(frozen=True)
class ColumnDistance:
    """Figures of two columns; shares and distances are fractions from 0 to 1.

    Parameters
    ----------
    standardised_difference : float or None
        Difference of the means by the base's standard deviation; for numbers, dates and times.
    distance : float
        Kolmogorov-Smirnov's, or Cohen's w of chi-square.
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


def column_distance(
    cursor: duckdb.DuckDBPyConnection, base: Side, one: Column, other: Side, two: Column
) -> ColumnDistance | None:
    """Compare two columns; None when they can't be, being of different kinds or nested."""
    numeric = is_ordered(one) and is_ordered(two)
    if not numeric and (is_ordered(one) or is_ordered(two) or is_nested(one, two)):
        return None
    first, second = (
        read_values(cursor, side, column, numeric=numeric)
        for side, column in ((base, one), (other, two))
    )
    size = joint_size(first.size, second.size)
    missing_p = shares_differ_p(first.missing, second.missing, size)
    if numeric:
        return _by_distribution(first, second, size, missing_p)
    return _by_shares(first, second, size, missing_p)


def _by_distribution(
    first: ColumnValues, second: ColumnValues, size: float, missing_p: float
) -> ColumnDistance:
    if not len(first.numbers) or not len(second.numbers):
        return _nothing("kolmogorov_smirnov", first, second, missing_p)
    base_mean, deviation = weighted_mean_and_deviation(first.numbers, first.weights)
    other_mean, _ = weighted_mean_and_deviation(second.numbers, second.weights)
    distance = kolmogorov_distance(first.numbers, first.weights, second.numbers, second.weights)
    with_value = joint_size(first.size * (1 - first.missing), second.size * (1 - second.missing))
    if deviation > 0:
        shift = (other_mean - base_mean) / deviation
    else:
        shift = 0.0 if other_mean == base_mean else float(np.sign(other_mean - base_mean))
    return ColumnDistance(
        "kolmogorov_smirnov",
        first.rows,
        second.rows,
        first.missing,
        second.missing,
        base_mean,
        other_mean,
        shift,
        distance,
        kolmogorov_p(distance, with_value),
        missing_p,
        _bins(first, second),
    )


def _bins(first: ColumnValues, second: ColumnValues) -> tuple[Part, ...]:
    """A picture of both: intervals of the base with about as many rows each at the edges cut."""
    low, high = np.quantile(first.numbers, [0.005, 0.995])
    if not low < high:
        return ()
    edges = np.linspace(low, high, PICTURE_BINS + 1)
    inner = edges[1:-1]
    shares = [
        np.bincount(np.searchsorted(inner, side.numbers, side="right"), side.weights, PICTURE_BINS)
        / side.weights.sum()
        for side in (first, second)
    ]
    return tuple(
        Part(f"{edges[at]:.6g} to {edges[at + 1]:.6g}", float(one), float(two))
        for at, (one, two) in enumerate(zip(*shares, strict=True))
    )


def _by_shares(
    first: ColumnValues, second: ColumnValues, size: float, missing_p: float
) -> ColumnDistance:
    base_total, other_total = sum(first.labels.values()), sum(second.labels.values())
    named = sorted(first.labels, key=lambda label: (-first.labels[label], label))[:MOST_CATEGORIES]
    held = sum(first.labels[label] for label in named)
    if not base_total or not other_total or held < FEWEST_AGREEING * base_total:
        return _nothing("chi_square", first, second, missing_p)
    base = np.array([*(first.labels[label] for label in named), base_total - held]) / base_total
    other_held = [second.labels.get(label, 0.0) for label in named]
    other = np.array([*other_held, other_total - sum(other_held)]) / other_total
    base, other = np.clip(base, 0, 1), np.clip(other, 0, 1)
    with_value = joint_size(first.size * (1 - first.missing), second.size * (1 - second.missing))
    effect, p_value, _ = chi_square(base, other, with_value)
    parts = [
        Part(label, float(one), float(two))
        for label, one, two in zip([*named, OTHER], base, other, strict=True)
        if label != OTHER or one > 1e-12 or two > 1e-12
    ]
    return ColumnDistance(
        "chi_square",
        first.rows,
        second.rows,
        first.missing,
        second.missing,
        None,
        None,
        None,
        effect,
        p_value,
        missing_p,
        tuple(parts),
    )


def _nothing(
    kind: DistanceKind, first: ColumnValues, second: ColumnValues, missing_p: float
) -> ColumnDistance:
    """Nothing to compare but where values are missing."""
    return ColumnDistance(
        kind,
        first.rows,
        second.rows,
        first.missing,
        second.missing,
        None,
        None,
        None,
        0.0,
        1.0,
        missing_p,
        (),
    )
