"""Entry point of the import engine: reads a file and writes Parquet tables.

Files are written in ``destination`` alone. Any fault of the input is an ``UnreadableFile``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from import_engine.delimited import import_delimited
from import_engine.formats import Format, detect_format
from import_engine.json_lines import import_json
from import_engine.parquet import count_parquet_rows, import_parquet
from import_engine.work import ImportedTable, ImportWork
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
    row_group_rows: int = ROW_GROUP_ROWS,
) -> tuple[ImportedTable, ...]:
    """Read an uploaded file and write its tables as Parquet files.

    Parameters
    ----------
    source : Path
        The file, inside the database's root; the ending of ``original_name`` gives its format.
    destination : Path
        An empty directory inside the root. The caller moves the tables' files out of it and deletes
        the rest.
    on_progress : ProgressCallback
        Receives fractions that never decrease; its exceptions stop the import and pass through.

    Returns
    -------
    tuple of ImportedTable
        One table with the key ``primary``, or one table for each sheet of a workbook. Rows are in
        the file's order.

    Raises
    ------
    UnreadableFile
        The message says what is wrong with the file, and where.
    """
    found = detect_format(original_name, source)
    gzipped = found.gzipped
    with _work(database, destination, on_progress, row_group_rows) as work:
        match found.format:
            case Format.CSV:
                return (import_delimited(work, source, gzipped=gzipped, prefer_tab=False),)
            case Format.TSV:
                return (import_delimited(work, source, gzipped=gzipped, prefer_tab=True),)
            case Format.JSON:
                return (import_json(work, source, gzipped=gzipped, lines=False),)
            case Format.JSON_LINES:
                return (import_json(work, source, gzipped=gzipped, lines=True),)
            case Format.PARQUET:
                return (import_parquet(work, source),)
            case Format.XLSX:
                return import_workbook(work, source)


def import_first_rows(
    database: ParquetDatabase,
    source: Path,
    destination: Path,
    rows: int,
    *,
    on_progress: ProgressCallback,
) -> tuple[ImportedTable, int]:
    """Import the first rows of a Parquet file; also return its row count.

    Only this format allows both without a full read. Parameters and errors are those of
    :func:`import_file`.
    """
    with _work(database, destination, on_progress, ROW_GROUP_ROWS) as work:
        table = import_parquet(work, source, max_rows=rows)
        return table, count_parquet_rows(work, source)


@contextmanager
def _work(
    database: ParquetDatabase, destination: Path, on_progress: ProgressCallback, row_group_rows: int
) -> Iterator[ImportWork]:
    with database.cursor() as cursor:
        yield ImportWork(
            cursor,
            destination,
            MonotonicProgress(on_progress),
            row_group_rows,
            database.thread_memory_bytes,
            database.require_free,
        )
