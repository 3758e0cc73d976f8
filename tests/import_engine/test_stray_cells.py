"""Workbooks that ask for more memory than there is, and sheets with cells far from their table."""

from __future__ import annotations

import struct
import threading
import time
from pathlib import Path

import pytest

from import_engine.errors import UnreadableFile, WorkbookTooLarge
from import_engine.work import ImportWork
from import_engine.workbooks.importing import WorkbookLimits, import_workbook
from parquet_tables.progress import ignore_progress
from tests.import_engine.conftest import Importing
from tests.import_engine.raw_workbooks import (
    SHEET_PART,
    STRINGS,
    TABLE,
    packed,
    raw_workbook,
    unpacked,
)
from tests.sql_sandbox.conftest import children

FAR = '<row r="1048576"><c r="XFD1048576"><v>7</v></c></row>'
NOTE = 'The sheet "Sales" has cells far apart; its empty rows and columns were left out.'


def test_a_cell_in_the_last_corner_becomes_a_row(importing: Importing) -> None:
    outcome = importing.one(raw_workbook(TABLE + FAR), "b.xlsx")
    assert outcome.names == ["id", "name", "column_3"]
    assert outcome.rows == [(5, "Ann", None), (6, None, None), (None, None, 7)]
    assert NOTE in outcome.notes


def test_a_stray_cell_in_column_101_stays(importing: Importing) -> None:
    far = '<row r="1048576"><c r="CW1048576" t="inlineStr"><is><t>a &lt; b</t></is></c></row>'
    outcome = importing.one(raw_workbook(TABLE + far), "b.xlsx")
    assert outcome.rows[-1] == (None, None, "a < b")


def test_cells_without_a_value_are_no_part_of_a_sheet(importing: Importing) -> None:
    far = '<row r="1048576"><c r="XFD1048576" s="1"/><c r="XFD1048576" s="1"></c></row>'
    outcome = importing.one(raw_workbook(TABLE + far), "b.xlsx")
    assert outcome.rows == [(5, "Ann"), (6, None)]


def test_empty_rows_within_a_table_stay(importing: Importing) -> None:
    far = '<row r="900"><c r="A900"><v>7</v></c></row>'
    outcome = importing.one(raw_workbook(TABLE + far), "b.xlsx")
    assert len(outcome.rows) == 899
    assert outcome.notes == ()


def test_rows_and_cells_without_a_place_are_counted(importing: Importing) -> None:
    rows = (
        "<row><c t='s'><v>0</v></c><c t='s'><v>1</v></c></row>"
        "<row><c><f>1+1</f><v>5</v></c><c s='1'><v>43831</v></c></row>"
    )
    outcome = importing.one(raw_workbook(rows + FAR), "b.xlsx")
    assert outcome.names == ["id", "name", "column_3"]
    assert str(outcome.rows[0]) == "(5, datetime.date(2020, 1, 1), None)"


def test_prefixed_names_are_understood(importing: Importing) -> None:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rows = (TABLE + FAR).replace("<", "<x:").replace("<x:/", "</x:")
    sheet = f'<x:worksheet xmlns:x="{main}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'
    content = packed({**unpacked(raw_workbook()), SHEET_PART: sheet})
    assert importing.one(content, "b.xlsx").rows[-1] == (None, None, 7)


def test_a_range_that_a_sheet_declares_is_not_trusted(importing: Importing) -> None:
    before = '<dimension ref="A1:XFD1048576"/>'
    assert importing.one(raw_workbook(before=before), "b.xlsx").rows == [(5, "Ann"), (6, None)]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ('<row r="4294967295"><c r="A4294967295"><v>1</v></c></row>', "outside of the 1,048,576"),
        ('<row r="9"><c r="ZZZ9"><v>1</v></c></row>', "outside of the 1,048,576"),
        ('<row r="9"><c r="AAAA9"><v>1</v></c></row>', "outside of the 1,048,576"),
        ('<row r="1"><c r="A1"><v>1</v></c></row>', "out of order"),
        (FAR.replace("XFD", "A1B"), "damaged"),
        (FAR + "<row", "damaged"),
    ],
)
def test_a_sheet_that_excel_cannot_have_is_refused(
    importing: Importing, rows: str, sentence: str
) -> None:
    assert sentence in importing.refusal(raw_workbook(TABLE + rows), "b.xlsx")


def read(importing: Importing, content: bytes, limits: WorkbookLimits) -> object:
    path = importing.root / "workbook"
    path.write_bytes(content)
    with importing.database.cursor() as cursor:
        work = ImportWork(cursor, importing.root, ignore_progress, 32_768, 1 << 28)
        return import_workbook(work, path, limits)


def test_a_declared_count_of_texts_ends_the_child_alone(importing: Importing) -> None:
    strings = STRINGS.replace("<sst", '<sst uniqueCount="4294967295"') + "</sst>"
    with pytest.raises(WorkbookTooLarge) as caught:
        read(importing, raw_workbook(strings=strings), WorkbookLimits())
    assert caught.value.code == "workbook_too_large"
    assert "more than 2,048 MiB" in caught.value.message


def test_a_workbook_that_unpacks_to_much_is_refused(importing: Importing) -> None:
    content = raw_workbook(before=f"<!--{'x' * 3_000_000}-->")
    with pytest.raises(WorkbookTooLarge, match="at most 2 MiB"):
        read(importing, content, WorkbookLimits(unpacked_bytes=2 * 1024**2))


def test_a_size_that_an_archive_declares_is_not_trusted(importing: Importing) -> None:
    texts = "".join(f"<si><t>{number}{'x' * 1000}</t></si>" for number in range(220_000))
    content = raw_workbook(strings=f"{STRINGS}{texts}</sst>")
    lied = content.replace(struct.pack("<L", len(f"{STRINGS}{texts}</sst>")), struct.pack("<L", 9))
    assert lied != content
    with pytest.raises(WorkbookTooLarge, match="16 MiB of memory"):
        read(importing, lied, WorkbookLimits(memory_mb=16))


def test_processor_time_is_limited(importing: Importing) -> None:
    rows = "".join(f'<row r="{row}"><c r="A{row}"><v>1</v></c></row>' for row in range(1, 250_000))
    with pytest.raises(WorkbookTooLarge, match="1 s of processor time"):
        read(importing, raw_workbook(rows + FAR), WorkbookLimits(cpu_s=1))


def test_a_later_zip_version_is_refused(importing: Importing) -> None:
    content = raw_workbook()
    central = content.index(b"PK\x01\x02")
    later = content[: central + 6] + struct.pack("<H", 99) + content[central + 8 :]
    assert "ZIP archive uses features" in importing.refusal(later, "b.xlsx")


class Stopped(Exception):
    """The import isn't wanted any more."""


def test_a_stop_ends_the_child_at_once(importing: Importing, tmp_path: Path) -> None:
    rows = "".join(
        f'<row r="{row}"><c r="A{row}"><v>{row}</v></c></row>' for row in range(1, 300_000)
    )
    stop = threading.Event()
    others = children()

    def on_progress(_fraction: float, _message: str) -> None:
        if children() - others:
            stop.set()
            raise Stopped

    began = time.monotonic()
    with pytest.raises(Stopped):
        importing.tables(raw_workbook(rows), "b.xlsx", on_progress)
    assert stop.is_set()
    assert not children() - others
    assert time.monotonic() - began < 5


def test_damaged_workbooks_name_the_remedy(importing: Importing) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read(importing, raw_workbook()[:-40], WorkbookLimits())
    assert caught.value.message == ("The workbook is cut off or damaged. Save it again as .xlsx.")
