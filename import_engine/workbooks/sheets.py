"""A workbook's sheets as tables, in the child process.

The first row of a sheet names its columns; no number loses a digit. Cells with an Excel error
(``#DIV/0!``) are missing. fastexcel returns every number as a DOUBLE: a column of whole numbers
becomes BIGINT, of days DATE, of times of day TIME, of mixed types VARCHAR.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import fastexcel

from import_engine.errors import UnreadableFile
from import_engine.values import WHOLE_LIMIT
from import_engine.work import PRIMARY, ImportedTable, ImportWork, write_table
from import_engine.workbooks.archive import check_size, open_archive
from import_engine.workbooks.stray_cells import without_stray_cells
from parquet_tables.names import settle_names
from parquet_tables.progress import progress_part
from parquet_tables.quoting import quote_identifier
from parquet_tables.stored_types import Stored, stored_as
from parquet_tables.tables import Column
from parquet_tables.temporary_tables import registered

COMPACTED = 'The sheet "{name}" has cells far apart; its empty rows and columns were left out.'
DAMAGED_SHEETS = "The workbook is damaged. Save it again as .xlsx."
_NO_DAY_BEFORE = "TIMESTAMP '1900-01-01'"
_SHEET, _NUMBERS, _HEADER = "sheet_cells", "sheet_numbers", "sheet_header"
_NUMBERED = re.compile(r"_\d+$")

# fastexcel warns of each empty column.
logging.getLogger("fastexcel").setLevel(logging.ERROR)


def read_workbook(work: ImportWork, path: Path, unpacked_bytes: int) -> tuple[ImportedTable, ...]:
    """Read every non-empty sheet; results and errors are those of ``import_workbook``."""
    with open_archive(path) as archive:
        check_size(archive, unpacked_bytes)
    work.on_progress(0.0, "searching for stray cells")
    path, compacted = without_stray_cells(path, work.scratch("compact"))
    with panics_as_unreadable(DAMAGED_SHEETS):
        reader = fastexcel.read_excel(path)
        sheets = reader.sheet_names
    tables: list[ImportedTable] = []
    skipped: list[str] = []
    for number, name in enumerate(sheets):
        start, end = number / len(sheets), (number + 1) / len(sheets)
        part = replace(work, on_progress=progress_part(work.on_progress, start, end))
        part.on_progress(0.0, f"reading the sheet {name}")
        table = _import_sheet(part, reader, number, name)
        if table:
            left = (COMPACTED.format(name=name),) if name in compacted else ()
            tables.append(replace(table, notes=(*table.notes, *left)))
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


@contextmanager
def panics_as_unreadable(message: str) -> Iterator[None]:
    """Raise UnreadableFile for the parser's errors and panics inside the block."""
    try:
        yield
    except fastexcel.FastExcelError as error:
        raise UnreadableFile(message) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # pyo3 has no class to import
            raise
        raise UnreadableFile(message) from error


def _import_sheet(
    work: ImportWork, reader: fastexcel.ExcelReader, number: int, name: str
) -> ImportedTable | None:
    """Import one sheet; returns None if it has no cells."""
    with panics_as_unreadable(
        f'The sheet "{name}" can\'t be read. Save the workbook again as .xlsx.'
    ):
        cells = reader.load_sheet(number, schema_sample_rows=None)
        if not cells.width:
            return None
        header = _header(work.cursor, reader, cells, number)
        mixed = [i for i, c in enumerate(cells.selected_columns) if c.dtype == "string"]
        numbers = cells
        if mixed:
            numbers = reader.load_sheet(
                number, schema_sample_rows=None, dtypes="float", use_columns=mixed
            )
    cursor = work.cursor
    names, name_notes = settle_names(header)
    with registered(cursor, {_SHEET: cells, _NUMBERS: numbers}):
        types = [row[1] for row in cursor.execute(f"DESCRIBE {_SHEET}").fetchall()]
        stored = _stored(cursor, names, types)
        return write_table(
            cursor,
            sheet_query([column.sql for column in stored], names, mixed),
            (),
            [Column(n, column.type) for n, column in zip(names, stored, strict=True)],
            work.destination / f"sheet_{number + 1}.parquet",
            on_progress=work.on_progress,
            row_group_rows=work.row_group_rows,
            key=name,
            notes=[*name_notes, *(column.note for column in stored if column.note)],
        )


def _header(
    cursor: duckdb.DuckDBPyConnection,
    reader: fastexcel.ExcelReader,
    cells: fastexcel.ExcelSheet,
    number: int,
) -> Sequence[str | None]:
    """Return the first row's texts.

    fastexcel returns them as the columns' names, but replaces those that aren't text and numbers
    duplicates. Only in these cases is the sheet parsed again.
    """
    names = [column.name for column in cells.selected_columns]
    generated = any(column.column_name_from != "looked_up" for column in cells.selected_columns)
    known = set(names)
    if not generated and not any(_NUMBERED.sub("", name) in known - {name} for name in names):
        return names
    sheet = reader.load_sheet(
        number, header_row=None, n_rows=1, dtypes="string", schema_sample_rows=None
    )
    with registered(cursor, {_HEADER: sheet}):
        (first,) = cursor.execute(f"SELECT * FROM {_HEADER}").fetchall()
    return first


def sheet_query(cells: Sequence[str], names: Sequence[str], mixed: Sequence[int]) -> str:
    """Build the query of a sheet's rows: ``c0``… are its cells, ``n0``… the cells as numbers.

    Parameters
    ----------
    mixed : sequence of int
        The text columns, whose cells are also read as numbers.
    """
    wanted = ", ".join(
        f"{cell} AS {quote_identifier(name)}" for cell, name in zip(cells, names, strict=True)
    )
    source = _cells(len(names))
    if mixed:
        numbers = ", ".join(f"n{i}" for i in mixed)
        source = f"{source} POSITIONAL JOIN {_NUMBERS} AS numbers({numbers})"
    return f"SELECT {wanted} FROM {source}"


def _cells(width: int) -> str:
    cells = ", ".join(f"c{i}" for i in range(width))
    return f"{_SHEET} AS cells({cells})"


def narrowing_sql(types: Sequence[str]) -> str:
    """Build the query that checks for whole numbers, whole days and times without a day."""
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
    return f"SELECT {', '.join([*wanted, 'count(*)'])} FROM {_cells(len(types))}"


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
    """Return the SQL of a cell's text in a column of mixed types.

    fastexcel 0.21 writes numbers there with at most nine decimals, so 1e-12 would be 0. If the text
    differs from the cell's number, DuckDB writes the number.
    """
    text, number = f"c{column}", f"n{column}"
    return (
        f"CASE WHEN TRY_CAST({text} AS DOUBLE) <> {number} "
        f"THEN CAST({number} AS VARCHAR) ELSE {text} END"
    )
