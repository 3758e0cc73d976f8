"""Formulas of workbooks: they compute what they say, follow changed cells, and texts stay texts."""

from __future__ import annotations

import io
import re
import zipfile
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from xml.etree import ElementTree

from openpyxl import load_workbook
from openpyxl.utils import range_boundaries

from presentation.content import Facts, Formula, Percent, Row, Section, Table
from presentation.language import GERMAN
from presentation.letterhead import Letterhead
from presentation.xlsx import write_sections

REFERENCE = re.compile(r"(?:'((?:[^']|'')+)'!)?(\$[A-Z]+\$\d+(?::\$[A-Z]+\$\d+)?)")


class Workbook:
    """A workbook that is computed by the few functions that formulas use."""

    def __init__(self, content: bytes) -> None:
        self.formulas = load_workbook(io.BytesIO(content))
        self.cached = load_workbook(io.BytesIO(content), data_only=True)

    def cells(self) -> list[tuple[str, str]]:
        """The sheet and address of each formula."""
        return [
            (sheet.title, cell.coordinate)
            for sheet in self.formulas
            for line in sheet
            for cell in line
            if cell.data_type == "f"
        ]

    def value(self, sheet: str, address: str) -> Any:
        """The computed value of a cell; an empty one is 0."""
        cell = self.formulas[sheet][address]
        if cell.data_type != "f":
            return cell.value or 0
        expression = cell.value.removeprefix("=")
        parts, values = [], []
        at = 0
        for mark in REFERENCE.finditer(expression):
            parts += [expression[at : mark.start()], f"values[{len(values)}]"]
            values.append(self._of((mark[1] or sheet).replace("''", "'"), mark[2]))
            at = mark.end()
        text = "".join([*parts, expression[at:]])
        assert re.fullmatch(r"(?:SUM|ROUND|values\[\d+\]|[\d.+\-*/(),])*", text), text
        names = {"SUM": sum, "ROUND": half_up, "values": values, "__builtins__": {}}
        return eval(text, names)

    def _of(self, sheet: str, reference: str) -> Any:
        if ":" not in reference:
            return self.value(sheet, reference.replace("$", ""))
        left, top, right, bottom = range_boundaries(reference)
        rows = self.formulas[sheet].iter_rows(top, bottom, left, right)
        found = (self.value(sheet, cell.coordinate) for row in rows for cell in row)
        return [value for value in found if isinstance(value, int | float)]


def half_up(value: float, places: int) -> float:
    unit = Decimal(1).scaleb(-places)
    return float(Decimal(repr(value)).quantize(unit, ROUND_HALF_UP))


def written(*sections: Section) -> Workbook:
    target = io.BytesIO()
    write_sections(sections, target, GERMAN)
    return Workbook(target.getvalue())


LINES = Table(
    "Lines",
    ("Rows", "Drawn", "Share drawn"),
    [(8, 2, Formula(Percent(0.25), "[Drawn]/[Rows]")), (5, 4, Formula(0.8, "[Drawn]/[Rows]"))],
    name="lines",
)
WHOLE = Facts("Figures", [("Rows", Formula(13, "SUM({lines.Rows})", "whole")), ("=1+1", "=1+1")])
SHARE = Facts("Value", [("Share", Formula(Percent(2 / 13), "2/{whole}"))])


def test_formulas_refer_to_named_cells_and_columns() -> None:
    book = written(Section("Items", "Lines", [LINES]), Section("Cover", "It's it", [WHOLE, SHARE]))
    formulas = {book.formulas[sheet][cell].value for sheet, cell in book.cells()}
    assert formulas == {
        "=$B$5/$A$5",
        "=$B$6/$A$6",
        "=SUM('Elemente'!$A$5:$A$6)",
        "=2/'Deckblatt'!$B$4",
    }
    for sheet, cell in book.cells():
        assert abs(book.value(sheet, cell) - book.cached[sheet][cell].value) < 1e-12
    assert book.formulas["Deckblatt"]["A5"].data_type == "s"
    assert book.formulas["Deckblatt"]["B5"].data_type == "s"


def test_a_changed_cell_changes_the_sums() -> None:
    book = written(Section("Items", "Lines", [LINES]), Section("Cover", "Cover", [WHOLE, SHARE]))
    book.formulas["Elemente"]["A5"].value = 7
    assert book.value("Deckblatt", "B4") == 12
    assert book.value("Deckblatt", "B8") == 2 / 12


def test_a_formula_without_its_cell_is_a_number() -> None:
    missing = Formula(Decimal("1.50"), "{not_there}+1")
    book = written(Section("Cover", "Cover", [Facts("Figures", [("Sum", missing)])]))
    assert book.cells() == []
    assert book.formulas["Deckblatt"]["B4"].value == 1.5


def test_numbers_that_are_texts_are_in_no_formula() -> None:
    """Of more than 15 digits, which a cell's number can't hold."""
    large = Decimal("12345678901234567.89")
    table = Table(
        "Lines",
        ("Book", "Audit", "Difference"),
        [
            (large, Decimal(1), Formula(large - 1, "[Book]-[Audit]")),
            (Decimal(5), Decimal(1), Formula(Decimal(4), "[Book]-[Audit]")),
        ],
        name="lines",
    )
    sums: list[Row] = [
        ("Book", Formula(5, "SUM({lines.Book})", "book")),
        ("Audit", Formula(2, "SUM({lines.Audit})")),
        ("Whole", Formula(large, "{book}+1", "whole")),
        ("More", Formula(7, "{whole}-{book}")),
    ]
    book = written(Section("Items", "Items", [table, Facts("Sums", sums)]))
    formulas = [book.formulas[sheet][cell].value for sheet, cell in book.cells()]
    assert formulas == ["=$A$6-$B$6", "=SUM('Elemente'!$B$5:$B$6)"]


def test_a_header_has_the_name_of_a_firm_with_an_ampersand() -> None:
    target, firm = io.BytesIO(), "H&G [&[Picture]]"
    write_sections([Section("Cover", "Cover", [WHOLE])], target, GERMAN, Letterhead(firm))
    with zipfile.ZipFile(target) as files:
        sheet = ElementTree.fromstring(files.read("xl/worksheets/sheet1.xml"))
    (header,) = (each.text or "" for each in sheet.iter() if each.tag.endswith("}oddHeader"))
    assert header.replace('&"-,Regular"', "") == "&LH&&G [&&[Picture]]&R"
