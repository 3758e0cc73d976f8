"""Workbooks: a query's rows, and sheets of facts and small tables about them.

Cells never run as formulas; numbers that a double can't hold are written as text. Rows are written
in bounded memory.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter
import xlsxwriter.worksheet
from xlsxwriter.format import Format

from domain_errors import DomainError
from parquet_tables.json_values import json_value
from parquet_tables.names import is_identifier_name
from parquet_tables.quoting import positional_names
from parquet_tables.tables import Column

A4 = 9
"""Excel's number of the paper size."""
MAX_ROWS = 1_048_575
"""A sheet has 2**20 rows; the first is the header."""
MAX_COLUMNS = 16_384
MAX_TEXT_LENGTH = 32_767
FETCH_ROWS = 2_000
NOTE_WIDTH = 100
WIDTH_ROWS = 200
MIN_WIDTH = 8
MAX_WIDTH = 50
MAX_WORD_WIDTH = 66
"""The width of a SHA-256 on one line."""
FILTER_WIDTH = 4
"""The width of the button of a filter beside a header."""
"""Of a column, in characters."""
MIN_FLOAT_PLACES = 2
"""The format that shows fractions of later rows where the first rows are whole numbers."""
MAX_PLACES = 6
MIN_GROUPED = 10_000
MAX_DIGITS = 15
"""Significant digits that a cell's number preserves."""
ENTRY_COLOR = "#FFF2CC"
TONES = {"good": "#E2F0D9", "bad": "#F8D7DA", "warn": "#FFE699"}
MIN_YEAR = 1900
"""The first year of a sheet's dates; earlier ones are written as text."""
DAY = "yyyy-mm-dd"
MOMENT = "yyyy-mm-dd hh:mm:ss"


@dataclass(frozen=True)
class Share:
    """A fraction that a sheet shows as a percentage."""

    value: float


@dataclass(frozen=True)
class Verdict:
    """A sentence in the colour of its tone, a key of TONES."""

    text: str
    tone: str

    def __str__(self) -> str:
        return self.text


Cell = str | int | float | Decimal | dt.date | Share | Verdict | None


@dataclass(frozen=True)
class Block:
    """Rows of a sheet under a title; with a ``header`` they are a table, else labels and values."""

    title: str
    rows: Sequence[Sequence[Cell]]
    header: Sequence[str] = ()


@dataclass(frozen=True)
class Sheet:
    """A sheet of blocks, one below the other. ``title`` is its first row, which stays in view."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class FormColumn:
    """A column of a form; people fill in those with ``is_entry``, by ``choices`` if there are."""

    name: str
    is_entry: bool = False
    choices: Sequence[str] = ()
    min_width: int = 0
    is_hidden: bool = False


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
    sheets: Sequence[Sheet] = (),
) -> None:
    """Write a query's rows under a frozen header into the sheet ``rows``, then ``sheets``.

    The last sheet, ``Notes``, reports cells that don't hold their whole value.
    """
    options = {"constant_memory": True, "default_date_format": MOMENT}
    with xlsxwriter.Workbook(str(path), options) as workbook:
        bold = workbook.add_format({"bold": True})
        places = positional_names(len(columns))
        cursor.execute(
            f"SELECT {_python_cells(columns)} FROM ({query}) AS t({places})", list(params)
        )
        losses = _write_rows(workbook, cursor, columns, bold)
        for sheet in sheets:
            _write_sheet(workbook, sheet)
        notes = [sentence for loss in losses for sentence in loss.sentences()]
        if notes:
            notes_sheet = workbook.add_worksheet("Notes")
            notes_sheet.set_column(0, 0, NOTE_WIDTH)
            notes_sheet.write_column(0, 0, ["Note"], bold)
            notes_sheet.write_column(1, 0, notes)


def write_sheets(sheets: Sequence[Sheet], path: Path) -> None:
    """Write a workbook of sheets alone; a table that is a sheet's only block has filters."""
    with xlsxwriter.Workbook(str(path)) as workbook:
        for sheet in sheets:
            _write_sheet(workbook, sheet)


def write_form(
    name: str, columns: Sequence[FormColumn], rows: Iterable[Sequence[Cell]], path: Path
) -> None:
    """Write a sheet that people fill in: header, id column in view, filters, choices by list."""
    with xlsxwriter.Workbook(str(path)) as workbook:
        sheet = workbook.add_worksheet(name, worksheet_class=_ExactNumbers)
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{MAX_ROWS + 1}"})
        styles = _Styles(workbook)
        entry = workbook.add_format({"bold": True, "bottom": 1, "bg_color": ENTRY_COLOR})
        widths: list[list[str]] = [[column.name] for column in columns]
        line = 0
        for at, column in enumerate(columns):
            style = entry if column.is_entry else styles.header
            sheet.write_string(0, at, column.name[:MAX_TEXT_LENGTH], style)
        for line, row in enumerate(rows, start=1):
            for at, value in enumerate(row):
                styles.write(sheet, line, at, value)
                if line <= WIDTH_ROWS:
                    widths[at].append(_fact_text(value))
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, line, len(columns) - 1)
        for at, column in enumerate(columns):
            width = max(
                _width(widths[at]), len(column.name[:MAX_WIDTH]) + FILTER_WIDTH, column.min_width
            )
            sheet.set_column(at, at, width, None, {"hidden": column.is_hidden})
            if column.choices and line:
                sheet.data_validation(
                    1,
                    at,
                    line,
                    at,
                    {
                        "validate": "list",
                        "source": list(column.choices),
                        "error_title": "No such choice",
                        "error_message": "Choose an entry of the list, or leave the cell empty.",
                    },
                )


def _write_rows(
    workbook: xlsxwriter.Workbook,
    cursor: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    bold: Format,
) -> list[_Losses]:
    """Write the rows of a query that runs; widths and number formats follow the first ones."""
    sheet = workbook.add_worksheet("rows", worksheet_class=_ExactNumbers)
    sheet.freeze_panes(1, 0)
    if columns:
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{MAX_ROWS + 1}"})
    losses = [_Losses(column) for column in columns]
    for at, column in enumerate(columns):
        sheet.write_string(0, at, losses[at].truncated_text(column.name, 1), bold)
    rows = cursor.fetchmany(FETCH_ROWS)
    formats = []
    for at, column in enumerate(columns):
        values = [row[at] for row in rows]
        number_format = _number_format(column, values)
        formats.append(workbook.add_format({"num_format": number_format}))
        sheet.set_column(at, at, _width([column.name, *map(_shown_text, values[:WIDTH_ROWS])]))
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


def grouped_format(places: int) -> str:
    """Excel's format of a number with thousands separators.

    >>> grouped_format(2), grouped_format(0)
    ('#,##0.00', '#,##0')
    """
    return f"#,##0.{'0' * places}" if places else "#,##0"


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


def _width(texts: Sequence[str]) -> int:
    """A column's width for these texts, in characters."""
    lines = [line for text in texts for line in text[:1000].split("\n")]
    longest = max(map(len, lines))
    word = max((len(each) for line in lines for each in line.split()), default=0)
    return max(
        min(max(longest + 2, MIN_WIDTH), MAX_WIDTH), min(word + 2, MAX_WORD_WIDTH)
    )  # texts wrap between words


def _write_sheet(workbook: xlsxwriter.Workbook, content: Sheet) -> None:
    sheet = workbook.add_worksheet(content.name, worksheet_class=_ExactNumbers)
    sheet.freeze_panes(1, 0)
    sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{MAX_ROWS + 1}"})
    styles = _Styles(workbook)
    sheet.write_string(0, 0, content.title, styles.title)
    line = 1
    widths: dict[int, list[str]] = {0: [""]}
    for block in content.blocks:
        line += 1
        sheet.write_string(line, 0, block.title, styles.heading)
        line += 1
        for at, name in enumerate(block.header):
            sheet.write_string(line, at, name[:MAX_TEXT_LENGTH], styles.header)
            widths.setdefault(at, []).append(name)
        line += bool(block.header)
        for row in block.rows:
            for at, value in enumerate(row):
                styles.write(sheet, line, at, value)
                widths.setdefault(at, []).append(_fact_text(value))
            line += 1
    if len(content.blocks) == 1 and content.blocks[0].header:
        (block,) = content.blocks
        sheet.freeze_panes(4, 1)
        sheet.autofilter(3, 0, 3 + len(block.rows), len(block.header) - 1)
        sheet.set_landscape()
        sheet.repeat_rows(3)
        for at, name in enumerate(block.header):
            widths[at].append(name[:MAX_WIDTH] + " " * FILTER_WIDTH)
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    for at, texts in widths.items():
        sheet.set_column(at, at, _width(texts))


def _fits_cell(value: float | Decimal) -> bool:
    """Whether a cell's number holds a value exactly: not NaN, not infinite, not too long."""
    if isinstance(value, Decimal):
        return value.is_finite() and len(value.as_tuple().digits) <= MAX_DIGITS
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 10**MAX_DIGITS


def _fact_text(value: Cell) -> str:
    return "100.00 %" if isinstance(value, Share) else _shown_text(value)


class _Styles:
    """The cell formats of a sheet of blocks."""

    def __init__(self, workbook: xlsxwriter.Workbook) -> None:
        self._workbook = workbook
        self._numbers: dict[str, Format] = {}
        self.title = workbook.add_format({"bold": True, "font_size": 14})
        self.heading = workbook.add_format({"bold": True, "font_size": 12})
        self.header = workbook.add_format({"bold": True, "bottom": 1})
        style = {"text_wrap": True, "valign": "top"}
        self._text = workbook.add_format(style)
        self._verdicts = {
            tone: workbook.add_format({**style, "bg_color": color}) for tone, color in TONES.items()
        }

    def write(self, sheet: Any, line: int, at: int, value: Cell) -> None:
        """Write a value in the format of its type."""
        if value is None:
            return
        if isinstance(value, dt.datetime) and value.year >= MIN_YEAR:
            sheet.write_datetime(line, at, value.replace(tzinfo=None), self._number(MOMENT))
        elif isinstance(value, dt.date) and value.year >= MIN_YEAR:
            sheet.write_datetime(line, at, value, self._number(DAY))
        elif isinstance(value, Share):
            sheet.write_number(line, at, value.value, self._number("0.00 %"))
        elif isinstance(value, Decimal) and _fits_cell(value):
            places = max(-int(value.as_tuple().exponent), 0)
            sheet.write_number(line, at, float(value), self._number(grouped_format(places)))
        elif isinstance(value, int | float) and _fits_cell(value):
            number_format = "General" if isinstance(value, float) else "#,##0"
            sheet.write_number(line, at, value, self._number(number_format))
        else:
            style = self._verdicts[value.tone] if isinstance(value, Verdict) else self._text
            sheet.write_string(line, at, _shown_text(value)[:MAX_TEXT_LENGTH], style)

    def _number(self, number_format: str) -> Format:
        if number_format not in self._numbers:
            style = {"num_format": number_format, "valign": "top", "align": "right"}
            self._numbers[number_format] = self._workbook.add_format(style)
        return self._numbers[number_format]


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
