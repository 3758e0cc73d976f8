"""Tables from rows of text: type inference, and the query that converts and checks every value.

The first rows determine the types, and every value is checked as it is converted. If one doesn't
fit, the types are inferred from all rows and the file is read again, with the same result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb

from domain_errors import choices_sentence
from import_engine.options import ImportOptions, InvalidOption
from import_engine.values import (
    EMPTY,
    LONG_WHOLE,
    MISSING,
    MISSING_TEXTS,
    MISSING_WORDS,
    TEXT,
    WHOLE,
    CandidateType,
    CandidateTypes,
    outside_years,
)
from import_engine.work import ColumnReading, ImportedTable, ImportWork
from parquet_tables.names import settle_names
from parquet_tables.progress import MonotonicProgress
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.tables import Column

FIRST_ROWS, MIN_ROWS, FIRST_CELLS = 200, 10, 100_000
"""Limits of the first sample: fewer rows if there are many columns."""
SAMPLE_ROWS = 20_480
"""Rows of the second sample, as many as DuckDB's sniffer reads."""
CHUNK_COLUMNS = 200
"""Columns in one statement: DuckDB 2.0 plans 6,000 aggregates in 10 s, and 600 in 0.1 s."""
SHOWN_CHARACTERS = 400
"""Characters of a cell that type inference reads; enough for every form."""
DETECTION_SHARE = 0.4  # of a second pass's progress
MISMATCH = "a value does not fit its column"
"""The error of :func:`values_sql`'s guard."""
_INFERRING = "finding the columns' types"
_WORDS = ", ".join(quote_text(word) for word in MISSING_WORDS)


@dataclass(frozen=True)
class ColumnPlan:
    """How one column of text is converted: to the first of the types that fit.

    Parameters
    ----------
    tidied : bool
        Whether cells have blanks around them, are quoted empty texts, or are missing words.
    missing_words : bool
        Whether cells are missing words (``NA``, ``NULL``).
    """

    candidates: CandidateTypes
    tidied: bool = False
    missing_words: bool = False

    @property
    def inferred(self) -> CandidateType:
        return self.candidates[0]


@dataclass(frozen=True)
class TextColumn:
    """A column as the first rows show it: the types that may fit all rows, and its plan."""

    name: str
    candidates: CandidateTypes
    plan: ColumnPlan
    source_name: str = ""


@dataclass(frozen=True)
class CellQuery:
    """A table function, its parameters, and the SQL of each column's cells.

    The columns ``days`` are dates; all others are text.
    """

    source: str
    params: Sequence[object]
    cells: Sequence[str]
    days: Collection[int] = ()


class TextRows(ABC):
    """The rows of a delimited or JSON file."""

    @abstractmethod
    def query(self, types: Sequence[CandidateType]) -> CellQuery:
        """Return the cells as text, in the form that each column's type needs."""

    @abstractmethod
    def candidates(self, cells: Sequence[str]) -> CandidateTypes:
        """Return the types that the form of a column's cells allows."""

    def converted_query(self, plans: Sequence[ColumnPlan]) -> CellQuery:
        """Return the cells for :func:`values_sql`."""
        return self.query([plan.inferred for plan in plans])

    def known_cell(self, cell: str) -> str:
        """Return the SQL of a cell, or of NULL if it doesn't determine the column's type."""
        return cell

    def first_cells(self, work: ImportWork, width: int) -> list[list[str]]:
        """Return the non-missing cells of each column in the first rows."""
        query = self.query([WHOLE] * width)
        limit = min(FIRST_ROWS, max(MIN_ROWS, FIRST_CELLS // width))
        cells = ", ".join(f"left({cell}, {SHOWN_CHARACTERS})" for cell in query.cells)
        sql = f"SELECT {cells} FROM {query.source} LIMIT {limit:d}"
        found = work.ask(sql, query.params, _INFERRING)
        columns = zip(*found, strict=True) if found else ([] for _ in range(width))
        return [[text for cell in column if (text := _known_text(cell))] for column in columns]

    def later_candidates(
        self, work: ImportWork, width: int, columns: Sequence[int]
    ) -> list[CandidateTypes]:
        """Return the candidates of columns without first cells, from one cell of any row."""
        query = self.query([WHOLE] * width)
        cells = [self.known_cell(query.cells[column]) for column in columns]
        found: list[CandidateTypes] = []
        for start in range(0, len(cells), CHUNK_COLUMNS):
            end = min(start + CHUNK_COLUMNS, len(cells))
            part = work.part(start / len(cells), end / len(cells))
            wanted = (
                f"any_value(left({tidied_sql(cell)}, {SHOWN_CHARACTERS}))"
                for cell in cells[start:end]
            )
            sql = f"SELECT {', '.join(wanted)} FROM {query.source}"
            (row,) = part.run(sql, query.params, _INFERRING)
            found += [self.candidates([] if cell is None else [str(cell)]) for cell in row]
        return found


def renamed(
    names: Sequence[str], options: ImportOptions
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Rename columns by the options; return the final names and notes, as ``settle_names`` does."""
    for option in ("names", "types"):
        for name in getattr(options, option):
            if name not in names:
                raise InvalidOption(
                    'The file has no column "{column}". {choices}',
                    loc=("options", option, name),
                    column=name,
                    choices=choices_sentence(name, names),
                )
    return settle_names([options.names.get(name, name) for name in names])


def _known_text(cell: object) -> str:
    text = "" if cell is None else str(cell).strip(" ")
    return "" if text in MISSING else text


def tidied_sql(column: str) -> str:
    """Return the SQL of a trimmed cell in which missing words are NULL."""
    return f"CASE WHEN trim({column}) IN ({MISSING_TEXTS}) THEN NULL ELSE trim({column}) END"


def detection_sql(
    source: str,
    columns: Sequence[str],
    candidate_lists: Sequence[CandidateTypes],
    limit: int | None,
) -> str:
    """Build the query that finds which candidate types fit all cells of each column.

    Nested queries compute what is used more than once: the raw cell ``r``, the trimmed cell ``x``
    and a value ``v`` for each candidate.

    Returns
    -------
    str
        A query of one row. For each column: whether it needs trimming, whether it has missing
        words, and for each candidate but the last (text) whether it fits; NULL if no cell has a
        value.
    """
    raw, cells, values, wanted = (list[str]() for _ in range(4))
    for i, (column, candidates) in enumerate(zip(columns, candidate_lists, strict=True)):
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


def fitting_plans(
    row: Sequence[object], candidate_lists: Sequence[CandidateTypes]
) -> Iterator[ColumnPlan]:
    """Parse the result row of :func:`detection_sql`."""
    answers = iter(row)
    for candidates in candidate_lists:
        tidied, missing_words = bool(next(answers)), bool(next(answers))
        fitting = [candidate for candidate in candidates[:-1] if next(answers) is not False]
        yield ColumnPlan((*fitting, candidates[-1]), tidied, missing_words)


def values_sql(query: CellQuery, columns: Sequence[TextColumn]) -> str:
    """Build the query of a table's values; it fails with :data:`MISMATCH` at a lossy conversion.

    A subquery computes the cell and its value, so that a cast that is both checked and written is
    evaluated once (1.1 times faster over a whole import). With a format, DuckDB 2.0 reads days
    strictly but for years of less than four digits and the words infinity and epoch.
    """
    inner: list[str] = []
    outer: list[str] = []
    for i, (cell, column) in enumerate(zip(query.cells, columns, strict=True)):
        plan, inferred = column.plan, column.plan.inferred
        alias = quote_identifier(column.name)
        if inferred == TEXT:
            inner.append(f"{cell} AS v{i}")
            outer.append(f"v{i} AS {alias}")
            continue
        if i in query.days:
            inner.append(f"{cell} AS v{i}")
            mismatch = outside_years("DATE", f"v{i}")
        else:
            shown = tidied_sql(cell) if plan.tidied and inferred.type != "VARCHAR" else cell
            inner.append(f"{shown} AS x{i}, {inferred.value(shown)} AS v{i}")
            mismatch = inferred.mismatch(f"x{i}", f"v{i}")
        outer.append(f"CASE WHEN {mismatch} THEN error('{MISMATCH}') ELSE v{i} END AS {alias}")
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {query.source})"


def detect(
    work: ImportWork, rows: TextRows, candidate_lists: Sequence[CandidateTypes], limit: int | None
) -> list[ColumnPlan]:
    """Infer each column's type from the first ``limit`` rows, or from all rows if None.

    The narrowest candidates are tried first, on all columns. The others are tried on the remaining
    columns and, since there are many date formats, only those that fit the first rows.
    """
    narrow = [
        candidates if len(candidates) == 1 else (candidates[0], TEXT)
        for candidates in candidate_lists
    ]
    found = _fitting(work.part(0.0, 0.5), rows, narrow, limit)
    left = [
        candidates[1:] if plan.candidates == (TEXT,) and len(candidates) > 2 else (TEXT,)
        for candidates, plan in zip(candidate_lists, found, strict=True)
    ]
    if limit is None:
        sampled = _fitting(work.part(0.5, 0.5), rows, left, SAMPLE_ROWS)
        left = [plan.candidates for plan in sampled]
    wider = _fitting(work.part(0.5, 1.0), rows, left, limit)
    return [
        wide if plan.candidates == (TEXT,) else plan
        for plan, wide in zip(found, wider, strict=True)
    ]


def _fitting(
    work: ImportWork, rows: TextRows, candidate_lists: Sequence[CandidateTypes], limit: int | None
) -> list[ColumnPlan]:
    """Run :func:`detection_sql` on the columns of several candidates, some at a time."""
    query = rows.query([candidates[0] for candidates in candidate_lists])
    unsettled = [i for i, candidates in enumerate(candidate_lists) if len(candidates) > 1]
    found = [ColumnPlan(candidates) for candidates in candidate_lists]
    for start in range(0, len(unsettled), CHUNK_COLUMNS):
        chosen = unsettled[start : start + CHUNK_COLUMNS]
        lists = [candidate_lists[i] for i in chosen]
        sql = detection_sql(query.source, [query.cells[i] for i in chosen], lists, limit)
        part = work.part(start / len(unsettled), (start + len(chosen)) / len(unsettled))
        (row,) = part.run(sql, query.params, _INFERRING)
        for i, plan in zip(chosen, fitting_plans(row, lists), strict=True):
            found[i] = plan
    return found


def write_text_table(
    work: ImportWork, rows: TextRows, columns: Sequence[TextColumn], notes: Sequence[str]
) -> ImportedTable:
    """Write a table with the inferred types; if a value doesn't fit, infer again from all rows."""
    progress = MonotonicProgress(work.on_progress)
    try:
        return _write(replace(work, on_progress=progress), rows, columns, notes)
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        # Any other invalid input is a fault of the file's form, not of a value.
        if MISMATCH not in str(error) and not isinstance(error, duckdb.ConversionException):
            raise
    middle = progress.fraction + (1 - progress.fraction) * DETECTION_SHARE
    widened = _over_all_rows(work.part(progress.fraction, middle), rows, columns)
    return _write(work.part(middle, 1.0), rows, widened, notes)


def _over_all_rows(
    work: ImportWork, rows: TextRows, columns: Sequence[TextColumn]
) -> list[TextColumn]:
    """Infer the columns from all rows, also those that are empty in the first ones."""
    candidate_lists = [column.candidates for column in columns]
    empty = [i for i, column in enumerate(columns) if column.plan.inferred == EMPTY]
    later = rows.later_candidates(work.part(0.0, 0.2), len(columns), empty) if empty else []
    for i, candidates in zip(empty, later, strict=True):
        candidate_lists[i] = candidates
    plans = detect(work.part(0.2, 1.0), rows, candidate_lists, None)
    return [
        replace(column, candidates=candidates, plan=plan)
        for column, candidates, plan in zip(columns, candidate_lists, plans, strict=True)
    ]


def _write(
    work: ImportWork, rows: TextRows, columns: Sequence[TextColumn], notes: Sequence[str]
) -> ImportedTable:
    query = rows.converted_query([column.plan for column in columns])
    table = work.write_table(
        values_sql(query, columns),
        query.params,
        [Column(column.name, column.plan.inferred.type) for column in columns],
        notes=[*notes, *_type_notes(columns)],
    )
    empty = (column.name for column in columns if column.plan.inferred.empty)
    readings = (ColumnReading(each.name, each.source_name or each.name) for each in columns)
    return replace(table, empty_columns=tuple(empty), readings=tuple(readings))


def _type_notes(columns: Sequence[TextColumn]) -> Iterator[str]:
    for column in columns:
        name, inferred, first = column.name, column.plan.inferred, column.candidates[0]
        note = inferred.note(name)
        if note:
            yield note
        if column.plan.missing_words and inferred.type != "VARCHAR":
            words = " and ".join(MISSING_WORDS)
            yield f'In column "{name}", {words} are missing values.'
        widened = inferred.type != first.type and first not in (EMPTY, TEXT)
        if widened and inferred != LONG_WHOLE:
            stored = "text" if inferred == TEXT else inferred.type
            yield f'Column "{name}" is stored as {stored}: not all its values fit {first.type}.'
