"""A table read from columns of text.

Owns: the two passes. Invariant: the table has the types that detection over all rows finds, and
every value. Called by ``delimited`` and ``json_lines``.

Detecting over the whole file first would cost more than the import itself, so the types of the
first rows are taken on trust and every value is checked as it is read. Only when one doesn't fit
does a scan find the types over all rows, and the file is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb

from import_engine.imported import PRIMARY, ImportedTable
from import_engine.readings import LONG_WHOLE, MISSING_WORDS, NO_VALUE, TEXT, Reading
from import_engine.table_writing import write_table
from import_engine.text_columns import MISFIT, ColumnPlan, Fit, detection_sql, fits, values_sql
from import_engine.work import ImportWork, Reached
from parquet_tables.progress import Report, execute_watched, share_of
from parquet_tables.tables import Column

DETECTING = "finding the columns' types"
DETECTING_SHARE = 0.4
"""The share of a second pass that finding the types takes."""

ASKED_COLUMNS = 200
"""Columns asked of at a time: DuckDB 2.0 plans 6,000 aggregates in 10 s, and 600 in 0.1 s."""

SAMPLE_ROWS = 20_480
"""The first rows; as many as DuckDB's own detection looks at."""


@dataclass(frozen=True)
class TextColumns:
    """Where the cells come from: a table function or query, its parameters, each column's SQL.

    The columns ``days`` come as dates; all others as text.
    """

    source: str
    params: Sequence[object]
    cells: Sequence[str]
    days: Collection[int] = ()


Layout = Callable[[Sequence[Reading], Sequence[ColumnPlan]], TextColumns]
"""The columns of a file, told of each by what reading (or its like) it is read; and by what plans
they are written, which is nothing as long as readings are looked for."""

Ladders = Sequence[Sequence[Reading]]


def detect(
    work: ImportWork, layout: Layout, ladders: Ladders, limit: int | None, report: Report
) -> list[ColumnPlan]:
    """Find each column's reading in the first rows, or in all of them when ``limit`` is None.

    The narrowest readings are tried first, on all columns; the others only on the columns that need
    them and, since there are many for dates, only those that fit the first rows.
    """
    narrow = [rungs if len(rungs) == 1 else (rungs[0], TEXT) for rungs in ladders]
    found = _ask(work, layout, narrow, limit, share_of(report, 0.0, 0.5))
    left = [
        rungs[1:] if fit.rungs == (TEXT,) and len(rungs) > 2 else (TEXT,)
        for rungs, fit in zip(ladders, found, strict=True)
    ]
    if limit is None:
        halfway = share_of(report, 0.5, 0.5)
        left = [fit.rungs for fit in _ask(work, layout, left, SAMPLE_ROWS, halfway)]
    wider = _ask(work, layout, left, limit, share_of(report, 0.5, 1.0))
    return [
        wide.plan if fit.rungs == (TEXT,) else fit.plan
        for fit, wide in zip(found, wider, strict=True)
    ]


def _ask(
    work: ImportWork, layout: Layout, ladders: Ladders, limit: int | None, report: Report
) -> list[Fit]:
    """Ask :func:`detection_sql`, some columns at a time."""
    columns = layout([rungs[0] for rungs in ladders], ())
    asked = [i for i, rungs in enumerate(ladders) if len(rungs) > 1]
    found = [Fit(tuple(rungs)) for rungs in ladders]
    for start in range(0, len(asked), ASKED_COLUMNS):
        chosen = asked[start : start + ASKED_COLUMNS]
        part = [ladders[i] for i in chosen]
        sql = detection_sql(columns.source, [columns.cells[i] for i in chosen], part, limit)
        step = share_of(report, start / len(asked), min(1.0, (start + len(chosen)) / len(asked)))
        row = execute_watched(work.cursor, sql, columns.params, step, DETECTING)[0]
        for i, fit in zip(chosen, fits(row, part), strict=True):
            found[i] = fit
    return found


@dataclass(frozen=True)
class FoundColumns:
    """What a file's first rows show of its columns.

    Parameters
    ----------
    names : sequence of str
        The settled names.
    plans : sequence of ColumnPlan
        The narrowest readings that fit the first rows.
    ladders : sequence of sequence of Reading
        The readings that may fit all rows.
    late : callable
        Gives the ladders of columns without a value in the first rows, by later ones.
    """

    names: Sequence[str]
    plans: Sequence[ColumnPlan]
    ladders: Ladders
    late: Callable[[Sequence[int], Report], Ladders]

    def over_all_rows(self, report: Report) -> list[Sequence[Reading]]:
        """The readings that may fit, those of late columns too."""
        open_columns = [i for i, plan in enumerate(self.plans) if plan.reading == NO_VALUE]
        ladders = list(self.ladders)
        if open_columns:
            for column, rungs in zip(open_columns, self.late(open_columns, report), strict=True):
                ladders[column] = rungs
        return ladders


def write_text_table(
    work: ImportWork, layout: Layout, found: FoundColumns, notes: Sequence[str]
) -> ImportedTable:
    """Write a table by the found plans or, where a value doesn't fit them, by what all rows fit.

    Parameters
    ----------
    work : ImportWork
        The import.
    layout : Layout
        Where the cells come from.
    found : FoundColumns
        What the first rows show.
    notes : sequence of str
        What has been noted so far.
    """

    names = found.names

    def write(final: Sequence[ColumnPlan], ladders: Ladders, report: Report) -> ImportedTable:
        columns = layout([plan.reading for plan in final], final)
        table = write_table(
            work.cursor,
            values_sql(columns.source, columns.cells, final, names, columns.days),
            columns.params,
            [Column(n, p.reading.type) for n, p in zip(names, final, strict=True)],
            work.destination / f"{PRIMARY}.parquet",
            report=report,
            row_group_rows=work.row_group_rows,
            key=PRIMARY,
            notes=[*notes, *_reading_notes(names, ladders, final)],
        )
        empty = (name for name, plan in zip(names, final, strict=True) if plan.reading.empty)
        return replace(table, without_value=tuple(empty))

    reached = Reached(work.report)
    try:
        return write(found.plans, found.ladders, reached)
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        if not _is_misfit(error):
            raise
    start = reached.fraction
    middle = start + (1 - start) * DETECTING_SHARE
    detecting = share_of(work.report, start, middle)
    ladders = found.over_all_rows(share_of(detecting, 0.0, 0.2))
    whole = detect(work, layout, ladders, None, share_of(detecting, 0.2, 1.0))
    return write(whole, ladders, share_of(work.report, middle, 1.0))


def _is_misfit(error: duckdb.Error) -> bool:
    """Whether a value didn't fit its column, rather than a row the file's form."""
    return MISFIT in str(error) or isinstance(error, duckdb.ConversionException)


def _reading_notes(
    names: Sequence[str], ladders: Ladders, plans: Sequence[ColumnPlan]
) -> Iterator[str]:
    for name, rungs, plan in zip(names, ladders, plans, strict=True):
        note = plan.reading.note(name)
        if note:
            yield note
        if plan.missing_words and plan.reading.type != "VARCHAR":
            words = " and ".join(MISSING_WORDS)
            yield f'In column "{name}", {words} stand for no value.'
        widened = plan.reading.type != rungs[0].type and rungs[0] not in (NO_VALUE, TEXT)
        if widened and plan.reading != LONG_WHOLE:
            kept = "text" if plan.reading == TEXT else plan.reading.type
            first = rungs[0].type
            yield f'Column "{name}" is kept as {kept}: not all its values can be kept as {first}.'
