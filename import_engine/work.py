"""What an import gives back.

Owns: the imported table and its key. Every reader of the room makes them; the caller moves the
files into its store.

The one way in which an importer writes a table.

Invariant: what was written is read back with the columns that it was written with. Called by every
reader of a format.

What every reader of the room is handed.

Owns: one import's cursor, its scratch directory and its report. Invariant: files are written in the
scratch directory alone. Made by ``importer``.
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
    declared_encoding,
    is_utf8,
    transcode,
    unpack,
    without_character,
    without_mark,
)
from import_engine.errors import UnreadableFile
from parquet_tables.progress import INTERVAL_S, ProgressCallback
from parquet_tables.tables import Column, TableFiles
from parquet_tables.transient_errors import is_of_the_machine
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
        Sentences on what was done to the data's form.
    without_value : tuple of str
        The columns that are text since no row has a value in them, which would settle their type.
    """

    key: str
    table: TableFiles
    notes: tuple[str, ...] = ()
    without_value: tuple[str, ...] = ()


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
    """Write a query's rows and make sure that they are read back as ``columns``.

    Parameters
    ----------
    streamed : bool
        Whether one thread writes rows as they come: see ``stream_parquet``.
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
        raise AssertionError(f"DuckDB wrote other columns than it was told: {written}")
    return ImportedTable(key, TableFiles(written, (file,)), tuple(notes))


WORDS = {"cp1252": "Windows-1252"}
STEP_BYTES = 4 * CHUNK_BYTES
"""At least what one piece of a text becomes in UTF-8."""


@dataclass(frozen=True)
class ImportWork:
    """One import.

    Parameters
    ----------
    cursor : DuckDBPyConnection
        Used by the calling thread alone.
    destination : Path
        An empty directory for the Parquet files and for copies made on the way.
    report : Report
        Takes the import's progress.
    row_group_rows : int
        Rows a row group of the Parquet files.
    thread_memory_bytes : int
        What each of DuckDB's threads may hold when all are busy.
    require_free : callable
        Takes how many bytes are about to be written; raises OSError (ENOSPC) if the disk has no
        space for them.
    """

    cursor: duckdb.DuckDBPyConnection
    destination: Path
    on_progress: ProgressCallback
    row_group_rows: int
    thread_memory_bytes: int
    require_free: Callable[[int], None] = lambda coming_bytes: None

    def scratch(self, name: str) -> Path:
        """A file for a copy of the source; :func:`read_as_utf8` deletes it."""
        return self.destination / f"{name}.scratch"


@dataclass
class Reached:
    """A report that remembers how far it came, and never goes back."""

    on_progress: ProgressCallback
    fraction: float = 0.0

    def __call__(self, fraction: float, message: str) -> None:
        self.fraction = max(self.fraction, fraction)
        self.on_progress(self.fraction, message)


@dataclass
class Pulse:
    """Reports now and then from a loop of many steps, so that what the report raises stops it.

    Before each step it makes sure that the disk has the space for a copy of what was read.
    """

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
    """An uploaded text file, and whether it is gzipped (its name doesn't tell)."""

    path: Path
    gzipped: bool = False


ReadText = Callable[[TextFile, Sequence[str]], ImportedTable]
"""Reads a file in UTF-8; the notes so far are given to it."""


def read_as_utf8(work: ImportWork, source: TextSource, read: ReadText) -> ImportedTable:
    """Read a text file in whatever encoding it is.

    It is taken for UTF-8 until DuckDB refuses it; only then are its bytes looked at as a whole.

    Raises
    ------
    UnreadableFile
        The file is empty or holds no text, or ``read`` refused it.
    """
    try:
        file = TextFile(source.path, Pulse(work.on_progress, "reading the text", work.require_free))
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
            return read(without_mark(file, work.scratch("text")), ())
        except (duckdb.Error, UnreadableFile) as error:
            if is_of_the_machine(error) or is_utf8(file):
                raise
            encoding = "cp1252"
    copy = transcode(file, encoding, work.scratch("utf8"))
    name = WORDS.get(encoding, encoding.upper())
    notes = [f"The file's text is {name}; it was converted to UTF-8."]
    if encoding == "cp1252" and (counts := without_character(file)):
        notes.append(_no_character(counts))
    return read(copy, notes)


def _no_character(counts: Mapping[int, int]) -> str:
    """Say which bytes became control characters: most likely the text is in another encoding.

    >>> _no_character({0x81: 3})[:72]
    'Windows-1252 has no character for the byte 81 (3 times); it was kept as '
    """
    several = len(counts) > 1
    found = ", ".join(
        f"{byte:02X} ({count:,} time{'s' if count > 1 else ''})" for byte, count in counts.items()
    )
    kept = ", ".join(f"U+00{byte:02X}" for byte in counts)
    return (
        f"Windows-1252 has no character for the byte{'s' if several else ''} {found}; "
        f"{'they were' if several else 'it was'} kept as "
        f"{'control characters' if several else 'the control character'} {kept}. If the text is "
        "in another encoding, convert the file to UTF-8 and import it again."
    )
