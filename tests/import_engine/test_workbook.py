"""XLSX workbooks."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time

import pytest
import xlsxwriter

from import_engine.workbooks.importing import CHILD_MODULE
from tests.import_engine.conftest import Importing

Fill = Callable[[xlsxwriter.Workbook], None]


def made(fill: Fill) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    fill(book)
    book.close()
    return out.getvalue()


def sheet(*rows: list[object]) -> Fill:
    def fill(book: xlsxwriter.Workbook) -> None:
        days = book.add_format({"num_format": "yyyy-mm-dd"})
        moments = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        clock = book.add_format({"num_format": "hh:mm:ss"})
        page = book.add_worksheet()
        for y, row in enumerate(rows):
            for x, value in enumerate(row):
                if isinstance(value, datetime):
                    page.write_datetime(y, x, value, moments)
                elif isinstance(value, date):
                    page.write_datetime(y, x, value, days)
                elif isinstance(value, time):
                    page.write_datetime(y, x, value, clock)
                elif isinstance(value, str):
                    page.write_string(y, x, value)
                elif value is not None:
                    page.write(y, x, value)

    return fill


def test_cells_become_the_types_they_show(importing: Importing) -> None:
    moment = datetime(2020, 1, 2, 3, 4, 5)  # noqa: DTZ001
    outcome = importing.one(
        made(
            sheet(
                ["whole", "fraction", "day", "moment", "clock", "flag", "text", "nothing"],
                [1, 0.1, date(2020, 1, 2), moment, time(10, 11, 12), True, "007", None],
                [2**53, 1 / 3, date(2021, 1, 2), moment, time(0, 0, 1), False, "é", None],
            )
        ),
        "book.xlsx",
    )
    assert outcome.key == "primary"
    assert outcome.types == [
        "BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "TIME", "BOOLEAN", "VARCHAR", "VARCHAR",
    ]  # fmt: skip
    assert outcome.rows[0] == (
        1, 0.1, date(2020, 1, 2), moment, time(10, 11, 12), True, "007", None
    )  # fmt: skip
    assert outcome.column("whole") == [1, 2**53]


def test_numbers_in_a_mixed_column_keep_their_digits(importing: Importing) -> None:
    outcome = importing.one(
        made(sheet(["m"], [0.1234567891234], ["007"], [1e-13], [5], [True], ["x"])), "b.xlsx"
    )
    assert outcome.column("m") == ["0.1234567891234", "007", "1e-13", "5", "true", "x"]


def test_a_text_after_1000_rows_makes_a_text_column(importing: Importing) -> None:
    rows: list[list[object]] = [[i] for i in range(1500)]
    outcome = importing.one(made(sheet(["a"], *rows, ["late"])), "b.xlsx")
    assert outcome.types == ["VARCHAR"]
    assert outcome.column("a")[-2:] == ["1499", "late"]


def test_sheets_become_tables_and_empty_ones_are_noted(importing: Importing) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        for name, rows in (("Umsätze, Q'1", [["a"], [1]]), ("Empty", []), ("Names", [["b", "B"]])):
            page = book.add_worksheet(name)
            for y, row in enumerate(rows):
                page.write_row(y, 0, row)

    first, second = importing.all(made(fill), "b.xlsx")
    assert (first.key, first.rows) == ("Umsätze, Q'1", [(1,)])
    assert first.notes == ('The sheet "Empty" is empty; it was left out.',)
    assert (second.key, second.names, second.rows) == ("Names", ["b", "B_1"], [])


def test_the_only_sheet_with_cells_is_the_primary_table(importing: Importing) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet("Data").write_row(0, 0, ["a"])
        book.add_worksheet("Sheet2")

    outcome = importing.one(made(fill), "b.xlsx")
    assert outcome.key == "primary"
    assert outcome.notes == (
        'The table is the sheet "Data".',
        'The sheet "Sheet2" is empty; it was left out.',
    )


def test_rows_keep_their_order(importing: Importing) -> None:
    rows: list[list[object]] = [[i, f"t{i}"] for i in range(50_000)]
    outcome = importing.one(made(sheet(["i", "t"], *rows)), "b.xlsx")
    assert outcome.rows == [(i, f"t{i}") for i in range(50_000)]


def test_a_file_that_is_not_a_workbook_is_refused(importing: Importing) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.txt", "hello")
    whole = made(sheet(["a"], [1]))
    assert "not a workbook" in importing.refusal(archive.getvalue(), "b.xlsx")
    assert "damaged" in importing.refusal(whole[: len(whole) // 2], "b.xlsx")
    assert "password" in importing.refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9), "b.xlsx")
    assert "no sheet with cells" in importing.refusal(made(sheet()), "b.xlsx")


class Stopped(Exception):
    """Stops the import from the progress callback."""


@pytest.mark.parametrize("last", [1, 2, 5])
def test_an_error_in_on_progress_ends_the_import(importing: Importing, last: int) -> None:
    content = made(sheet(["a", "b"], *([i, f"text {i}"] for i in range(2_000))))
    reports = 0

    def on_progress(_fraction: float, _message: str) -> None:
        nonlocal reports
        reports += 1
        if reports == last:
            raise Stopped

    with pytest.raises(Stopped):
        importing.tables(content, "book.xlsx", on_progress)
    assert not list(importing.destination.glob("*.scratch"))


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (["x", 2020, "x"], ["x", "2020", "x_1"]),
        (["x", "x_1", "y"], ["x", "x_1", "y"]),
        (["x", None, "y"], ["x", "column_2", "y"]),
        ([True, date(2020, 1, 2), " y"], ["true", "2020-01-02 00:00:00", " y"]),
    ],
)
def test_first_rows_name_the_columns(
    importing: Importing, header: list[object], names: list[str]
) -> None:
    assert importing.one(made(sheet(header, [1, 2, 3])), "b.xlsx").names == names


def test_a_workbooks_process_starts_without_what_it_does_not_need() -> None:
    """numpy, HTTP and TLS would take as long to load as most workbooks to read."""
    names = "{'numpy', 'http.client', 'ssl', 'fsspec'}"
    code = f"import sys; from {CHILD_MODULE} import main; print({names} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
