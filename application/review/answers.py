"""Answers to the questions about rows of a sample: entry, list and file.

Guarantees that nobody gives two readings of a row, and that a reviewer answers only rows that the
queue gave, or corrects own answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Annotated, Any

from application.access import Caller
from application.audit.attributes import require_details
from application.audit.entering import Books, books_of, ok_problem, require_items
from application.audit.finding_files import FindingsFile
from application.audit.findings import (
    checked_finding,
    decimal_text,
    items_by_key,
    require_entries,
)
from application.audit.items import drawn_book_column
from application.audit.stages import require_reached
from application.audit.state import drawn_row_ids
from application.review.questions import seen_columns
from application.review.queue import CallersQueue, QueueProgress
from application.review.readings import Readings, readings_of
from application.review.rights import rows_called
from contract.declarations import Help, declared
from contract.requests.findings import FindingRequest
from contract.requests.reviewing import (
    MAX_ANSWER_TEXT,
    AnswerRequest,
    QuestionRequest,
)
from contract.words import Reading
from domain_errors import Loc, choices_sentence
from lazy_dataclasses import dataclass
from service.service import Service
from service.tables.row_names import names_of_job
from storage.audit.findings import NewEntry, NewestFinding, enter_findings
from storage.audit.reviewing import release
from storage.errors import Conflict, InvalidValue, NotFound
from storage.jobs.jobs import JobRecord

MISFITS: Mapping[str, str] = {
    "yes_no": 'An answer to "{name}" is true or false.',
    "number": 'An answer to "{name}" is a finite number.',
    "amount": 'An answer to "{name}" is a decimal number, such as 1234.56.',
    "text": f'An answer to "{{name}}" is a text of at most {MAX_ANSWER_TEXT} characters.',
}


class RowAnswered(Conflict):
    """Another person gave this reading of the row."""

    code = "row_answered"


class RowNotReserved(Conflict):
    """The caller has not reserved the row, or another person has."""

    code = "row_not_reserved"


@dataclass(frozen=True)
class EnteredAnswers:
    """The entries that a request made."""

    job_id: str
    ids: Annotated[Sequence[int], Help("The entries' ids, in the order of the request.")]
    progress: QueueProgress
    file: Annotated[FindingsFile | None, Help("What the file entered; null for JSON.")] = None


@dataclass(frozen=True)
class AnsweredRow:
    """A row of a sample with its readings."""

    row_id: str
    name: Annotated[str, Help("By the table's row key; the row id without one.")]
    first: NewestFinding | None
    second: NewestFinding | None
    decision: NewestFinding | None
    counts: Annotated[Reading | None, Help("The reading that counts; null without an answer.")]
    second_due: Annotated[bool, Help("Whether a second person is to answer the row.")]
    differs: Annotated[bool, Help("Whether the readings differ, and wait for a decision.")]

    @property
    def given(self) -> list[NewestFinding]:
        """The entries that there are."""
        return [each for each in (self.first, self.second, self.decision) if each is not None]


@dataclass(frozen=True)
class AnswersPage:
    """A page of the rows of a sample with their answers, in the order of the draw."""

    job_id: str
    questions: Sequence[QuestionRequest]
    is_audit: bool
    rows: Sequence[AnsweredRow]
    total: int
    offset: int
    limit: int


def enter_answers(by: Caller, job: JobRecord, new: Sequence[AnswerRequest]) -> EnteredAnswers:
    """Enter answers about rows of a sample, all or none.

    Raises
    ------
    NotFound, Forbidden
        A row isn't in the sample; the caller is neither a reviewer nor may write.
    InvalidValue
        An answer doesn't fit its question, or is lacking.
    RowAnswered, RowNotReserved
        Another person gave the reading, or has the row open; or the queue didn't give the row.
    SampleDeleted, FindingsLocked, FindingChanged, RowDecided, OwnReading
        See :func:`storage.audit.findings.enter_findings`.
    """
    drawn = drawn_row_ids(by.service, job)
    with by.service.database.read() as tx:
        queue = CallersQueue(tx, by, job)
    queue.rights.require_answering()
    with rows_called(by, job, queue.rights, queue.readings.places):
        rows = _named_rows(by, job, queue, new)
        known = [row_id for row_id in rows if row_id in queue.readings.places]
        books = _seen_books(by.service, job, queue.readings, known)
        with by.writing() as tx:
            queue = CallersQueue(tx, by, job)
            queue.rights.require_answering()
            require_entries(tx, job)
            state = queue.readings.state
            named = [_renamed(each, row_id) for each, row_id in zip(new, rows, strict=True)]
            require_items(named, drawn.keys(), state, "answers")
            if queue.readings.is_audit:
                require_reached(job, list(drawn), state, rows)
            entries = []
            for place, answer in enumerate(named):
                loc: Loc = ("body", "answers", place)
                entry = entry_of(answer, reading_of(queue, answer, loc), queue.readings, loc)
                if queue.readings.is_audit:
                    entry = _checked_finding(entry, books, state.attributes, loc)
                entries.append(entry)
            ids = enter_findings(tx, job.id, by.user.id, entries, by.service.clock, "answers")
            if queue.own is not None and queue.own.row_id in rows:
                release(tx, job.id, by.user.id)
            by.audit_of_job(tx, "answers_entered", job, answers=len(ids))
    with by.service.database.read() as tx:
        queue = CallersQueue(tx, by, job)
    return EnteredAnswers(job.id, ids, queue.progress())


def _seen_books(
    service: Service, job: JobRecord, found: Readings, row_ids: Sequence[str]
) -> Books | None:
    """The book values of an audit's rows; None if reviewers don't see their column.

    A comparison with a hidden value would disclose it.
    """
    seen = seen_columns(service, job, found.state.questions).values()
    is_seen = drawn_book_column(job) in {column.name for column in seen}
    return books_of(service, job, row_ids) if found.is_audit and is_seen else None


def _named_rows(
    by: Caller, job: JobRecord, queue: CallersQueue, new: Sequence[AnswerRequest]
) -> list[str]:
    """The row ids of the rows that the caller named."""
    locs: list[Loc] = [("body", "answers", place, "row_id") for place in range(len(new))]
    if queue.rights.sees_rows:
        items = items_by_key(by.service, job, queue.readings.state)
        return [items.row_id(each.row_id, loc) for each, loc in zip(new, locs, strict=True)]
    rows = {place: row_id for row_id, place in queue.readings.places.items()}
    for each, loc in zip(new, locs, strict=True):
        if each.row_id not in rows:
            raise NotFound(
                'The queue has no row "{row}". Send the `row_id` that it gave.',
                loc=loc,
                row=each.row_id,
            )
    return [rows[each.row_id] for each in new]


def _renamed(answer: AnswerRequest, row_id: str) -> AnswerRequest:
    return AnswerRequest(**{**vars(answer), "row_id": row_id})


def reading_of(queue: CallersQueue, answer: AnswerRequest, loc: Loc) -> Reading:
    """Return the reading of an answer: as it says, as reserved, a correction, or a free one."""
    row, user_id = queue.readings.of(answer.row_id), queue.by.user.id
    own = queue.own if queue.own is not None and queue.own.row_id == answer.row_id else None
    reading = answer.reading
    if reading is None:
        corrected = next((each.reading for each in row.given if user_id in each.readers), None)
        reading = own.reading if own is not None else corrected or _free_reading(queue, answer)
    newest = row.of(reading)
    if newest is not None:
        if user_id in newest.readers:
            return reading
        raise RowAnswered(
            _GIVEN[reading],
            loc=(*loc, "row_id"),
            row_id=answer.row_id,
        )
    if (other := queue.reserved.get((answer.row_id, reading))) is not None:
        raise RowNotReserved(
            "Another person has row {row_id} open until {until}.",
            loc=(*loc, "row_id"),
            row_id=answer.row_id,
            until=other.until,
        )
    is_reserved = own is not None and own.reading == reading
    if not queue.rights.may_write and not is_reserved:
        raise RowNotReserved(
            "You haven't row {row_id} open: the queue gave it to you too long ago, or never. Ask "
            "for the next row.",
            loc=(*loc, "row_id"),
            row_id=answer.row_id,
        )
    if reading == "second" and row.first is None:
        raise RowNotReserved(
            "Row {row_id} has no first reading yet.", loc=(*loc, "reading"), row_id=answer.row_id
        )
    if reading == "decision" and not queue.readings.differ(answer.row_id):
        raise RowNotReserved(
            "Row {row_id} has no two readings that differ, so there is nothing to decide.",
            loc=(*loc, "reading"),
            row_id=answer.row_id,
        )
    return reading


_GIVEN: Mapping[Reading, str] = {
    "first": "Another person gave the first reading of row {row_id}.",
    "second": "Another person gave the second reading of row {row_id}.",
    "decision": "Another person gave the decision of row {row_id}.",
}


def _free_reading(queue: CallersQueue, answer: AnswerRequest) -> Reading:
    """The first or second reading, whichever the caller can give; the first if none."""
    return queue.slot_of(answer.row_id, "read") or "first"


def entry_of(answer: AnswerRequest, reading: Reading, found: Readings, loc: Loc) -> NewEntry:
    """Return the entry of an answer whose values fit their questions."""
    asked = {question.name: question for question in found.asked}
    for name in answer.answers:
        if name not in asked:
            raise InvalidValue(
                'The sample has no question "{name}". {choices}',
                loc=(*loc, "answers", name),
                name=name,
                choices=choices_sentence(name, list(asked)),
            )
    values = {
        name: _value(question, value, (*loc, "answers", name))
        for name, question in asked.items()
        if (value := answer.answers.get(name)) is not None and value != ""
    }
    own: dict[str, Any] = {"previous_id": answer.previous_id, "reading": reading}
    if found.is_audit:
        return _audit_entry(answer, values, own, loc)
    if answer.outcome is not None:
        _check_outcome(answer, loc)
        return NewEntry(answer.row_id, answer.outcome, note=answer.note, **own)
    for name, question in asked.items():
        if question.required and name not in values:
            raise InvalidValue(
                'The question "{name}" needs an answer. If the row can\'t be judged, give the '
                "`outcome` not_examinable.",
                loc=(*loc, "answers", name),
                name=name,
            )
    if not values:
        raise InvalidValue(
            "Answer a question, or give the `outcome` not_examinable or not_applicable.",
            loc=(*loc, "answers"),
        )
    return NewEntry(answer.row_id, None, note=answer.note, answers=values, **own)


def _check_outcome(answer: AnswerRequest, loc: Loc) -> None:
    if answer.outcome not in ("not_examinable", "not_applicable"):
        raise InvalidValue(
            "The outcome of a row with questions of its own is not_examinable or not_applicable. "
            "Leave it out beside answers.",
            loc=(*loc, "outcome"),
        )
    if any(value is not None for value in answer.answers.values()):
        raise InvalidValue(
            "A row that can't be judged, or doesn't belong to the population, has no answers.",
            loc=(*loc, "answers"),
        )


def _audit_entry(
    answer: AnswerRequest, values: Mapping[str, Any], own: dict[str, Any], loc: Loc
) -> NewEntry:
    """The entry of an audit, whose questions are an audit value and tested attributes."""
    if answer.outcome is None:
        raise InvalidValue("Give the `outcome` of the row.", loc=(*loc, "outcome"))
    return NewEntry(
        answer.row_id,
        answer.outcome,
        audit_value=values.get("audit_value"),
        note=answer.note,
        deviations=tuple(name for name, value in values.items() if value is True),
        **own,
    )


def _checked_finding(
    entry: NewEntry, books: Mapping[str, Any] | None, attributes: Sequence[str], loc: Loc
) -> NewEntry:
    """An audit's entry, checked as a finding is."""
    fields = {name: value for name, value in vars(entry).items() if name in _FINDING_FIELDS}
    finding = checked_finding(FindingRequest(**fields), (*loc, "answers", "audit_value"))
    if problem := ok_problem(finding, books, (*loc, "answers", "audit_value")):
        raise problem
    require_details(finding, attributes, loc)
    return NewEntry(**{**vars(entry), **vars(finding)})


_FINDING_FIELDS = frozenset(each.name for each in declared(FindingRequest))


def _value(question: QuestionRequest, value: Any, loc: Loc) -> Any:
    """An answer in its stored form."""
    match question.type:
        case "yes_no" if isinstance(value, bool):
            return value
        case "choice":
            if value in question.choices:
                return value
            raise InvalidValue(
                '"{value}" is no answer to "{name}". {choices}',
                loc=loc,
                value=str(value)[:100],
                name=question.name,
                choices=choices_sentence(str(value), question.choices),
            )
        case "number" if _is_number(value):
            return value
        case "amount" if isinstance(value, str) or _is_number(value):
            return decimal_text(str(value), loc)
        case "text" if isinstance(value, str) and len(value) <= MAX_ANSWER_TEXT:
            return value
    raise InvalidValue(MISFITS[question.type], loc=loc, name=question.name)


def _is_number(value: Any) -> bool:
    """Whether a value is a number that a column of estimates can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return isfinite(float(value))
    except OverflowError:
        return False


def answers_page(service: Service, job: JobRecord, offset: int, limit: int) -> AnswersPage:
    """Return a page of the rows of a sample with all readings."""
    found = readings_of(service, job)
    ids = found.row_ids[offset : offset + limit]
    names = names_of_job(service, job, ids)
    rows = []
    for row_id in ids:
        row = found.of(row_id)
        counting = row.counting
        rows.append(
            AnsweredRow(
                row_id,
                names.of(row_id),
                row.first,
                row.second,
                row.decision,
                None if counting is None else counting.reading,
                row_id in found.due,
                found.differ(row_id),
            )
        )
    return AnswersPage(job.id, found.asked, found.is_audit, rows, len(found.row_ids), offset, limit)
