"""What is looked at in a text file that DuckDB refused: its line ends and its backslashes.

Owns: the copy in which each row ends alike, and the question whether backslashes are escapes.
Invariant: files are read in bounded memory, and line ends inside quotes stay as they are. Called by
``delimited``; DuckDB 2.0 reads ``\n``, ``\r\n`` or ``\r``, but one of them throughout.

CSV, TSV and other delimited text.

Owns: the way from a text file to a table, in the dialect that fits it. Invariant: every row is read
with as many values as the header has, or the file is refused at a line. Called by ``importer``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb

from import_engine.candidates import first_cells, ladder_of, late_cells, text_candidates
from import_engine.encodings import TextFile
from import_engine.errors import TOO_LONG, UnreadableFile, delimited_reason, long_line_reason
from import_engine.sniffing import Dialect, rows_sql, sniff, sniff_within
from import_engine.text_tables import (
    SAMPLE_ROWS,
    ColumnPlan,
    FoundColumns,
    Ladders,
    TextColumns,
    detect,
    write_text_table,
)
from import_engine.values import ISO_DATE, Reading
from import_engine.work import ImportedTable, ImportWork, TextSource, read_as_utf8
from parquet_tables.names import settle_names
from parquet_tables.progress import ProgressCallback, execute_watched, without_progress
from parquet_tables.transient_errors import is_of_the_machine


def even_line_ends(file: TextFile, copy: Path, quote: str) -> TextFile:
    """Write ``file`` to ``copy`` with ``\\n`` in place of each ``\\r\\n`` outside quotes."""
    mark = quote.encode()
    inside = False
    held = b""
    with copy.open("wb") as out:
        for chunk in file.chunks():
            piece = held + chunk
            # The two bytes of a line end may lie in two pieces.
            held = b"\r" if piece.endswith(b"\r") else b""
            piece = piece[: len(piece) - len(held)]
            parts = piece.split(mark) if mark else [piece]
            for number, part in enumerate(parts):
                if number:
                    inside = not inside
                    out.write(mark)
                out.write(part if inside else part.replace(b"\r\n", b"\n"))
        out.write(held)
    return TextFile(copy, file.pulse)


def escapes_by_backslash(file: TextFile, quote: str) -> bool:
    """Whether a file has backslashes before quotes, and none but before quotes and backslashes.

    DuckDB 2.0 drops a backslash before anything else, if it is told that it is an escape.
    """
    escaped = b"\\" + quote.encode()
    seen = False
    held = b""
    for chunk in file.chunks():
        piece = held + chunk
        # An escape may lie in two pieces.
        held = b"\\" if piece.replace(b"\\\\", b"").endswith(b"\\") else b""
        piece = piece[: len(piece) - len(held)].replace(b"\\\\", b"")
        seen = seen or escaped in piece
        if piece.count(b"\\") > piece.count(escaped):
            return False
    return seen and bool(quote) and not held


USUAL_LINE_BYTES = 2_000_000
"""Longer lines are read only by a larger buffer."""
SIGNS_OF_LONG_LINES = (TOO_LONG, "unterminated quote", "does not support a full read")
"""What DuckDB 2.0 says of a line that is longer than a buffer, or than two."""


def import_delimited(work: ImportWork, file: TextSource, *, prefer_tab: bool) -> ImportedTable:
    """Read a delimited text file.

    Raises
    ------
    UnreadableFile
        Names the line that doesn't fit.
    """
    return read_as_utf8(work, file, partial(_import_utf8, work, prefer_tab))


def _import_utf8(
    work: ImportWork, prefer_tab: bool, file: TextFile, notes: Sequence[str]
) -> ImportedTable:
    """Read it in the dialect that its start shows, or else in one that DuckDB's error hints at."""
    dialect = sniff(work, file, prefer_tab=prefer_tab)
    try:
        return _import_in_dialect(work, file, dialect, notes)
    except duckdb.Error as error:
        if is_of_the_machine(error):
            raise
        message = str(error)
        for other, remedy, note in _remedies(work, file, dialect, message):
            try:
                found = sniff_within(work, other, remedy)
                return _import_in_dialect(work, other, found, [*notes, note])
            except duckdb.Error as another:
                if is_of_the_machine(another):
                    raise
                if remedy.long_lines and TOO_LONG in str(another):
                    raise UnreadableFile(long_line_reason(str(another), message)) from another
        raise UnreadableFile(delimited_reason(message)) from error


def _remedies(
    work: ImportWork, file: TextFile, dialect: Dialect, message: str
) -> Iterator[tuple[TextFile, Dialect, str]]:
    """Other ways in which a file may be meant that DuckDB refused with ``message``."""
    if "invalid state" in message and file.contains(b"\r\n"):
        even = even_line_ends(file, work.scratch("lines"), dialect.quote)
        yield even, dialect, "The file mixes line ends; rows were split at each of them."
    if escapes_by_backslash(file, dialect.quote):
        yield file, replace(dialect, escape="\\"), "Quotes within values are escaped by \\."
    if dialect.delimiter == "\t" and TOO_LONG not in message:
        note = "Quotes don't enclose values in this file; they are kept as text."
        yield file, replace(dialect, quote="", escape=""), note
    is_large = file.path.stat().st_size > USUAL_LINE_BYTES
    if is_large and any(sign in message for sign in SIGNS_OF_LONG_LINES):
        yield file, replace(dialect, long_lines=True), "The file has lines of more than 2 MB."


def _import_in_dialect(
    work: ImportWork, file: TextFile, dialect: Dialect, notes: Sequence[str]
) -> ImportedTable:
    names, name_notes = _names(work, file, dialect)
    cells = [f"c{i}" for i in range(dialect.columns)]

    def layout(_: Sequence[Reading], plans: Sequence[ColumnPlan]) -> TextColumns:
        date_format, days = _days(plans)
        source, params = rows_sql(file, dialect, days=days, date_format=date_format)
        return TextColumns(source, params, cells, days)

    on_progress = without_progress(work.on_progress)
    known = first_cells(work, rows_sql(file, dialect), cells, on_progress)
    ladders = [ladder_of(each, text_candidates) for each in known]
    sampled = detect(work, layout, ladders, SAMPLE_ROWS, on_progress)

    def late(columns: Sequence[int], on_progress: ProgressCallback) -> Ladders:
        chosen = [cells[column] for column in columns]
        known = late_cells(work, rows_sql(file, dialect), chosen, on_progress)
        return [ladder_of(each, text_candidates) for each in known]

    found = FoundColumns(names, sampled, ladders, late)
    return write_text_table(work, layout, found, [*notes, *name_notes])


def _days(plans: Sequence[ColumnPlan]) -> tuple[str, frozenset[int]]:
    """The columns whose dates DuckDB can read and check by itself: those of one way of writing."""
    dates = [p.reading.format or ISO_DATE for p in plans if p.reading.type == "DATE"]
    wanted = dates[0] if dates else ISO_DATE
    days = frozenset(
        i
        for i, plan in enumerate(plans)
        if plan.reading.type == "DATE"
        and not plan.tidied
        and (plan.reading.format or ISO_DATE) == wanted
    )
    return wanted, days


def _names(
    work: ImportWork, file: TextFile, dialect: Dialect
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not dialect.has_header:
        names, _ = settle_names([None] * dialect.columns)
        return names, ("The file has no header row; its columns are named by their place.",)
    source, params = rows_sql(file, dialect, header=False)
    first = f"SELECT * FROM {source} LIMIT 1"
    on_progress = without_progress(work.on_progress)
    rows = execute_watched(work.cursor, first, params, on_progress, "reading the header")
    cells = rows[0] if rows else [None] * dialect.columns
    return settle_names([None if cell is None else str(cell) for cell in cells])
