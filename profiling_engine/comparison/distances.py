"""The distance of two columns with the same name, its significance and the parts of its chart.

Numbers, dates and times are compared by distribution functions, other types by shares of
categories. Keys and free texts have no distance, only the exact tests of single values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypedDict

import duckdb
import numpy as np

from contract.declarations import Help
from lazy_dataclasses import dataclass
from parquet_tables.tables import Column
from profiling_engine.columns.kinds import kind_of
from profiling_engine.comparison.compared_table import (
    ComparedColumn,
    Floats,
    Ints,
    frequent_labels,
    read_labels,
    read_numbers,
)
from profiling_engine.comparison.significance import (
    ColumnPair,
    ColumnTest,
    ComparedRows,
    DetectionBasis,
    categories_test,
    distribution_test,
    exact_test,
    missing_test,
    total_variation,
    weighted_mean_and_deviation,
)

DistanceKind = Literal["kolmogorov_smirnov", "chi_square"]


@dataclass(frozen=True)
class ColumnDistance:
    """Figures of two columns; shares and distances are fractions from 0 to 1.

    ``distance`` is the Kolmogorov-Smirnov distance or the total variation, among the rows with a
    value; ``standardised_difference`` that of the means, in standard deviations of the base. A
    basis is None if the values have no distance.
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
        if self.base_mean is None or self.other_mean is None:
            return None
        return self.base_mean, self.other_mean

    def detectable(self, level: float) -> float | None:
        return None if self.value_basis is None else self.value_basis.gap(level)

    def detectable_rows(self, level: float) -> float:
        """The smallest detectable difference as a share of all rows."""
        missing = self.missing_basis.gap(level)
        return max(missing, (self.detectable(level) or 0.0) * (1 - self.base_missing))


INTERVALS = 20
CATEGORIES = 12
OTHER = "(other)"


class PartShares(TypedDict):
    """A category or an interval, with its share in both tables."""

    label: Annotated[str, Help("A category, or an interval.")]
    base: float
    other: float


def shown(column: Column, number: float) -> str:
    """Format a number of a column; days since 1970 become dates and times.

    >>> shown(Column("day", "DATE"), 19723.2)
    '2024-01-01'
    >>> shown(Column("price", "DOUBLE"), 1234.5678), shown(Column("price", "DOUBLE"), 2542312345.6)
    ('1234.57', '2,542,312,346')
    """
    if not column.data_type.is_time:
        return f"{number:.6g}" if abs(number) < 1e6 else f"{number:,.0f}"
    try:
        time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)
    except OverflowError:  # DuckDB's years go beyond 9999
        return f"day {number:.0f}"
    if column.data_type.is_date:
        return f"{time:%Y-%m-%d}"
    return f"{time:%Y-%m-%d %H:%M}" if column.data_type.is_timestamp else f"{time:%H:%M}"


def intervals(
    column: Column, base: Floats, base_weights: Floats, other: Floats, other_weights: Floats
) -> tuple[PartShares, ...]:
    """Equal intervals over 99 % of the base; the first and the last are open."""
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = np.quantile(base, [0.005, 0.995]).tolist()
    if not low < high or not math.isfinite(high - low):
        return ()
    edges = np.linspace(low, high, INTERVALS + 1)
    shares = [
        np.bincount(np.searchsorted(edges[1:-1], numbers, side="right"), weights, INTERVALS)
        / weights.sum()
        for numbers, weights in ((base, base_weights), (other, other_weights))
    ]
    return tuple(
        PartShares(
            label=f"{shown(column, edges[at])} to {shown(column, edges[at + 1])}",
            base=float(one),
            other=float(two),
        )
        for at, (one, two) in enumerate(zip(*shares, strict=True))
    )


def categories(labels: Sequence[str], base: Floats, other: Floats) -> tuple[PartShares, ...]:
    """The most frequent categories, the one that differs most, and the rest as one.

    ``base`` and ``other`` have one share more than there are labels: that of all other values.
    """
    differing = int(np.argmax(np.abs(other - base)[:-1])) if labels else 0
    shown = [at for at in range(len(labels)) if at < CATEGORIES or at == differing]
    parts = [
        PartShares(label=labels[at], base=float(base[at]), other=float(other[at])) for at in shown
    ]
    rest = [max(1.0 - float(shares[shown].sum()), 0.0) for shares in (base, other)]
    if max(rest) > 1e-9:
        parts.append(PartShares(label=OTHER, base=rest[0], other=rest[1]))
    return tuple(parts)


MAX_CATEGORIES = 50
MIN_REPEATED = 0.5
"""The smallest share of the base's rows in categories that can be compared."""
MIN_SELECTED_ROWS = 20
"""The fewest rows of a value that is selected from both of two samples of one population. A row can
be in both samples, so the most frequent values of a key are those of such rows. They have as many
rows in a small sample as in a large one, and a far larger share.
"""


@dataclass(frozen=True)
class ValueFigures:
    base_mean: float | None = None
    other_mean: float | None = None
    standardised_difference: float | None = None
    distance: float = 0.0
    p_value: float = 1.0
    parts: tuple[PartShares, ...] = ()
    value_basis: DetectionBasis | None = None


def column_distance(
    cursor: duckdb.DuckDBPyConnection, base: ComparedColumn, other: ComparedColumn
) -> ColumnDistance | None:
    """Compare two columns; None if only one of them is ordered."""
    is_drawn = other.table.drawn_from_base and base.table.is_population
    # The base then has all rows of the other, so that its own values are selected by no chance.
    is_part = other.table.drawn_from_base and base.table.is_read_whole
    ordered = [kind_of(compared.column).axis is not None for compared in (base, other)]
    if all(ordered):
        read = ColumnPair(read_numbers(cursor, base), read_numbers(cursor, other), is_drawn)
        return figures_of(
            "kolmogorov_smirnov", read, by_distribution(read, base.column, is_part=is_part)
        )
    if any(ordered):
        return None
    columns = (base, other)
    labels, distinct = _frequent_in_base(cursor, base, other, is_part=is_part)
    own, _ = frequent_labels(cursor, [other], MAX_CATEGORIES)
    more = [label for label in own if label not in set(labels)]
    first, second = (read_labels(cursor, compared, [*labels, *more]) for compared in columns)
    read = ColumnPair(first, second, is_drawn)
    return figures_of("chi_square", read, by_shares(read, labels, len(more), distinct))


def _frequent_in_base(
    cursor: duckdb.DuckDBPyConnection,
    base: ComparedColumn,
    other: ComparedColumn,
    *,
    is_part: bool,
) -> tuple[list[str], int]:
    """The frequent values of the population, or of two samples together, and how many there are.

    Values that one of two samples selects would be more frequent in it than in the other.
    """
    for compared in (base, other):
        if compared.table.is_population:
            return frequent_labels(cursor, [compared], MAX_CATEGORIES)
    selecting = [base] if is_part else [base, other]
    return frequent_labels(cursor, selecting, MAX_CATEGORIES, MIN_SELECTED_ROWS)


def figures_of(kind: DistanceKind, read: ColumnPair, values: ValueFigures) -> ColumnDistance:
    first, second = read.first, read.second
    missing = missing_test(read)
    return ColumnDistance(
        kind=kind,
        base_rows=first.rows,
        other_rows=second.rows,
        base_missing=first.missing_share,
        other_missing=second.missing_share,
        missing_p_value=missing.p_value,
        missing_basis=missing.basis,
        **vars(values),
    )


def by_distribution(read: ColumnPair, column: Column, *, is_part: bool = False) -> ValueFigures:
    """Compare the distribution functions; ``is_part`` if the base has all rows of the other."""
    base, other = read.first.numbers[read.first.usable], read.second.numbers[read.second.usable]
    if not len(base) or not len(other):
        return ValueFigures()
    rows = read.rows(with_value=True)
    weights, other_weights = rows.first.weights, rows.second.weights
    base_mean, deviation = weighted_mean_and_deviation(base, weights)
    other_mean, _ = weighted_mean_and_deviation(other, other_weights)
    repeated = _repeated_values(rows, base, other, is_part=is_part)
    distance, tested = distribution_test(rows, base, other, repeated)
    # Halves, as the difference of two finite numbers may be infinite; they change no digit.
    shift, half = other_mean / 2 - base_mean / 2, deviation / 2
    standardised = shift / half if half > 0 else float(np.sign(shift))
    return ValueFigures(
        base_mean,
        other_mean,
        standardised if math.isfinite(standardised) else None,
        distance,
        tested.p_value,
        intervals(column, base, weights, other, other_weights),
        tested.basis,
    )


def _repeated_values(
    rows: ComparedRows, base: Floats, other: Floats, *, is_part: bool
) -> ColumnTest | None:
    """The exact test of the most frequent numbers; None if few numbers are repeated."""
    values, counts = np.unique(base, return_counts=True)
    if len(values) > MIN_REPEATED * len(base):
        return None
    found, places = np.unique(other, return_inverse=True)
    weights = np.bincount(places, rows.second.weights)
    selected, pooled = values, counts
    if math.isfinite(rows.first.tested_size):
        number = counts
        if not is_part:
            scaled = weights * (rows.second.effective_size / rows.second.total)
            selected, at = np.unique(np.concatenate([values, found]), return_inverse=True)
            pooled = np.bincount(at, np.concatenate([counts, scaled]))
            number = np.bincount(at, np.concatenate([counts, np.bincount(places)]))
        if len(selected) > MAX_CATEGORIES:
            is_kept = number >= MIN_SELECTED_ROWS
            selected, pooled = selected[is_kept], pooled[is_kept]
    frequent = _most_frequent(selected, pooled)
    chosen = np.union1d(frequent, _most_frequent(found, weights))
    known = np.append(np.isin(chosen, frequent), False)
    codes = _codes(base, chosen), _codes(other, chosen)
    shares = _shares(rows, codes, len(chosen) + 1)
    return exact_test(rows, codes, shares, known, len(np.union1d(values, found)))


def _most_frequent(values: Floats, weights: Floats | Ints) -> Floats:
    return values[np.argsort(-weights, kind="stable")[:MAX_CATEGORIES]]


def _codes(numbers: Floats, chosen: Floats) -> Ints:
    """The place of each number in ``chosen``; its length for any other number."""
    places = np.minimum(np.searchsorted(chosen, numbers), len(chosen) - 1)
    return np.where(chosen[places] == numbers, places, len(chosen)).astype(np.int64)


def by_shares(read: ColumnPair, labels: list[str], more: int, distinct: int) -> ValueFigures:
    """Compare the shares of the base's most frequent categories and of all others.

    ``more`` codes after those of ``labels`` are the other table's frequent values, for exact tests.
    """
    rows = read.rows(with_value=True)
    if not rows.first.total or not rows.second.total:
        return ValueFigures()
    codes = read.first.codes[read.first.usable], read.second.codes[read.second.usable]
    all_shares = _shares(rows, codes, len(labels) + more + 1)
    known = len(labels)
    is_known = np.arange(known + more + 1) < known
    exact = exact_test(rows, codes, all_shares, is_known, max(distinct, known + more))
    shares = _with_others(all_shares[0], known), _with_others(all_shares[1], known)
    if shares[0][:-1].sum() < MIN_REPEATED:
        return ValueFigures(p_value=exact.p_value)
    merged = np.minimum(codes[0], known), np.minimum(codes[1], known)
    tested = categories_test(rows, merged, shares, exact)
    return ValueFigures(
        distance=total_variation(*shares),
        p_value=tested.p_value,
        parts=categories(labels, *shares),
        value_basis=tested.basis,
    )


def _shares(rows: ComparedRows, codes: tuple[Ints, Ints], count: int) -> tuple[Floats, Floats]:
    first, second = (
        np.bincount(own, part.weights, count) / part.total
        for own, part in zip(codes, (rows.first, rows.second), strict=True)
    )
    return first, second


def _with_others(shares: Floats, known: int) -> Floats:
    return np.append(shares[:known], shares[known:].sum())
