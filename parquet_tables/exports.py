"""Exports of tables: CSV, Parquet, Arrow, XLSX and JSON Lines, in bounded memory."""

from __future__ import annotations

import codecs
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb

from parquet_tables.json_values import json_cell, json_text, nested_text
from parquet_tables.quoting import quote_identifier, quote_path, quote_text
from parquet_tables.rows import RowView, count_statement, page_statement, view_statement
from parquet_tables.tables import Column, TableFiles
from parquet_tables.workbooks import check_fits, write_workbook
from parquet_tables.writing import ROW_GROUP_ROWS, copy_sql
from presentation.content import FORMULA_STARTS, Section, formula_safe


def _formula_safe(column: Column) -> str:
    """Return the SQL of a column of ``t`` with an apostrophe before formulas."""
    name = quote_identifier(column.name)
    shown = quote_identifier(formula_safe(column.name))
    if column.type != "VARCHAR":
        return f"t.{name} AS {shown}"
    risky = f"regexp_matches(t.{name}, '{FORMULA_STARTS}')"
    return f"CASE WHEN {risky} THEN '''' || t.{name} ELSE t.{name} END AS {shown}"


ROWS_AT_ONCE = 1_000
ExportFormat = Literal["csv", "parquet", "arrow", "xlsx", "jsonl"]
MEDIA_TYPES: dict[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/jsonl",
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
    byte_order_mark: bool = False,
    nested: bool = False,
    metadata: Mapping[str, str] | None = None,
    sections: Sequence[Section] = (),
) -> None:
    """Write rows of a table, or of a view of it, to ``path``.

    CSV has a header, RFC 4180 quoting and UTF-8; NULL is an empty field, an empty text is ``""``.
    Arrow is the IPC stream format, and JSON Lines have the values of the API's JSON; ``nested``
    writes their texts that are JSON objects or lists as such.
    ``formula_safe`` puts an apostrophe before texts in CSV that a spreadsheet would run as a
    formula; in XLSX a text is never a formula. Excel reads CSV as UTF-8 only with a
    ``byte_order_mark``. ``metadata`` goes into the metadata of a Parquet file; ``sections`` follow
    the rows in a workbook.

    Raises
    ------
    TooLargeForSheet
        The rows or columns exceed a sheet of XLSX.
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
        write_workbook(cursor, query, params, columns, path, sections)
    elif export_format == "csv":
        if formula_safe:
            query = f"SELECT {', '.join(map(_formula_safe, columns))} FROM ({query}) AS t"
        export_query(cursor, query, params, path, "csv")
        if byte_order_mark:
            _prepend(codecs.BOM_UTF8, path)
    elif export_format == "parquet":
        export_query(cursor, query, params, path, "parquet", metadata=metadata)
    elif export_format == "jsonl":
        _write_json_lines(
            cursor, query, params, columns, path, nested_text if nested else json_text
        )
    else:
        relation = cursor.sql(query, params=params)
        from nanoarrow import ipc  # 10 ms: only if it is used

        with path.open("wb") as file, ipc.StreamWriter.from_writable(file) as writer:
            writer.write_stream(relation)


def _write_json_lines(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    columns: Sequence[Column],
    path: Path,
    text_of: Callable[[Any], str],
) -> None:
    """Write an object on a line for each row."""
    keys = [json_text(column.name) for column in columns]
    cells = ", ".join(map(json_cell, columns))
    cursor.execute(f"SELECT {cells} FROM ({query}) AS t", list(params))
    with path.open("w", encoding="utf-8", newline="\n") as file:
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            file.writelines(
                f"{{{', '.join(map('{}: {}'.format, keys, map(text_of, row)))}}}\n" for row in rows
            )


def export_query(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    path: Path,
    export_format: Literal["csv", "parquet"],
    *,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a query's rows as CSV, or as Parquet with ``metadata`` in the file's own."""
    if export_format == "csv":
        sql = f"COPY ({query}) TO {quote_path(path)} (FORMAT csv, HEADER)"
    else:
        pairs = (f"{quote_text(key)}: {quote_text(text)}" for key, text in (metadata or {}).items())
        options = [f"KV_METADATA {{{', '.join(pairs)}}}"] if metadata else []
        sql = copy_sql(query, path, ROW_GROUP_ROWS, *options)
    cursor.execute(sql, list(params))


def _prepend(mark: bytes, path: Path) -> None:
    """Copy a file behind a mark; DuckDB's PREFIX can't be combined with a header."""
    plain = path.rename(path.with_name(f"{path.name}-without-mark"))
    with plain.open("rb") as source, path.open("wb") as target:
        target.write(mark)
        shutil.copyfileobj(source, target, 1 << 20)
    plain.unlink()
