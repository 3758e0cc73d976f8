"""XLSX workbooks.

Owns: sheets as tables. Invariant: the first row of a sheet names its columns, each other row is a
row, and no number loses a digit. Called by ``importer``.

A workbook is read into memory as a whole, so its unpacked size is limited. Cells with an Excel
error (``#DIV/0!``) have no value. fastexcel gives every number as a DOUBLE: a column of whole
numbers becomes BIGINT, one of days DATE, one of times of day TIME, and one of different kinds text.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import fastexcel

from import_engine.doubles import WHOLE_LIMIT
from import_engine.errors import UnreadableFile
from import_engine.imported import PRIMARY, ImportedTable
from import_engine.table_writing import write_table
from import_engine.work import ImportWork
from parquet_tables.names import settle_names
from parquet_tables.progress import share_of
from parquet_tables.quoting import quote_identifier
from parquet_tables.registered import registered
from parquet_tables.stored_types import Stored, stored_as
from parquet_tables.tables import Column

MOST_UNPACKED_BYTES = 256 * 1024 * 1024
"""A sheet takes about four times its unpacked size in memory (217 MB, 5 million cells: 0.9 GB)."""
_NO_DAY_BEFORE = "TIMESTAMP '1900-01-01'"
_SHEET, _NUMBERS, _HEADER = "sheet_cells", "sheet_numbers", "sheet_header"

# It warns of each column without a value, which is no news here.
logging.getLogger("fastexcel").setLevel(logging.ERROR)


def import_workbook(work: ImportWork, path: Path) -> tuple[ImportedTable, ...]:
    """Read every sheet that isn't empty, hidden ones as well.

    Returns
    -------
    tuple of ImportedTable
        Keyed by the sheets' names; by ``primary`` when there is one alone.

    Raises
    ------
    UnreadableFile
        It isn't a workbook, is protected by a password, is too large, or has no sheet with cells.
    """
    _check_size(path)
    try:
        reader = fastexcel.read_excel(path)
        sheets = reader.sheet_names
    except fastexcel.FastExcelError as error:
        raise UnreadableFile("The workbook is damaged. Save it again as .xlsx.") from error
    tables: list[ImportedTable] = []
    skipped: list[str] = []
    for number, name in enumerate(sheets):
        start, end = number / len(sheets), (number + 1) / len(sheets)
        part = replace(work, report=share_of(work.report, start, end))
        part.report(0.0, f"reading the sheet {name}")
        table = _import_sheet(part, reader, number, name)
        if table:
            tables.append(table)
        else:
            skipped.append(f'The sheet "{name}" is empty; it was left out.')
    if not tables:
        raise UnreadableFile("The workbook has no sheet with cells.")
    if len(tables) == 1:
        only = tables[0]
        named = () if len(sheets) == 1 else (f'The table is the sheet "{only.key}".',)
        return (ImportedTable(PRIMARY, only.table, (*named, *only.notes, *skipped)),)
    first = ImportedTable(tables[0].key, tables[0].table, (*tables[0].notes, *skipped))
    return (first, *tables[1:])


def _check_size(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            is_workbook = "[Content_Types].xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise UnreadableFile(
            "The workbook is cut off or damaged. Save it again as .xlsx."
        ) from error
    if not is_workbook:
        raise UnreadableFile("The file is a ZIP archive but no workbook.")
    if unpacked > MOST_UNPACKED_BYTES:
        limit = MOST_UNPACKED_BYTES // 1024**2
        raise UnreadableFile(
            f"The workbook holds {unpacked // 1024**2:,} MiB of cells; at most {limit} MiB can be "
            "read. Save the sheets as CSV."
        )


def _import_sheet(
    work: ImportWork, reader: fastexcel.ExcelReader, number: int, name: str
) -> ImportedTable | None:
    """One sheet's table; None when it has no cells."""
    try:
        header = reader.load_sheet(
            number, header_row=None, n_rows=1, dtypes="string", schema_sample_rows=None
        )
        if not header.width:
            return None
        cells = reader.load_sheet(number, schema_sample_rows=None)
        mixed = any(column.dtype == "string" for column in cells.selected_columns)
        # Only columns of text ask for their numbers; a second copy of the others is memory lost.
        numbers = (
            reader.load_sheet(number, schema_sample_rows=None, dtypes="float") if mixed else cells
        )
    except fastexcel.FastExcelError as error:
        raise UnreadableFile(f'The sheet "{name}" can\'t be read.') from error
    cursor = work.cursor
    with registered(cursor, {_HEADER: header, _SHEET: cells, _NUMBERS: numbers}):
        (first,) = cursor.execute(f"SELECT * FROM {_HEADER}").fetchall()
        names, name_notes = settle_names(first)
        types = [row[1] for row in cursor.execute(f"DESCRIBE {_SHEET}").fetchall()]
        stored = _stored(cursor, names, types)
        return write_table(
            cursor,
            sheet_query([column.sql for column in stored], names),
            (),
            [Column(n, column.type) for n, column in zip(names, stored, strict=True)],
            work.destination / f"sheet_{number + 1}.parquet",
            report=work.report,
            row_group_rows=work.row_group_rows,
            key=name,
            notes=[*name_notes, *(column.note for column in stored if column.note)],
        )


def sheet_query(cells: Sequence[str], names: Sequence[str]) -> str:
    """The query of a sheet's rows: ``c0``… are its cells, ``n0``… the same cells as numbers."""
    wanted = ", ".join(
        f"{cell} AS {quote_identifier(name)}" for cell, name in zip(cells, names, strict=True)
    )
    return f"SELECT {wanted} FROM {_source(len(names))}"


def _source(width: int) -> str:
    cells = ", ".join(f"c{i}" for i in range(width))
    numbers = ", ".join(f"n{i}" for i in range(width))
    return f"{_SHEET} AS cells({cells}) POSITIONAL JOIN {_NUMBERS} AS numbers({numbers})"


def narrowing_sql(types: Sequence[str]) -> str:
    """Ask whether each column's numbers are whole, its times whole days, its times of no day."""
    wanted: list[str] = []
    for i, type_ in enumerate(types):
        if type_ == "DOUBLE":
            whole = f"bool_and(c{i} = trunc(c{i}) AND abs(c{i}) <= {WHOLE_LIMIT})"
            wanted += [whole, "false"]
        elif type_.startswith("TIMESTAMP"):
            wanted.append(f"bool_and(c{i} = date_trunc('day', c{i}))")
            wanted.append(f"bool_and(c{i} < {_NO_DAY_BEFORE})")
        else:
            wanted += ["false", "false"]
    return f"SELECT {', '.join([*wanted, 'count(*)'])} FROM {_source(len(types))}"


def _stored(
    cursor: duckdb.DuckDBPyConnection, names: Sequence[str], types: Sequence[str]
) -> list[Stored]:
    (answers,) = cursor.execute(narrowing_sql(types)).fetchall()
    stored: list[Stored] = []
    for i, (name, type_) in enumerate(zip(names, types, strict=True)):
        whole, of_no_day = answers[2 * i], answers[2 * i + 1]
        if type_ == "VARCHAR":
            stored.append(Stored(text_sql(i), "VARCHAR"))
        elif type_ == "DOUBLE" and whole:
            stored.append(Stored(f"CAST(c{i} AS BIGINT)", "BIGINT"))
        elif of_no_day:
            stored.append(Stored(f"CAST(c{i} AS TIME)", "TIME"))
        elif whole:
            stored.append(Stored(f"CAST(c{i} AS DATE)", "DATE"))
        else:
            stored.append(stored_as(name, type_, f"c{i}"))
    return stored


def text_sql(column: int) -> str:
    """The text of a cell in a column of different kinds.

    fastexcel 0.21 writes a number there with nine decimals at most, so 1e-12 would be 0. Where the
    text isn't the number that the cell holds, the number itself is written out.
    """
    text, number = f"c{column}", f"n{column}"
    return (
        f"CASE WHEN TRY_CAST({text} AS DOUBLE) <> {number} "
        f"THEN CAST({number} AS VARCHAR) ELSE {text} END"
    )
