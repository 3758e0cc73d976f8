"""Which columns of a table go together.

Owns: the columns and rows that are looked at. Invariant: a table of up to 200,000 rows is read
whole; of a larger one the rows of the profile's seeded sample are, and the result says of how many
rows it speaks. No more than 40 columns of each kind are related, the others are named. Used by
reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, compress
from typing import Any, Literal

import numpy as np

from parquet_tables.database import ParquetDatabase
from parquet_tables.pages import rows_at
from parquet_tables.progress import Report, no_report, share_of, watched
from parquet_tables.tables import TableFiles
from profiling_engine.associations import (
    Codes,
    Floats,
    cramers_v,
    pearson,
    ranks_in_order,
    spearman,
)
from profiling_engine.kinds import ColumnKind, kind_of
from profiling_engine.sample import choose_rows
from profiling_engine.sources import Statement, rows_of

WHOLE_ROWS = 200_000
MOST_COLUMNS = 40
MOST_CATEGORIES = 50
READ_ENDS = 0.4
"""Of the whole progress."""

Measure = Literal["pearson", "spearman", "cramers_v"]


@dataclass(frozen=True)
class Matrix:
    """One measure of each pair of some columns; NaN where it isn't defined."""

    measure: Measure
    columns: tuple[str, ...]
    values: Floats

    def as_json(self) -> dict[str, Any]:
        """As a report shows it: rows of the matrix, null where a figure isn't defined."""
        rows = [
            [None if np.isnan(value) else round(float(value), 6) for value in row]
            for row in self.values
        ]
        return {"measure": self.measure, "columns": list(self.columns), "values": rows}


@dataclass(frozen=True)
class Correlations:
    """All measures, on the same rows.

    Parameters
    ----------
    rows, table_rows : int
        Rows that were looked at, of those that there are.
    left_out : tuple of str
        Columns beyond the first 40 of their kind, and those of too many values for a category.
    """

    rows: int
    table_rows: int
    matrices: tuple[Matrix, ...]
    left_out: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As a report shows it."""
        return {
            "rows": self.rows,
            "accuracy": "exact" if self.rows == self.table_rows else "estimated",
            "matrices": [matrix.as_json() for matrix in self.matrices],
            "left_out": list(self.left_out),
        }


def correlate(
    database: ParquetDatabase,
    table: TableFiles,
    numbers: Sequence[str],
    categories: Sequence[str],
    *,
    seed: int | str,
    report: Report = no_report,
) -> Correlations:
    """Relate columns to each other.

    Parameters
    ----------
    numbers, categories : sequence of str
        Columns of numbers or moments, for Pearson's and Spearman's correlation; columns of up to 50
        values of any type, for Cramér's V.
    seed : int or str
        Of the sample of rows.
    """
    ordered = [kind_of(table.column(name)) for name in numbers[:MOST_COLUMNS]]
    grouped = [kind_of(table.column(name)) for name in categories[:MOST_COLUMNS]]
    values, codes, rows = _read(
        database, table, ordered, grouped, seed, share_of(report, 0.0, READ_ENDS)
    )
    # How many values a column has may have been an estimate.
    few = [int(column.max(initial=-1)) < MOST_CATEGORIES for column in codes]
    many = [kind.column.name for kind, is_few in zip(grouped, few, strict=True) if not is_few]
    grouped, codes = list(compress(grouped, few)), list(compress(codes, few))
    unrelated = [*numbers[MOST_COLUMNS:], *many, *categories[MOST_COLUMNS:]]
    left_out = tuple(dict.fromkeys(unrelated))
    step = share_of(report, READ_ENDS, 1.0)
    matrices: list[Matrix] = []
    names = tuple(kind.column.name for kind in ordered)
    if len(ordered) > 1:
        ranks = [ranks_in_order(column) for column in values.T]
        matrices.append(Matrix("pearson", names, pearson(values)))
        ranked = _pairs(spearman, ranks, share_of(step, 0.0, 0.6), "ranking columns")
        matrices.append(Matrix("spearman", names, ranked))
    if len(grouped) > 1:
        together = _pairs(cramers_v, codes, share_of(step, 0.6, 1.0), "relating categories")
        names = tuple(kind.column.name for kind in grouped)
        matrices.append(Matrix("cramers_v", names, together))
    report(1.0, "columns related")
    return Correlations(rows, table.row_count, tuple(matrices), left_out)


def read_statement(
    table: TableFiles, ordered: Sequence[ColumnKind], grouped: Sequence[ColumnKind], *, whole: bool
) -> Statement:
    """Columns ``x0``, ``x1`` … on their axes as DOUBLE; ``h0`` … as hashes, NULL for NULL."""
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
    if whole:
        return rows_of(table, columns, ", ".join(selected))
    return rows_at(table, ", ".join(selected), "picked")


def _read(
    database: ParquetDatabase,
    table: TableFiles,
    ordered: Sequence[ColumnKind],
    grouped: Sequence[ColumnKind],
    seed: int | str,
    report: Report,
) -> tuple[Floats, list[Codes], int]:
    """Values on their axes, shape (rows, columns); codes of each grouped column; rows."""
    whole = table.row_count <= WHOLE_ROWS
    sample = choose_rows(table, seed)
    rows = table.row_count if whole else sample.size.rows
    if not ordered and not grouped:
        return np.empty((rows, 0)), [], rows
    sql, params = read_statement(table, ordered, grouped, whole=whole)
    with database.cursor(table) as cursor:
        sample.register(cursor)
        with watched(cursor, report, "reading rows to relate columns"):
            read = cursor.execute(sql, params).fetchnumpy()
    values = np.empty((rows, len(ordered)))
    for at in range(len(ordered)):
        values[:, at] = np.ma.filled(read[f"x{at}"], np.nan)
    return values, [_codes(read[f"h{at}"]) for at in range(len(grouped))], rows


def _codes(hashes: Any) -> Codes:
    """Codes of a column by its values' 64-bit hashes: of 50 values no two share one."""
    found = np.ma.asarray(hashes)
    present = ~np.ma.getmaskarray(found)
    codes = np.full(len(found), -1, dtype=np.int64)
    codes[present] = np.unique(found.data[present], return_inverse=True)[1]
    return codes


def _pairs(measure: Any, columns: Sequence[Codes], report: Report, message: str) -> Floats:
    """A symmetric matrix of a measure."""
    found = np.full((len(columns), len(columns)), np.nan)
    for at, column in enumerate(columns):
        found[at, at] = measure(column, column)
    pairs = list(combinations(range(len(columns)), 2))
    for done, (one, two) in enumerate(pairs):
        report(done / len(pairs), message)
        found[one, two] = found[two, one] = measure(columns[one], columns[two])
    return found
