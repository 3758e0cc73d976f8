"""Rows as an XLSX workbook, and cells that no spreadsheet runs.

Invariant: memory stays bounded (xlsxwriter writes row by row); a workbook that a sheet can't hold
is refused before it is begun. Numbers that a double can't hold are written as text, like
everything that isn't a number, a truth value or a moment.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter

from domain_errors import DomainError
from parquet_tables.json_values import json_value
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column

MOST_ROWS = 1_048_575
"""A sheet has 2**20 rows, the first of which is the header."""
MOST_COLUMNS = 16_384
LONGEST_TEXT = 32_767
ROWS_AT_A_TIME = 2_000

FORMULA_STARTS = "^[=+\\-@\\t\\r\\n]"


class TooLargeForSheet(DomainError):
    """More rows or columns than a sheet has."""

    code = "too_large_for_sheet"


def check_fits(rows: int, columns: int) -> None:
    """Refuse what a sheet can't hold."""
    if rows > MOST_ROWS or columns > MOST_COLUMNS:
        raise TooLargeForSheet(
            f"A sheet holds {MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns; these are {rows:,} "
            f"rows and {columns:,} columns. Take csv or parquet, or fewer columns, or a limit."
        )


def write_workbook(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    columns: Sequence[Column],
    path: Path,
) -> None:
    """Write a query's rows under a frozen header into the sheet ``rows``."""
    options = {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"}
    with xlsxwriter.Workbook(str(path), options) as workbook:
        sheet = workbook.add_worksheet("rows")
        sheet.freeze_panes(1, 0)
        bold = workbook.add_format({"bold": True})
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        for at, column in enumerate(columns):
            sheet.write_string(0, at, column.name[:LONGEST_TEXT], bold)
        cursor.execute(query, list(params))
        line = 1
        while rows := cursor.fetchmany(ROWS_AT_A_TIME):
            for row in rows:
                for at, value in enumerate(row):
                    _write_cell(sheet, line, at, value, day)
                line += 1


def _write_cell(sheet: Any, line: int, at: int, value: Any, day: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(line, at, value)
    elif isinstance(value, dt.datetime) and value.year >= 1900:
        sheet.write_datetime(line, at, value.replace(tzinfo=None))
    elif isinstance(value, dt.date) and value.year >= 1900:
        sheet.write_datetime(line, at, value, day)
    elif isinstance(plain := json_value(value), int | float) and not isinstance(plain, bool):
        sheet.write_number(line, at, plain)
    else:
        sheet.write_string(line, at, _text(value)[:LONGEST_TEXT])


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    plain = json_value(value)
    return plain if isinstance(plain, str) else str(plain)


def harmless_columns(columns: Sequence[Column]) -> str:
    """The SELECT list of a table ``t`` whose texts and names like formulas get an apostrophe."""
    return ", ".join(_harmless(column) for column in columns)


def _harmless(column: Column) -> str:
    name = quote_identifier(column.name)
    is_risky = re.match(FORMULA_STARTS, column.name) is not None
    shown = quote_identifier(f"'{column.name}") if is_risky else name
    if column.type != "VARCHAR":
        return f"t.{name} AS {shown}"
    risky = f"regexp_matches(t.{name}, '{FORMULA_STARTS}')"
    return f"CASE WHEN {risky} THEN '''' || t.{name} ELSE t.{name} END AS {shown}"
