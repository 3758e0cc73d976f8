"""The rows of a queue in their order, those with a second reading, and readings that differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from math import ceil
from typing import Any

from application.audit.stages import rows_to_examine
from application.audit.state import AuditState, drawn_row_ids, state_of
from application.review.questions import asked_questions
from contract.requests.reviewing import QuestionRequest
from lazy_dataclasses import dataclass
from sampling_engine import method_from_json
from service.sampling_parameters import seeded_rounds
from service.service import Service
from storage.audit.findings import Finding, RowReadings, newest_readings
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction


@dataclass(frozen=True)
class Readings:
    """The rows of a sample that are to be answered, and what was answered.

    Parameters
    ----------
    row_ids : sequence of str
        In the order of the draw; a replacement stands in the place of its row.
    queue : sequence of str
        The same rows in the order of the queue.
    due : frozenset of str
        The rows with a second reading.
    by_row : mapping
        The readings of the rows that have some.
    """

    row_ids: Sequence[str]
    queue: Sequence[str]
    due: frozenset[str]
    asked: tuple[QuestionRequest, ...]
    is_audit: bool
    by_row: Mapping[str, RowReadings]
    state: AuditState

    def of(self, row_id: str) -> RowReadings:
        """The readings of a row."""
        return self.by_row.get(row_id) or RowReadings(row_id)

    @cached_property
    def places(self) -> dict[str, str]:
        """The place of each row in the queue, from 1, as a text."""
        return {row_id: str(place) for place, row_id in enumerate(self.queue, start=1)}

    @cached_property
    def read_twice(self) -> list[str]:
        """The rows with both readings that the seed chooses for a second one, in order of the draw.

        Second readings of other rows aren't of a random part of the sample as it is now.
        """
        return [row_id for row_id in self.row_ids if row_id in self.due and self.has_both(row_id)]

    def has_both(self, row_id: str) -> bool:
        """Whether a row has a first and a second reading."""
        row = self.of(row_id)
        return row.first is not None and row.second is not None

    def differ(self, row_id: str) -> bool:
        """Whether the two readings of a row differ, and nobody has decided."""
        row = self.of(row_id)
        return (
            row.first is not None
            and row.second is not None
            and row.decision is None
            and are_different(row.first, row.second, self.asked)
        )


def readings_in(tx: Transaction, service: Service, job: JobRecord) -> Readings:
    """Read the rows of a sample that are to be answered, and their readings."""
    by_row = newest_readings(tx, job.id)
    state = state_of(tx, job, by_row)
    drawn = list(drawn_row_ids(service, job))
    is_audit = not state.questions.questions
    if is_audit:
        drawn = list(rows_to_examine(job, drawn, state))
    share = state.questions.second_readings
    queue, due = service.results.queues.get(
        (job.id, len(drawn), share), lambda: _queue_of(job, drawn, share)
    )
    return Readings(
        [state.examined_id(row_id) for row_id in drawn],
        [state.examined_id(row_id) for row_id in queue],
        frozenset(state.examined_id(row_id) for row_id in due),
        asked_questions(state.questions, state.attributes),
        is_audit,
        by_row,
        state,
    )


@dataclass(frozen=True)
class ReviewProgress:
    """The rows to answer, those that are answered, and whether nothing is lacking."""

    rows: int
    answered: int
    is_complete: bool


def review_progress(service: Service, job: JobRecord) -> ReviewProgress:
    """How far the answers of a sample are, for figures that depend on them."""
    with service.database.read() as tx:
        found = readings_in(tx, service, job)
    lacking = [row_id for row_id in found.row_ids if found.of(row_id).counting is None]
    due = (row_id for row_id in found.due if found.of(row_id).second is None)
    is_open = bool(lacking) or any(due) or any(map(found.differ, found.row_ids))
    return ReviewProgress(
        len(found.row_ids), len(found.row_ids) - len(lacking), is_complete=not is_open
    )


def readings_of(service: Service, job: JobRecord) -> list[RowReadings]:
    """Return both readings and the decision of each row of a sample, in the order of the draw.

    A row without an entry has none of them.
    """
    with service.database.read() as tx:
        found = readings_in(tx, service, job)
    return [found.of(row_id) for row_id in found.row_ids]


def _queue_of(
    job: JobRecord, drawn: Sequence[str], second_readings: float
) -> tuple[Sequence[str], Sequence[str]]:
    """The drawn rows in the order of the queue, and those with a second reading.

    The rows of a simple random sample are in the order of the draw. The order of any other draw may
    show a stratum or a size, so its rows are sorted by the SHA-256 of the JSON of
    ``["review-queue", seed, row id]``. The rows with a second reading are the smallest by that of
    ``["second-reading", seed, row id]``. What is finished is thus a random part of the sample.
    """
    seed = ",".join(each["effective_seed"] for each in seeded_rounds(job.run_parameters))

    def keyed(purpose: str) -> list[str]:
        return sorted(drawn, key=lambda row_id: _digest(purpose, seed, row_id))

    second = ceil(Decimal(str(second_readings)) * len(drawn))
    queue = drawn if _is_simple_random(job) else keyed("review-queue")
    return queue, keyed("second-reading")[:second] if second else ()


def _digest(purpose: str, seed: str, row_id: str) -> bytes:
    text = json.dumps([purpose, seed, row_id], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def _is_simple_random(job: JobRecord) -> bool:
    """Whether the order of the draw is random and follows from no value of a row."""
    rounds = job.run_parameters["rounds"]
    methods = [method_from_json(each["method"], each["parameters"]) for each in rounds]
    return len(methods) == 1 and methods[0].in_random_order and methods[0].equal_chances


def are_different(one: Finding, other: Finding, asked: Sequence[QuestionRequest]) -> bool:
    """Whether two readings differ in the outcome or in any question; texts are never different."""
    return one.outcome != other.outcome or any(
        compared_value(one, question) != compared_value(other, question)
        for question in asked
        if question.type != "text"
    )


def compared_value(entry: Finding, question: QuestionRequest) -> Any:
    """The answer of an entry to a question, an amount as a Decimal; None if there is none.

    Of an audit's own questions it is the audit value, and whether the row deviates.
    """
    value = entry.answers.get(question.name)
    if not entry.answers and entry.outcome is not None:
        value = entry.audit_value if question.type == "amount" else None
        if question.type == "yes_no" and entry.outcome in ("ok", "exception"):
            value = question.name in entry.deviations
    return Decimal(value) if question.type == "amount" and value is not None else value
