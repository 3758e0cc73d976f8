"""Findings or answers as columns of a sample, from which estimates are made.

Of a sample with questions of its own the columns are the questions, of an audit the findings. A
drawn row with an entry that counts has values. A row that isn't applicable has none, as it is
outside the population examined; its replacement has none, as the design is that of the drawn rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from application.audit.items import (
    BOOK_LOC,
    Amounts,
    ExaminedItem,
    amounts_of,
    drawn_book_column,
    examined_items,
)
from application.audit.state import ROW_ID, audit_state
from application.review.readings import Readings, compared_value, readings_of
from contract.words import QuestionType
from domain_errors import counted
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import Statement
from parquet_tables.tables import Column
from service import sql_joins
from service.service import Service
from service.tables.open_tables import open_sample
from storage.audit.findings import Finding, RowReadings
from storage.jobs.jobs import JobRecord

SUFFIX = " (finding)"
ANSWER_SUFFIX = " (answer)"
"""Of a question with the name of a column, in a sample that continues another one."""
ANSWER_TYPES: Mapping[QuestionType, str] = {**sql_joins.ANSWER_TYPES, "amount": "DOUBLE"}
"""As in queries, but for an amount, of which estimates compute with doubles."""
FACTS = (Column("finding", "VARCHAR"), Column("is_exception", "BOOLEAN"))
AMOUNTS = (Column("audit_value", "DOUBLE"), Column("misstatement", "DOUBLE"))
"""A misstatement is book value - audit value, above 0 for an overstatement."""


@dataclass(frozen=True)
class FindingValues:
    """Columns of findings, SQL of their rows, and notes on what they are of."""

    columns: tuple[Column, ...]
    relation: Statement
    notes: tuple[str, ...]


def has_findings(service: Service, job: JobRecord) -> bool:
    """Whether a sample has a finding; answers to its own questions are none."""
    state = audit_state(service, job)
    return bool(state.findings) and not state.questions.questions


def finding_values(service: Service, job: JobRecord, book_column: str | None) -> FindingValues:
    """The findings of the drawn rows, or the answers of a sample with questions of its own.

    Findings are ``finding`` and ``is_exception``, and with a column of book values ``audit_value``
    and ``misstatement``. Answers have a column for each question.

    Raises
    ------
    InvalidFindings
        There are no findings, or audit values without a column of book values; an exception has no
        audit value.
    """
    state = audit_state(service, job)
    if state.questions.questions:
        return _answer_values(service, job)
    items = examined_items(service, job, state)
    known = [
        item
        for item in items
        if item.finding and item.row_id == item.drawn_id and not item.is_outside
    ]
    if not known:
        raise InvalidFindings("No drawn row has a finding that estimates can use.", loc=("values",))
    book_column = book_column or drawn_book_column(job)
    if book_column is None and any(item.finding and item.finding.audit_value for item in known):
        raise InvalidFindings(
            "The findings have audit values: name the column of book values with `book_column`.",
            loc=BOOK_LOC,
        )
    amounts = None
    if book_column is not None:
        amounts = amounts_of(service, job, known, book_column)
    columns = _named(service, job, (*FACTS, *(AMOUNTS if amounts else ())))
    outside = sum(item.is_outside or item.row_id != item.drawn_id for item in items)
    notes = _notes(len(known), outside, len(items), book_column)
    return FindingValues(columns, _relation(columns, known, amounts), tuple(notes))


def _named(
    service: Service, job: JobRecord, columns: Sequence[Column], suffix: str = SUFFIX
) -> tuple[Column, ...]:
    """The columns, with other names than those of the sample."""
    sample = open_sample(service, job).files
    used = {column.name.lower() for column in sample.columns}
    found = []
    for column in columns:
        name = column.name
        while name.lower() in used:
            name += suffix
        found.append(Column(name, column.type))
    return tuple(found)


def _answer_values(service: Service, job: JobRecord) -> FindingValues:
    """The answers that count."""
    found = readings_of(service, job)
    rows = [found.of(row_id) for row_id in found.row_ids]
    values = answer_values(service, job, found, [row.counting for row in rows])
    return replace(values, notes=tuple(_answer_notes(found, rows)))


def answer_values(
    service: Service, job: JobRecord, readings: Readings, entries: Sequence[Finding | None]
) -> FindingValues:
    """The answers of some entries, at most one for each row; NULL if a row can't be judged.

    Raises
    ------
    InvalidFindings
        No entry has an answer.
    """
    known = [each for each in entries if each and each.outcome != "not_applicable"]
    if not known:
        raise InvalidFindings("No drawn row has an answer that estimates can use.", loc=("values",))
    asked = [Column(each.name, ANSWER_TYPES[each.type]) for each in readings.asked]
    columns = _named(service, job, asked, ANSWER_SUFFIX)
    lists: list[list[object]] = [[entry.row_id for entry in known]]
    for question in readings.asked:
        values = [compared_value(entry, question) for entry in known]
        is_number = question.type in ("number", "amount")
        lists.append([float(x) if is_number and x is not None else x for x in values])
    return FindingValues(columns, _statement(columns, lists), ())


def _answer_notes(found: Readings, rows: Sequence[RowReadings]) -> list[str]:
    outcomes = Counter(row.counting.outcome for row in rows if row.counting)
    unanswered = sum(row.counting is None for row in rows)
    notes = ["Values are the answers as they are now."]
    if outside := outcomes["not_applicable"]:
        notes.append(
            f"{counted(outside, 'drawn row doesn’t', 'drawn rows don’t')} belong to the population "
            "by their answer: they are outside the population that is estimated."
        )
    if unjudged := outcomes["not_examinable"]:
        notes.append(
            f"{counted(unjudged, 'drawn row', 'drawn rows')} couldn’t be judged and "
            f"{'has' if unjudged == 1 else 'have'} no value: estimates are biased if these rows "
            "differ from the others."
        )
    if unanswered:
        notes.append(
            f"{unanswered:,} of {len(rows):,} drawn rows have no answer. They count as rows "
            "without a value: estimates are biased if answers are lacking for a reason."
        )
    second = [row.row_id for row in rows if row.second is not None]
    if second:
        others = sum(row_id not in found.due for row_id in second)
        unchosen = f" The seed didn’t choose {others:,} of them: they correct no figure."
        notes.append(
            f"{counted(len(second), 'row has', 'rows have')} a second reading, which doesn’t count "
            f"by itself.{unchosen if others else ''}"
        )
    if differing := sum(found.differ(row.row_id) for row in rows):
        notes.append(
            f"Of {counted(differing, 'row', 'rows')} the readings differ, and nobody has decided: "
            "the first reading counts until then."
        )
    return notes


def _relation(
    columns: Sequence[Column], items: Sequence[ExaminedItem], amounts: Sequence[Amounts] | None
) -> Statement:
    """SQL of a row for each item."""
    lists: list[list[object]] = [
        [item.drawn_id for item in items],
        [item.finding.outcome if item.finding else None for item in items],
        [item.is_exception for item in items],
    ]
    if amounts is not None:
        lists.append([float(each.audit) for each in amounts])
        lists.append([float(each.misstatement) for each in amounts])
    return _statement(columns, lists)


def _statement(columns: Sequence[Column], lists: Sequence[list[object]]) -> Statement:
    """SQL of rows with a row id and columns, of which the values are given."""
    row_id = Column(ROW_ID, "VARCHAR")
    selected = ", ".join(
        f"unnest(CAST(? AS {column.type}[])) AS {quote_identifier(column.name)}"
        for column in (row_id, *columns)
    )
    return f"(SELECT {selected})", list(lists)


def _notes(known: int, outside: int, drawn: int, book_column: str | None) -> list[str]:
    notes = ["Values are the findings as they are now."]
    if book_column is not None:
        notes[0] = (
            f"Values are the findings as they are now, with the book values of {book_column}. A "
            "row that can't be examined has an audit value of 0, unless another was entered."
        )
    if outside:
        notes.append(
            f"{counted(outside, 'drawn row isn’t', 'drawn rows aren’t')} applicable: they are "
            "outside the population that is estimated, and their replacements aren't used."
        )
    without = drawn - known - outside
    if without:
        notes.append(
            f"{without:,} of {drawn:,} drawn rows have no finding. They count as rows without a "
            "value: estimates are biased if findings are lacking for a reason."
        )
    return notes
