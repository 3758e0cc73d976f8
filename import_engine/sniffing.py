"""Dialect sniffing for delimited text: delimiter, quotes, header and number of columns.

A dialect never skips a line, drops or merges a column, or reads a line as a comment; a row that
doesn't fit is an error at a line. DuckDB 2.0's sniffer is used with these corrections: it prefers
one column split at ``|`` for ragged files, skips lines above the header, reads ``#`` as a comment,
misses quotes after its sample of 20,480 rows and reads backslashes in quotes as escapes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import duckdb

from import_engine.encodings import TextFile
from import_engine.errors import LONG_LINE_BYTES, check_column_count
from import_engine.values import ISO_DATE, MISSING_TEXTS
from import_engine.work import ImportWork
from parquet_tables.progress import execute_watched, without_progress
from parquet_tables.quoting import quote_text
from parquet_tables.transient_errors import is_machine_error

DELIMITERS = (",", "\t", ";", "|")
FIRST_LINE_CHUNKS = 64
"""Chunks of 1 MiB in which the end of the first line is searched."""


@dataclass(frozen=True)
class Dialect:
    """How rows are written.

    Parameters
    ----------
    delimiter, quote, escape : str
        One character each; empty ``quote`` and ``escape`` mean that quotes are plain text.
    has_header : bool
        Whether the first row names the columns.
    columns : int
        Values in each row.
    long_lines : bool
        Use a buffer for lines longer than DuckDB's 2 MB.
    blank_lines : int
        Empty lines above the first row. DuckDB would use the first of them as the header.
    """

    delimiter: str
    quote: str = '"'
    escape: str = '"'
    has_header: bool = True
    columns: int = 1
    long_lines: bool = False
    blank_lines: int = 0


def sniff_sql(file: TextFile, dialect: Dialect | None) -> tuple[str, list[object]]:
    """Build the statement that sniffs a file, within ``dialect`` if it is given."""
    options = [
        "strict_mode = true",
        "null_padding = false",
        "ignore_errors = false",
        "compression = 'none'",
        f"nullstr = [{MISSING_TEXTS}]",
    ]
    if dialect:
        options += ["comment = ''", *_dialect_options(dialect)]
    columns = "Delimiter, Quote, Escape, HasHeader, len(Columns)"
    return f"SELECT {columns} FROM sniff_csv(?, {', '.join(options)})", [str(file.path)]


def rows_sql(
    file: TextFile,
    dialect: Dialect,
    *,
    header: bool | None = None,
    days: Collection[int] = (),
    date_format: str = ISO_DATE,
) -> tuple[str, list[object]]:
    """Build the table function that reads every cell as text, columns ``c0``, ``c1`` …

    An unquoted empty cell is NULL, a quoted one an empty text. The columns ``days`` are read as
    dates in ``date_format``.
    """
    skips_header = dialect.has_header if header is None else header
    columns = ", ".join(
        f"'c{i}': '{'DATE' if i in days else 'VARCHAR'}'" for i in range(dialect.columns)
    )
    options = [
        "auto_detect = false",
        *_dialect_options(dialect),
        f"header = {'true' if skips_header else 'false'}",
        "comment = ''",
        "strict_mode = true",
        "null_padding = false",
        "ignore_errors = false",
        "allow_quoted_nulls = false",
        "compression = 'none'",
        f"columns = {{{columns}}}",
    ]
    if days:
        options.append(f"dateformat = {quote_text(date_format)}")
    return f"read_csv(?, {', '.join(options)})", [str(file.path)]


def sniff(work: ImportWork, file: TextFile, *, prefer_tab: bool) -> Dialect:
    """Find a file's dialect in its first rows."""
    check_column_count(_first_width(file))
    free = _ask(work, file, None)
    blank_lines, first_line = _first_line(file)
    dialect = _settle_dialect(free, first_line, prefer_tab=prefer_tab)
    if free and free.quote == "'" and _apostrophes_enclose(file, dialect.delimiter):
        dialect = replace(dialect, quote="'", escape="'")
    return sniff_within(work, file, replace(dialect, blank_lines=blank_lines))


def sniff_within(work: ImportWork, file: TextFile, dialect: Dialect) -> Dialect:
    """Find the header and the number of columns for a known delimiter and quote.

    If rows don't fit the dialect, the first row determines the number of columns; reading then
    fails at the line that doesn't fit.
    """
    pinned = _ask(work, file, dialect)
    if pinned:
        check_column_count(pinned.columns)
        return replace(dialect, has_header=pinned.has_header, columns=pinned.columns)
    width = max(1, len(_split(_first_line(file)[1], dialect)))
    return replace(dialect, columns=width)


def _settle_dialect(found: Dialect | None, first_line: str, *, prefer_tab: bool) -> Dialect:
    """Choose the delimiter from DuckDB's result and the first line."""
    counts = {
        delimiter: len(_split(first_line, Dialect(delimiter))) - 1 for delimiter in DELIMITERS
    }
    if prefer_tab and counts["\t"]:
        delimiter = "\t"
    elif found and found.columns > 1 and (counts.get(found.delimiter) or not any(counts.values())):
        delimiter = found.delimiter
    else:
        delimiter = max(DELIMITERS, key=lambda each: counts[each])
    return Dialect(delimiter)


def _apostrophes_enclose(file: TextFile, delimiter: str) -> bool:
    """Whether ``'`` encloses values at the file's start, and nothing but values.

    DuckDB also treats an apostrophe that only begins a value as a quote, and so joins lines. An
    apostrophe that isn't closed on its line is text.
    """
    enclosed = 0
    for line in re.split(r"\r\n|\r|\n", file.head().decode("utf-8-sig", errors="replace"))[:-1]:
        is_open = False
        for part in line.split(delimiter):
            begins = is_open or part.startswith("'")
            ends = part.endswith("'") and (is_open or len(part) > 1)
            enclosed += begins and ends and part != "''"
            is_open = begins and not ends
        if is_open:
            return False
    return enclosed > 0


def _ask(work: ImportWork, file: TextFile, dialect: Dialect | None) -> Dialect | None:
    sql, params = sniff_sql(file, dialect)
    on_progress = without_progress(work.on_progress)
    try:
        rows = execute_watched(work.cursor, sql, params, on_progress, "finding the delimiter")
    except duckdb.Error as error:
        if is_machine_error(error) or "Invalid unicode" in str(error):
            raise
        return None
    if not rows:
        return None
    delimiter, quote, escape, has_header, columns = rows[0]
    return Dialect(
        str(delimiter),
        _character(str(quote)),
        _character(str(escape)),
        bool(has_header),
        int(str(columns)),
    )


def _dialect_options(dialect: Dialect) -> list[str]:
    options = [
        f"skip = {dialect.blank_lines:d}",
        f"delim = {quote_text(dialect.delimiter)}",
        f"quote = {quote_text(dialect.quote)}",
        f"escape = {quote_text(dialect.escape)}",
    ]
    if dialect.long_lines:
        options.append(f"max_line_size = {LONG_LINE_BYTES}")
    return options


def _character(shown: str) -> str:
    return "" if shown == "(empty)" else shown


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


def _first_line(file: TextFile) -> tuple[int, str]:
    """Return the number of leading empty lines, and the line after them."""
    text = file.head().decode("utf-8-sig", errors="replace")
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text)):
        if line:
            return number, line
    return 0, ""


def _split(line: str, dialect: Dialect) -> Sequence[str]:
    if not dialect.quote:
        return line.split(dialect.delimiter)
    try:
        return next(csv.reader([line], delimiter=dialect.delimiter, quotechar=dialect.quote), [])
    except csv.Error:
        return line.split(dialect.delimiter)
