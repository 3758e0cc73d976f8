"""Columns of amounts are decimals, and other numbers stay floating-point numbers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from decimal import Decimal

import pytest
import xlsxwriter

from import_engine.options import read_options
from tests.import_engine.conftest import Importing

AMOUNTS: dict[str, tuple[str, list[str]]] = {
    "two places": ("DECIMAL(18,2)", ["333.50", "-0.25", ".50", "7"]),
    "three places": ("DECIMAL(18,3)", ["1.250", "0.125"]),
    "four places": ("DECIMAL(18,4)", ["1.2500", "0.1250"]),
    "more than 18 digits": ("DECIMAL(38,2)", ["12345678901234567.25", "1.00"]),
    "one place": ("DOUBLE", ["1.5", "2.5"]),
    "five places": ("DOUBLE", ["1.25000", "2.50000"]),
    "other places": ("DOUBLE", ["0.37", "0.5", "0.1234"]),
    "an exponent": ("DOUBLE", ["1.50", "1e3"]),
    "not a number": ("DOUBLE", ["1.50", "nan"]),
    "a point alone": ("DOUBLE", ["1.50", "5."]),
    "whole numbers": ("BIGINT", ["5", "7"]),
    "a negative zero": ("DOUBLE", ["-0", "7"]),
    "missing values": ("DECIMAL(18,2)", ["1.50", "NA", ""]),
    "a leading zero": ("VARCHAR", ["007.50", "1.50"]),
    "an id among them": ("VARCHAR", ["9007199254740993", "0.50"]),
    "a currency": ("DECIMAL(18,2)", ["€ 5.5", "€ 3.25", "€ 7"]),
    "unit prices": ("DECIMAL(18,4)", ["€ 5.5", "€ 0.1234"]),
    "a currency and five places": ("DOUBLE", ["€ 5.5", "€ 0.12345"]),
    "parentheses": ("DECIMAL(18,2)", ["(1.50)", "2.25-"]),
    "parentheses and other places": ("DOUBLE", ["(1.5)", "2.25-"]),
    "percentages": ("DOUBLE", ["12.50 %", "7.25 %"]),
}


def text_of(values: Sequence[str]) -> str:
    return "k|n\n" + "".join(f"x|{value}\n" for value in values)


@pytest.mark.parametrize("case", AMOUNTS)
def test_values_decide_whether_numbers_are_decimals(importing: Importing, case: str) -> None:
    type_, values = AMOUNTS[case]
    assert importing.one(text_of(values)).types[1] == type_
    assert importing.one(text_of(values[::-1])).types[1] == type_


ORDERED = [
    "two places",
    "other places",
    "more than 18 digits",
    "parentheses",
    "a point alone",
    "a currency",
]


@pytest.mark.parametrize("case", ORDERED)
def test_the_order_of_rows_decides_nothing(importing: Importing, case: str) -> None:
    type_, values = AMOUNTS[case]
    many = [value for value in values for _ in range(importing.sample_rows // 3 + 100)]
    forth, back = importing.one(text_of(many)), importing.one(text_of(many[::-1]))
    assert forth.types == back.types == ["VARCHAR", type_]
    assert forth.column("n") == back.column("n")[::-1]


def test_decimals_keep_every_digit(importing: Importing) -> None:
    outcome = importing.one(text_of(["333.50", "-9999999999999999.99", "9999999999999999.99"]))
    assert [str(value) for value in outcome.column("n")] == [
        "333.50", "-9999999999999999.99", "9999999999999999.99",
    ]  # fmt: skip
    assert not outcome.notes


def test_a_type_that_is_given_wins(importing: Importing) -> None:
    options = read_options({"types": {"n": "number"}})
    (table,) = importing.tables(text_of(["1.50", "2.25"]), options=options)
    assert importing.read(table).types[1] == "DOUBLE"


def book(
    values: Sequence[float | str], formats: Sequence[str], titles: Sequence[float] = ()
) -> bytes:
    """A workbook of one column of numbers in formats, below rows with a number of another one."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        for line, title in enumerate(titles):
            sheet.write_number(line, 1, title, workbook.add_format({"num_format": "0%"}))
        top = len(titles)
        sheet.write_row(top, 0, ["k", "n"])
        for place, value in enumerate(values):
            style = workbook.add_format({"num_format": formats[place % len(formats)]})
            sheet.write_string(top + 1 + place, 0, "x")
            sheet.write(top + 1 + place, 1, value, style)
    return file.getvalue()


SHEETS: dict[str, tuple[str, list[float | str], list[str]]] = {
    "two places": ("DECIMAL(18,2)", [333.5, -0.25], ["#,##0.00"]),
    "a currency": ("DECIMAL(18,2)", [333.5, 7], ['_-* #,##0.00 "kr"_-;[Red]-#,##0.00 "kr"']),
    "whole numbers": ("DECIMAL(18,2)", [333, 7], ["0.00"]),
    "noise of sums": ("DECIMAL(18,2)", [0.1 + 0.2, 3931862.5199999996], ["0.00"]),
    "three places": ("DECIMAL(18,3)", [1.125, 7], ["0.000"]),
    "cells without a format": ("DECIMAL(18,2)", [333.5, 7.25], ["0.00", "General"]),
    "more places than shown": ("DOUBLE", [333.333, 7.25], ["0.00"]),
    "no format": ("DOUBLE", [333.5, 7.25], ["General"]),
    "one place": ("DOUBLE", [333.5, 7.5], ["0.0"]),
    "optional places": ("DOUBLE", [333.5, 7.25], ["0.0#"]),
    "a percentage": ("DOUBLE", [0.25, 0.5], ["0.00%"]),
    "a percentage among them": ("DOUBLE", [0.25, 0.5], ["0.00", "0.00%"]),
    "an exponent": ("DOUBLE", [333.5, 7.25], ["0.00E+00"]),
    "thousands": ("DOUBLE", [333.5, 7.25], ["0.00,"]),
    "large numbers": ("DOUBLE", [1e12 + 0.5, 7.25], ["0.00"]),
    "a whole format": ("BIGINT", [333, 7], ["#,##0"]),
}


@pytest.mark.parametrize("case", SHEETS)
def test_formats_of_a_sheet_decide_its_decimals(importing: Importing, case: str) -> None:
    type_, values, formats = SHEETS[case]
    assert importing.one(book(values, formats), "a.xlsx").types[1] == type_


def test_noise_of_a_sheet_is_left_out(importing: Importing) -> None:
    outcome = importing.one(book([0.1 + 0.2, 3931862.5199999996], ["0.00"]), "a.xlsx")
    assert outcome.column("n") == [Decimal("0.30"), Decimal("3931862.52")]


def test_numbers_above_the_names_decide_nothing(importing: Importing) -> None:
    outcome = importing.one(book([333.5, 7], ["0.00"], titles=[0.5]), "a.xlsx")
    assert outcome.types == ["VARCHAR", "DECIMAL(18,2)"]


def test_amounts_stored_as_text_are_asked_as_decimals(importing: Importing) -> None:
    (table,) = importing.tables(book(["333.50", "7.25"], ["@"]), "a.xlsx")
    assert importing.read(table).types[1] == "VARCHAR"
    (question,) = table.questions
    assert question.choices[1].options == {"types": {"n": "DECIMAL(18,2)"}}
