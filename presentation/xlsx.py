"""Sections as a workbook, and forms that people fill in.

Cells never run as formulas; numbers that a double can't hold are written as text.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lazy_dataclasses import dataclass
from presentation.content import (
    Cell,
    Estimated,
    Facts,
    Judgement,
    Note,
    Percent,
    Row,
    Section,
    Table,
    cell_text,
)

if TYPE_CHECKING:  # the first workbook loads it, not the start of the server
    import xlsxwriter
    from xlsxwriter.format import Format

A4 = 9
"""Excel's number of the paper size."""
MAX_ROWS = 1_048_575
"""A sheet has 2**20 rows; the first is the header."""
MAX_COLUMNS = 16_384
MAX_TEXT_LENGTH = 32_767
WIDTH_ROWS = 200
"""Rows whose texts decide the width of a column."""
MIN_WIDTH = 8
MAX_WIDTH = 50
MAX_WORD_WIDTH = 66
"""The width of a SHA-256 on one line."""
FILTER_WIDTH = 4
"""The width of the button of a filter beside a header."""
MAX_DIGITS = 15
"""Significant digits that a cell's number preserves."""
LONG_NUMBER = 1e10
"""Excel shows longer numbers without their decimals, or with an exponent."""
MIN_YEAR = 1900
"""The first year of a sheet's dates; earlier ones are written as text."""
DAY = "yyyy-mm-dd"
MOMENT = "yyyy-mm-dd hh:mm:ss"
PERCENT, FIGURE = "0.00 %", "#,##0.00####"
ENTRY_COLOR = "#FFF2CC"
TONES = {"good": "#E2F0D9", "bad": "#F8D7DA", "warn": "#FFE699"}


@dataclass(frozen=True)
class FormColumn:
    """A column of a form; people fill in those with ``is_entry``, by ``choices`` if there are."""

    name: str
    is_entry: bool = False
    choices: Sequence[str] = ()
    min_width: int = 0
    is_hidden: bool = False


def write_sections(sections: Iterable[Section], target: Path | IO[bytes]) -> None:
    """Write a workbook with a sheet for each section."""
    import xlsxwriter

    is_file = isinstance(target, Path)
    with xlsxwriter.Workbook(
        str(target) if is_file else target, {"in_memory": not is_file}
    ) as book:
        for section in sections:
            add_section(book, section)


def add_section(workbook: xlsxwriter.Workbook, section: Section) -> None:
    """Add the sheet of a section, without its charts.

    A table that comes first and is the only one has filters, and its header stays in view.
    """
    sheet = add_sheet(workbook, section.name)
    sheet.freeze_panes(1, 0)
    styles = _Styles(workbook)
    sheet.write_string(0, 0, section.title, styles.title)
    blocks = [block for block in section.blocks if isinstance(block, Facts | Table | Note)]
    tables = [block for block in blocks if isinstance(block, Table)]
    widths: dict[int, list[str]] = {0: [""]}
    line = 1
    for block in blocks:
        line = _add_block(sheet, styles, line + 1, block, widths)
    if blocks[:1] == tables:
        (table,) = tables
        sheet.freeze_panes(4, 1)
        sheet.autofilter(3, 0, 3 + len(table.rows), len(table.header) - 1)
        sheet.set_landscape()
        sheet.repeat_rows(3)
        for column, name in enumerate(table.header):
            widths[column].append(name[:MAX_WIDTH] + " " * FILTER_WIDTH)
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    for column, texts in widths.items():
        sheet.set_column(column, column, column_width(texts))


def _add_block(
    sheet: Any,
    styles: _Styles,
    line: int,
    block: Facts | Table | Note,
    widths: dict[int, list[str]],
) -> int:
    """Write a block from a line on, note the texts of each column, and return the next line."""
    sheet.write_string(line, 0, block.title, styles.heading)
    line += 1
    if isinstance(block, Note):
        for sentence in block.sentences:  # across the columns
            sheet.write_string(line, 0, sentence[:MAX_TEXT_LENGTH])
            line += 1
        return line
    if isinstance(block, Table):
        for column, name in enumerate(block.header):
            sheet.write_string(line, column, name[:MAX_TEXT_LENGTH], styles.header)
            widths.setdefault(column, []).append(name)
        line += 1
    for row in block.lines if isinstance(block, Facts) else block.rows:
        for column, value in enumerate(row):
            styles.write(sheet, line, column, value)
            widths.setdefault(column, []).append(_width_text(value))
        line += 1
    return line


def write_form(name: str, columns: Sequence[FormColumn], rows: Iterable[Row], path: Path) -> None:
    """Write a sheet that people fill in: header, id column in view, filters, choices by list."""
    import xlsxwriter

    with xlsxwriter.Workbook(str(path)) as workbook:
        sheet = add_sheet(workbook, name)
        styles = _Styles(workbook)
        entry = workbook.add_format({"bold": True, "bottom": 1, "bg_color": ENTRY_COLOR})
        widths: list[list[str]] = [[column.name] for column in columns]
        line = 0
        for position, column in enumerate(columns):
            style = entry if column.is_entry else styles.header
            sheet.write_string(0, position, column.name[:MAX_TEXT_LENGTH], style)
        for line, row in enumerate(rows, start=1):
            for position, value in enumerate(row):
                styles.write(sheet, line, position, value)
                if line <= WIDTH_ROWS:
                    widths[position].append(_width_text(value))
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, line, len(columns) - 1)
        for position, column in enumerate(columns):
            width = max(
                column_width(widths[position]),
                len(column.name[:MAX_WIDTH]) + FILTER_WIDTH,
                column.min_width,
            )
            sheet.set_column(position, position, width, None, {"hidden": column.is_hidden})
            if column.choices and line:
                choices = {
                    "validate": "list",
                    "source": list(column.choices),
                    "error_title": "No such choice",
                    "error_message": "Choose an entry of the list, or leave the cell empty.",
                }
                sheet.data_validation(1, position, line, position, choices)


def add_sheet(workbook: xlsxwriter.Workbook, name: str) -> Any:
    """Add a sheet whose numbers have all digits, and whose texts of digits have no warning."""
    from presentation.exact_sheet import ExactSheet

    sheet = workbook.add_worksheet(name, worksheet_class=ExactSheet)
    sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{MAX_ROWS + 1}"})
    return sheet


def grouped_format(places: int) -> str:
    """Excel's format of a number with thousands separators.

    >>> grouped_format(2), grouped_format(0)
    ('#,##0.00', '#,##0')
    """
    return f"#,##0.{'0' * places}" if places else "#,##0"


def column_width(texts: Sequence[str]) -> int:
    """The width of a column with these texts, in characters; texts wrap between words."""
    lines = [line for text in texts for line in text[:1000].split("\n")]
    longest = max(map(len, lines))
    word = max((len(word) for line in lines for word in line.split()), default=0)
    return max(min(max(longest + 2, MIN_WIDTH), MAX_WIDTH), min(word + 2, MAX_WORD_WIDTH))


def _width_text(value: Cell) -> str:
    return f"{value:,}" if isinstance(value, float) else cell_text(value)


def _fits_cell(value: float | Decimal) -> bool:
    """Whether a cell's number holds a value exactly: not NaN, not infinite, not too long."""
    if isinstance(value, Decimal):
        return value.is_finite() and len(value.as_tuple().digits) <= MAX_DIGITS
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 10**MAX_DIGITS


class _Styles:
    """The cell formats of a sheet, by the types of values."""

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

    def write(self, sheet: Any, line: int, column: int, value: Cell) -> None:
        """Write a value in the format of its type."""
        match value:
            case None:
                return
            case dt.datetime() if value.year >= MIN_YEAR:
                moment = value.replace(tzinfo=None)
                sheet.write_datetime(line, column, moment, self._number(MOMENT))
            case dt.date() if value.year >= MIN_YEAR:
                sheet.write_datetime(line, column, value, self._number(DAY))
            case Percent() if math.isfinite(value.value):
                sheet.write_number(line, column, value.value, self._number(PERCENT))
            case Estimated() if math.isfinite(value.value):
                sheet.write_number(line, column, value.value, self._number(FIGURE))
            case Decimal() if _fits_cell(value):
                places = max(-int(value.as_tuple().exponent), 0)
                number_format = grouped_format(places)
                sheet.write_number(line, column, float(value), self._number(number_format))
            case float() if _fits_cell(value):
                number_format = "General" if abs(value) < LONG_NUMBER else grouped_format(2)
                sheet.write_number(line, column, value, self._number(number_format))
            case int() if _fits_cell(value):
                sheet.write_number(line, column, value, self._number("#,##0"))
            case _:
                tone = value.tone if isinstance(value, Judgement) else ""
                text = cell_text(value)[:MAX_TEXT_LENGTH]
                sheet.write_string(line, column, text, self._verdicts.get(tone, self._text))

    def _number(self, number_format: str) -> Format:
        if number_format not in self._numbers:
            style = {"num_format": number_format, "valign": "top", "align": "right"}
            self._numbers[number_format] = self._workbook.add_format(style)
        return self._numbers[number_format]
