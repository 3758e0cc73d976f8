"""The statements that turn columns of text into columns of values.

Owns: the query that finds which readings fit, and the query that reads by them and stops at the
first cell that doesn't. Pure functions: they take and return SQL. Called by ``delimited`` and
``json_lines``.

A table read from columns of text.

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

from import_engine.values import (
    LONG_WHOLE,
    MISSING_WORDS,
    NO_VALUE,
    NO_VALUE_TEXTS,
    TEXT,
    Reading,
    out_of_years,
)
from import_engine.work import PRIMARY, ImportedTable, ImportWork, Reached, write_table
from parquet_tables.progress import ProgressCallback, execute_watched, progress_part
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.tables import Column

_WORDS = ", ".join(quote_text(word) for word in MISSING_WORDS)

SHOWN_CHARACTERS = 400
"""Of a cell whose form is looked at; every form shows within."""

MISFIT = "a value does not fit its column"
"""The error of :func:`values_sql`'s guard."""


@dataclass(frozen=True)
class ColumnPlan:
    """How one column of text is read.

    Parameters
    ----------
    reading : Reading
        By which its cells become values.
    tidied : bool
        Whether it has cells with blanks around them, or quoted empty ones, or words for no value,
        which a column that isn't text takes as such.
    missing_words : bool
        Whether it has words for no value.
    """

    reading: Reading
    tidied: bool = False
    missing_words: bool = False


@dataclass(frozen=True)
class Fit:
    """What was found of a column: the rungs of its ladder that fit, and the state of its cells."""

    rungs: tuple[Reading, ...]
    tidied: bool = False
    missing_words: bool = False

    @property
    def plan(self) -> ColumnPlan:
        """The narrowest reading that fits."""
        return ColumnPlan(self.rungs[0], self.tidied, self.missing_words)


def tidied_sql(column: str) -> str:
    """The SQL of a cell as a reading that isn't text sees it."""
    return f"CASE WHEN trim({column}) IN ({NO_VALUE_TEXTS}) THEN NULL ELSE trim({column}) END"


def first_cells_sql(source: str, columns: Sequence[str], limit: int) -> str:
    """Ask for the cells of the first rows, cut. DuckDB 2.0 plans 3,000 longer terms in 90 s."""
    cells = ", ".join(f"left({column}, {SHOWN_CHARACTERS})" for column in columns)
    return f"SELECT {cells} FROM {source} LIMIT {limit:d}"


def any_cells_sql(source: str, columns: Sequence[str]) -> str:
    """Ask for one cell with a value of each column, from any row."""
    cells = (f"left({tidied_sql(column)}, {SHOWN_CHARACTERS})" for column in columns)
    wanted = ", ".join(f"any_value({cell})" for cell in cells)
    return f"SELECT {wanted} FROM {source}"


def detection_sql(
    source: str, columns: Sequence[str], ladders: Sequence[Sequence[Reading]], limit: int | None
) -> str:
    """Ask of every column which rungs of its ladder fit all cells.

    Each level computes what the next one uses more than once: the raw cell ``r``, the tidied cell
    ``x``, and a value ``v`` for each rung.

    Returns
    -------
    str
        A query of one row: for each column of more than one rung whether it needs tidying and has
        words for no value, then for each rung but the last (which is text and fits anything)
        whether it fits; NULL where no cell has a value.
    """
    raw, cells, values, wanted = (list[str]() for _ in range(4))
    for i, (column, rungs) in enumerate(zip(columns, ladders, strict=True)):
        if len(rungs) == 1:
            continue
        r, x = f"r{i}", f"x{i}"
        raw.append(f"{column} AS {r}")
        cells.append(f"{r}, {tidied_sql(r)} AS {x}")
        values.append(f"{r}, {x}")
        wanted.append(f"bool_or({r} IS DISTINCT FROM {x})")
        wanted.append(f"bool_or(CASE WHEN {x} IS NULL THEN trim({r}) IN ({_WORDS}) END)")
        for j, rung in enumerate(rungs[:-1]):
            values.append(f"{rung.value(x, lenient=True)} AS v{i}_{j}")
            wanted.append(f"bool_and({rung.fits(x, f'v{i}_{j}')})")
    limited = source if limit is None else f"(SELECT * FROM {source} LIMIT {limit:d})"
    within = f"(SELECT {', '.join(cells)} FROM (SELECT {', '.join(raw)} FROM {limited}))"
    return f"SELECT {', '.join(wanted)} FROM (SELECT {', '.join(values)} FROM {within})"


def fits(row: Sequence[object], ladders: Sequence[Sequence[Reading]]) -> list[Fit]:
    """Understand the answer to :func:`detection_sql`."""
    answers = iter(row)
    found: list[Fit] = []
    for rungs in ladders:
        if len(rungs) == 1:
            found.append(Fit((rungs[0],)))
            continue
        tidied, missing_words = bool(next(answers)), bool(next(answers))
        fitting = [rung for rung in rungs[:-1] if next(answers) is not False]
        found.append(Fit((*fitting, rungs[-1]), tidied, missing_words))
    return found


def values_sql(
    source: str,
    columns: Sequence[str],
    plans: Sequence[ColumnPlan],
    names: Sequence[str],
    days: Collection[int] = (),
) -> str:
    """The query of a table's values; it fails with :data:`MISFIT` rather than change one.

    The cell and its value are made in a query within, so that a cast that is both checked and
    written is computed once (1.1 times faster over a whole import). The columns ``days`` come from
    ``source`` as dates already: DuckDB 2.0 is strict when it is told their format, but for years of
    less than four digits and the words for infinity (and takes the word epoch for its day).
    """
    inner: list[str] = []
    outer: list[str] = []
    for i, (column, plan, name) in enumerate(zip(columns, plans, names, strict=True)):
        alias = quote_identifier(name)
        if plan.reading == TEXT:
            inner.append(f"{column} AS v{i}")
            outer.append(f"v{i} AS {alias}")
            continue
        tidied = plan.tidied and plan.reading.type != "VARCHAR"
        cell = tidied_sql(column) if tidied else column
        if i in days:
            inner.append(f"{column} AS v{i}")
            misfit = out_of_years("DATE", f"v{i}")
            outer.append(f"CASE WHEN {misfit} THEN error('{MISFIT}') ELSE v{i} END AS {alias}")
            continue
        inner.append(f"{cell} AS x{i}, {plan.reading.value(cell)} AS v{i}")
        misfit = plan.reading.misfit(f"x{i}", f"v{i}")
        outer.append(f"CASE WHEN {misfit} THEN error('{MISFIT}') ELSE v{i} END AS {alias}")
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {source})"


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
    work: ImportWork,
    layout: Layout,
    ladders: Ladders,
    limit: int | None,
    on_progress: ProgressCallback,
) -> list[ColumnPlan]:
    """Find each column's reading in the first rows, or in all of them when ``limit`` is None.

    The narrowest readings are tried first, on all columns; the others only on the columns that need
    them and, since there are many for dates, only those that fit the first rows.
    """
    narrow = [rungs if len(rungs) == 1 else (rungs[0], TEXT) for rungs in ladders]
    found = _ask(work, layout, narrow, limit, progress_part(on_progress, 0.0, 0.5))
    left = [
        rungs[1:] if fit.rungs == (TEXT,) and len(rungs) > 2 else (TEXT,)
        for rungs, fit in zip(ladders, found, strict=True)
    ]
    if limit is None:
        halfway = progress_part(on_progress, 0.5, 0.5)
        left = [fit.rungs for fit in _ask(work, layout, left, SAMPLE_ROWS, halfway)]
    wider = _ask(work, layout, left, limit, progress_part(on_progress, 0.5, 1.0))
    return [
        wide.plan if fit.rungs == (TEXT,) else fit.plan
        for fit, wide in zip(found, wider, strict=True)
    ]


def _ask(
    work: ImportWork,
    layout: Layout,
    ladders: Ladders,
    limit: int | None,
    on_progress: ProgressCallback,
) -> list[Fit]:
    """Ask :func:`detection_sql`, some columns at a time."""
    columns = layout([rungs[0] for rungs in ladders], ())
    asked = [i for i, rungs in enumerate(ladders) if len(rungs) > 1]
    found = [Fit(tuple(rungs)) for rungs in ladders]
    for start in range(0, len(asked), ASKED_COLUMNS):
        chosen = asked[start : start + ASKED_COLUMNS]
        part = [ladders[i] for i in chosen]
        sql = detection_sql(columns.source, [columns.cells[i] for i in chosen], part, limit)
        step = progress_part(
            on_progress, start / len(asked), min(1.0, (start + len(chosen)) / len(asked))
        )
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
    late: Callable[[Sequence[int], ProgressCallback], Ladders]

    def over_all_rows(self, on_progress: ProgressCallback) -> list[Sequence[Reading]]:
        """The readings that may fit, those of late columns too."""
        open_columns = [i for i, plan in enumerate(self.plans) if plan.reading == NO_VALUE]
        ladders = list(self.ladders)
        if open_columns:
            for column, rungs in zip(
                open_columns, self.late(open_columns, on_progress), strict=True
            ):
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

    def write(
        final: Sequence[ColumnPlan], ladders: Ladders, on_progress: ProgressCallback
    ) -> ImportedTable:
        columns = layout([plan.reading for plan in final], final)
        table = write_table(
            work.cursor,
            values_sql(columns.source, columns.cells, final, names, columns.days),
            columns.params,
            [Column(n, p.reading.type) for n, p in zip(names, final, strict=True)],
            work.destination / f"{PRIMARY}.parquet",
            on_progress=on_progress,
            row_group_rows=work.row_group_rows,
            key=PRIMARY,
            notes=[*notes, *_reading_notes(names, ladders, final)],
        )
        empty = (name for name, plan in zip(names, final, strict=True) if plan.reading.empty)
        return replace(table, without_value=tuple(empty))

    reached = Reached(work.on_progress)
    try:
        return write(found.plans, found.ladders, reached)
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        if not _is_misfit(error):
            raise
    start = reached.fraction
    middle = start + (1 - start) * DETECTING_SHARE
    detecting = progress_part(work.on_progress, start, middle)
    ladders = found.over_all_rows(progress_part(detecting, 0.0, 0.2))
    whole = detect(work, layout, ladders, None, progress_part(detecting, 0.2, 1.0))
    return write(whole, ladders, progress_part(work.on_progress, middle, 1.0))


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
