"""The first, the last and some random rows of a table, for reports.

The seed determines the random rows. A value has at most 200 characters and a row 200 columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from parquet_tables.database import ParquetDatabase
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import read_rows, rows_statement
from parquet_tables.tables import Column, TableFiles
from profiling_engine.columns.profile import Part
from profiling_engine.columns.sources import distinct_numbers

SHOWN_ROWS = 10
MAX_COLUMNS = 200
MAX_VALUE_LENGTH = 200


@dataclass(frozen=True)
class ShownRows(Part):
    """Rows as lists of JSON values, and the position of each row from 0."""

    positions: tuple[int, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class ExampleRows(Part):
    """The first and last rows and a sample, of the same columns."""

    columns: tuple[str, ...]
    head: ShownRows
    tail: ShownRows
    sample: ShownRows


def example_rows(database: ParquetDatabase, table: TableFiles, *, seed: int | str) -> ExampleRows:
    """Ten rows from each end, without repetition, and ten random rows."""
    columns = table.columns[:MAX_COLUMNS]
    count = table.row_count
    head = range(min(SHOWN_ROWS, count))
    tail = range(max(len(head), count - SHOWN_ROWS), count)
    random = sorted(distinct_numbers(seed, min(SHOWN_ROWS, count), count))
    return ExampleRows(
        tuple(column.name for column in columns),
        *(_read(database, table, columns, positions) for positions in (head, tail, random)),
    )


def _read(
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
