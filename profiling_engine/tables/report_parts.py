"""The parts that a report adds to a profile: correlations, missing values, example rows.

A correlation uses the rows with both values, of the whole table up to 200,000 rows, else of the
profile's sample. Patterns are exact. The seed determines the random rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, compress
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part, watched
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import RowSet, Statement, read_rows, rows_at, rows_statement
from parquet_tables.tables import Column, TableFiles
from profiling_engine.columns.kinds import ColumnKind, kind_of
from profiling_engine.columns.passes import (
    Budget,
    OutOfTime,
    Run,
    choose_rows,
    distinct_numbers,
    rows_of,
)
from profiling_engine.columns.profile import ProfilePart

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
"""Codes of the values of a column from 0; -1 for a missing value."""

SMALLEST_VARIANCE = 1e-12


def pearson(columns: Floats) -> Floats:
    """Pearson's correlation of each pair of columns, over the rows with both values.

    ``columns`` has the shape (rows, columns), with NaN for a missing value; the result is NaN if a
    column is constant in the common rows.
    """
    present = ~np.isnan(columns)
    indicator = present.astype(np.float64)
    z = _scaled(columns, present)
    n = indicator.T @ indicator
    sums = z.T @ indicator  # the sum of the first column over the common rows
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = z.T @ z / n - sums * sums.T / n**2
        variance = (z * z).T @ indicator / n - (sums / n) ** 2
        variance[variance < SMALLEST_VARIANCE] = np.nan
        found: Floats = covariance / np.sqrt(variance * variance.T)
    return np.clip((found + found.T) / 2, -1.0, 1.0)


def _scaled(columns: Floats, present: NDArray[np.bool_]) -> Floats:
    """Scale columns to mean 0 and variance 1; missing values become 0."""
    filled = np.where(present, columns, 0.0)
    largest = np.abs(filled).max(axis=0, initial=0.0)
    filled = filled / np.where(largest > 0, largest, 1.0)  # squares of huge numbers overflow
    rows = np.maximum(present.sum(axis=0), 1)
    z = np.where(present, filled - filled.sum(axis=0) / rows, 0.0)
    deviation = np.sqrt((z * z).sum(axis=0) / rows)
    lowest = np.where(present, columns, np.inf).min(axis=0, initial=np.inf)
    highest = np.where(present, columns, -np.inf).max(axis=0, initial=-np.inf)
    scaled: Floats = z / np.where(lowest < highest, deviation, np.inf)
    return scaled


def ranks_in_order(values: Floats) -> Codes:
    codes = np.full(len(values), -1, dtype=np.int64)
    present = ~np.isnan(values)
    codes[present] = np.unique(values[present], return_inverse=True)[1]
    return codes


def spearman(first: Codes, second: Codes) -> float:
    """Spearman's correlation of two columns, with mean ranks for ties."""
    both = (first >= 0) & (second >= 0)
    if not both.any():
        return float("nan")
    ranks = np.column_stack([_mean_ranks(first[both]), _mean_ranks(second[both])])
    return float(pearson(ranks)[0, 1])


def _mean_ranks(codes: Codes) -> Floats:
    rows = np.bincount(codes)
    ranks: Floats = (np.cumsum(rows) - (rows - 1) / 2)[codes]
    return ranks


def cramers_v(first: Codes, second: Codes) -> float:
    """Cramér's V of two columns with the bias correction of Bergsma (2013)."""
    both = (first >= 0) & (second >= 0)
    n = int(both.sum())
    if n < 2:
        return float("nan")
    width = int(second.max()) + 1
    cells = np.bincount(first[both] * width + second[both], minlength=(first.max() + 1) * width)
    table = cells.reshape(-1, width).astype(np.float64)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    rows, columns = table.shape
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi_squared = float(((table - expected) ** 2 / expected).sum()) / n
    corrected = max(0.0, phi_squared - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return min((corrected / smaller) ** 0.5, 1.0) if smaller > 0 else float("nan")


WHOLE_ROWS = 200_000
MAX_COLUMNS = 40
MAX_CATEGORIES = 50
READ_ENDS = 0.4
Measure = Literal["pearson", "spearman", "cramers_v"]


@dataclass(frozen=True)
class Matrix:
    """A measure of each pair of columns; NaN if undefined."""

    measure: Measure
    columns: tuple[str, ...]
    values: Floats

    def as_json(self) -> dict[str, object]:
        rows = [
            [None if np.isnan(value) else round(float(value), 6) for value in row]
            for row in self.values
        ]
        return {"measure": self.measure, "columns": list(self.columns), "values": rows}


class Correlations(ProfilePart):
    """All measures, on the same rows; ``left_out`` are those beyond 40 or with too many values."""

    rows: int
    accuracy: Literal["exact", "estimated"]
    matrices: tuple[Matrix, ...]
    left_out: tuple[str, ...]


def correlate(
    database: ParquetDatabase,
    table: TableFiles,
    numbers: Sequence[str],
    categories: Sequence[str],
    *,
    seed: int | str,
    max_rows: int = WHOLE_ROWS,
    on_progress: ProgressCallback = ignore_progress,
) -> Correlations:
    """Correlate columns.

    ``numbers`` are columns of numbers or times for Pearson's and Spearman's correlation, and
    ``categories`` columns of up to 50 values for Cramér's V. A table of up to ``max_rows`` rows is
    read whole, of others the rows that ``seed`` chooses.
    """
    ordered = [kind_of(table.column(name)) for name in numbers[:MAX_COLUMNS]]
    grouped = [kind_of(table.column(name)) for name in categories[:MAX_COLUMNS]]
    step = progress_part(on_progress, 0.0, READ_ENDS)
    values, codes, rows = _read(database, table, ordered, grouped, seed, max_rows, step)
    # The numbers of distinct values in the profile may be estimates.
    few = [int(column.max(initial=-1)) < MAX_CATEGORIES for column in codes]
    many = [kind.column.name for kind, is_few in zip(grouped, few, strict=True) if not is_few]
    grouped, codes = list(compress(grouped, few)), list(compress(codes, few))
    unrelated = [*numbers[MAX_COLUMNS:], *many, *categories[MAX_COLUMNS:]]
    left_out = tuple(dict.fromkeys(unrelated))
    step = progress_part(on_progress, READ_ENDS, 1.0)
    matrices: list[Matrix] = []
    names = tuple(kind.column.name for kind in ordered)
    if len(ordered) > 1:
        ranks = [ranks_in_order(column) for column in values.T]
        matrices.append(Matrix("pearson", names, pearson(values)))
        ranked = _pairs(spearman, ranks, progress_part(step, 0.0, 0.6), "ranking columns")
        matrices.append(Matrix("spearman", names, ranked))
    if len(grouped) > 1:
        together = _pairs(cramers_v, codes, progress_part(step, 0.6, 1.0), "relating categories")
        names = tuple(kind.column.name for kind in grouped)
        matrices.append(Matrix("cramers_v", names, together))
    on_progress(1.0, "columns related")
    accuracy: Literal["exact", "estimated"] = "exact" if rows == table.row_count else "estimated"
    return Correlations(rows, accuracy, tuple(matrices), left_out)


def read_statement(
    table: TableFiles,
    ordered: Sequence[ColumnKind],
    grouped: Sequence[ColumnKind],
    rows: RowSet | None,
) -> Statement:
    """Select ``x0``, ``x1`` … on their axes as DOUBLE, and the hashes ``h0``, ``h1`` …"""
    selected = [
        f"CAST({kind.axis.sql(kind.value_sql())} AS DOUBLE) AS x{at}"
        for at, kind in enumerate(ordered)
        if kind.axis is not None
    ]
    selected += [
        f"CASE WHEN {kind.value_sql()} IS NOT NULL THEN hash({kind.value_sql()}) END AS h{at}"
        for at, kind in enumerate(grouped)
    ]
    columns = list(dict.fromkeys(kind.column for kind in (*ordered, *grouped)))
    if rows is None:
        return rows_of(table, columns, ", ".join(selected))
    return rows_at(table, ", ".join(selected), rows)


def _read(
    database: ParquetDatabase,
    table: TableFiles,
    ordered: Sequence[ColumnKind],
    grouped: Sequence[ColumnKind],
    seed: int | str,
    max_rows: int,
    on_progress: ProgressCallback,
) -> tuple[Floats, list[Codes], int]:
    """Values on their axes, shape (rows, columns); codes of each grouped column; rows."""
    whole = table.row_count <= max_rows
    sample = choose_rows(table, seed)
    rows = table.row_count if whole else sample.size.rows
    if not ordered and not grouped:
        return np.empty((rows, 0)), [], rows
    sql, params = read_statement(table, ordered, grouped, None if whole else sample.row_set)
    with database.cursor(table) as cursor:
        sample.register(cursor)
        with watched(cursor, on_progress, "reading rows to relate columns"):
            read = cursor.execute(sql, params).fetchnumpy()
    values = np.empty((rows, len(ordered)))
    for at in range(len(ordered)):
        values[:, at] = np.ma.filled(read[f"x{at}"], np.nan)
    return values, [_codes(read[f"h{at}"]) for at in range(len(grouped))], rows


def _codes(hashes: Any) -> Codes:
    """Codes of a column by its values' 64-bit hashes, which are distinct for 50 values."""
    found = np.ma.asarray(hashes)
    present = ~np.ma.getmaskarray(found)
    codes = np.full(len(found), -1, dtype=np.int64)
    codes[present] = np.unique(found.data[present], return_inverse=True)[1]
    return codes


def _pairs(
    measure: Any, columns: Sequence[Codes], on_progress: ProgressCallback, message: str
) -> Floats:
    found = np.full((len(columns), len(columns)), np.nan)
    for at, codes in enumerate(columns):
        found[at, at] = measure(codes, codes)
    pairs = list(combinations(range(len(columns)), 2))
    for done, (row, column) in enumerate(pairs):
        on_progress(done / len(pairs), message)
        found[row, column] = found[column, row] = measure(columns[row], columns[column])
    return found


MAX_MISSING_COLUMNS = 60
"""The bits of a BIGINT in use."""
MAX_PATTERNS = 20


class Pattern(ProfilePart):
    columns: tuple[str, ...]
    rows: int


class MissingPatterns(ProfilePart):
    """The most frequent patterns, the number of all patterns, and columns beyond the first 60."""

    columns: tuple[str, ...]
    most_frequent: tuple[Pattern, ...]
    patterns: int
    left_out: tuple[str, ...]


def pattern_statement(table: TableFiles, columns: Sequence[Column]) -> Statement:
    """Select the most frequent patterns, their rows, and the number of patterns."""
    bits = " + ".join(
        f"CASE WHEN f.{quote_identifier(column.name)} IS NULL THEN {1 << at}::BIGINT "
        "ELSE 0::BIGINT END"
        for at, column in enumerate(columns)
    )
    rows, params = rows_of(table, columns, f"{bits} AS pattern")
    return (
        "SELECT pattern, count(*) AS n, count(*) OVER () AS patterns "
        f"FROM ({rows}) GROUP BY pattern ORDER BY n DESC, pattern LIMIT {MAX_PATTERNS}",
        params,
    )


def missing_patterns(
    database: ParquetDatabase,
    table: TableFiles,
    columns: Sequence[str],
    *,
    budget_s: float | None = None,
    on_progress: ProgressCallback = ignore_progress,
) -> MissingPatterns | None:
    """Count the patterns of the columns with NULLs; None at the end of the budget."""
    selected_columns = [table.column(name) for name in columns[:MAX_MISSING_COLUMNS]]
    left_out = tuple(columns[MAX_MISSING_COLUMNS:])
    if not selected_columns:
        return MissingPatterns((), (), 0, left_out)
    with database.cursor(table) as cursor:
        run = Run(cursor, table, Budget(budget_s), on_progress, "counting missing values")
        try:
            found = run.fetch(pattern_statement(table, selected_columns))
        except OutOfTime:
            return None
    names = tuple(column.name for column in selected_columns)
    patterns = tuple(
        Pattern(tuple(name for at, name in enumerate(names) if bits >> at & 1), rows)
        for bits, rows, _ in found
    )
    return MissingPatterns(names, patterns, int(found[0][2]) if found else 0, left_out)


SHOWN_ROWS = 10
MAX_SHOWN_COLUMNS = 200
MAX_VALUE_LENGTH = 200


class ShownRows(ProfilePart):
    """Rows as lists of JSON values, and the position of each row from 0."""

    positions: tuple[int, ...]
    rows: tuple[tuple[Any, ...], ...]


class ExampleRows(ProfilePart):
    """The first and last rows and a sample, of the same columns."""

    columns: tuple[str, ...]
    head: ShownRows
    tail: ShownRows
    sample: ShownRows


def example_rows(database: ParquetDatabase, table: TableFiles, *, seed: int | str) -> ExampleRows:
    """Ten rows from each end, without repetition, and ten random rows."""
    columns = table.columns[:MAX_SHOWN_COLUMNS]
    count = table.row_count
    head = range(min(SHOWN_ROWS, count))
    tail = range(max(len(head), count - SHOWN_ROWS), count)
    random = sorted(distinct_numbers(seed, min(SHOWN_ROWS, count), count))
    return ExampleRows(
        tuple(column.name for column in columns),
        *(_rows_at(database, table, columns, positions) for positions in (head, tail, random)),
    )


def _rows_at(
    database: ParquetDatabase, table: TableFiles, columns: Sequence[Column], at: Sequence[int]
) -> ShownRows:
    ordinals = table.ordinals_at(np.array(at, dtype=np.int64))
    rows, params = rows_statement(table, columns, ordinals)
    shown = [_cut(column) for column in columns]
    names = ", ".join(f"{sql} AS {quote_identifier(column.name)}" for sql, column in shown)
    with database.cursor(table) as cursor:
        found = read_rows(
            cursor, (f"SELECT {names} FROM ({rows}) AS t", params), [column for _, column in shown]
        )
    return ShownRows(tuple(at), tuple(tuple(map(_short, row.values())) for row in found))


def _cut(column: Column) -> tuple[str, Column]:
    """The SQL that cuts a column's texts and bytes in DuckDB, and the resulting column."""
    name = f"t.{quote_identifier(column.name)}"
    if column.type in ("VARCHAR", "JSON"):
        return f"left({name}::VARCHAR, {MAX_VALUE_LENGTH + 1})", Column(column.name, "VARCHAR")
    if column.type == "BLOB":
        return f"{name}[1:{MAX_VALUE_LENGTH}]", column
    return name, column


def _short(value: Any) -> Any:
    if isinstance(value, dict | list):
        value = orjson.dumps(value).decode()
    if isinstance(value, str) and len(value) > MAX_VALUE_LENGTH:
        return f"{value[: MAX_VALUE_LENGTH - 1]}…"
    return value
