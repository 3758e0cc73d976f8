"""Workbooks that are exported: numbers keep their digits, and what Excel can't hold is noted."""

from __future__ import annotations

import re
import zipfile
from decimal import Decimal
from pathlib import Path

import duckdb
import fastexcel
import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.exports import ExportFormat, export_rows
from parquet_tables.rows import frequent_values, read_page
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet
from presentation.content import Facts, Section
from presentation.xlsx import write_sections

DOUBLES = (0.1 + 0.2, 1 / 3, 9007199254740991.0, 5e-324, 1.7976931348623157e308, -0.0, 1e22)


def table_of(parquet: ParquetDatabase, path: Path, query: str) -> TableFiles:
    with parquet.cursor() as cursor:
        file = write_parquet(cursor, query, [], path)
        return TableFiles(read_columns(cursor, path), (file,))


def exported(
    parquet: ParquetDatabase, folder: Path, query: str, export_format: ExportFormat = "xlsx"
) -> Path:
    table = table_of(parquet, folder / "t.parquet", query)
    path = folder / f"export.{export_format}"
    with parquet.cursor() as cursor:
        export_rows(cursor, table, table.columns, path, export_format)
    return path


def sheet_of(path: Path, sheet: str) -> list[tuple[object, ...]]:
    """A sheet's rows, its header among them."""
    cells = fastexcel.read_excel(path).load_sheet(sheet, header_row=None, dtypes="string")
    with duckdb.connect() as connection:
        connection.register("cells", cells)
        return connection.execute("SELECT * FROM cells").fetchall()


def notes_of(path: Path) -> list[object]:
    return [note for (note,) in sheet_of(path, "Notes")[1:]]


def test_a_workbook_keeps_all_digits_of_a_double(parquet: ParquetDatabase, tmp_path: Path) -> None:
    values = ", ".join(f"({number!r}::DOUBLE)" for number in DOUBLES)
    path = exported(parquet, tmp_path, f"SELECT * FROM (VALUES {values}) t(x)")
    with zipfile.ZipFile(path) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    assert tuple(map(float, re.findall(r"<v>([^<]*)</v></c></row>", xml))) == DOUBLES
    assert fastexcel.read_excel(path).sheet_names == ["rows"]


def test_long_whole_numbers_stay_texts(parquet: ParquetDatabase, tmp_path: Path) -> None:
    path = exported(parquet, tmp_path, "SELECT 9007199254740993 AS a, 123456789012345 AS b")
    assert sheet_of(path, "rows")[1] == ("9007199254740993", "123456789012345")


def test_facts_that_are_no_numbers_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "paper.xlsx"
    facts = (Decimal("NaN"), Decimal("-Infinity"), float("inf"), Decimal("12.50"))
    rows = [(f"amount {place}", value) for place, value in enumerate(facts)]
    write_sections([Section("Design", "Design", [Facts("Amounts", rows)])], path)
    shown = [row[1] for row in sheet_of(path, "Design") if str(row[0]).startswith("amount")]
    assert shown == ["NaN", "-Infinity", "inf", "12.5"]


def test_a_text_that_is_cut_is_noted(parquet: ParquetDatabase, tmp_path: Path) -> None:
    query = """SELECT * FROM (VALUES ('short', 1), (repeat('x', 32_767), 2),
               (repeat('y', 32_768), 3), (repeat('😀', 16_384), 4)) t("a text", id)"""
    path = exported(parquet, tmp_path, query)
    assert [len(str(row[0])) for row in sheet_of(path, "rows")] == [6, 5, 32_767, 32_767, 16_383]
    assert notes_of(path) == [
        'Column "a text": 2 texts are cut, the first in row 4. A cell holds 32,767 characters. '
        "Use csv or parquet for the whole texts."
    ]


def test_times_beyond_milliseconds_are_noted(parquet: ParquetDatabase, tmp_path: Path) -> None:
    query = """SELECT TIMESTAMP '2020-01-01 10:11:12.123' AS ms,
               TIMESTAMP '2020-01-01 10:11:12.123456' AS us,
               TIMESTAMP_NS '2020-01-01 10:11:12.123456789' AS ns"""
    path = exported(parquet, tmp_path, query)
    notes = notes_of(path)
    assert [str(note)[:20] for note in notes] == ['Column "us": 1 times', 'Column "ns" holds na']


EARLY = """SELECT * FROM (VALUES
    (DATE '0044-03-15 (BC)', TIMESTAMP '0044-03-15 (BC) 12:00:00.5',
     TIMESTAMPTZ '0044-03-15 (BC) 12:00:00+00'),
    (DATE '0000-01-01', TIMESTAMP '0001-01-01 00:00:00', TIMESTAMPTZ '0001-01-01 00:00:00+00'),
    (DATE 'infinity', TIMESTAMP '-infinity', TIMESTAMPTZ 'infinity'),
    (DATE '12020-01-01', TIMESTAMP '12020-01-01', TIMESTAMPTZ '12020-01-01 00:00:00+00'),
    (DATE '2020-01-01', TIMESTAMP '2020-01-01', TIMESTAMPTZ '2020-01-01 00:00:00+00')
) t(d, ts, tz)"""
SHOWN = [
    ("0044-03-15 (BC)", "0044-03-15 (BC) 12:00:00.5", "0044-03-15 (BC) 12:00:00+00:00"),
    ("0001-01-01 (BC)", "0001-01-01T00:00:00", "0001-01-01T00:00:00+00:00"),
    ("infinity", "-infinity", "infinity"),
    ("12020-01-01", "12020-01-01T00:00:00", "12020-01-01T00:00:00+00:00"),
    ("2020-01-01", "2020-01-01T00:00:00", "2020-01-01T00:00:00+00:00"),
]


def test_years_of_any_length_are_shown(parquet: ParquetDatabase, tmp_path: Path) -> None:
    table = table_of(parquet, tmp_path / "t.parquet", EARLY)
    with parquet.cursor() as cursor:
        page = read_page(cursor, table, table.columns, 0, 10)
        menus = [frequent_values(cursor, table, column, 10).values for column in table.columns]
        for at, column in enumerate(table.columns):  # what is shown is read back
            for (text, *_), row in zip([(r[at],) for r in SHOWN], range(5), strict=True):
                same = f"SELECT count(*) FROM (SELECT * FROM ({EARLY}) LIMIT 1 OFFSET {row}) "
                same += f"WHERE {column.name} = CAST(? AS {column.type})"
                assert cursor.execute(same, [text]).fetchall() == [(1,)], text
    assert [tuple(row.values()) for row in page] == SHOWN
    assert [set(menu) for menu in menus] == [set(values) for values in zip(*SHOWN, strict=True)]


@pytest.mark.parametrize("export_format", ["csv", "parquet", "arrow", "xlsx"])
def test_years_of_any_length_are_exported(
    parquet: ParquetDatabase, tmp_path: Path, export_format: ExportFormat
) -> None:
    path = exported(parquet, tmp_path, EARLY, export_format)
    if export_format == "csv":
        assert "0044-03-15 (BC),0044-03-15 (BC) 12:00:00.5," in path.read_text()
    elif export_format == "xlsx":
        rows = sheet_of(path, "rows")
        assert rows[1][:2] == SHOWN[0][:2]
        assert rows[3] == SHOWN[2]
    else:
        assert path.stat().st_size > 100
