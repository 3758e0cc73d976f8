"""Exports of tables: CSV, Parquet, Arrow and XLSX, in bounded memory.

XLSX cells never run as formulas; numbers that a double can't hold are written as text.
"""

from __future__ import annotations

import codecs
import datetime as dt
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import duckdb
import xlsxwriter
import xlsxwriter.worksheet
from nanoarrow import ipc

from domain_errors import DomainError
from parquet_tables.json_values import json_value
from parquet_tables.quoting import positional_names, quote_identifier, quote_path, quote_text
from parquet_tables.rows import RowView, count_statement, page_statement, view_statement
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import ROW_GROUP_ROWS, copy_sql

MAX_ROWS = 1_048_575
"""A sheet has 2**20 rows; the first is the header."""
MAX_COLUMNS = 16_384
MAX_TEXT_LENGTH = 32_767
FETCH_ROWS = 2_000
NOTE_WIDTH = 100

FORMULA_STARTS = "^[=+\\-@\\t\\r\\n]"


def formula_safe(text: str) -> str:
    """Return a text with an apostrophe if a spreadsheet would run it as a formula.

    >>> formula_safe("=1+1"), formula_safe("1 = 1")
    ("'=1+1", '1 = 1')
    """
    return f"'{text}" if re.match(FORMULA_STARTS, text) else text


class TooLargeForSheet(DomainError):
    code = "too_large_for_sheet"


def _check_fits(rows: int, columns: int) -> None:
    if rows > MAX_ROWS or columns > MAX_COLUMNS:
        raise TooLargeForSheet(
            "A sheet holds {max_rows} rows and {max_columns} columns; these are {rows} rows and "
            "{columns} columns. Use csv or parquet, select fewer columns, or set `limit`.",
            max_rows=MAX_ROWS,
            max_columns=MAX_COLUMNS,
            rows=rows,
            columns=columns,
        )


def _write_workbook(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    columns: Sequence[Column],
    path: Path,
) -> None:
    """Write a query's rows under a frozen header into the sheet ``rows``.

    A second sheet, ``Notes``, reports cells that don't hold their whole value.
    """
    options = {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"}
    with xlsxwriter.Workbook(str(path), options) as workbook:
        sheet = workbook.add_worksheet("rows", worksheet_class=_ExactNumbers)
        sheet.freeze_panes(1, 0)
        bold = workbook.add_format({"bold": True})
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        losses = [_Losses(column) for column in columns]
        for at, column in enumerate(columns):
            sheet.write_string(0, at, losses[at].truncated_text(column.name, 1), bold)
        places = positional_names(len(columns))
        cells = f"SELECT {_python_cells(columns)} FROM ({query}) AS t({places})"
        cursor.execute(cells, list(params))
        line = 1
        while rows := cursor.fetchmany(FETCH_ROWS):
            for row in rows:
                for at, value in enumerate(row):
                    _write_cell(sheet, line, at, value, day, losses[at])
                line += 1
        notes = [sentence for loss in losses for sentence in loss.sentences()]
        if notes:
            sheet = workbook.add_worksheet("Notes")
            sheet.set_column(0, 0, NOTE_WIDTH)
            sheet.write_column(0, 0, ["Note"], bold)
            sheet.write_column(1, 0, notes)


class _ExactNumbers(xlsxwriter.worksheet.Worksheet):  # type: ignore[misc]
    """A sheet that writes all digits of a double; xlsxwriter writes 16."""

    def _xml_number_element(
        self, number: float, attributes: Sequence[tuple[str, object]] = ()
    ) -> None:
        shown = "".join(f' {key}="{value}"' for key, value in attributes)
        self.fh.write(f"<c{shown}><v>{number!r}</v></c>")


@dataclass
class _Losses:
    """Losses in the cells of one column, due to Excel's limits; rows are numbered as in Excel."""

    column: Column
    cut_texts: int = 0
    cut_times: int = 0
    first_cut_text: int = 0

    def truncated_text(self, text: str, row: int) -> str:
        """Truncate a text to the size of a cell, in UTF-16 units."""
        if len(text) <= MAX_TEXT_LENGTH // 2:
            return text
        encoded = text.encode("utf-16-le", "surrogatepass")
        if len(encoded) <= 2 * MAX_TEXT_LENGTH:
            return text
        self.cut_texts += 1
        self.first_cut_text = self.first_cut_text or row
        return encoded[: 2 * MAX_TEXT_LENGTH].decode("utf-16-le", "ignore")

    def sentences(self) -> Iterator[str]:
        name = self.column.name[:100]
        if self.cut_texts:
            yield (
                f'Column "{name}": {self.cut_texts:,} texts are cut, the first in row '
                f"{self.first_cut_text:,}. A cell holds {MAX_TEXT_LENGTH:,} characters. "
                "Use csv or parquet for the whole texts."
            )
        if self.column.type == "TIMESTAMP_NS":
            yield (
                f'Column "{name}" holds nanoseconds; Excel holds milliseconds. Use csv or parquet '
                "for the exact times."
            )
        elif self.cut_times:
            yield (
                f'Column "{name}": {self.cut_times:,} times have digits beyond milliseconds, which '
                "Excel rounds. Use csv or parquet for the exact times."
            )


def _python_cells(columns: Sequence[Column]) -> str:
    """Return the SELECT list of columns as Python values.

    A date or time is a struct of the value ``v`` or, if it is infinite, of the text ``t``: Python
    would read infinity as the year 9999.
    """
    cells = []
    for at, column in enumerate(columns):
        cell = f"c{at}"
        if column.type == "TIMESTAMP_NS":
            cell = f"CAST({cell} AS TIMESTAMP)"
        if column.type.startswith(("DATE", "TIMESTAMP")):
            infinite = f"CASE WHEN isfinite({cell}) THEN NULL ELSE CAST({cell} AS VARCHAR) END"
            cell = f"struct_pack(v := CASE WHEN isfinite({cell}) THEN {cell} END, t := {infinite})"
        cells.append(cell)
    return ", ".join(cells)


def _write_cell(sheet: Any, line: int, at: int, value: Any, day: Any, losses: _Losses) -> None:
    if isinstance(value, dict):
        value = value["t"] if value["v"] is None else value["v"]
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(line, at, value)
    elif isinstance(value, dt.datetime) and value.year >= 1900:
        losses.cut_times += value.microsecond % 1000 > 0
        sheet.write_datetime(line, at, value.replace(tzinfo=None))
    elif isinstance(value, dt.date) and value.year >= 1900:
        sheet.write_datetime(line, at, value, day)
    elif isinstance(plain := json_value(value), int | float) and not isinstance(plain, bool):
        sheet.write_number(line, at, plain)
    else:
        sheet.write_string(line, at, losses.truncated_text(_text(value), line + 1))


def _text(value: Any) -> str:
    return str(value if isinstance(value, Decimal) else json_value(value))


def _formula_safe(column: Column) -> str:
    """Return the SQL of a column of ``t`` with an apostrophe before formulas."""
    name = quote_identifier(column.name)
    shown = quote_identifier(formula_safe(column.name))
    if column.type != "VARCHAR":
        return f"t.{name} AS {shown}"
    risky = f"regexp_matches(t.{name}, '{FORMULA_STARTS}')"
    return f"CASE WHEN {risky} THEN '''' || t.{name} ELSE t.{name} END AS {shown}"


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
    byte_order_mark: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write rows of a table, or of a view of it, to ``path``.

    CSV has a header, RFC 4180 quoting and UTF-8; NULL is an empty field, an empty text is ``""``.
    Arrow is the IPC stream format. ``formula_safe`` puts an apostrophe before texts in CSV that a
    spreadsheet would run as a formula; in XLSX a text is never a formula. Excel reads CSV as UTF-8
    only with a ``byte_order_mark``. ``metadata`` goes into the metadata of a Parquet file.

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
        _check_fits(rest if limit is None else min(rest, limit), len(columns))
        _write_workbook(cursor, query, params, columns, path)
    elif export_format == "csv":
        if formula_safe:
            query = f"SELECT {', '.join(map(_formula_safe, columns))} FROM ({query}) AS t"
        export_query(cursor, query, params, path, "csv")
        if byte_order_mark:
            _prepend(codecs.BOM_UTF8, path)
    elif export_format == "parquet":
        export_query(cursor, query, params, path, "parquet", metadata=metadata)
    else:
        relation = cursor.sql(query, params=params)
        with path.open("wb") as file, ipc.StreamWriter.from_writable(file) as writer:
            writer.write_stream(relation)


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
        sql = copy_sql(query, path, ROW_GROUP_ROWS, *_metadata_options(metadata or {}))
    cursor.execute(sql, list(params))


def _metadata_options(metadata: Mapping[str, str]) -> list[str]:
    pairs = ", ".join(f"{quote_text(key)}: {quote_text(text)}" for key, text in metadata.items())
    return [f"KV_METADATA {{{pairs}}}"] if pairs else []


def _prepend(mark: bytes, path: Path) -> None:
    """Copy a file behind a mark; DuckDB's PREFIX can't be combined with a header."""
    plain = path.rename(path.with_name(f"{path.name}-without-mark"))
    with plain.open("rb") as source, path.open("wb") as target:
        target.write(mark)
        shutil.copyfileobj(source, target, 1 << 20)
    plain.unlink()
