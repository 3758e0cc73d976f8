"""The frequent values of a column, for a filter's menu.

The work is bounded: of a table with more than a million rows, a million rows in evenly spaced runs
are read, so that the values of a sorted table are found, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from parquet_tables.json_values import json_value, shown_expression
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import empty_statement
from parquet_tables.tables import Column, TableFiles

MAX_ROWS = 1_000_000
RUN_ROWS = 16_384


@dataclass(frozen=True)
class FrequentValues:
    """Distinct values, the most frequent first.

    Parameters
    ----------
    values : tuple
        JSON values, without NULL.
    complete : bool
        Whether these are all distinct values of the table.
    has_nulls : bool
        Whether NULL occurs.
    """

    values: tuple[Any, ...]
    complete: bool
    has_nulls: bool


def values_statement(table: TableFiles, column: Column, limit: int) -> tuple[str, list[object]]:
    """Select the most frequent values, with NULL, and their counts; one more than ``limit``."""
    every = max(table.file_rows * RUN_ROWS // MAX_ROWS, RUN_ROWS)
    name = quote_identifier(column.name)
    branches = []
    params: list[object] = []
    for file, start in table.with_starts():
        sampled = "" if table.file_rows <= MAX_ROWS else " WHERE (f.file_row_number + ?) % ? < ?"
        branches.append(f"SELECT f.{name} AS v FROM read_parquet(?) AS f{sampled}")
        params += [str(file.path), *([start, every, RUN_ROWS] if sampled else [])]
    source = (
        " UNION ALL ".join(branches)
        or f"SELECT f.{name} AS v FROM ({empty_statement([column])}) AS f"
    )
    return (
        f"SELECT {shown_expression('v', column.type)}, n FROM (SELECT v, count(*) AS n "
        f"FROM ({source}) GROUP BY v) ORDER BY n DESC, v LIMIT ?",
        [*params, limit + 2],
    )


def frequent_values(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, column: Column, limit: int
) -> FrequentValues:
    """Return up to ``limit`` distinct values; deleted rows are included."""
    sql, params = values_statement(table, column, limit)
    rows = cursor.execute(sql, params).fetchall()
    values = [json_value(value) for value, _ in rows if value is not None]
    return FrequentValues(
        values=tuple(values[:limit]),
        complete=table.file_rows <= MAX_ROWS and len(values) <= limit,
        has_nulls=any(value is None for value, _ in rows),
    )
