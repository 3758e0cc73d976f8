"""Entry point of the import engine: reads a file and writes Parquet tables.

Files are written in ``destination`` alone. Any fault of the input is an ``UnreadableFile``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from contract.requests.importing import ReadOptions
from import_engine.delimited import import_delimited
from import_engine.formats import DetectedFormat, Format, detect_format
from import_engine.json_lines import import_json
from import_engine.options import DETECT_ALL
from import_engine.parquet import count_parquet_rows, import_parquet
from import_engine.totals import with_totals
from import_engine.work import SAMPLE_ROWS, ImportedTable, ImportWork
from import_engine.workbooks.importing import import_workbook
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import MonotonicProgress, ProgressCallback
from parquet_tables.writing import ROW_GROUP_ROWS


def import_file(
    database: ParquetDatabase,
    source: Path,
    original_name: str,
    destination: Path,
    *,
    on_progress: ProgressCallback,
    options: ReadOptions = DETECT_ALL,
    row_group_rows: int = ROW_GROUP_ROWS,
    sample_rows: int = SAMPLE_ROWS,
    whole_file: bool = True,
    has_all_rows: bool = True,
) -> tuple[ImportedTable, ...]:
    """Read an uploaded file and write its tables as Parquet files.

    Parameters
    ----------
    source : Path
        The file; the ending of ``original_name`` gives its format.
    destination : Path
        An empty directory that the database may read. The caller moves the tables' files out of it
        and deletes the rest.
    on_progress : ProgressCallback
        Receives fractions that never decrease; its exceptions stop the import and pass through.
    options : ReadOptions
        What is given wins over detection.
    sample_rows : int
        First rows in which the delimiter and the columns' types are found.
    whole_file : bool
        False for the beginning of a file.
    has_all_rows : bool
        False for a part of a file, also for its beginning and end: its totals can't be compared.

    Returns
    -------
    tuple of ImportedTable
        One table with the key ``primary``, or one table for each sheet of a workbook. Rows are in
        the file's order.

    Raises
    ------
    UnreadableFile
        The message says what is wrong with the file, and where.
    InvalidOption
        An option doesn't apply to the file.
    """
    detected = detect_format(original_name, source)
    with _opened(database, source, destination, on_progress, row_group_rows) as (work, readable):
        work = replace(work, sample_rows=sample_rows, whole_file=whole_file)
        work = replace(work, has_all_rows=has_all_rows and whole_file)
        return _read(work, readable, detected, options)


def _read(
    work: ImportWork, path: Path, detected: DetectedFormat, options: ReadOptions
) -> tuple[ImportedTable, ...]:
    gzipped = detected.gzipped
    match detected.format:
        case Format.CSV | Format.TSV:
            tab = detected.format is Format.TSV
            table = import_delimited(work, path, gzipped=gzipped, prefer_tab=tab, options=options)
            return (with_totals(work, table, options),)
        case Format.JSON | Format.JSON_LINES:
            lines = detected.format is Format.JSON_LINES
            return (import_json(work, path, gzipped=gzipped, lines=lines, options=options),)
        case Format.PARQUET:
            return (import_parquet(work, path, options=options),)
        case Format.XLSX:
            tables = import_workbook(work, path, options=options)
            return tuple(with_totals(work, table, options) for table in tables)


def import_first_rows(
    database: ParquetDatabase,
    source: Path,
    destination: Path,
    rows: int,
    *,
    on_progress: ProgressCallback,
    options: ReadOptions = DETECT_ALL,
) -> tuple[ImportedTable, int]:
    """Import the first rows of a Parquet file; also return its row count.

    Only this format allows both without a full read. Parameters and errors are those of
    :func:`import_file`.
    """
    with _opened(database, source, destination, on_progress) as (work, readable):
        table = import_parquet(work, readable, max_rows=rows, options=options)
        return table, count_parquet_rows(work, readable)


@contextmanager
def _opened(
    database: ParquetDatabase,
    source: Path,
    destination: Path,
    on_progress: ProgressCallback,
    row_group_rows: int = ROW_GROUP_ROWS,
) -> Iterator[tuple[ImportWork, Path]]:
    """Yield the context of an import, and a name by which DuckDB may read this upload alone.

    The name is a hard link, or a copy on a disk that has none; the block's end deletes it.
    """
    readable = destination / "source"
    try:
        try:
            readable.hardlink_to(source)
        except OSError:
            database.require_free(source.stat().st_size)
            shutil.copyfile(source, readable)
        with database.cursor() as cursor:
            work = ImportWork(
                cursor,
                destination,
                MonotonicProgress(on_progress),
                row_group_rows,
                database.thread_memory_bytes,
                require_free=database.require_free,
            )
            yield work, readable
    finally:
        readable.unlink(missing_ok=True)
