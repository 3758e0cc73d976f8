"""Pages of a table as JSON rows; values are those of ``json_values``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from parquet_tables.json_values import json_cell, json_value
from parquet_tables.pages import page_statement
from parquet_tables.tables import Column, TableFiles


def read_page(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    columns: Sequence[Column],
    offset: int,
    limit: int,
) -> list[dict[str, Any]]:
    """A page of rows, each a flat object by column name."""
    return read_rows(cursor, page_statement(table, columns, offset, limit), columns)


def read_rows(
    cursor: duckdb.DuckDBPyConnection,
    statement: tuple[str, list[object]],
    columns: Sequence[Column],
) -> list[dict[str, Any]]:
    """A statement's rows, whose columns are these, each a flat object by column name."""
    page, params = statement
    shown = ", ".join(json_cell(column) for column in columns)
    rows = cursor.execute(f"SELECT {shown} FROM (\n{page}\n)", params).fetchall()
    names = [column.name for column in columns]
    return [dict(zip(names, map(json_value, row), strict=True)) for row in rows]
