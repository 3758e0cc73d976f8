"""The entry of the room: a file in, Parquet tables out.

Owns: the choice of a reader. Invariant: whatever happens, files are written in ``destination``
alone, and what can't be read is an :class:`UnreadableFile`. Called by the import job's handler.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from import_engine.delimited import import_delimited
from import_engine.formats import Format, find_format
from import_engine.json_lines import import_json
from import_engine.parquet import count_parquet_rows, import_parquet
from import_engine.work import ImportedTable, ImportWork, Reached, TextSource
from import_engine.workbooks.importing import import_workbook
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback
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
    database : ParquetDatabase
        A cursor of it is used by the calling thread.
    source : Path
        The file, inside the database's root; its own name has no meaning.
    original_name : str
        What the user called it: its ending tells the format.
    destination : Path
        An empty directory inside the root. The caller moves the tables' files out of it and deletes
        what is left.
    report : Report
        Takes the progress, which only grows; what it raises stops the work and passes through.
    row_group_rows : int
        Rows a row group of the written files.

    Returns
    -------
    tuple of ImportedTable
        One for most formats, keyed ``primary``; one a sheet for a workbook of several. Rows are in
        the file's order.

    Raises
    ------
    UnreadableFile
        Says what is wrong with the file and where, in words that its owner can act on.
    """
    found = find_format(original_name, source)
    text = TextSource(source, found.gzipped)
    with _work(database, destination, on_progress, row_group_rows) as work:
        match found.format:
            case Format.CSV | Format.TSV:
                return (import_delimited(work, text, prefer_tab=found.format is Format.TSV),)
            case Format.JSON | Format.JSON_LINES:
                return (import_json(work, text, lines=found.format is Format.JSON_LINES),)
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
    """The first rows of a Parquet file, and how many rows it has.

    Of this format alone both are told without reading all of it. Parameters and errors are those of
    :func:`import_file`.
    """
    with _work(database, destination, on_progress, ROW_GROUP_ROWS) as work:
        table = import_parquet(work, source, most_rows=rows)
        return table, count_parquet_rows(work, source)


@contextmanager
def _work(
    database: ParquetDatabase, destination: Path, on_progress: ProgressCallback, row_group_rows: int
) -> Iterator[ImportWork]:
    with database.cursor() as cursor:
        yield ImportWork(
            cursor,
            destination,
            Reached(on_progress),
            row_group_rows,
            database.thread_memory_bytes,
            database.require_free,
        )
