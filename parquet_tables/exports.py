"""Tables as files to take away: CSV, Parquet, Arrow, XLSX.

Invariant: memory stays bounded, whatever the number of rows; the file is complete when the call
returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import duckdb
from nanoarrow import ipc

from parquet_tables.pages import page_statement
from parquet_tables.quoting import quote_path
from parquet_tables.row_views import RowView, count_statement, view_statement
from parquet_tables.spreadsheet import check_fits, harmless_columns, write_workbook
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import copy_sql

ExportFormat = Literal["csv", "parquet", "arrow", "xlsx"]
MEDIA_TYPES: dict[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def export_rows(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    columns: Sequence[Column],
    path: Path,
    export_format: ExportFormat,
    *,
    view: RowView | None = None,
    offset: int = 0,
    limit: int | None = None,
    formula_safe: bool = False,
) -> None:
    """Write rows of a table, or of a view of it, to ``path``.

    CSV has a header, RFC 4180 quoting and UTF-8; NULL is an empty field, an empty text is ``""``.
    Arrow is the IPC stream format. With ``formula_safe``, a text in CSV that a spreadsheet would
    run as a formula gets an apostrophe before it; in XLSX a text is never a formula.

    Raises
    ------
    TooLargeForSheet
        XLSX can't hold so many rows or columns.
    """
    if view is None:
        rows = table.row_count
        query, params = page_statement(table, columns, offset, limit)
    else:
        rows = cursor.execute(*count_statement(table, view)).fetchall()[0][0]
        query, params = view_statement(table, columns, view, offset, limit)
    if export_format == "xlsx":
        rest = max(rows - offset, 0)
        check_fits(rest if limit is None else min(rest, limit), len(columns))
        write_workbook(cursor, query, params, columns, path)
    elif export_format == "csv":
        if formula_safe:
            query = f"SELECT {harmless_columns(columns)} FROM ({query}) AS t"
        cursor.execute(f"COPY ({query}) TO {quote_path(path)} (FORMAT csv, HEADER)", params)
    elif export_format == "parquet":
        cursor.execute(copy_sql(query, path), params)
    else:
        relation = cursor.sql(query, params=params)
        with path.open("wb") as file, ipc.StreamWriter.from_writable(file) as writer:
            writer.write_stream(relation)
