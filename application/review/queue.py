"""The queue of a sample: the next row of a reviewer, without hidden columns, and the progress.

Guarantees that two users never have the same reading of a row at a time: the row is chosen and
reserved in one transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Literal

import numpy as np

from application.access import Caller, sample_source
from application.audit.examinations import examination_of
from application.audit.findings import require_entries
from application.audit.stages import stage_rule
from application.review.questions import seen_columns
from application.review.readings import Readings, readings_in
from application.review.rights import QueueRights, rights_in, rows_called
from contract.declarations import Help
from contract.requests.reviewing import QuestionRequest
from contract.words import Outcome, Reading, ReviewState, ReviewTask
from lazy_dataclasses import dataclass
from parquet_tables.rows import read_rows, rows_statement
from service.service import Service
from service.tables.drawn_rows import drawn_row_ids
from service.tables.named_rows import ordinal_of
from service.tables.open_tables import open_source
from service.tables.row_names import names_of_job
from storage.audit.findings import Finding, list_own_entries
from storage.audit.progress import SampleProgress, progress_of
from storage.audit.reviewing import (
    Reservation,
    list_reservations,
    questions_of,
    queues_of,
    release,
    reserve,
)
from storage.jobs.jobs import JobRecord, get_job, jobs_by_seq
from storage.sqlite.database import Transaction

PACE_ENTRIES = 20
"""The entries of a user from which the pace is computed."""


@dataclass(frozen=True)
class QueueProgress:
    """How far the review of a sample is."""

    rows: int
    answered: Annotated[int, Help("Rows with a first reading.")]
    second_due: Annotated[int, Help("Rows that a second person answers, too.")]
    second_answered: int
    differences: Annotated[int, Help("Rows whose two readings differ, and wait for a decision.")]
    decided: int
    mine: Annotated[int, Help("Rows that the caller answered or decided.")]
    reserved: Annotated[int, Help("Rows that others have open.")]
    rows_per_hour: Annotated[
        float | None,
        Help("The caller's pace over the last 20 entries, pauses included; null before two."),
    ]
    minutes_left: Annotated[
        float | None,
        Help("For all readings and decisions that are left, at the caller's pace alone."),
    ]


@dataclass(frozen=True)
class GivenReading:
    """A reading of a row that is to be decided, without its author."""

    reading: Reading
    answers: Mapping[str, Any]
    outcome: Outcome | None
    audit_value: str | None
    deviations: Sequence[str]
    note: str


@dataclass(frozen=True)
class QueueRow:
    """A row that the caller has reserved."""

    row_id: Annotated[
        str,
        Help("For `answers`. Of a reviewer without read access it is the place in the queue."),
    ]
    name: Annotated[str | None, Help("By the table's row key, if its columns are shown.")]
    data: Annotated[Mapping[str, Any], Help("The shown columns by their names.")]
    task: Literal["reading", "decision"]
    readings: Annotated[Sequence[GivenReading], Help("Of a decision: both readings.")]
    reserved_until: str


@dataclass(frozen=True)
class NextRow:
    """The next row of the queue."""

    job_id: str
    row: QueueRow | None
    reason: Annotated[str | None, Help("Why there is no row.")]
    questions: Sequence[QuestionRequest]
    is_audit: Annotated[bool, Help("Whether each row needs an `outcome`.")]
    progress: QueueProgress


@dataclass(frozen=True)
class QueueState:
    """The questions and the progress of a sample's review."""

    job_id: str
    sample: Annotated[str, Help("The name of the sample.")]
    review_state: ReviewState
    questions: Sequence[QuestionRequest]
    is_audit: Annotated[bool, Help("Whether each row needs an `outcome`.")]
    progress: QueueProgress
    open: Annotated[int, Help("Rows that the caller could answer now.")]
    to_decide: Annotated[int, Help("Rows that the caller could decide now.")]


@dataclass(frozen=True)
class OwnEntry:
    """The newest entry of the caller about a row."""

    id: int
    row_id: str
    name: Annotated[str | None, Help("By the table's row key, if its columns are shown.")]
    data: Annotated[Mapping[str, Any], Help("The shown columns by their names.")]
    reading: Reading
    answers: Mapping[str, Any]
    outcome: Outcome | None
    audit_value: str | None
    deviations: Sequence[str]
    note: str
    at: str


@dataclass(frozen=True)
class Released:
    """Whether the caller had a row reserved."""

    job_id: str
    released: bool


class CallersQueue:
    """A sample's queue as the caller finds it in a transaction."""

    def __init__(self, tx: Transaction, by: Caller, job: JobRecord) -> None:
        self.by, self.job = by, job
        self.rights: QueueRights = rights_in(tx, by, job)
        self.readings: Readings = readings_in(tx, by.service, job)
        found = list_reservations(tx, job.id, by.user.id, by.service.clock)
        self.own: Reservation | None = next(
            (each for each in found if each.user_id == by.user.id), None
        )
        self.reserved = {
            (each.row_id, each.reading): each for each in found if each.user_id != by.user.id
        }

    def shown_id(self, row_id: str) -> str:
        """The id of a row for the caller: the place in the queue without read access."""
        return row_id if self.rights.sees_rows else self.readings.places.get(row_id, "")

    def may_read(self, row_id: str, reading: Reading) -> bool:
        """Whether the caller may give a first or second reading that nobody gave."""
        row, user_id = self.readings.of(row_id), self.by.user.id
        if row.of(reading) is not None or row.decision is not None:
            return False
        if reading == "first":
            return row.second is None or user_id not in row.second.readers
        return row.first is not None and user_id not in row.first.readers

    def may_decide(self, row_id: str) -> bool:
        """Whether the readings of a row differ, and the caller gave neither."""
        row, user_id = self.readings.of(row_id), self.by.user.id
        is_reader = any(user_id in each.readers for each in row.given)
        return self.readings.differ(row_id) and not is_reader

    def slot_of(self, row_id: str, task: ReviewTask) -> Reading | None:
        """The reading of a row that the caller can give next; None without one."""
        if task == "decide":
            return "decision" if self.may_decide(row_id) else None
        if row_id not in self.readings.by_row or self.may_read(row_id, "first"):
            return "first"
        is_due = row_id in self.readings.due
        return "second" if is_due and self.may_read(row_id, "second") else None

    def slots(self, task: ReviewTask) -> list[tuple[str, Reading]]:
        """The readings that the caller could give, in the order of the queue, reserved or not."""
        rows = self.readings.open_rows if task == "read" else self.readings.differing
        slots = ((row_id, self.slot_of(row_id, task)) for row_id in rows)
        return [(row_id, reading) for row_id, reading in slots if reading is not None]

    def next_slot(self, task: ReviewTask, rows: Sequence[str]) -> tuple[str, Reading] | None:
        """The reading that the caller has reserved, else the first of these rows that nobody has.

        It ends at the first that fits, so that it doesn't read the whole sample.
        """
        own = self.own
        is_open = own is not None and own.row_id in self.readings.queue
        if own is not None and is_open and self.slot_of(own.row_id, task) == own.reading:
            return own.row_id, own.reading
        slots = ((row_id, self.slot_of(row_id, task)) for row_id in rows)
        return next(
            (
                (row_id, reading)
                for row_id, reading in slots
                if reading is not None and (row_id, reading) not in self.reserved
            ),
            None,
        )

    def reason(self, task: ReviewTask, progress: QueueProgress) -> str:
        """Why the caller gets no row."""
        if waiting := [self.reserved[slot] for slot in self.slots(task) if slot in self.reserved]:
            until = min(each.until for each in waiting)
            return f"The rest is reserved by others until {until}."
        if task == "decide":
            if progress.differences:
                return "You gave a reading of each row that waits for a decision."
            return "No readings differ."
        if progress.answered < progress.rows or progress.second_answered < progress.second_due:
            return "The rest needs another person: you gave the other reading of these rows."
        if progress.differences:
            return "All rows are answered. Readings that differ wait for a decision."
        return "All rows are answered."

    def progress(self) -> QueueProgress:
        """How far the review is."""
        found = self.readings
        rows = [found.by_row.get(row_id) for row_id in found.open_rows]
        unanswered = sum(row is None or row.first is None for row in rows)
        due = map(found.by_row.get, found.due)
        no_second = sum(row is None or row.second is None for row in due)
        differences = len(found.differing)
        user_id = self.by.user.id
        own = list(found.given_by.get(user_id, ()))
        newest = [each for row_id in own[-PACE_ENTRIES:] for each in found.of(row_id).given]
        times = sorted(each.at for each in newest if each.user_id == user_id)
        pace = _rows_per_hour(times[-PACE_ENTRIES:])
        left = unanswered + no_second + differences
        return QueueProgress(
            rows=len(found.row_ids),
            answered=len(found.row_ids) - unanswered,
            second_due=len(found.due),
            second_answered=len(found.due) - no_second,
            differences=differences,
            decided=len(found.decided),
            mine=len(own),
            reserved=len(self.reserved),
            rows_per_hour=pace,
            minutes_left=None if pace is None else round(left / pace * 60, 1),
        )


def _rows_per_hour(at: Sequence[str]) -> float | None:
    """The pace of entries, by their times; oldest first."""
    times = [dt.datetime.fromisoformat(each) for each in at]
    hours = (times[-1] - times[0]).total_seconds() / 3600 if times else 0
    return round((len(times) - 1) / hours, 1) if hours else None


def _read_drawn(by: Caller, job: JobRecord) -> None:
    """Read the row ids of a sample before a transaction asks for them; they are cached."""
    with by.reading():
        drawn_row_ids(by.service, job)


def next_row(by: Caller, job: JobRecord, task: ReviewTask = "read") -> NextRow:
    """Reserve the next row for the caller, or renew the reservation of the one that is open.

    Raises
    ------
    NotFound, Forbidden
        The caller is neither a reviewer nor may write.
    SampleDeleted, FindingsLocked
        Nothing can be entered.
    """
    _read_drawn(by, job)
    with by.service.database.read() as tx:  # what takes long, before others have to wait
        seen = CallersQueue(tx, by, job)
        rows = [row_id for row_id, _ in seen.slots(task)]
    with by.writing() as tx:
        queue = CallersQueue(tx, by, job)
        queue.rights.require_answering()
        require_entries(tx, job)
        slot = queue.next_slot(task, queue.readings.with_changed(rows, seen.readings))
        reserved = None
        if slot is not None:
            reserved = reserve(tx, job.id, by.user.id, *slot, by.service.clock)
    progress = queue.progress()
    reason = None if slot is not None else queue.reason(task, progress)
    row = None if reserved is None else _queue_row(by, job, queue, reserved)
    found = queue.readings
    return NextRow(job.id, row, reason, found.asked, found.is_audit, progress)


def _queue_row(by: Caller, job: JobRecord, queue: CallersQueue, reserved: Reservation) -> QueueRow:
    row_id = reserved.row_id
    with rows_called(by, job, queue.rights, queue.readings.places), by.reading():
        data, name = _shown_rows(by.service, job, queue, [row_id])[row_id]
    by.audit_view(sample_source(job), "review queue")
    row = queue.readings.of(row_id)
    is_decision = reserved.reading == "decision"
    return QueueRow(
        queue.shown_id(row_id),
        name,
        data,
        "decision" if is_decision else "reading",
        [_given(each) for each in row.given] if is_decision else [],
        reserved.until,
    )


def _given(entry: Finding) -> GivenReading:
    return GivenReading(
        entry.reading,
        entry.answers,
        entry.outcome,
        entry.audit_value,
        entry.deviations,
        entry.note,
    )


def _shown_rows(
    service: Service, job: JobRecord, queue: CallersQueue, row_ids: Sequence[str]
) -> dict[str, tuple[dict[str, Any], str | None]]:
    """The shown values of rows, and their names if the columns of the key are shown, by row id."""
    source = open_source(service, job)
    seen = seen_columns(service, job, queue.readings.state.questions)
    columns = list(seen.values())
    by_ordinal = {ordinal_of(source, row_id): row_id for row_id in row_ids}
    ordinals = np.array(sorted(by_ordinal), dtype=np.int64)
    with service.parquet.cursor(source.files) as cursor:
        statement = rows_statement(source.files, columns, ordinals)
        rows = read_rows(cursor, statement, columns)
    names = names_of_job(service, job, row_ids)
    shows_key = {column.name for column in columns}.issuperset(names.columns)
    found = {}
    for ordinal, values in zip(ordinals.tolist(), rows, strict=True):
        row_id = by_ordinal[ordinal]
        data = {name: values[column.name] for name, column in seen.items()}
        found[row_id] = data, names.of(row_id) if shows_key and names.has(row_id) else None
    return found


def queue_state(by: Caller, job: JobRecord) -> QueueState:
    """Return the questions and the progress of a sample; nothing is reserved."""
    _read_drawn(by, job)
    with by.service.database.read() as tx:
        queue = CallersQueue(tx, by, job)
        may_answer = queue.rights.may_answer and queue.readings.state.review.state == "open"
        slots, to_decide = queue.slots("read"), queue.slots("decide")
        return QueueState(
            job.id,
            job.shown_name,
            queue.readings.state.review.state,
            queue.readings.asked,
            queue.readings.is_audit,
            queue.progress(),
            sum(slot not in queue.reserved for slot in slots) if may_answer else 0,
            sum(slot not in queue.reserved for slot in to_decide) if may_answer else 0,
        )


def callers_queues(by: Caller, offset: int, limit: int) -> tuple[list[QueueState], int]:
    """Return a page of the queues in which the caller can answer, newest draw first."""
    with by.service.database.read() as tx:
        ids = queues_of(tx, by.user_in(tx))
        jobs = [get_job(tx, job_id) for job_id in ids[offset : offset + limit]]
    return [queue_state(by, job) for job in jobs], len(ids)


def waiting_queues(by: Caller, most: int) -> list[QueueState]:
    """Return the newest queues in which rows wait for the caller."""
    with by.service.database.read() as tx:
        jobs = [job for job, _ in _unfinished(tx, by)]
    states = (queue_state(by, job) for job in jobs)
    return list(islice((each for each in states if each.open or each.to_decide), most))


def count_waiting(by: Caller, most: int) -> int:
    """Count the queues with rows to answer, and those with rows to decide, at most so many."""
    with by.service.database.read() as tx:
        jobs = [(job, _have_open_rows(tx, by, job, found)) for job, found in _unfinished(tx, by)]
    count = sum(waits for _, waits in jobs)
    for job, waits in jobs:
        if count >= most:
            break
        if not waits:
            state = queue_state(by, job)
            count += (state.open > 0) + (state.to_decide > 0)
    return min(count, most)


def _unfinished(tx: Transaction, by: Caller) -> list[tuple[JobRecord, SampleProgress]]:
    """The queues in which the caller can answer, newest first, without those that are answered."""
    ids = queues_of(tx, by.user_in(tx))
    progress = progress_of(tx, ids)
    jobs = jobs_by_seq(tx, [progress[each].job_seq for each in ids if progress[each].is_open])
    found = [(job, progress[job.id]) for job in jobs]
    return [(job, counts) for job, counts in found if not _is_answered(tx, job, counts)]


def _have_open_rows(tx: Transaction, by: Caller, job: JobRecord, progress: SampleProgress) -> bool:
    """Whether rows wait for the caller by the counts alone, without a decision; else unknown."""
    if stage_rule(job, progress.drawn) or questions_of(tx, job.id).second_readings:
        return False
    held = list_reservations(tx, job.id, by.user.id, by.service.clock)
    return examination_of(job, progress).open > sum(each.user_id != by.user.id for each in held)


def _is_answered(tx: Transaction, job: JobRecord, progress: SampleProgress) -> bool:
    """Whether all rows are answered and none has a second reading, by the counts alone."""
    if examination_of(job, progress).open:
        return False
    return questions_of(tx, job.id).second_readings == 0


def end_reservation(by: Caller, job: JobRecord) -> Released:
    """Let others have the row that the caller has open."""
    with by.writing() as tx:
        rights_in(tx, by, job).require_answering()
        return Released(job.id, release(tx, job.id, by.user.id))


def own_entries(by: Caller, job: JobRecord, offset: int, limit: int) -> tuple[list[OwnEntry], int]:
    """Return a page of the caller's newest entries about rows, newest first, with the rows."""
    _read_drawn(by, job)
    with by.service.database.read() as tx:
        queue = CallersQueue(tx, by, job)
        entries, total = list_own_entries(tx, job.id, by.user.id, offset, limit)
    row_ids = [each.row_id for each in entries]
    with rows_called(by, job, queue.rights, queue.readings.places), by.reading():
        rows = _shown_rows(by.service, job, queue, row_ids) if row_ids else {}
    by.audit_view(sample_source(job), "review queue")
    found = [_own_entry(queue, each, *rows[each.row_id]) for each in entries]
    return found, total


def _own_entry(
    queue: CallersQueue, entry: Finding, data: Mapping[str, Any], name: str | None
) -> OwnEntry:
    return OwnEntry(
        entry.id,
        queue.shown_id(entry.row_id),
        name,
        data,
        entry.reading,
        entry.answers,
        entry.outcome,
        entry.audit_value,
        entry.deviations,
        entry.note,
        entry.at,
    )
