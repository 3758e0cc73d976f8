"""Sections of facts, tables, notes and charts, which each renderer shows in its own way.

The type of a cell decides its alignment and its number format, so a table declares no formats.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, Protocol

from markupsafe import Markup

from lazy_dataclasses import dataclass

FORMULA_STARTS = "^[=+\\-@\\t\\r\\n]"
DIGITS, MOST_DIGITS = 10, 15
"""Significant digits of a float as text: the most keep two decimals of a large one."""
LARGEST_PLAIN = 1e21
"""Floats from here on have an exponent."""


@dataclass(frozen=True)
class Percent:
    """A fraction that is shown as a percentage with two places."""

    value: float

    def __str__(self) -> str:
        return f"{100 * self.value:.2f} %"


@dataclass(frozen=True)
class Rounded:
    """A computed amount that is shown with decimal places; workbooks hold all of its digits.

    >>> str(Rounded(-400979.1842, 2)), str(Rounded(-0.001, 2))
    ('-400,979.18', '0.00')
    """

    value: float
    places: int

    def __str__(self) -> str:
        return f"{self.value:z,.{self.places}f}"


@dataclass(frozen=True)
class Estimated:
    """An estimate of a number: its last digits say nothing, and are left out where text is shown.

    >>> str(Estimated(1234567.891)), str(Estimated(1234.56789)), str(Estimated(1234.56789, 3))
    ('1,234,568', '1,234.57', '1,235')
    """

    value: float
    digits: int = 6

    def __str__(self) -> str:
        is_large = abs(self.value) >= 10 ** (self.digits - 1)
        return f"{self.value:,.0f}" if is_large else f"{self.value:,.{self.digits}g}"


@dataclass(frozen=True)
class Judgement:
    """A sentence in the colour of its tone: good, bad, warn, or empty for none."""

    text: str
    tone: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Code:
    """A text to be copied exactly, such as a seed, a filter or a formula."""

    text: str

    def __str__(self) -> str:
        return self.text


class Given(str):
    """Words of users in a title, header or label, such as a column's name: never translated."""


@dataclass(frozen=True)
class Formula:
    """A number that a workbook computes from other cells; elsewhere its value alone is shown.

    Parameters
    ----------
    value : int, float, Decimal, Percent or Rounded
        The result, which workbooks hold for programs that compute none.
    expression : str
        A spreadsheet's formula: ``[Rows]`` is the cell of that column in the same row, ``{name}`` a
        cell or a column with that name. Without one, or if a name is missing, the value is written.
    name : str
        By which other cells refer to this one.
    """

    value: Number
    expression: str = ""
    name: str = ""


Number = int | float | Decimal | Percent | Rounded
Cell = str | Number | dt.date | Estimated | Judgement | Code | Formula | None
Kind = Literal["number", "time", "mono", ""]
Row = Sequence[Cell]


@dataclass(frozen=True)
class Facts:
    """Labels, each with its values."""

    title: str
    lines: Sequence[Row]


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header; formulas call the column "Rows" of ``name`` ``{name.Rows}``."""

    title: str
    header: Sequence[str]
    rows: Sequence[Row]
    name: str = ""


@dataclass(frozen=True)
class Note:
    """Sentences under a title."""

    title: str
    sentences: Sequence[str]


class Chart(Protocol):
    """A picture. Facts or a table state its figures, too: workbooks and terminals omit it."""

    @property
    def title(self) -> str: ...

    @property
    def legend(self) -> str:
        """What its marks mean, where its texts don't say it."""

    def svg(self) -> Markup: ...


Block = Facts | Table | Note | Chart


@dataclass(frozen=True)
class Section:
    """Blocks below each other: a sheet of a workbook, or a part of a page.

    Parameters
    ----------
    name : str
        The name of the sheet; ``title`` is its first row.
    """

    name: str
    title: str
    blocks: Sequence[Block]


def float_text(value: float) -> str:
    """A float with thousands separators and without an exponent.

    >>> float_text(3931862.5199999996), float_text(26631817000.5), float_text(1 / 3)
    ('3,931,862.52', '26,631,817,000.5', '0.3333333333')
    """
    if not math.isfinite(value) or abs(value) >= LARGEST_PLAIN:
        return f"{value:g}"
    digits = DIGITS
    if abs(value) >= 10 ** (DIGITS - 2):
        digits = min(math.floor(math.log10(abs(value))) + 3, MOST_DIGITS)
    return f"{Decimal(f'{value:.{digits}g}'):,f}"


def cell_value(cell: Cell) -> Cell:
    """A cell's value; the result of a formula."""
    return cell.value if isinstance(cell, Formula) else cell


def cell_text(cell: Cell) -> str:
    """A cell's value in words.

    >>> cell_text(Decimal("1234.50")), cell_text(Percent(0.05)), cell_text(None)
    ('1,234.50', '5.00 %', '')
    """
    value = cell_value(cell)
    match value:
        case None:
            return ""
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat(" ")
        case dt.date():
            return value.isoformat()
        case float():
            return float_text(value)
        case Decimal():
            return f"{value:,f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def cell_kind(cell: Cell) -> Kind:
    match cell_value(cell):
        case int() | float() | Decimal() | Percent() | Rounded() | Estimated():
            return "number"
        case dt.date():
            return "time"
        case Code():
            return "mono"
        case _:
            return ""


def column_kinds(table: Table) -> list[Kind]:
    """The kind of each column's values, if they have the same."""
    columns = [
        {cell_kind(row[position]) for row in table.rows if row[position] is not None}
        for position in range(len(table.header))
    ]
    return [kinds.pop() if len(kinds) == 1 else "" for kinds in columns]


def formula_safe(text: str) -> str:
    """A text for CSV, with an apostrophe if a spreadsheet would run it as a formula.

    A workbook's texts are never formulas, whatever they begin with.

    >>> formula_safe("=1+1"), formula_safe("1 = 1")
    ("'=1+1", '1 = 1')
    """
    return f"'{text}" if re.match(FORMULA_STARTS, text) else text


def moment_of(text: str | None) -> dt.datetime | None:
    """A stored time, to the second."""
    return None if text is None else dt.datetime.fromisoformat(text).replace(microsecond=0)


def decimal_of(text: str | None) -> Decimal | None:
    """A stored amount."""
    return None if text is None else Decimal(text)
