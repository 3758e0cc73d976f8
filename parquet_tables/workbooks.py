"""Workbooks of a query's rows, with sections about them.

Cells never run as formulas; numbers that a double can't hold are written as text. Rows are written
in bounded memory.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from contract.columns import is_identifier_name
from domain_errors import DomainError
from parquet_tables.json_values import json_value
from parquet_tables.quoting import positional_names
from parquet_tables.tables import Column
from presentation.content import Section
from presentation.xlsx import (
    DAY,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_TEXT_LENGTH,
    MIN_YEAR,
    MOMENT,
    WIDTH_ROWS,
    add_section,
    add_sheet,
    column_width,
    grouped_format,
)

if TYPE_CHECKING:  # the first workbook loads it, not the start of the server
    import xlsxwriter
    from xlsxwriter.format import Format

FETCH_ROWS = 2_000
NOTE_WIDTH = 100
MAX_PLACES = 6
MIN_FLOAT_PLACES = 2
"""The format that shows fractions of later rows where the first rows are whole numbers."""
MIN_GROUPED = 10_000


class TooLargeForSheet(DomainError):
    code = "too_large_for_sheet"


def check_fits(rows: int, columns: int) -> None:
    """Refuse rows that a sheet can't hold."""
    if rows > MAX_ROWS or columns > MAX_COLUMNS:
        raise TooLargeForSheet(
            "A sheet holds {max_rows} rows and {max_columns} columns; these are {rows} rows and "
            "{columns} columns. Use csv or parquet, select fewer columns, or set `limit`.",
            max_rows=MAX_ROWS,
            max_columns=MAX_COLUMNS,
            rows=rows,
            columns=columns,
        )


def write_workbook(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    columns: Sequence[Column],
    path: Path,
    sections: Sequence[Section] = (),
) -> None:
    """Write a query's rows under a frozen header into the sheet ``rows``, then ``sections``.

    The last sheet, ``Notes``, reports cells that don't hold their whole value.
    """
    import xlsxwriter

    options = {"constant_memory": True, "default_date_format": MOMENT}
    with xlsxwriter.Workbook(str(path), options) as workbook:
        bold = workbook.add_format({"bold": True})
        places = positional_names(len(columns))
        cursor.execute(
            f"SELECT {_python_cells(columns)} FROM ({query}) AS t({places})", list(params)
        )
        losses = _write_rows(workbook, cursor, columns, bold)
        for section in sections:
            add_section(workbook, section)
        notes = [sentence for loss in losses for sentence in loss.sentences()]
        if notes:
            notes_sheet = workbook.add_worksheet("Notes")
            notes_sheet.set_column(0, 0, NOTE_WIDTH)
            notes_sheet.write_column(0, 0, ["Note"], bold)
            notes_sheet.write_column(1, 0, notes)


def _write_rows(
    workbook: xlsxwriter.Workbook,
    cursor: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    bold: Format,
) -> list[_Losses]:
    """Write the rows of a query that runs; widths and number formats follow the first ones."""
    sheet = add_sheet(workbook, "rows")
    sheet.freeze_panes(1, 0)
    losses = [_Losses(column) for column in columns]
    for at, column in enumerate(columns):
        sheet.write_string(0, at, losses[at].truncated_text(column.name, 1), bold)
    rows = cursor.fetchmany(FETCH_ROWS)
    formats = []
    for at, column in enumerate(columns):
        values = [row[at] for row in rows]
        number_format = _number_format(column, values)
        formats.append(workbook.add_format({"num_format": number_format}))
        sheet.set_column(
            at, at, column_width([column.name, *map(_shown_text, values[:WIDTH_ROWS])])
        )
    line = 1
    while rows:
        for row in rows:
            for at, value in enumerate(row):
                _write_cell(sheet, line, at, value, formats[at], losses[at])
            line += 1
        rows = cursor.fetchmany(FETCH_ROWS)
    return losses


def _number_format(column: Column, values: Sequence[Any]) -> str:
    """Excel's format of a column, from its type and first values: grouped, unless it holds ids."""
    if column.data_type.is_date:
        return DAY
    if column.data_type.is_timestamp:
        return MOMENT
    digits = column.data_type.digits
    if digits is not None:
        return grouped_format(digits[1])
    numbers = [value for value in values if isinstance(value, int | float)]
    if column.data_type.is_integer:
        is_small = all(abs(value) < MIN_GROUPED for value in numbers)
        return "0" if is_small or is_identifier_name(column.name) else "#,##0"
    if column.data_type.is_float and numbers:
        places = max(MIN_FLOAT_PLACES, *map(_places, numbers))
        if places <= MAX_PLACES and not is_identifier_name(column.name):
            return grouped_format(places)
    return "General"


def _places(value: float) -> int:
    exponent = Decimal(repr(value)).as_tuple().exponent
    if not isinstance(exponent, int):  # infinity and NaN, which are written as text
        return 0
    return 0 if float(value).is_integer() and abs(value) < 1e15 else max(-exponent, 0) or 99


def _shown_text(value: Any) -> str:
    if isinstance(value, dict):
        value = value["t"] if value["v"] is None else value["v"]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


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


def _write_cell(
    sheet: Any, line: int, at: int, value: Any, number_format: Format, losses: _Losses
) -> None:
    if isinstance(value, dict):
        value = value["t"] if value["v"] is None else value["v"]
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(line, at, value)
    elif isinstance(value, dt.datetime) and value.year >= MIN_YEAR:
        losses.cut_times += value.microsecond % 1000 > 0
        sheet.write_datetime(line, at, value.replace(tzinfo=None), number_format)
    elif isinstance(value, dt.date) and value.year >= MIN_YEAR:
        sheet.write_datetime(line, at, value, number_format)
    elif isinstance(plain := json_value(value), int | float) and not isinstance(plain, bool):
        sheet.write_number(line, at, plain, number_format)
    else:
        sheet.write_string(line, at, losses.truncated_text(_text(value), line + 1))


def _text(value: Any) -> str:
    return str(value if isinstance(value, Decimal) else json_value(value))
