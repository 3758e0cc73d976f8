"""CSV, TSV and other delimited text: finds a file's layout and reads its rows.

Every row has as many values as the header, or the file is refused at a line: no line is skipped, no
column dropped or merged, and no line read as a comment.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb

from contract.requests.importing import DELIMITERS, ReadOptions
from import_engine.errors import LONG_LINE_BYTES, TOO_LONG, check_column_count, delimited_error
from import_engine.options import DETECT_ALL, require_applicable
from import_engine.table_edges import YEARS, years_name_columns
from import_engine.text_edges import (
    Bottom,
    find_bottom,
    find_top,
    head_lines,
    records,
    split_line,
    without_bottom,
)
from import_engine.text_files import TextFile, read_as_utf8
from import_engine.text_tables import (
    CellQuery,
    ColumnPlan,
    TextColumn,
    TextRows,
    decided,
    detect,
    renamed,
    with_later_decimals,
    write_text_table,
)
from import_engine.values import (
    ISO_DATE,
    MISSING_TEXTS,
    CandidateType,
    CandidateTypes,
    grouped_candidates,
    open_subjects,
    text_candidates,
)
from import_engine.work import ImportedTable, ImportWork, RowBelow, TablePlace
from lazy_dataclasses import dataclass
from parquet_tables.names import settle_names
from parquet_tables.quoting import quote_text
from parquet_tables.transient_errors import is_machine_error

FIRST_LINE_CHUNKS = 64
"""Chunks of 1 MiB in which the end of the first line is searched."""
DEFAULT_LINE_BYTES = 2_000_000
"""Longer lines need a larger buffer."""
LONG_LINE_ERRORS = (TOO_LONG, "unterminated quote", "does not support a full read")
"""Messages of DuckDB 2.0 for a line longer than one buffer, or than two."""
_HAS_MONTH_NAME = re.compile("%[bB]")
_STRICT = (
    "strict_mode = true",
    "null_padding = false",
    "ignore_errors = false",
    "compression = 'none'",
)


@dataclass(frozen=True)
class Dialect:
    """How rows are written: each has as many values as there are ``columns``.

    ``delimiter``, ``quote`` and ``escape`` are one character each; without the last two, quotes
    are plain text. ``skip`` are the lines above the first row: DuckDB would use an empty one as
    the header. ``names`` are those of the columns, if two rows make them. ``long_lines`` need a
    buffer for more than DuckDB's 2 MB.
    """

    delimiter: str
    quote: str = '"'
    escape: str = '"'
    has_header: bool = True
    columns: int = 1
    long_lines: bool = False
    skip: int = 0
    names: tuple[str, ...] | None = None

    def options(self) -> list[str]:
        options = [
            f"skip = {self.skip:d}",
            f"delim = {quote_text(self.delimiter)}",
            f"quote = {quote_text(self.quote)}",
            f"escape = {quote_text(self.escape)}",
        ]
        if self.long_lines:
            options.append(f"max_line_size = {LONG_LINE_BYTES}")
        return options

    def values(self, line: str) -> Sequence[str]:
        return split_line(line, self.delimiter, self.quote)


@dataclass(frozen=True)
class DelimitedRows(TextRows):
    """The rows of a file in a dialect."""

    file: TextFile
    dialect: Dialect
    options: ReadOptions = DETECT_ALL

    def query(
        self,
        types: Sequence[CandidateType] = (),
        *,
        has_header: bool | None = None,
        days: Collection[int] = (),
        date_format: str = ISO_DATE,
    ) -> CellQuery:
        """Return every cell as text, but the columns ``days`` as dates in ``date_format``.

        An unquoted empty cell is NULL, a quoted one an empty text.
        """
        skips_header = self.dialect.has_header if has_header is None else has_header
        cells = [f"c{i}" for i in range(self.dialect.columns)]
        columns = ", ".join(
            f"'{cell}': '{'DATE' if i in days else 'VARCHAR'}'" for i, cell in enumerate(cells)
        )
        options = [
            "auto_detect = false",
            *self.dialect.options(),
            f"header = {'true' if skips_header else 'false'}",
            "comment = ''",
            "allow_quoted_nulls = false",
            *_STRICT,
            f"columns = {{{columns}}}",
        ]
        if days:
            options.append(f"dateformat = {quote_text(date_format)}")
        source = f"read_csv(?, {', '.join(options)})"
        return CellQuery(source, [str(self.file.path)], cells, days)

    def converted_query(self, plans: Sequence[ColumnPlan]) -> CellQuery:
        """Let DuckDB parse and check the dates of one date format."""
        dates = {
            i: plan.inferred.format or ISO_DATE
            for i, plan in enumerate(plans)
            if plan.inferred.type == "DATE"
        }
        date_format = next(iter(dates.values()), ISO_DATE)
        days = {
            i
            for i, date in dates.items()
            if date == date_format and not plans[i].tidied and not _HAS_MONTH_NAME.search(date)
        }
        return self.query(days=days, date_format=date_format)

    def candidates(self, cells: Sequence[str], type_: str | None = None) -> CandidateTypes:
        return text_candidates(cells, self.options, type_)


def import_delimited(
    work: ImportWork,
    path: Path,
    *,
    gzipped: bool,
    prefer_tab: bool,
    options: ReadOptions = DETECT_ALL,
) -> ImportedTable:
    """Read a delimited text file; an UnreadableFile names the line."""
    require_applicable(options, "text")
    read = partial(_import_utf8, work, options, prefer_tab)
    return read_as_utf8(work, path, read, gzipped=gzipped, encoding=options.encoding)


def _import_utf8(
    work: ImportWork,
    options: ReadOptions,
    prefer_tab: bool,
    whole: TextFile,
    notes: Sequence[str],
) -> ImportedTable:
    """Read the rows between the lines above and below the table."""
    dialect, top_notes = _sniff(work, whole, options, prefer_tab=prefer_tab)
    file, bottom, skip_below = _without_bottom(work, whole, dialect, options)
    noted = [*notes, *top_notes, *bottom.notes]
    table = _import_rows(work, options, file, dialect, noted)
    last_row = table.place.first_row + table.rows - 1
    below = tuple(
        RowBelow(last_row + distance, tuple(dialect.values(text))) for distance, text in bottom.rows
    )
    detected = {"skip_below": skip_below, **table.detected}
    return replace(table, detected=detected, below=below)


def _without_bottom(
    work: ImportWork, file: TextFile, dialect: Dialect, options: ReadOptions
) -> tuple[TextFile, Bottom, int]:
    """Return the file without the lines below the table, these lines and their number."""
    if not work.whole_file:
        return file, Bottom(), options.skip_below or 0
    lines_above = dialect.skip + dialect.has_header
    bottom = find_bottom(file, options, dialect.values, dialect.columns, lines_above, dialect.quote)
    if bottom.size_bytes is None:
        return file, bottom, 0
    kept = without_bottom(file, bottom, work.scratch("rows"))
    return kept, bottom, len(bottom.rows)


def _import_rows(
    work: ImportWork,
    options: ReadOptions,
    file: TextFile,
    dialect: Dialect,
    notes: Sequence[str],
) -> ImportedTable:
    """Read the file in its sniffed dialect, else in the ones that DuckDB's error suggests."""
    try:
        return _import_in_dialect(work, options, file, dialect, notes)
    except duckdb.Error as error:
        if is_machine_error(error):
            raise
        message = str(error)
        for other, alternative, note in _alternatives(work, file, dialect, message):
            try:
                sniffed = _sniff_within(work, other, alternative, options)
                return _import_in_dialect(work, options, other, sniffed, [*notes, note])
            except duckdb.Error as another:
                if is_machine_error(another):
                    raise
                if alternative.long_lines and TOO_LONG in str(another):
                    raise delimited_error(str(another), message) from another
        raise delimited_error(message, last_line=file.unended_line()) from error


def _alternatives(
    work: ImportWork, file: TextFile, dialect: Dialect, message: str
) -> Iterator[tuple[TextFile, Dialect, str]]:
    """Other dialects to try on a file that DuckDB refused with ``message``."""
    if "invalid state" in message and file.contains(b"\r\n"):
        even = _even_line_ends(file, work.scratch("lines"), dialect.quote)
        yield even, dialect, "The file mixes line ends; rows were split at each of them."
    if _escapes_by_backslash(file, dialect.quote):
        yield file, replace(dialect, escape="\\"), "Quotes within values are escaped by \\."
    if dialect.delimiter == "\t" and TOO_LONG not in message:
        note = "Quotes don't enclose values in this file; they are part of the text."
        yield file, replace(dialect, quote="", escape=""), note
    is_large = file.path.stat().st_size > DEFAULT_LINE_BYTES
    if is_large and any(sign in message for sign in LONG_LINE_ERRORS):
        yield file, replace(dialect, long_lines=True), "The file has lines of more than 2 MB."


def _import_in_dialect(
    work: ImportWork,
    options: ReadOptions,
    file: TextFile,
    dialect: Dialect,
    notes: Sequence[str],
) -> ImportedTable:
    """Find the columns in the first rows, and read all; a type that doesn't fit is found again."""
    rows = DelimitedRows(file, dialect, options)
    source_names, name_notes = _names(work, rows)
    names, renamed_notes = renamed(source_names, options)
    first = rows.first_cells(work, dialect.columns)
    types = [options.types.get(name) for name in source_names]
    candidate_lists = [rows.candidates(*column) for column in zip(first, types, strict=True)]
    candidate_lists = _grouped_or_plain(candidate_lists, first, dialect, options)
    plans = detect(work.short_step(), rows, candidate_lists, work.sample_rows)
    columns = list(map(TextColumn, names, candidate_lists, plans, source_names, types, first))
    columns = decided(work, rows, with_later_decimals(work.short_step(), rows, columns))
    table = write_text_table(work, rows, columns, [*notes, *name_notes, *renamed_notes])
    detected = {
        "delimiter": dialect.delimiter,
        "header_row": dialect.skip + 1 if dialect.has_header else 0,
        "skip_above": dialect.skip,
    }
    place = TablePlace(1 + dialect.skip + dialect.has_header)
    return replace(table, detected={**detected, **table.detected}, place=place)


def _grouped_or_plain(
    candidate_lists: Sequence[CandidateTypes],
    first: Sequence[Sequence[str]],
    dialect: Dialect,
    options: ReadOptions,
) -> list[CandidateTypes]:
    """Let ``1.234`` be open where another column or the delimiter suggests a decimal comma."""
    forms = [candidates[0].form for candidates in candidate_lists]
    has_comma = any(
        form and form.decimal == "," and not open_subjects(candidates)
        for form, candidates in zip(forms, candidate_lists, strict=True)
    )
    if not has_comma and dialect.delimiter != ";":
        return list(candidate_lists)
    return [
        (candidates[0].has_fractions and grouped_candidates(cells, options)) or candidates
        for candidates, cells in zip(candidate_lists, first, strict=True)
    ]


def _names(work: ImportWork, rows: DelimitedRows) -> tuple[Sequence[str], Sequence[str]]:
    width = rows.dialect.columns
    if rows.dialect.names:
        return settle_names(rows.dialect.names)
    if not rows.dialect.has_header:
        names, _ = settle_names([None] * width)
        return names, ["The file has no header row; its columns are named by their position."]
    query = rows.query(has_header=False)
    sql = f"SELECT * FROM {query.source} LIMIT 1"
    header = work.ask(sql, query.params, "reading the header")
    cells = header[0] if header else [None] * width
    return settle_names([None if cell is None else str(cell) for cell in cells])


def _sniff(
    work: ImportWork, file: TextFile, options: ReadOptions, *, prefer_tab: bool
) -> tuple[Dialect, Sequence[str]]:
    """Find a file's dialect and its first row; also return notes on the lines above it.

    DuckDB 2.0's sniffer is used with corrections: it prefers one column split at ``|`` for ragged
    files, skips lines above the header, reads ``#`` as a comment, misses quotes after its sample
    and reads backslashes in quotes as escapes.
    """
    check_column_count(_first_width(file))
    free = None if options.delimiter else _sniffed(work, file, None)

    def guess(first_line: str) -> str:
        return _delimiter(free, first_line, prefer_tab=prefer_tab)

    top = find_top(file, options, guess)
    lines = head_lines(file, top.skip)
    dialect = Dialect(top.delimiter or guess(lines[top.skip]), skip=top.skip)
    if free and free.quote == "'" and _apostrophes_enclose(lines, dialect.delimiter):
        dialect = replace(dialect, quote="'", escape="'")
    dialect = _sniff_within(work, file, dialect, options)
    if top.names and len(top.names) == dialect.columns:
        dialect = replace(dialect, has_header=True, names=tuple(top.names))
    if not dialect.has_header and options.header_row is None:
        rows = records(lines, dialect.skip, dialect.delimiter, dialect.quote)
        if years_name_columns([row.values for row in rows]):
            return replace(dialect, has_header=True), (*top.notes, YEARS)
    return dialect, top.notes


def _sniff_within(
    work: ImportWork, file: TextFile, dialect: Dialect, options: ReadOptions = DETECT_ALL
) -> Dialect:
    """Find the header and the number of columns for a known delimiter and quote.

    If rows don't fit the dialect, the first row determines the number of columns; reading then
    fails at the line that doesn't fit.
    """
    sniffed = _sniffed(work, file, dialect)
    if sniffed:
        check_column_count(sniffed.columns)
        dialect = replace(dialect, has_header=sniffed.has_header, columns=sniffed.columns)
    else:
        first_line = head_lines(file, dialect.skip)[dialect.skip]
        dialect = replace(dialect, columns=max(1, len(dialect.values(first_line))))
    if options.header_row is None:
        return dialect
    return replace(dialect, has_header=options.header_row > 0)


def _delimiter(sniffed: Dialect | None, first_line: str, *, prefer_tab: bool) -> str:
    counts = {delimiter: len(Dialect(delimiter).values(first_line)) - 1 for delimiter in DELIMITERS}
    if prefer_tab and counts["\t"]:
        return "\t"
    is_split = sniffed is not None and sniffed.columns > 1
    if sniffed and is_split and (counts.get(sniffed.delimiter) or not any(counts.values())):
        return sniffed.delimiter
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def _apostrophes_enclose(lines: Sequence[str], delimiter: str) -> bool:
    """Whether ``'`` encloses values at the file's start, and nothing but values.

    DuckDB also treats an apostrophe that only begins a value as a quote, and so joins lines. An
    apostrophe that isn't closed on its line is text.
    """
    enclosed = 0
    for line in lines[:-1]:
        is_open = False
        for part in line.split(delimiter):
            begins = is_open or part.startswith("'")
            ends = part.endswith("'") and (is_open or len(part) > 1)
            enclosed += begins and ends and part != "''"
            is_open = begins and not ends
        if is_open:
            return False
    return enclosed > 0


def _sniffed(work: ImportWork, file: TextFile, dialect: Dialect | None) -> Dialect | None:
    """Ask DuckDB's sniffer, within ``dialect`` if it is given."""
    options = [*_STRICT, f"nullstr = [{MISSING_TEXTS}]", f"sample_size = {work.sample_rows:d}"]
    if dialect:
        options += ["comment = ''", *dialect.options()]
    columns = "Delimiter, Quote, Escape, HasHeader, len(Columns)"
    sql = f"SELECT {columns} FROM sniff_csv(?, {', '.join(options)})"
    try:
        rows = work.ask(sql, [str(file.path)], "finding the delimiter")
    except duckdb.Error as error:
        if is_machine_error(error) or "Invalid unicode" in str(error):
            raise
        return None
    if not rows:
        return None
    delimiter, quote, escape, has_header, columns = rows[0]
    quote, escape = ("" if each == "(empty)" else each for each in (quote, escape))
    return Dialect(delimiter, quote, escape, has_header, columns)


def _first_width(file: TextFile) -> int:
    """Estimate the number of values in the first line from its most frequent delimiter."""
    widths = dict.fromkeys(DELIMITERS, 1)
    is_quoted = False
    for number, chunk in enumerate(file.chunks()):
        for part in re.split(rb'(")', chunk if number else chunk.lstrip(b"\r\n")):
            if part == b'"':
                is_quoted = not is_quoted
            elif not is_quoted:
                line, *rest = re.split(rb"[\r\n]", part, maxsplit=1)
                for delimiter in DELIMITERS:
                    widths[delimiter] += line.count(delimiter.encode())
                if rest:
                    return max(widths.values())
        if number == FIRST_LINE_CHUNKS:
            break
    return max(widths.values())


def _even_line_ends(file: TextFile, copy: Path, quote: str) -> TextFile:
    """Write ``file`` to ``copy`` with ``\\n`` in place of each ``\\r\\n`` outside quotes.

    DuckDB 2.0 reads ``\\n``, ``\\r\\n`` or ``\\r``, but only one of them in a file.
    """
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


def _escapes_by_backslash(file: TextFile, quote: str) -> bool:
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
