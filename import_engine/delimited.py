"""CSV, TSV and other delimited text.

Owns: the way from a text file to a table. Invariant: the table has the columns that detection over
the whole file finds, and every value of the file; a file that can't be read so is refused. Called
by ``importer``.

Detecting over the whole file first would cost more than the import itself, so the types of the
first rows are taken on trust and every value is checked as it is read. Only when one doesn't fit
does a second scan find the types over the whole file, and the file is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from import_engine.encodings import TextFile, declared_encoding, is_utf8, transcode
from import_engine.errors import UnreadableFile, delimited_reason
from import_engine.imported import PRIMARY, ImportedTable
from import_engine.line_ends import even_line_ends
from import_engine.names import settle_names
from import_engine.readings import LONG_WHOLE, NO_VALUE, TEXT, Reading, ladder
from import_engine.sniffing import (
    SAMPLE_ROWS,
    Dialect,
    Findings,
    rows_sql,
    sniff,
    sniff_within,
)
from import_engine.stored_types import write_table
from import_engine.text_columns import MISFIT, ColumnPlan, choose, detection_sql, values_sql
from parquet_tables.progress import Report, execute_watched, share_of
from parquet_tables.tables import Column


@dataclass
class Reached:
    """How far a report has come, for the work that follows when a pass is given up."""

    report: Report
    fraction: float = 0.0

    def __call__(self, fraction: float, message: str) -> None:
        self.fraction = max(self.fraction, fraction)
        self.report(self.fraction, message)


@dataclass(frozen=True)
class Job:
    """What all steps of one import need."""

    cursor: duckdb.DuckDBPyConnection
    destination: Path
    report: Report
    row_group_rows: int
    prefer_tab: bool

    def scratch(self, name: str) -> Path:
        """A file of its own for a copy of the source."""
        return self.destination / f"{name}.scratch"


def import_delimited(job: Job, file: TextFile) -> ImportedTable:
    """Read a delimited text file in whatever encoding it is.

    Raises
    ------
    UnreadableFile
        Names the line that doesn't fit.
    """
    head = file.head()
    if not head.strip(b" \t\r\n\xef\xbb\xbf\xff\xfe\0"):
        raise UnreadableFile("The file is empty.")
    encoding = declared_encoding(head)
    try:
        if encoding is None:
            try:
                return _import_utf8(job, file, [])
            except (duckdb.Error, UnreadableFile) as error:
                if isinstance(error, duckdb.InterruptException) or is_utf8(file):
                    raise
                encoding = "cp1252"
        name = {"cp1252": "Windows-1252"}.get(encoding, encoding.upper())
        job.report(0.0, "converting the text to UTF-8")
        copy = transcode(file, encoding, job.scratch("utf8"))
        return _import_utf8(job, copy, [f"The file's text is {name}; it was converted to UTF-8."])
    finally:
        for scratch in job.destination.glob("*.scratch"):
            scratch.unlink()


def _import_utf8(job: Job, file: TextFile, notes: Sequence[str]) -> ImportedTable:
    """Read it in the dialect that its start shows or, failing that, in one that its errors hint at."""
    findings = sniff(job.cursor, file, prefer_tab=job.prefer_tab)
    try:
        return _import_in_dialect(job, file, findings, notes)
    except duckdb.Error as error:
        if isinstance(error, duckdb.InterruptException | duckdb.OutOfMemoryException):
            raise
        message = str(error)
        for other, dialect, note in _remedies(job, file, findings.dialect, message):
            try:
                found = sniff_within(job.cursor, other, dialect)
                return _import_in_dialect(job, other, found, [*notes, note])
            except duckdb.InterruptException:
                raise
            except duckdb.Error:
                continue
        raise UnreadableFile(delimited_reason(message)) from error


def _remedies(
    job: Job, file: TextFile, dialect: Dialect, message: str
) -> Iterator[tuple[TextFile, Dialect, str]]:
    """Other ways in which a file may be meant that DuckDB refused with ``message``."""
    if "invalid state" in message and file.contains(b"\r\n"):
        even = even_line_ends(file, job.scratch("lines"), dialect.quote)
        yield even, dialect, "The file mixes line ends; rows were split at each of them."
    if "unterminated quote" in message or "invalid state" in message:
        if dialect.escape != "\\" and file.contains(b"\\" + dialect.quote.encode()):
            yield file, replace(dialect, escape="\\"), "Quotes within values are escaped by \\."
        if dialect.delimiter == "\t":
            note = "Quotes don't enclose values in this file; they are kept as text."
            yield file, replace(dialect, quote="", escape=""), note
    if "Maximum line size" in message:
        yield file, replace(dialect, long_lines=True), "The file has lines of more than 2 MB."


def _import_in_dialect(
    job: Job, file: TextFile, findings: Findings, notes: Sequence[str]
) -> ImportedTable:
    """Read it in one dialect: by the types of its start, or else by those of all its rows."""
    dialect = findings.dialect
    names, name_notes = _names(job.cursor, file, dialect)
    source, params = rows_sql(file, dialect)
    columns = [f"c{i}" for i in range(dialect.columns)]
    formats = (findings.date_format, findings.timestamp_format)

    def detect(
        ladders: Sequence[Sequence[Reading]], limit: int | None, report: Report
    ) -> list[ColumnPlan]:
        sql = detection_sql(source, columns, ladders, limit)
        row = execute_watched(job.cursor, sql, params, report, "finding the columns' types")[0]
        return choose(row, ladders)

    def write(plans: Sequence[ColumnPlan], report: Report) -> ImportedTable:
        stored = [Column(n, p.reading.type) for n, p in zip(names, plans, strict=True)]
        return write_table(
            job.cursor,
            values_sql(source, columns, plans, names),
            params,
            stored,
            job.destination / f"{PRIMARY}.parquet",
            report=report,
            row_group_rows=job.row_group_rows,
            key=PRIMARY,
            notes=[*notes, *name_notes, *_reading_notes(names, findings.types, plans)],
        )

    reached = Reached(job.report)
    sampled = detect(
        [(NO_VALUE, TEXT) if t == "VARCHAR" else ladder(t, *formats) for t in findings.types],
        SAMPLE_ROWS,
        lambda fraction, message: job.report(0.0, message),
    )
    try:
        return write(sampled, reached)
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        if not _is_misfit(error):
            raise
    start = reached.fraction
    whole = detect(
        [_wider(plan, t, *formats) for plan, t in zip(sampled, findings.types, strict=True)],
        None,
        share_of(job.report, start, start + (1 - start) * 0.3),
    )
    return write(whole, share_of(job.report, start + (1 - start) * 0.3, 1.0))


def _wider(
    plan: ColumnPlan, type_: str | None, date_format: str | None, timestamp_format: str | None
) -> tuple[Reading, ...]:
    """The rungs from the sampled reading up."""
    if plan.reading == TEXT:
        return (TEXT,)
    rungs = ladder(None if plan.reading.empty else type_, date_format, timestamp_format)
    return rungs[rungs.index(plan.reading) :]


def _is_misfit(error: duckdb.Error) -> bool:
    """Whether a value didn't fit its column, rather than a row the file's form."""
    message = str(error)
    return MISFIT in message or (
        isinstance(error, duckdb.ConversionException)
        and "Expected Number of Columns" not in message
    )


def _names(
    cursor: duckdb.DuckDBPyConnection, file: TextFile, dialect: Dialect
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not dialect.has_header:
        names, _ = settle_names([None] * dialect.columns)
        return names, ("The file has no header row; its columns are named by their place.",)
    source, params = rows_sql(file, dialect, header=False)
    row = cursor.execute(f"SELECT * FROM {source} LIMIT 1", params).fetchone()
    return settle_names(row or [None] * dialect.columns)


def _reading_notes(
    names: Sequence[str], found: Sequence[str | None], plans: Sequence[ColumnPlan]
) -> Iterator[str]:
    for name, type_, plan in zip(names, found, plans, strict=True):
        note = plan.reading.note(name)
        if note:
            yield note
        if type_ in (None, "VARCHAR", plan.reading.type) or plan.reading in (LONG_WHOLE, NO_VALUE):
            continue
        kept = "text" if plan.reading == TEXT else plan.reading.type
        yield f'Column "{name}" is kept as {kept}: not all of its values can be kept as {type_}.'
