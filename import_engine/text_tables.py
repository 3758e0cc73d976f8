"""Tables from columns of text: type inference, and the query that converts and checks every value.

Type inference over the whole file would cost more than the import. So the first rows determine the
types, and every value is checked as it is converted. If one doesn't fit, the types are inferred
from all rows and the file is read again; the result is the same either way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb

from import_engine.values import (
    EMPTY,
    LONG_WHOLE,
    MISSING_TEXTS,
    MISSING_WORDS,
    TEXT,
    CandidateType,
    outside_years,
)
from import_engine.work import PRIMARY, ImportedTable, ImportWork, write_table
from parquet_tables.progress import (
    MonotonicProgress,
    ProgressCallback,
    execute_watched,
    progress_part,
)
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.tables import Column

_WORDS = ", ".join(quote_text(word) for word in MISSING_WORDS)

SHOWN_CHARACTERS = 400
"""Characters of a cell that type inference reads; enough for every form."""

MISMATCH = "a value does not fit its column"
"""The error of :func:`values_sql`'s guard."""


@dataclass(frozen=True)
class ColumnPlan:
    """How one column of text is converted.

    Parameters
    ----------
    reading : Reading
        The type of the values.
    tidied : bool
        Whether cells have blanks around them, are quoted empty texts, or are missing words.
    missing_words : bool
        Whether cells are missing words (``NA``, ``NULL``).
    """

    inferred: CandidateType
    tidied: bool = False
    missing_words: bool = False


@dataclass(frozen=True)
class Fit:
    """Result of type inference for a column: the fitting types, and the state of its cells."""

    candidates: tuple[CandidateType, ...]
    tidied: bool = False
    missing_words: bool = False

    @property
    def plan(self) -> ColumnPlan:
        """The plan of the narrowest type that fits."""
        return ColumnPlan(self.candidates[0], self.tidied, self.missing_words)


def tidied_sql(column: str) -> str:
    """Return the SQL of a trimmed cell in which missing words are NULL."""
    return f"CASE WHEN trim({column}) IN ({MISSING_TEXTS}) THEN NULL ELSE trim({column}) END"


def first_cells_sql(source: str, columns: Sequence[str], limit: int) -> str:
    """Select the truncated cells of the first rows.

    DuckDB 2.0 takes 90 s to plan 3,000 longer terms.
    """
    cells = ", ".join(f"left({column}, {SHOWN_CHARACTERS})" for column in columns)
    return f"SELECT {cells} FROM {source} LIMIT {limit:d}"


def any_cells_sql(source: str, columns: Sequence[str]) -> str:
    """Select one non-missing cell of each column, from any row."""
    cells = (f"left({tidied_sql(column)}, {SHOWN_CHARACTERS})" for column in columns)
    wanted = ", ".join(f"any_value({cell})" for cell in cells)
    return f"SELECT {wanted} FROM {source}"


def detection_sql(
    source: str,
    columns: Sequence[str],
    candidate_lists: Sequence[Sequence[CandidateType]],
    limit: int | None,
) -> str:
    """Build the query that finds which candidate types fit all cells of each column.

    Nested queries compute what is used more than once: the raw cell ``r``, the trimmed cell ``x``
    and a value ``v`` for each candidate.

    Returns
    -------
    str
        A query of one row. For each column with several candidates: whether it needs trimming,
        whether it has missing words, and for each candidate but the last (text) whether it fits;
        NULL if no cell has a value.
    """
    raw, cells, values, wanted = (list[str]() for _ in range(4))
    for i, (column, candidates) in enumerate(zip(columns, candidate_lists, strict=True)):
        if len(candidates) == 1:
            continue
        r, x = f"r{i}", f"x{i}"
        raw.append(f"{column} AS {r}")
        cells.append(f"{r}, {tidied_sql(r)} AS {x}")
        values.append(f"{r}, {x}")
        wanted.append(f"bool_or({r} IS DISTINCT FROM {x})")
        wanted.append(f"bool_or(CASE WHEN {x} IS NULL THEN trim({r}) IN ({_WORDS}) END)")
        for j, candidate in enumerate(candidates[:-1]):
            values.append(f"{candidate.value(x, lenient=True)} AS v{i}_{j}")
            wanted.append(f"bool_and({candidate.fits(x, f'v{i}_{j}')})")
    limited = source if limit is None else f"(SELECT * FROM {source} LIMIT {limit:d})"
    within = f"(SELECT {', '.join(cells)} FROM (SELECT {', '.join(raw)} FROM {limited}))"
    return f"SELECT {', '.join(wanted)} FROM (SELECT {', '.join(values)} FROM {within})"


def fits(row: Sequence[object], candidate_lists: Sequence[Sequence[CandidateType]]) -> list[Fit]:
    """Parse the result row of :func:`detection_sql`."""
    answers = iter(row)
    found: list[Fit] = []
    for candidates in candidate_lists:
        if len(candidates) == 1:
            found.append(Fit((candidates[0],)))
            continue
        tidied, missing_words = bool(next(answers)), bool(next(answers))
        fitting = [candidate for candidate in candidates[:-1] if next(answers) is not False]
        found.append(Fit((*fitting, candidates[-1]), tidied, missing_words))
    return found


def values_sql(
    source: str,
    columns: Sequence[str],
    plans: Sequence[ColumnPlan],
    names: Sequence[str],
    days: Collection[int] = (),
) -> str:
    """Build the query of a table's values; it fails with :data:`MISMATCH` at a lossy conversion.

    A subquery computes the cell and its value, so that a cast that is both checked and written is
    evaluated once (1.1 times faster over a whole import). ``source`` returns the columns ``days``
    as dates: with a format, DuckDB 2.0 is strict but for years of less than four digits and the
    words infinity and epoch.
    """
    inner: list[str] = []
    outer: list[str] = []
    for i, (column, plan, name) in enumerate(zip(columns, plans, names, strict=True)):
        alias = quote_identifier(name)
        if plan.inferred == TEXT:
            inner.append(f"{column} AS v{i}")
            outer.append(f"v{i} AS {alias}")
            continue
        tidied = plan.tidied and plan.inferred.type != "VARCHAR"
        cell = tidied_sql(column) if tidied else column
        if i in days:
            inner.append(f"{column} AS v{i}")
            mismatch = outside_years("DATE", f"v{i}")
            outer.append(f"CASE WHEN {mismatch} THEN error('{MISMATCH}') ELSE v{i} END AS {alias}")
            continue
        inner.append(f"{cell} AS x{i}, {plan.inferred.value(cell)} AS v{i}")
        mismatch = plan.inferred.mismatch(f"x{i}", f"v{i}")
        outer.append(f"CASE WHEN {mismatch} THEN error('{MISMATCH}') ELSE v{i} END AS {alias}")
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {source})"


MESSAGE = "finding the columns' types"
DETECTION_SHARE = 0.4
"""The part of a second pass's progress that finding the types takes."""

CHUNK_COLUMNS = 200
"""Columns in one statement: DuckDB 2.0 plans 6,000 aggregates in 10 s, and 600 in 0.1 s."""

SAMPLE_ROWS = 20_480
"""Rows of the first inference; the sample size of DuckDB's sniffer."""


@dataclass(frozen=True)
class TextColumns:
    """The source of the cells: a table function or query, its parameters, each column's SQL.

    The columns ``days`` are dates; all others are text.
    """

    source: str
    params: Sequence[object]
    cells: Sequence[str]
    days: Collection[int] = ()


Layout = Callable[[Sequence[CandidateType], Sequence[ColumnPlan]], TextColumns]
"""Returns the columns of a file for the type of each; the plans are empty during inference."""

CandidateLists = Sequence[Sequence[CandidateType]]


def detect(
    work: ImportWork,
    layout: Layout,
    candidate_lists: CandidateLists,
    limit: int | None,
    on_progress: ProgressCallback,
) -> list[ColumnPlan]:
    """Infer each column's type from the first ``limit`` rows, or from all rows if None.

    The narrowest candidates are tried first, on all columns. The others are tried on the remaining
    columns and, since there are many date formats, only those that fit the first rows.
    """
    narrow = [
        candidates if len(candidates) == 1 else (candidates[0], TEXT)
        for candidates in candidate_lists
    ]
    found = _ask(work, layout, narrow, limit, progress_part(on_progress, 0.0, 0.5))
    left = [
        candidates[1:] if fit.candidates == (TEXT,) and len(candidates) > 2 else (TEXT,)
        for candidates, fit in zip(candidate_lists, found, strict=True)
    ]
    if limit is None:
        halfway = progress_part(on_progress, 0.5, 0.5)
        left = [fit.candidates for fit in _ask(work, layout, left, SAMPLE_ROWS, halfway)]
    wider = _ask(work, layout, left, limit, progress_part(on_progress, 0.5, 1.0))
    return [
        wide.plan if fit.candidates == (TEXT,) else fit.plan
        for fit, wide in zip(found, wider, strict=True)
    ]


def _ask(
    work: ImportWork,
    layout: Layout,
    candidate_lists: CandidateLists,
    limit: int | None,
    on_progress: ProgressCallback,
) -> list[Fit]:
    """Run :func:`detection_sql`, some columns at a time."""
    columns = layout([candidates[0] for candidates in candidate_lists], ())
    asked = [i for i, candidates in enumerate(candidate_lists) if len(candidates) > 1]
    found = [Fit(tuple(candidates)) for candidates in candidate_lists]
    for start in range(0, len(asked), CHUNK_COLUMNS):
        chosen = asked[start : start + CHUNK_COLUMNS]
        part = [candidate_lists[i] for i in chosen]
        sql = detection_sql(columns.source, [columns.cells[i] for i in chosen], part, limit)
        step = progress_part(
            on_progress, start / len(asked), min(1.0, (start + len(chosen)) / len(asked))
        )
        row = execute_watched(work.cursor, sql, columns.params, step, MESSAGE)[0]
        for i, fit in zip(chosen, fits(row, part), strict=True):
            found[i] = fit
    return found


@dataclass(frozen=True)
class InferredColumns:
    """Columns inferred from a file's first rows.

    Parameters
    ----------
    names : sequence of str
        The final names.
    plans : sequence of ColumnPlan
        The plans of the narrowest types that fit the first rows.
    ladders : sequence of sequence of Reading
        The types that may fit all rows.
    later_candidates : callable
        Returns the candidates of columns that are empty in the first rows, from later rows.
    """

    names: Sequence[str]
    plans: Sequence[ColumnPlan]
    candidate_lists: CandidateLists
    later_candidates: Callable[[Sequence[int], ProgressCallback], CandidateLists]

    def over_all_rows(self, on_progress: ProgressCallback) -> list[Sequence[CandidateType]]:
        """Return the types that may fit all rows, also for columns that are empty at first."""
        open_columns = [i for i, plan in enumerate(self.plans) if plan.inferred == EMPTY]
        candidate_lists = list(self.candidate_lists)
        if open_columns:
            for column, candidates in zip(
                open_columns, self.later_candidates(open_columns, on_progress), strict=True
            ):
                candidate_lists[column] = candidates
        return candidate_lists


def write_text_table(
    work: ImportWork, layout: Layout, found: InferredColumns, notes: Sequence[str]
) -> ImportedTable:
    """Write a table with the inferred types; if a value doesn't fit, infer again from all rows."""
    names = found.names

    def write(
        final: Sequence[ColumnPlan], candidate_lists: CandidateLists, on_progress: ProgressCallback
    ) -> ImportedTable:
        columns = layout([plan.inferred for plan in final], final)
        table = write_table(
            work.cursor,
            values_sql(columns.source, columns.cells, final, names, columns.days),
            columns.params,
            [Column(n, p.inferred.type) for n, p in zip(names, final, strict=True)],
            work.destination / f"{PRIMARY}.parquet",
            on_progress=on_progress,
            row_group_rows=work.row_group_rows,
            key=PRIMARY,
            notes=[*notes, *_type_notes(names, candidate_lists, final)],
        )
        empty = (name for name, plan in zip(names, final, strict=True) if plan.inferred.empty)
        return replace(table, empty_columns=tuple(empty))

    progress = MonotonicProgress(work.on_progress)
    try:
        return write(found.plans, found.candidate_lists, progress)
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        if not _is_mismatch(error):
            raise
    start = progress.fraction
    middle = start + (1 - start) * DETECTION_SHARE
    detecting = progress_part(work.on_progress, start, middle)
    candidate_lists = found.over_all_rows(progress_part(detecting, 0.0, 0.2))
    whole = detect(work, layout, candidate_lists, None, progress_part(detecting, 0.2, 1.0))
    return write(whole, candidate_lists, progress_part(work.on_progress, middle, 1.0))


def _is_mismatch(error: duckdb.Error) -> bool:
    """Whether a value doesn't fit its column's type, rather than a row the file's form."""
    return MISMATCH in str(error) or isinstance(error, duckdb.ConversionException)


def _type_notes(
    names: Sequence[str], candidate_lists: CandidateLists, plans: Sequence[ColumnPlan]
) -> Iterator[str]:
    for name, candidates, plan in zip(names, candidate_lists, plans, strict=True):
        note = plan.inferred.note(name)
        if note:
            yield note
        if plan.missing_words and plan.inferred.type != "VARCHAR":
            words = " and ".join(MISSING_WORDS)
            yield f'In column "{name}", {words} are missing values.'
        widened = plan.inferred.type != candidates[0].type and candidates[0] not in (EMPTY, TEXT)
        if widened and plan.inferred != LONG_WHOLE:
            stored = "text" if plan.inferred == TEXT else plan.inferred.type
            first = candidates[0].type
            yield f'Column "{name}" is stored as {stored}: not all its values fit {first}.'
