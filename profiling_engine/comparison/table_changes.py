"""The changes between two tables of which every row is read.

Without sampling error, nothing is tested. Rows and columns are compared by 64-bit hashes, in any
order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import scan_statement
from parquet_tables.tables import Column
from profiling_engine.comparison.compared_table import ComparedColumn, ComparedTable

LISTED_VALUES = 20
MAX_VALUE_LENGTH = 80
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

    Rows without an equal row in the other table count each. A column has changed if its values or
    their numbers of rows differ.
    """

    rows_only_in_base: int
    rows_only_in_other: int
    changed_columns: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "changed_columns": list(self.changed_columns)}


def table_changes(
    cursor: duckdb.DuckDBPyConnection,
    base: ComparedTable,
    other: ComparedTable,
    columns: Sequence[Column],
) -> TableChanges:
    """Compare tables that are read whole by hashes of columns that have one type in both."""
    counts = base.table.row_count, other.table.row_count
    names = tuple(column.name for column in columns)
    if not columns or not min(counts):
        return TableChanges(*counts, names if counts[0] != counts[1] else ())
    values = [f"f.{quote_identifier(name)}" for name in names]
    # Sums of hashes don't depend on the order of the rows.
    checksums = ", ".join(f"sum(hash({value}))" for value in values)
    sums = [
        cursor.execute(f"SELECT {checksums} FROM read_parquet(?) AS f", [compared.paths]).fetchone()
        or ()
        for compared in (base, other)
    ]
    changed = [name for name, *pair in zip(names, *sums, strict=True) if pair[0] != pair[1]]
    counts_of_rows = (
        f"SELECT hash({', '.join(values)}), count(*) FROM read_parquet(?) AS f GROUP BY 1"
    )
    ((only_base, only_other),) = cursor.execute(
        "SELECT sum(greatest(base_n - other_n, 0)), sum(greatest(other_n - base_n, 0)) "
        f"FROM {_counts_joined(counts_of_rows, counts_of_rows)}",
        [base.paths, other.paths],
    ).fetchall()
    return TableChanges(int(only_base), int(only_other), tuple(changed))


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
        f"SELECT count(DISTINCT {column.sql}) FROM read_parquet(?) AS f", [column.table.paths]
    ).fetchall()
    return bool(distinct <= max(FEW_VALUES, min(MAX_CATEGORIES, rows // 2)))


def _counts_joined(base_counts: str, other_counts: str) -> str:
    """The SQL of the values ``v`` of both tables, with their rows ``base_n`` and ``other_n``."""
    return (
        "(SELECT coalesce(base.v, other.v) AS v, coalesce(base.n, 0) AS base_n, "
        f"coalesce(other.n, 0) AS other_n FROM ({base_counts}) AS base(v, n) "
        f"FULL JOIN ({other_counts}) AS other(v, n) ON base.v = other.v)"
    )
