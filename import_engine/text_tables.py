"""Tables from rows of text: type inference, and the query that converts and checks every value.

The first rows determine the types, and every value is checked as it is converted. If one doesn't
fit, the types are inferred from all rows and the file is read again, with the same result.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import duckdb

from contract.columns import DataType
from contract.requests.importing import ReadOptions
from domain_errors import choices_sentence
from import_engine.errors import TypeMisfit
from import_engine.numbers import are_grouped_ids, obstacle, reads_as_number, shows_point
from import_engine.options import InvalidOption
from import_engine.values import (
    CODE,
    EMPTY,
    MAX_ID_DIGITS,
    MISSING,
    MISSING_TEXTS,
    MISSING_WORDS,
    NUMBER,
    TEXT,
    WHOLE,
    CandidateType,
    CandidateTypes,
    open_subjects,
    outside_years,
    reads_as_time,
)
from import_engine.work import ColumnReading, ImportedTable, ImportWork, OptionChoice, Question
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from parquet_tables.names import settle_names
from parquet_tables.progress import MonotonicProgress
from parquet_tables.quoting import quote_identifier, quote_text

FIRST_ROWS, MIN_ROWS, FIRST_CELLS = 200, 10, 100_000
"""Limits of the first sample: fewer rows if there are many columns."""
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

    Cells to be ``tidied`` have blanks around them, or are quoted empty texts or ``missing_words``
    (``NA``, ``NULL``).
    """

    candidates: CandidateTypes
    tidied: bool = False
    missing_words: bool = False

    @property
    def inferred(self) -> CandidateType:
        return self.candidates[0]


@dataclass(frozen=True)
class TextColumn:
    """A column as the first rows show it: the types that may fit all rows, and its plan.

    The options give the ``given_type``; ``first`` are the non-missing cells of the first rows. If
    the values don't show which of the ``open_types`` is right, the column stays text. ``misfit`` is
    a later value that made it text.
    """

    name: str
    candidates: CandidateTypes
    plan: ColumnPlan
    source_name: str = ""
    given_type: str | None = None
    first: Sequence[str] = ()
    open_types: CandidateTypes = ()
    misfit: str = ""


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
    def candidates(self, cells: Sequence[str], type_: str | None = None) -> CandidateTypes:
        """Return the types that the form of a column's cells allows, within a given type."""

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
        rows = work.ask(sql, query.params, _INFERRING)
        columns = zip(*rows, strict=True) if rows else ([] for _ in range(width))
        return [[text for cell in column if (text := _known_text(cell))] for column in columns]

    def later_candidates(
        self, work: ImportWork, types: Sequence[str | None], columns: Sequence[int]
    ) -> list[CandidateTypes]:
        """Return the candidates of columns without first cells, from one cell of any row.

        ``types`` are the given types of all columns.
        """
        query = self.query([WHOLE] * len(types))
        cells = [self.known_cell(query.cells[column]) for column in columns]
        candidates: list[CandidateTypes] = []
        for start in range(0, len(cells), CHUNK_COLUMNS):
            end = min(start + CHUNK_COLUMNS, len(cells))
            part = work.part(start / len(cells), end / len(cells))
            values = (
                f"any_value(left({tidied_sql(cell)}, {SHOWN_CHARACTERS}))"
                for cell in cells[start:end]
            )
            sql = f"SELECT {', '.join(values)} FROM {query.source}"
            (row,) = part.run(sql, query.params, _INFERRING)
            candidates += [
                self.candidates([] if cell is None else [str(cell)], types[column])
                for cell, column in zip(row, columns[start:end], strict=True)
            ]
        return candidates


def renamed(names: Sequence[str], options: ReadOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
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
    raw, cells, values, answers = (list[str]() for _ in range(4))
    for i, (column, candidates) in enumerate(zip(columns, candidate_lists, strict=True)):
        r, x = f"r{i}", f"x{i}"
        raw.append(f"{column} AS {r}")
        cells.append(f"{r}, {tidied_sql(r)} AS {x}")
        values.append(f"{r}, {x}")
        answers.append(f"bool_or({r} IS DISTINCT FROM {x})")
        answers.append(f"bool_or(CASE WHEN {x} IS NULL THEN trim({r}) IN ({_WORDS}) END)")
        for j, candidate in enumerate(candidates[:-1]):
            values.append(f"{candidate.value(x, lenient=True)} AS v{i}_{j}")
            answers.append(f"bool_and({candidate.fits(x, f'v{i}_{j}')})")
    limited = source if limit is None else f"(SELECT * FROM {source} LIMIT {limit:d})"
    within = f"(SELECT {', '.join(cells)} FROM (SELECT {', '.join(raw)} FROM {limited}))"
    return f"SELECT {', '.join(answers)} FROM (SELECT {', '.join(values)} FROM {within})"


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

    The narrowest candidates are tried first, on all columns, and rival ones together. The others
    are tried on the remaining columns and, since there are many date formats, only those that fit
    the first rows.
    """
    rivals = [bool(open_subjects(candidates)) for candidates in candidate_lists]
    narrow = [
        candidates if has_rivals or len(candidates) == 1 else (candidates[0], TEXT)
        for candidates, has_rivals in zip(candidate_lists, rivals, strict=True)
    ]
    plans = _fitting(work.part(0.0, 0.5), rows, narrow, limit)
    left = [
        candidates[1:]
        if plan.candidates == (TEXT,) and len(candidates) > 2 and not has_rivals
        else (TEXT,)
        for candidates, plan, has_rivals in zip(candidate_lists, plans, rivals, strict=True)
    ]
    if limit is None:
        sampled = _fitting(work.part(0.5, 0.5), rows, left, work.sample_rows)
        left = [plan.candidates for plan in sampled]
    wider = _fitting(work.part(0.5, 1.0), rows, left, limit)
    return [
        wide if plan.candidates == (TEXT,) else plan
        for plan, wide in zip(plans, wider, strict=True)
    ]


def _fitting(
    work: ImportWork, rows: TextRows, candidate_lists: Sequence[CandidateTypes], limit: int | None
) -> list[ColumnPlan]:
    """Run :func:`detection_sql` on the columns of several candidates, some at a time."""
    query = rows.query([candidates[0] for candidates in candidate_lists])
    unsettled = [i for i, candidates in enumerate(candidate_lists) if len(candidates) > 1]
    plans = [ColumnPlan(candidates) for candidates in candidate_lists]
    for start in range(0, len(unsettled), CHUNK_COLUMNS):
        chosen = unsettled[start : start + CHUNK_COLUMNS]
        lists = [candidate_lists[i] for i in chosen]
        sql = detection_sql(query.source, [query.cells[i] for i in chosen], lists, limit)
        part = work.part(start / len(unsettled), (start + len(chosen)) / len(unsettled))
        (row,) = part.run(sql, query.params, _INFERRING)
        for i, plan in zip(chosen, fitting_plans(row, lists), strict=True):
            plans[i] = plan
    return plans


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
    widened = [
        replace(after, misfit=_misfit(work, rows, i, len(columns), before.plan.inferred))
        if after.plan.inferred == TEXT and before.plan.inferred not in (EMPTY, TEXT)
        else after
        for i, (before, after) in enumerate(zip(columns, decided(work, rows, widened), strict=True))
    ]
    return _write(work.part(middle, 1.0), rows, widened, notes)


def _misfit(
    work: ImportWork, rows: TextRows, column: int, width: int, candidate: CandidateType
) -> str:
    """A value of a column that a type doesn't fit; empty if none is found."""
    query = rows.query([WHOLE] * width)
    cells = f"(SELECT {tidied_sql(query.cells[column])} AS x FROM {query.source})"
    values = f"(SELECT x, {candidate.value('x', lenient=True)} AS v FROM {cells})"
    sql = (
        f"SELECT left(x, {SHOWN_CHARACTERS}) FROM {values} "
        f"WHERE x IS NOT NULL AND ({candidate.fits('x', 'v')}) IS FALSE LIMIT 1"
    )
    found = work.ask(sql, query.params, _INFERRING)
    return str(found[0][0]) if found else ""


def _over_all_rows(
    work: ImportWork, rows: TextRows, columns: Sequence[TextColumn]
) -> list[TextColumn]:
    """Infer the columns from all rows, also those that are empty in the first ones."""
    candidate_lists = [column.candidates for column in columns]
    types = [column.given_type for column in columns]
    empty = [i for i, column in enumerate(columns) if not column.first and types[i] != "VARCHAR"]
    later = rows.later_candidates(work.part(0.0, 0.2), types, empty) if empty else []
    for i, candidates in zip(empty, later, strict=True):
        candidate_lists[i] = candidates
    plans = detect(work.part(0.2, 0.8), rows, candidate_lists, None)
    inferred = [
        replace(column, candidates=candidates, plan=plan)
        for column, candidates, plan in zip(columns, candidate_lists, plans, strict=True)
    ]
    numbers = [
        i
        for i, column in enumerate(inferred)
        if column.plan.inferred == TEXT and DataType(column.candidates[0].type).is_number
    ]
    return _with_later_forms(work.part(0.8, 1.0), rows, inferred, numbers)


def with_later_decimals(
    work: ImportWork, rows: TextRows, columns: Sequence[TextColumn]
) -> list[TextColumn]:
    """Read written numbers again of which the first cells show no decimal mark: ``€ 7``."""
    chosen = [
        i
        for i, column in enumerate(columns)
        if column.plan.inferred == TEXT
        and (form := column.candidates[0].form)
        and not form.decimal
        and column.given_type is None
    ]
    return _with_later_forms(work, rows, columns, chosen) if chosen else list(columns)


def _with_later_forms(
    work: ImportWork, rows: TextRows, columns: Sequence[TextColumn], numbers: Sequence[int]
) -> list[TextColumn]:
    """Detect forms of numbers that the first rows don't show, such as a later thousands sign."""
    lists: list[CandidateTypes] = [(TEXT,)] * len(columns)
    first = {i: columns[i].first for i in numbers}
    for i in numbers:
        first[i] = (*first[i], *_unusual_cells(work, rows, i, len(columns)))
        lists[i] = rows.candidates(first[i], columns[i].given_type)
    if all(each == (TEXT,) for each in lists):
        return list(columns)
    plans = detect(work, rows, lists, None)
    return [
        column
        if plan.inferred == TEXT
        else replace(column, candidates=lists[i], plan=plan, first=first[i])
        for i, (column, plan) in enumerate(zip(columns, plans, strict=True))
    ]


def _unusual_cells(work: ImportWork, rows: TextRows, column: int, width: int) -> list[str]:
    """Return some cells of a column that aren't plain numbers."""
    query = rows.query([WHOLE] * width)
    cell = f"left({tidied_sql(query.cells[column])}, {SHOWN_CHARACTERS})"
    sql = (
        f"SELECT DISTINCT cell FROM (SELECT {cell} AS cell FROM {query.source}) "
        f"WHERE NOT regexp_full_match(cell, {quote_text(NUMBER)}) LIMIT {FIRST_ROWS}"
    )
    return [str(each) for (each,) in work.ask(sql, query.params, _INFERRING)]


def decided(work: ImportWork, rows: TextRows, columns: Sequence[TextColumn]) -> list[TextColumn]:
    """Settle the columns whose values have several readings, from all rows and other columns.

    A column that stays open is text; ``open_types`` are its readings.
    """
    unsettled = [i for i, column in enumerate(columns) if open_subjects(column.plan.candidates)]
    if not unsettled:
        return list(columns)
    lists: list[CandidateTypes] = [(TEXT,)] * len(columns)
    for i in unsettled:
        lists[i] = columns[i].plan.candidates
    plans = detect(work.short_step(), rows, lists, None)
    known = _known_readings(columns)
    found = list(columns)
    for i in unsettled:
        candidates = plans[i].candidates
        for subject in open_subjects(candidates):
            if len(known.get(subject, ())) == 1:
                candidates = _with_reading(candidates, subject, known[subject])
            elif subject != "decimal" and _are_equal(work, rows, i, len(columns), candidates):
                candidates = (candidates[0], candidates[-1])
        plan = replace(plans[i], candidates=candidates)
        if open_subjects(candidates):
            plan = replace(plan, candidates=(TEXT,))
            found[i] = replace(columns[i], plan=plan, open_types=candidates)
        else:
            found[i] = replace(columns[i], plan=plan)
    return found


def _are_equal(
    work: ImportWork, rows: TextRows, column: int, width: int, candidates: CandidateTypes
) -> bool:
    """Whether all readings of a column give the same values, as those of ``01/01/2025``."""
    query = rows.query([candidates[0]] * width)
    cell = f"{tidied_sql(query.cells[column])} AS x"
    first, *others = (each.value("x", lenient=True) for each in candidates if each.rivalry)
    same = " AND ".join(f"{first} IS NOT DISTINCT FROM {other}" for other in others)
    sql = f"SELECT bool_and({same}) FROM (SELECT {cell} FROM {query.source})"
    return bool(work.ask(sql, query.params, _INFERRING)[0][0])


def _known_readings(columns: Sequence[TextColumn]) -> dict[str, set[str]]:
    """The readings of the columns whose values decide, by subject."""
    known: dict[str, set[str]] = {}
    for column in columns:
        candidates = column.plan.candidates
        if open_subjects(candidates):
            continue
        if candidates[0].rivalry:
            subject, reading = candidates[0].rivalry
            known.setdefault(subject, set()).add(reading)
        elif candidates[0].has_fractions and shows_point(column.first):
            known.setdefault("decimal", set()).add(".")
    return known


def _with_reading(
    candidates: CandidateTypes, subject: str, readings: Collection[str]
) -> CandidateTypes:
    return tuple(
        each
        for each in candidates
        if each.rivalry is None or each.rivalry[0] != subject or each.rivalry[1] in readings
    )


def _write(
    work: ImportWork, rows: TextRows, columns: Sequence[TextColumn], notes: Sequence[str]
) -> ImportedTable:
    for column in columns:
        if column.given_type not in (None, column.plan.inferred.type):
            raise misfit(work, rows, columns, column)
    query = rows.converted_query([column.plan for column in columns])
    table = work.write_table(
        values_sql(query, columns),
        query.params,
        [Column(column.name, column.plan.inferred.type) for column in columns],
        notes=[*notes, *type_notes(columns)],
    )
    empty = (column.name for column in columns if column.plan.inferred.empty)
    return replace(
        table,
        empty_columns=tuple(empty),
        readings=tuple(
            ColumnReading(each.name, each.source_name, each.plan.inferred.changes)
            for each in columns
        ),
        detected=_detected(columns),
        questions=tuple(questions(columns)),
    )


def _detected(columns: Sequence[TextColumn]) -> dict[str, str]:
    """The decimal mark and the date order that all columns share."""
    found: dict[str, str] = {}
    for subject, readings in _known_readings(columns).items():
        if len(readings) == 1:
            found[subject.split()[0]] = next(iter(readings))
    return found


def misfit(
    work: ImportWork, rows: TextRows, columns: Sequence[TextColumn], column: TextColumn
) -> TypeMisfit:
    """The error of a column whose values don't fit the type that the options give."""
    type_ = str(column.given_type)
    loc = ("options", "types", column.source_name)
    if column.open_types:
        return TypeMisfit(
            'The values of column "{column}" have several readings as {type}: {example}. Give '
            "`date_order`, or `decimal`.",
            loc=loc,
            column=column.source_name,
            type=type_,
            example=column.first[0],
        )
    return TypeMisfit(
        'Column "{column}" has values that don\'t fit {type}, for example "{example}". Choose '
        "another type, or text.",
        loc=loc,
        column=column.source_name,
        type=type_,
        example=_misfitting_cell(work, rows, columns, column)[:60],
    )


def _misfitting_cell(
    work: ImportWork, rows: TextRows, columns: Sequence[TextColumn], column: TextColumn
) -> str:
    """Return a cell that doesn't fit the given type of its column."""
    for cell in column.first:
        if rows.candidates([cell], column.given_type)[0] == TEXT:
            return cell
    tried = column.candidates[0]
    query = rows.query([tried] * len(columns))
    place = list(columns).index(column)
    cell = f"left({tidied_sql(query.cells[place])}, {SHOWN_CHARACTERS})"
    values = f"SELECT x, {tried.value('x', lenient=True)} AS v FROM (SELECT {cell} AS x"
    sql = f"SELECT x FROM ({values} FROM {query.source})) WHERE NOT {tried.fits('x', 'v')} LIMIT 1"
    found = work.ask(sql, query.params, _INFERRING)
    return str(found[0][0]) if found else ""


def questions(columns: Sequence[TextColumn]) -> Iterator[Question]:
    """Say which columns stay text because their values have several readings."""
    for column in columns:
        if column.given_type is not None or column.plan.inferred != TEXT:
            continue
        if column.open_types:
            yield _open_question(column)
        elif question := _digits_question(column):
            yield question


def _open_question(column: TextColumn) -> Question:
    name, example = column.source_name, column.first[0] if column.first else ""
    orders = [each.order for each in column.open_types if each.order and each.rivalry]
    if not orders:
        text = f'Column "{name}" stays text: the decimal mark of values such as {example} is open.'
        choices = [
            OptionChoice(label, {"decimal": mark, "thousands": other})
            for label, mark, other in (("Decimal point", ".", ","), ("Decimal comma", ",", "."))
        ]
        return Question("ambiguous_number", name, text, (*choices, as_type(name)))
    shown = {"dmy": "day/month/year", "mdy": "month/day/year", "ymd": "year/month/day"}
    readings = [
        OptionChoice(shown[order], {"date_order": order}) for order in dict.fromkeys(orders)
    ]
    listed = " or ".join(reading.label for reading in readings)
    text = f'Column "{name}" stays text: {example} may be {listed}, and values don\'t show which.'
    return Question("ambiguous_date", name, text, (*readings, as_type(name)))


def _digits_question(column: TextColumn) -> Question | None:
    """The question on a column of digits that may be ids."""
    name, is_grouped = column.source_name, are_grouped_ids(column.first)
    if code := next(filter(re.compile(CODE).fullmatch, column.first), None):
        is_number = all(map(re.compile(NUMBER).fullmatch, column.first))
        text = f'Column "{name}" stays text: values such as {code} may be codes.'
        choices = (as_type(name), as_type(name, "DOUBLE"))
        return Question("digits", name, text, choices) if is_number else None
    if not is_grouped and not all(map(str.isdecimal, column.first)):
        return None
    zero = next((cell for cell in column.first if cell.startswith("0") and len(cell) > 1), None)
    long = next((cell for cell in column.first if len(cell) > MAX_ID_DIGITS), None)
    if zero:
        why = f"leading zeros, such as {zero}"
    elif is_grouped:
        why = f"digits in groups, always as many, such as {column.first[0]}"
    elif long:
        why = f"values of more than {MAX_ID_DIGITS} digits, such as {long}"
    else:
        return None
    text = f'Column "{name}" stays text: it has {why}.'
    type_ = "DECIMAL(38,0)" if long and not is_grouped else "BIGINT"
    return Question("digits", name, text, (as_type(name), as_type(name, type_)))


def as_type(name: str, type_: str = "VARCHAR") -> OptionChoice:
    """The choice of a question that makes a column numbers of a type, or keeps it text."""
    return OptionChoice("Text" if type_ == "VARCHAR" else "Number", {"types": {name: type_}})


def _mixed_note(column: TextColumn) -> str | None:
    """The note on a column of text in which most of the first values are numbers."""
    if column.plan.inferred != TEXT or column.given_type or column.open_types:
        return None
    if column.first and (why := obstacle(column.first)):
        return f'Column "{column.name}" stays text: {why}.'
    if column.candidates[0] != TEXT or _digits_question(column):
        return None
    distinct = set(column.first)
    words, other_than_times = (
        {cell for cell in distinct if not reads(cell)} for reads in (reads_as_number, reads_as_time)
    )
    others = [cell for cell in column.first if cell in words]
    numbers = len(column.first) - len(others)
    undated = [cell for cell in column.first if cell in other_than_times]
    if undated and len(undated) * 2 < len(column.first):
        return _stray_note(column, undated, "date")
    if numbers and not others and not all(map(str.isdecimal, column.first)):
        if all(map(re.compile(NUMBER).fullmatch, distinct)):  # in quotes, in JSON
            return (
                f'Column "{column.name}" stays text: its numbers are stored as text, such as '
                f"{column.first[0]}."
            )
        example = ", ".join(dict.fromkeys(column.first[:3]))
        return f'Column "{column.name}" stays text: its numbers have no common form: {example}.'
    if not others or numbers <= len(others):
        return None
    return _stray_note(column, others, "number")


def _stray_note(column: TextColumn, others: Sequence[str], what: str) -> str:
    return (
        f'Column "{column.name}" stays text: {len(others)} of its first {len(column.first)} values '
        f'{"is" if len(others) == 1 else "are"} no {what}, for example "{others[0][:40]}".'
    )


def type_notes(columns: Sequence[TextColumn]) -> Iterator[str]:
    """Say how values were changed, and why columns of numbers stay text."""
    for column in columns:
        mixed = _mixed_note(column)
        if mixed:
            yield mixed
        name, inferred, first = column.name, column.plan.inferred, column.candidates[0]
        note = inferred.note(name)
        if note:
            yield note
        if column.plan.missing_words and inferred.type != "VARCHAR":
            words = " and ".join(MISSING_WORDS)
            yield f'In column "{name}", {words} are missing values.'
        widened = inferred.type != first.type and first not in (EMPTY, TEXT)
        is_known = column.open_types or inferred.form or _digits_question(column)
        if widened and not is_known:
            stored = "text" if inferred == TEXT else inferred.type
            such = f', such as "{column.misfit[:40]}"' if column.misfit else ""
            why = f"not all its values fit {first.type}{such}"
            yield f'Column "{name}" is stored as {stored}: {why}.'
