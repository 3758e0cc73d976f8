"""The context of one import, its results, and the code that all readers share.

A reader writes files in the work's destination alone. A written file is read back with the columns
that it was written with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from import_engine.encodings import (
    CHUNK_BYTES,
    TextFile,
    count_undefined_bytes,
    declared_encoding,
    is_utf8,
    transcode,
    unpack,
    without_bom,
)
from import_engine.errors import UnreadableFile
from parquet_tables.progress import INTERVAL_S, ProgressCallback
from parquet_tables.tables import Column, TableFiles
from parquet_tables.transient_errors import is_machine_error
from parquet_tables.writing import read_columns, stream_parquet, write_parquet

PRIMARY = "primary"
"""The key of the only table of a file."""


@dataclass(frozen=True)
class ImportedTable:
    """One table of the imported file.

    Parameters
    ----------
    key : str
        ``primary``, or the sheet's name in a workbook of several sheets.
    table : TableFiles
        The columns and the Parquet files written, in the file's row order.
    notes : tuple of str
        Sentences on changes to the data's form.
    empty_columns : tuple of str
        The columns without any value, which are text.
    """

    key: str
    table: TableFiles
    notes: tuple[str, ...] = ()
    empty_columns: tuple[str, ...] = ()


def write_table(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    columns: Sequence[Column],
    path: Path,
    *,
    on_progress: ProgressCallback,
    row_group_rows: int,
    key: str,
    notes: Sequence[str],
    streamed: bool = False,
) -> ImportedTable:
    """Write a query's rows and check that the file has ``columns``.

    Parameters
    ----------
    streamed : bool
        Write on one thread, see ``stream_parquet``.
    """
    write = stream_parquet if streamed else write_parquet
    file = write(
        cursor,
        query,
        params,
        path,
        on_progress=on_progress,
        message="writing rows",
        row_group_rows=row_group_rows,
    )
    written = read_columns(cursor, path)
    if written != tuple(columns):
        raise AssertionError(f"DuckDB wrote other columns than expected: {written}")
    return ImportedTable(key, TableFiles(written, (file,)), tuple(notes))


ENCODING_NAMES = {"cp1252": "Windows-1252"}
STEP_BYTES = 4 * CHUNK_BYTES
"""Upper bound of one chunk in UTF-8."""


@dataclass(frozen=True)
class ImportWork:
    """The context of one import.

    Parameters
    ----------
    cursor : DuckDBPyConnection
        Used by the calling thread alone.
    destination : Path
        An empty directory for the Parquet files and for temporary copies.
    on_progress : ProgressCallback
        Receives the import's progress.
    row_group_rows : int
        Rows in a row group of the Parquet files.
    thread_memory_bytes : int
        The memory of each DuckDB thread when all are busy.
    require_free : callable
        Takes the number of bytes to be written; raises OSError (ENOSPC) if the disk has no space.
    """

    cursor: duckdb.DuckDBPyConnection
    destination: Path
    on_progress: ProgressCallback
    row_group_rows: int
    thread_memory_bytes: int
    require_free: Callable[[int], None] = lambda coming_bytes: None

    def scratch(self, name: str) -> Path:
        """Return the path of a temporary copy; :func:`read_as_utf8` deletes it."""
        return self.destination / f"{name}.scratch"


@dataclass
class ChunkProgress:
    """Reports progress at intervals from a loop over chunks; checks the disk space for each."""

    on_progress: ProgressCallback
    message: str
    require_free: Callable[[int], None]
    last_s: float = 0.0

    def __call__(self) -> None:
        self.require_free(STEP_BYTES)
        now_s = time.monotonic()
        if now_s - self.last_s >= INTERVAL_S:
            self.last_s = now_s
            self.on_progress(0.0, self.message)


@dataclass(frozen=True)
class TextSource:
    """An uploaded text file, and whether it is gzipped."""

    path: Path
    gzipped: bool = False


ReadText = Callable[[TextFile, Sequence[str]], ImportedTable]
"""Reads a file in UTF-8; takes the notes so far."""


def read_as_utf8(work: ImportWork, source: TextSource, read: ReadText) -> ImportedTable:
    """Read a text file of any supported encoding.

    The file is read as UTF-8 first; only if DuckDB refuses it are all its bytes checked.

    Raises
    ------
    UnreadableFile
        The file is empty or holds no text, or ``read`` refused it.
    """
    try:
        file = TextFile(
            source.path, ChunkProgress(work.on_progress, "reading the text", work.require_free)
        )
        if source.gzipped:
            file = unpack(file, work.scratch("unpacked"))
        return _read_decoded(work, file, read)
    finally:
        for scratch in work.destination.glob("*.scratch"):
            scratch.unlink()


def _read_decoded(work: ImportWork, file: TextFile, read: ReadText) -> ImportedTable:
    head = file.head()
    if not head.strip(b" \t\r\n\xef\xbb\xbf\xff\xfe\0"):
        raise UnreadableFile("The file is empty.")
    encoding = declared_encoding(head)
    if encoding is None:
        try:
            return read(without_bom(file, work.scratch("text")), ())
        except (duckdb.Error, UnreadableFile) as error:
            if is_machine_error(error) or is_utf8(file):
                raise
            encoding = "cp1252"
    copy = transcode(file, encoding, work.scratch("utf8"))
    name = ENCODING_NAMES.get(encoding, encoding.upper())
    notes = [f"The file's text is {name}; it was converted to UTF-8."]
    if encoding == "cp1252" and (counts := count_undefined_bytes(file)):
        notes.append(_undefined_bytes_note(counts))
    return read(copy, notes)


def _undefined_bytes_note(counts: Mapping[int, int]) -> str:
    """Return the note on undefined bytes: most likely the text has another encoding.

    >>> _no_character({0x81: 3})[:72]
    'Windows-1252 has no character for the byte 81 (3 times); it was read as '
    """
    several = len(counts) > 1
    undefined = ", ".join(
        f"{byte:02X} ({count:,} time{'s' if count > 1 else ''})" for byte, count in counts.items()
    )
    characters = ", ".join(f"U+00{byte:02X}" for byte in counts)
    return (
        f"Windows-1252 has no character for the byte{'s' if several else ''} {undefined}; "
        f"{'they were' if several else 'it was'} read as "
        f"{'control characters' if several else 'the control character'} {characters}. If the text "
        "is in another encoding, convert the file to UTF-8 and import it again."
    )
