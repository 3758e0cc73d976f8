"""The value of a share must be one that a row of the table has: a mistyped one would be 0 %."""

from __future__ import annotations

from typing import Any

import duckdb

from domain_errors import DomainError, Loc, choices_sentence
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import RowView, Statement, find_rows, frequent_values, scan_statement
from parquet_tables.tables import Column, TableFiles

CHOICES, SHOWN = 10_000, 5


def require_known_value(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    column: Column,
    condition: Statement,
    value: Any,
    error: type[DomainError],
    loc: Loc,
) -> None:
    """Raise ``error`` with the nearest values if no row of the table has this one."""
    if len(find_rows(cursor, table, RowView(condition), 0, 1)):
        return
    raise error(
        'No row of the table has the value "{value}" in "{column}". {choices}',
        value=str(value),
        column=column.name,
        choices=choices_sentence(str(value), _nearest(cursor, table, column, value), SHOWN),
        loc=loc,
    )


def _nearest(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, column: Column, value: Any
) -> list[str]:
    """Values of the column as texts: the nearest numbers, or else the most frequent values."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        found = frequent_values(cursor, table, column, CHOICES)
        return [str(each) for each in found.values]
    name = f"f.{quote_identifier(column.name)}"
    scan, params = scan_statement(table, [f"{name} AS v"])
    nearest = (
        f"SELECT CAST(v AS VARCHAR) FROM (SELECT DISTINCT v FROM ({scan}) WHERE v IS NOT NULL) "
        f"ORDER BY abs(TRY_CAST(v AS DOUBLE) - ?), v LIMIT {SHOWN:d}"
    )
    return [text for (text,) in cursor.execute(nearest, [*params, float(value)]).fetchall()]
