"""CSV, TSV and other delimited text.

Every row is read with as many values as the header has, or the file is refused at a line. Files are
read in bounded memory. DuckDB 2.0 reads ``\n``, ``\r\n`` or ``\r``, but only one of them in a
file, so mixed line ends are normalized in a copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb

from import_engine.candidates import any_cells, candidates_for, first_cells, text_candidates
from import_engine.encodings import TextFile
from import_engine.errors import TOO_LONG, UnreadableFile, delimited_reason, long_line_reason
from import_engine.sniffing import Dialect, rows_sql, sniff, sniff_within
from import_engine.text_tables import (
    SAMPLE_ROWS,
    CandidateLists,
    ColumnPlan,
    InferredColumns,
    TextColumns,
    detect,
    write_text_table,
)
from import_engine.values import ISO_DATE, CandidateType
from import_engine.work import ImportedTable, ImportWork, TextSource, read_as_utf8
from parquet_tables.names import settle_names
from parquet_tables.progress import ProgressCallback, execute_watched, without_progress
from parquet_tables.transient_errors import is_machine_error


def even_line_ends(file: TextFile, copy: Path, quote: str) -> TextFile:
    """Write ``file`` to ``copy`` with ``\\n`` in place of each ``\\r\\n`` outside quotes."""
    mark = quote.encode()
    inside = False
    pending = b""
    with copy.open("wb") as out:
        for chunk in file.chunks():
            piece = pending + chunk
            # The two bytes of a line end may be in two chunks.
            pending = b"\r" if piece.endswith(b"\r") else b""
            piece = piece[: len(piece) - len(pending)]
            parts = piece.split(mark) if mark else [piece]
            for number, part in enumerate(parts):
                if number:
                    inside = not inside
                    out.write(mark)
                out.write(part if inside else part.replace(b"\r\n", b"\n"))
        out.write(pending)
    return TextFile(copy, file.on_chunk)


def escapes_by_backslash(file: TextFile, quote: str) -> bool:
    """Whether backslashes stand before quotes, and nowhere but before quotes and backslashes.

    With ``escape = '\\'`` DuckDB 2.0 drops a backslash before any other character.
    """
    escaped = b"\\" + quote.encode()
    seen = False
    pending = b""
    for chunk in file.chunks():
        piece = pending + chunk
        # An escape may be in two chunks.
        pending = b"\\" if piece.replace(b"\\\\", b"").endswith(b"\\") else b""
        piece = piece[: len(piece) - len(pending)].replace(b"\\\\", b"")
        seen = seen or escaped in piece
        if piece.count(b"\\") > piece.count(escaped):
            return False
    return seen and bool(quote) and not pending


DEFAULT_LINE_BYTES = 2_000_000
"""Longer lines need a larger buffer."""
LONG_LINE_ERRORS = (TOO_LONG, "unterminated quote", "does not support a full read")
"""Messages of DuckDB 2.0 for a line longer than one buffer, or than two."""


def import_delimited(work: ImportWork, file: TextSource, *, prefer_tab: bool) -> ImportedTable:
    """Read a delimited text file.

    Raises
    ------
    UnreadableFile
        The message names the line.
    """
    return read_as_utf8(work, file, partial(_import_utf8, work, prefer_tab))


def _import_utf8(
    work: ImportWork, prefer_tab: bool, file: TextFile, notes: Sequence[str]
) -> ImportedTable:
    """Read the file in its sniffed dialect, else in the ones that DuckDB's error suggests."""
    dialect = sniff(work, file, prefer_tab=prefer_tab)
    try:
        return _import_in_dialect(work, file, dialect, notes)
    except duckdb.Error as error:
        if is_machine_error(error):
            raise
        message = str(error)
        for other, alternative, note in _alternatives(work, file, dialect, message):
            try:
                found = sniff_within(work, other, alternative)
                return _import_in_dialect(work, other, found, [*notes, note])
            except duckdb.Error as another:
                if is_machine_error(another):
                    raise
                if alternative.long_lines and TOO_LONG in str(another):
                    raise UnreadableFile(long_line_reason(str(another), message)) from another
        raise UnreadableFile(delimited_reason(message)) from error


def _alternatives(
    work: ImportWork, file: TextFile, dialect: Dialect, message: str
) -> Iterator[tuple[TextFile, Dialect, str]]:
    """Other dialects to try on a file that DuckDB refused with ``message``."""
    if "invalid state" in message and file.contains(b"\r\n"):
        even = even_line_ends(file, work.scratch("lines"), dialect.quote)
        yield even, dialect, "The file mixes line ends; rows were split at each of them."
    if escapes_by_backslash(file, dialect.quote):
        yield file, replace(dialect, escape="\\"), "Quotes within values are escaped by \\."
    if dialect.delimiter == "\t" and TOO_LONG not in message:
        note = "Quotes don't enclose values in this file; they are part of the text."
        yield file, replace(dialect, quote="", escape=""), note
    is_large = file.path.stat().st_size > DEFAULT_LINE_BYTES
    if is_large and any(sign in message for sign in LONG_LINE_ERRORS):
        yield file, replace(dialect, long_lines=True), "The file has lines of more than 2 MB."


def _import_in_dialect(
    work: ImportWork, file: TextFile, dialect: Dialect, notes: Sequence[str]
) -> ImportedTable:
    names, name_notes = _names(work, file, dialect)
    cells = [f"c{i}" for i in range(dialect.columns)]

    def layout(_: Sequence[CandidateType], plans: Sequence[ColumnPlan]) -> TextColumns:
        date_format, days = _days(plans)
        source, params = rows_sql(file, dialect, days=days, date_format=date_format)
        return TextColumns(source, params, cells, days)

    on_progress = without_progress(work.on_progress)
    known = first_cells(work, rows_sql(file, dialect), cells, on_progress)
    candidate_lists = [candidates_for(each, text_candidates) for each in known]
    sampled = detect(work, layout, candidate_lists, SAMPLE_ROWS, on_progress)

    def late(columns: Sequence[int], on_progress: ProgressCallback) -> CandidateLists:
        chosen = [cells[column] for column in columns]
        known = any_cells(work, rows_sql(file, dialect), chosen, on_progress)
        return [candidates_for(each, text_candidates) for each in known]

    found = InferredColumns(names, sampled, candidate_lists, late)
    return write_text_table(work, layout, found, [*notes, *name_notes])


def _days(plans: Sequence[ColumnPlan]) -> tuple[str, frozenset[int]]:
    """The date columns that DuckDB can parse and check itself: those of one date format."""
    dates = [p.inferred.format or ISO_DATE for p in plans if p.inferred.type == "DATE"]
    wanted = dates[0] if dates else ISO_DATE
    days = frozenset(
        i
        for i, plan in enumerate(plans)
        if plan.inferred.type == "DATE"
        and not plan.tidied
        and (plan.inferred.format or ISO_DATE) == wanted
    )
    return wanted, days


def _names(
    work: ImportWork, file: TextFile, dialect: Dialect
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not dialect.has_header:
        names, _ = settle_names([None] * dialect.columns)
        return names, ("The file has no header row; its columns are named by their position.",)
    source, params = rows_sql(file, dialect, header=False)
    first = f"SELECT * FROM {source} LIMIT 1"
    on_progress = without_progress(work.on_progress)
    rows = execute_watched(work.cursor, first, params, on_progress, "reading the header")
    cells = rows[0] if rows else [None] * dialect.columns
    return settle_names([None if cell is None else str(cell) for cell in cells])
