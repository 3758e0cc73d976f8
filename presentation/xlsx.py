"""Sections as a workbook, and forms that people fill in.

Texts never run as formulas: cells of the type ``Formula`` alone are computed. Numbers that a double
can't hold are written as text.
"""

from __future__ import annotations

import datetime as dt
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lazy_dataclasses import dataclass
from presentation.content import (
    Cell,
    Estimated,
    Facts,
    Formula,
    Judgement,
    Note,
    Number,
    Percent,
    Rounded,
    Row,
    Section,
    Table,
    cell_value,
)
from presentation.language import ENGLISH, Language
from presentation.letterhead import Letterhead

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
DAY, TIME = "yyyy-mm-dd", " hh:mm:ss"
MOMENT = f"{DAY}{TIME}"
MAX_NAME_LENGTH = 31
"""Characters of the name of a sheet."""
MAX_HEADER_LENGTH = 255
LOGO_HEIGHT, LOGO_COLUMN = 36, 3
"""Points, and the column to the right of most titles."""
_REFERENCE = re.compile(r"\[(?P<column>[^\]]+)\]|\{(?P<cell>[^}]+)\}")
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


def write_sections(
    sections: Sequence[Section],
    target: Path | IO[bytes],
    language: Language = ENGLISH,
    letterhead: Letterhead | None = None,
) -> None:
    """Write a workbook with a sheet for each section, whose formulas refer to each other."""
    import xlsxwriter

    is_file = isinstance(target, Path)
    with xlsxwriter.Workbook(
        str(target) if is_file else target, {"in_memory": not is_file}
    ) as book:
        cells = named_cells(sections, language)
        for section in sections:
            add_section(book, section, language, letterhead, cells)


def add_section(
    workbook: xlsxwriter.Workbook,
    section: Section,
    language: Language = ENGLISH,
    letterhead: Letterhead | None = None,
    cells: Mapping[str, str] | None = None,
) -> None:
    """Add the sheet of a section, without its charts.

    A table that comes first and is the only one has filters, and its header stays in view.
    ``cells`` are the addresses of those that formulas name, by default of this sheet's.
    """
    sheet = add_sheet(workbook, sheet_name(section, language))
    sheet.freeze_panes(1, 0)
    cells = named_cells([section], language) if cells is None else cells
    styles = _Styles(workbook, language, letterhead, cells)
    sheet.write_string(0, 0, language.label(section.title), styles.title)
    if letterhead is not None:
        _add_letterhead(sheet, letterhead)
    blocks = _written(section)
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
            widths[column].append(language.label(name)[:MAX_WIDTH] + " " * FILTER_WIDTH)
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    for column, texts in widths.items():
        sheet.set_column(column, column, column_width(texts))


def sheet_name(section: Section, language: Language) -> str:
    """The name of a section's sheet."""
    return language.label(section.name)[:MAX_NAME_LENGTH]


def _written(section: Section) -> list[Facts | Table | Note]:
    """The blocks of a sheet."""
    return [block for block in section.blocks if isinstance(block, Facts | Table | Note)]


def named_cells(sections: Sequence[Section], language: Language) -> dict[str, str]:
    """The addresses of the cells and columns that formulas name, with their sheets.

    Not those with a number that is written as text, by which no formula could compute.
    """
    found: dict[str, str] = {}
    for section in sections:
        quoted = sheet_name(section, language).replace("'", "''")
        line = 1
        for block in _written(section):
            line += 2
            if isinstance(block, Note):
                line += len(block.sentences)
                continue
            rows = block.lines if isinstance(block, Facts) else block.rows
            if isinstance(block, Table):
                line += 1
                if block.name:
                    found |= {
                        f"{block.name}.{name}": f"'{quoted}'!{area}"
                        for name, area in _columns(block, line)
                    }
            for place, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, Formula) and cell.name and not _is_text(cell):
                        found[cell.name] = f"'{quoted}'!{_address(line + place, column)}"
            line += len(rows)
    return found


def _columns(table: Table, line: int) -> Iterator[tuple[str, str]]:
    """The columns of a table whose rows begin at a line, with their addresses."""
    for column, name in enumerate(table.header):
        if table.rows and not any(_is_text(row[column]) for row in table.rows):
            first, last = (_address(at, column) for at in (line, line + len(table.rows) - 1))
            yield name, f"{first}:{last}"


def _is_text(cell: Cell) -> bool:
    """Whether a number is written as text."""
    value = cell_value(cell)
    return isinstance(value, Percent | Estimated | Decimal | float | int) and not _fits_cell(value)


def _address(line: int, column: int) -> str:
    """The absolute address of a cell, such as ``$B$3``; both are counted from 0."""
    letters, rest = "", column + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"${letters}${line + 1}"


def _expression(formula: Formula, cells: Mapping[str, str], row: Mapping[str, str]) -> str | None:
    """The formula with addresses; None without an expression, or if a name is missing."""
    if not formula.expression:
        return None
    missing = False

    def address(mark: re.Match[str]) -> str:
        nonlocal missing
        found = row.get(mark["column"]) if mark["column"] else cells.get(mark["cell"])
        missing = missing or found is None
        return found or ""

    text = _REFERENCE.sub(address, formula.expression)
    return None if missing else f"={text}"


def _add_letterhead(sheet: Any, letterhead: Letterhead) -> None:
    """The header and footer of a sheet's pages; "&" is doubled, since it begins a code.

    A font's code, which changes nothing, keeps "&&" apart from letters that make a picture of it.
    """

    def plain(text: str) -> str:
        return re.sub(r"&&(?=[G\[])", '&&&"-,Regular"', text.replace("&", "&&"))

    left = " · ".join(filter(None, (letterhead.firm, letterhead.header)))
    sheet.set_header(f"&L{plain(left)}&R{plain(letterhead.running)}"[:MAX_HEADER_LENGTH])
    sheet.set_footer(f"&L{plain(letterhead.footer)}&R&P / &N"[:MAX_HEADER_LENGTH])
    if letterhead.logo is not None:
        options = {"image_data": io.BytesIO(letterhead.logo), **_logo_scale(letterhead)}
        sheet.set_row(0, LOGO_HEIGHT)
        sheet.insert_image(0, LOGO_COLUMN, f"logo.{letterhead.logo_type}", options)


def _logo_scale(letterhead: Letterhead) -> dict[str, float]:
    """The scale by which the logo is as high as its row."""
    scale = LOGO_HEIGHT / 0.75 / letterhead.logo_height if letterhead.logo_height else 1.0
    return {"x_scale": scale, "y_scale": scale, "object_position": 2}


def _add_block(
    sheet: Any,
    styles: _Styles,
    line: int,
    block: Facts | Table | Note,
    widths: dict[int, list[str]],
) -> int:
    """Write a block from a line on, note the texts of each column, and return the next line."""
    language = styles.language
    sheet.write_string(line, 0, language.label(block.title), styles.heading)
    line += 1
    if isinstance(block, Note):
        for sentence in block.sentences:  # across the columns
            sheet.write_string(line, 0, language.label(sentence)[:MAX_TEXT_LENGTH])
            line += 1
        return line
    if isinstance(block, Table):
        for column, name in enumerate(map(language.label, block.header)):
            sheet.write_string(line, column, name[:MAX_TEXT_LENGTH], styles.header)
            widths.setdefault(column, []).append(name)
        line += 1
    header = block.header if isinstance(block, Table) else ()
    for row in block.lines if isinstance(block, Facts) else block.rows:
        named = zip(header, enumerate(row), strict=False)
        addresses = {
            name: _address(line, place) for name, (place, cell) in named if not _is_text(cell)
        }
        for column, value in enumerate(row):
            is_label = isinstance(block, Facts) and column == 0 and isinstance(value, str)
            shown = language.label(value) if is_label else value
            styles.write(sheet, line, column, shown, addresses)
            widths.setdefault(column, []).append(_width_text(shown, language))
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


def _width_text(cell: Cell, language: Language = ENGLISH) -> str:
    value = cell_value(cell)
    return f"{value:,}" if isinstance(value, float) else language.cell(value)


def number_format(value: Number | Estimated) -> str:
    """The format of a number by its type."""
    match value:
        case Percent():
            return PERCENT
        case Estimated():
            return FIGURE
        case Rounded():
            return grouped_format(value.places)
        case Decimal():
            return grouped_format(max(-int(value.as_tuple().exponent), 0))
        case int():
            return "#,##0"
        case _:
            return "General" if abs(value) < LONG_NUMBER else grouped_format(2)


def _fits_cell(value: Number | Estimated) -> bool:
    """Whether a cell's number holds a value exactly: not NaN, not infinite, not too long."""
    if isinstance(value, Percent | Rounded | Estimated):
        return math.isfinite(value.value)
    if isinstance(value, Decimal):
        return value.is_finite() and len(value.as_tuple().digits) <= MAX_DIGITS
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 10**MAX_DIGITS


class _Styles:
    """The cell formats of a sheet, by the types of values."""

    def __init__(
        self,
        workbook: xlsxwriter.Workbook,
        language: Language = ENGLISH,
        letterhead: Letterhead | None = None,
        cells: Mapping[str, str] | None = None,
    ) -> None:
        self._workbook = workbook
        self.language = language
        self._cells = cells or {}
        self._numbers: dict[str, Format] = {}
        color = {} if letterhead is None else {"font_color": letterhead.color}
        self.title = workbook.add_format({"bold": True, "font_size": 14, **color})
        self.heading = workbook.add_format({"bold": True, "font_size": 12, **color})
        self.header = workbook.add_format({"bold": True, "bottom": 1})
        style = {"text_wrap": True, "valign": "top"}
        self._text = workbook.add_format(style)
        self._verdicts = {
            tone: workbook.add_format({**style, "bg_color": color}) for tone, color in TONES.items()
        }

    def write(
        self,
        sheet: Any,
        line: int,
        column: int,
        cell: Cell,
        row: Mapping[str, str] | None = None,
    ) -> None:
        """Write a value in the format of its type; ``row`` has the addresses of its row."""
        value = cell_value(cell)
        match value:
            case None:
                return
            case dt.datetime() if value.year >= MIN_YEAR:
                moment = value.replace(tzinfo=None)
                style = self._number(f"{self.language.sheet_day}{TIME}")
                sheet.write_datetime(line, column, moment, style)
            case dt.date() if value.year >= MIN_YEAR:
                sheet.write_datetime(line, column, value, self._number(self.language.sheet_day))
            case Percent() | Rounded() | Estimated() | Decimal() | float() | int() if _fits_cell(
                value
            ):
                number = value.value if isinstance(value, Percent | Rounded | Estimated) else value
                style = self._number(number_format(value))
                formula = cell if isinstance(cell, Formula) else Formula(0)
                expression = _expression(formula, self._cells, row or {})
                if expression is None:
                    as_written = float(number) if isinstance(number, Decimal) else number
                    sheet.write_number(line, column, as_written, style)
                else:
                    sheet.write_formula(line, column, expression, style, float(number))
            case _:
                tone = value.tone if isinstance(value, Judgement) else ""
                text = self.language.cell(value)[:MAX_TEXT_LENGTH]
                sheet.write_string(line, column, text, self._verdicts.get(tone, self._text))

    def _number(self, number_format: str) -> Format:
        if number_format not in self._numbers:
            style = {"num_format": number_format, "valign": "top", "align": "right"}
            self._numbers[number_format] = self._workbook.add_format(style)
        return self._numbers[number_format]
