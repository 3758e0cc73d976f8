"""The changes between two tables of which every row is read: rows, categories and control totals.

Without sampling error, nothing is tested. Rows and columns are compared by 64-bit hashes, in any
order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from itertools import islice
from typing import Annotated, TypedDict

import duckdb

from contract.declarations import Help
from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import scan_statement
from parquet_tables.tables import Column, TableFiles
from profiling_engine.comparison.compared_table import ComparedColumn
from profiling_engine.comparison.shared_columns import SharedColumn
from profiling_engine.tables.control_totals import MAX_COLUMNS as MAX_SUMMED_COLUMNS
from profiling_engine.tables.control_totals import SUM_DIGITS, control_totals, shown_decimal

LISTED_VALUES = 20
MAX_VALUE_LENGTH = 80
MAX_COUNTED_ROWS = 2_000_000
"""Rows of both tables together up to which rows without an equal row are counted, in a second."""
FEW_VALUES, MAX_CATEGORIES = 20, 1_000
"""A column has categories if it has few distinct values, or at most half as many as rows."""


@dataclass(frozen=True)
class ChangedValues:
    """The numbers of distinct values that only one of the tables has, and the 20 most frequent."""

    added: int = 0
    removed: int = 0
    added_values: tuple[str, ...] = ()
    removed_values: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.added or self.removed)


@dataclass(frozen=True)
class TableChanges:
    """The changes of the columns that both tables have with the same type.

    Rows without an equal row in the other table count each; of large tables they aren't counted. A
    column has changed if its values or their numbers of rows differ.
    """

    has_other_rows: bool
    rows_only_in_base: int | None
    rows_only_in_other: int | None
    changed_columns: tuple[str, ...]


def table_changes(
    cursor: duckdb.DuckDBPyConnection,
    base: TableFiles,
    other: TableFiles,
    columns: Sequence[Column],
) -> TableChanges:
    """Compare all rows of two tables by hashes, in any order of the rows."""
    counts = base.row_count, other.row_count
    names = tuple(column.name for column in columns)
    if not columns or not min(counts):
        changed = counts[0] != counts[1]
        return TableChanges(changed, *counts, names if changed else ())
    cells = [f"f.{quote_identifier(name)}" for name in names]
    hashes = [*(f"hash({cell})" for cell in cells), f"hash({', '.join(cells)})"]
    sums = ", ".join(f"sum(h{at})" for at in range(len(hashes)))
    listed = [f"{value} AS h{at}" for at, value in enumerate(hashes)]
    scans = [scan_statement(table, listed) for table in (base, other)]
    one, two = (
        cursor.execute(f"SELECT {sums} FROM ({sql})", params).fetchall()[0] for sql, params in scans
    )
    changed_columns = tuple(
        name for name, *pair in zip(names, one[:-1], two[:-1], strict=True) if pair[0] != pair[1]
    )
    only: tuple[int | None, int | None] = (None, None)
    if sum(counts) <= MAX_COUNTED_ROWS:
        only = _unequal_rows(cursor, base, other, hashes[-1])
    return TableChanges(one[-1] != two[-1], *only, changed_columns)


def _unequal_rows(
    cursor: duckdb.DuckDBPyConnection, base: TableFiles, other: TableFiles, row_hash: str
) -> tuple[int, int]:
    """The rows of each table that have no equal row in the other one."""
    scans = [scan_statement(table, [f"{row_hash} AS v"]) for table in (base, other)]
    joined = _counts_joined(*(f"SELECT v, count(*) FROM ({sql}) GROUP BY v" for sql, _ in scans))
    ((only_base, only_other),) = cursor.execute(
        "SELECT sum(greatest(base_n - other_n, 0)), sum(greatest(other_n - base_n, 0)) "
        f"FROM {joined}",
        [*scans[0][1], *scans[1][1]],
    ).fetchall()
    return int(only_base), int(only_other)


def changed_values(
    cursor: duckdb.DuckDBPyConnection, base: ComparedColumn, other: ComparedColumn
) -> ChangedValues | None:
    """The categories that only one of the tables has; None for a sample or for free texts."""
    scans = []
    for column in (base, other):
        table = column.table.all_rows
        if table is None or not _has_categories(cursor, column):
            return None
        scans.append(scan_statement(table, [f"{column.text_sql} AS v"]))
    joined = _counts_joined(*(f"SELECT v, count(*) FROM ({sql}) GROUP BY v" for sql, _ in scans))
    listed = [
        cursor.execute(
            f"SELECT left(v, {MAX_VALUE_LENGTH}), count(*) OVER () FROM {joined} "
            f"WHERE {lacking} = 0 AND v IS NOT NULL ORDER BY {having} DESC, v "
            f"LIMIT {LISTED_VALUES}",
            [*scans[0][1], *scans[1][1]],
        ).fetchall()
        for having, lacking in (("other_n", "base_n"), ("base_n", "other_n"))
    ]
    added, removed = (rows[0][1] if rows else 0 for rows in listed)
    added_values, removed_values = (tuple(value for value, _ in rows) for rows in listed)
    return ChangedValues(added, removed, added_values, removed_values)


def _has_categories(cursor: duckdb.DuckDBPyConnection, column: ComparedColumn) -> bool:
    """Whether values are repeated, in the rows that are read, as those of a key aren't."""
    rows = column.table.table.row_count
    if not rows:
        return True
    ((distinct,),) = cursor.execute(
        f"SELECT count(DISTINCT {column.sql}) FROM read_parquet(?) AS f", [column.table.table.paths]
    ).fetchall()
    return bool(distinct <= max(FEW_VALUES, min(MAX_CATEGORIES, rows // 2)))


def _counts_joined(base_counts: str, other_counts: str) -> str:
    """The SQL of the values ``v`` of both tables, with their rows ``base_n`` and ``other_n``."""
    return (
        "(SELECT coalesce(base.v, other.v) AS v, coalesce(base.n, 0) AS base_n, "
        f"coalesce(other.n, 0) AS other_n FROM ({base_counts}) AS base(v, n) "
        f"FULL JOIN ({other_counts}) AS other(v, n) ON base.v = other.v)"
    )


class TotalChange(TypedDict):
    """The sums of a column in both tables as decimal numbers, and the other's less the base's."""

    column: str
    base_sum: Annotated[str, Help("Of all rows, a decimal number.")]
    other_sum: str
    difference: Annotated[str, Help("`other_sum` less `base_sum`.")]
    is_exact: bool
    is_identifier: Annotated[
        bool, Help("Whether the column holds identifiers, whose sums have no meaning.")
    ]


def total_changes(
    cursor: duckdb.DuckDBPyConnection,
    base: TableFiles,
    other: TableFiles,
    shared: Sequence[SharedColumn],
    on_progress: ProgressCallback = ignore_progress,
) -> tuple[TotalChange, ...]:
    """Add up all rows of the columns that are numbers in both tables."""
    numbers = (one for one in shared if one.are_numbers)
    both = list(islice(numbers, MAX_SUMMED_COLUMNS))
    sides = (
        replace(base, columns=tuple(one.base for one in both)),
        replace(other, columns=tuple(one.other for one in both)),
    )
    before, now = (
        control_totals(cursor, side, progress_part(on_progress, at / 2, (at + 1) / 2))
        for at, side in enumerate(sides)
    )
    return tuple(
        TotalChange(
            column=two.column,
            base_sum=one.sum,
            other_sum=two.sum,
            difference=_difference(one.sum, two.sum),
            is_exact=one.is_exact and two.is_exact,
            is_identifier=one.is_identifier or two.is_identifier,
        )
        for one, two in zip(before, now, strict=True)
    )


def _difference(before: str, now: str) -> str:
    """The exact difference of two decimal numbers; NaN if one of them is not finite."""
    one, two = Decimal(before), Decimal(now)
    if not (one.is_finite() and two.is_finite()):
        return "NaN"
    with localcontext() as context:
        context.prec = SUM_DIGITS
        return shown_decimal(two - one)
