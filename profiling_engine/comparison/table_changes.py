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
from parquet_tables.tables import Column
from profiling_engine.comparison.compared_table import ComparedColumn, ComparedTable

LISTED_VALUES = 20
MAX_VALUE_LENGTH = 80


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
    row = f"hash({', '.join(values)})"
    ((only_base, only_other),) = cursor.execute(
        "SELECT sum(greatest(base_n - other_n, 0)), sum(greatest(other_n - base_n, 0)) "
        f"FROM {_joined(row, row)}",
        [base.paths, other.paths],
    ).fetchall()
    return TableChanges(int(only_base), int(only_other), tuple(changed))


def changed_values(
    cursor: duckdb.DuckDBPyConnection, base: ComparedColumn, other: ComparedColumn
) -> ChangedValues:
    """The values of a column of categories that only one of the tables has."""
    if not base.table.row_count or not other.table.row_count:
        return ChangedValues()
    joined = _joined(base.text_sql, other.text_sql)
    listed = [
        cursor.execute(
            f"SELECT left(v, {MAX_VALUE_LENGTH}), count(*) OVER () FROM {joined} "
            f"WHERE {lacking} = 0 AND v IS NOT NULL ORDER BY {having} DESC, v "
            f"LIMIT {LISTED_VALUES}",
            [base.table.paths, other.table.paths],
        ).fetchall()
        for having, lacking in (("other_n", "base_n"), ("base_n", "other_n"))
    ]
    added, removed = (rows[0][1] if rows else 0 for rows in listed)
    added_values, removed_values = (tuple(value for value, _ in rows) for rows in listed)
    return ChangedValues(added, removed, added_values, removed_values)


def _joined(base_value: str, other_value: str) -> str:
    """The SQL of the values ``v`` of both tables, with their rows ``base_n`` and ``other_n``."""
    counts = [
        f"(SELECT {value}, count(*) FROM read_parquet(?) AS f GROUP BY 1) AS {name}(v, n)"
        for name, value in (("base", base_value), ("other", other_value))
    ]
    return (
        "(SELECT coalesce(base.v, other.v) AS v, coalesce(base.n, 0) AS base_n, "
        "coalesce(other.n, 0) AS other_n "
        f"FROM {counts[0]} FULL JOIN {counts[1]} ON base.v = other.v)"
    )
