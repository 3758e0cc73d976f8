"""The rows of a queue in their order, those with a second reading, and readings that differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from math import ceil
from typing import Any

from application.audit.stages import rows_to_examine, stage_rule
from application.audit.state import AuditState, drawn_row_ids, state_of
from application.review.questions import asked_questions
from contract.requests.reviewing import QuestionRequest
from lazy_dataclasses import dataclass
from sampling_engine import method_from_json
from service.sampling_parameters import seeded_rounds
from service.service import Service
from storage.audit.findings import (
    Finding,
    NewestFinding,
    RowReadings,
    counting_findings,
    newest_entry_id,
    newest_readings,
)
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
    newest_id : int
        The newest entry about any sample when they were read.
    """

    row_ids: Sequence[str]
    queue: Sequence[str]
    due: frozenset[str]
    asked: tuple[QuestionRequest, ...]
    is_audit: bool
    by_row: Mapping[str, RowReadings]
    state: AuditState
    newest_id: int

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

    @cached_property
    def open_rows(self) -> list[str]:
        """The rows that lack a reading or a decision, in the order of the queue."""
        return [row_id for row_id in self.queue if self._is_open(row_id)]

    def _is_open(self, row_id: str) -> bool:
        row = self.by_row.get(row_id)
        if row is None or row.first is None:
            return True
        return (row.second is None and row_id in self.due) or self.differ(row_id)

    @cached_property
    def differing(self) -> list[str]:
        """The rows whose readings differ and wait for a decision, in the order of the queue."""
        return [row_id for row_id in self.open_rows if self.differ(row_id)]

    @cached_property
    def decided(self) -> frozenset[str]:
        """The rows with a decision."""
        rows = map(self.by_row.get, self.row_ids)
        return frozenset(row.row_id for row in rows if row is not None and row.decision is not None)

    @cached_property
    def given_by(self) -> dict[int, dict[str, None]]:
        """The rows of which each user gave a reading, by user id, those of the newest last."""
        rows = map(self.by_row.get, self.row_ids)
        return _given_by({}, (each for row in rows if row is not None for each in row.given))

    def with_newer(
        self, changed: Mapping[str, RowReadings], state: AuditState, newest_id: int
    ) -> Readings:
        """The readings after newer entries about some rows; ``state`` may lack the findings."""
        findings = dict(self.state.findings)
        for row_id, entry in counting_findings(changed).items():
            if row_id in findings and findings[row_id].id != entry.id:
                del findings[row_id]  # the newest one is the last
            findings[row_id] = entry
        new = replace(
            self,
            by_row={**self.by_row, **changed},
            state=replace(state, findings=findings),
            newest_id=newest_id,
        )
        # What was counted before is counted on, so that no entry takes the time of all rows.
        known, carried = self.__dict__, new.__dict__
        if "places" in known:
            carried["places"] = self.places
        if "decided" in known:
            newly = (row.row_id for row in changed.values() if row.decision is not None)
            carried["decided"] = self.decided.union(newly)
        if "given_by" in known:
            entries = (each for row in changed.values() for each in row.given)
            newer = (each for each in entries if each.id > self.newest_id)
            carried["given_by"] = _given_by(self.given_by, newer)
        closed = {row_id for row_id in changed if not new._is_open(row_id)}
        if "open_rows" in known and (changed.keys() - closed).issubset(self.open_rows):
            carried["open_rows"] = [each for each in self.open_rows if each not in closed]
        return new

    def with_changed(self, rows: Sequence[str], seen: Readings) -> Sequence[str]:
        """These rows and those that changed after earlier readings, in the order of the queue."""
        if self.queue is not seen.queue:
            return self.queue
        if self.by_row is seen.by_row:
            return rows
        changed = (each for each, row in self.by_row.items() if seen.by_row.get(each) is not row)
        wanted = {*rows, *changed}
        return [row_id for row_id in self.queue if row_id in wanted]

    def has_both(self, row_id: str) -> bool:
        """Whether a row has a first and a second reading."""
        row = self.of(row_id)
        return row.first is not None and row.second is not None

    def differ(self, row_id: str) -> bool:
        """Whether the two readings of a row differ, and nobody has decided."""
        row = self.by_row.get(row_id)
        return (
            row is not None
            and row.first is not None
            and row.second is not None
            and row.decision is None
            and are_different(row.first, row.second, self.asked)
        )


def _given_by(
    before: Mapping[int, dict[str, None]], newer: Iterable[NewestFinding]
) -> dict[int, dict[str, None]]:
    """The rows of each user, with those of newer entries."""
    found = dict(before)
    entries = sorted(newer, key=lambda each: each.id)
    for user_id in {user_id for each in entries for user_id in each.readers}:
        found[user_id] = dict(found.get(user_id, {}))
    for entry in entries:
        for user_id in entry.readers:
            found[user_id].pop(entry.row_id, None)
            found[user_id][entry.row_id] = None
    return found


def readings_in(tx: Transaction, service: Service, job: JobRecord) -> Readings:
    """Read the rows of a sample that are to be answered, and their readings.

    What was read last is kept in memory, so only rows with newer entries are read again. Call it
    before the transaction's own entries, which may yet be undone.
    """
    newest_id = newest_entry_id(tx)
    seen: Readings | None = service.results.readings.find(job.id)
    found = None
    if seen is not None and seen.newest_id <= newest_id:
        found = _brought_up_to_date(tx, job, seen, newest_id)
    if found is None:
        by_row = newest_readings(tx, job.id)
        found = _readings_of(service, job, by_row, state_of(tx, job, by_row), newest_id)
    if found is not seen:
        service.results.readings.put(job.id, found)
    return found


def readings_of(service: Service, job: JobRecord) -> Readings:
    """Read them in a transaction of their own."""
    drawn_row_ids(service, job)  # read before the transaction, and cached
    with service.database.read() as tx:
        return readings_in(tx, service, job)


def _brought_up_to_date(
    tx: Transaction, job: JobRecord, seen: Readings, newest_id: int
) -> Readings | None:
    """Earlier readings with newer entries; None if the rows or the questions may be others."""
    now, then = state_of(tx, job, {}), seen.state
    if (now.replacements, now.attributes, now.questions) != (
        then.replacements,
        then.attributes,
        then.questions,
    ):
        return None
    if newest_id == seen.newest_id and now.review == then.review:
        return seen
    changed = newest_readings(tx, job.id, seen.newest_id)
    if changed and stage_rule(job, len(seen.row_ids)) is not None:
        return None  # entries may open the second stage
    return seen.with_newer(changed, now, newest_id)


def _readings_of(
    service: Service,
    job: JobRecord,
    by_row: Mapping[str, RowReadings],
    state: AuditState,
    newest_id: int,
) -> Readings:
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
        newest_id,
    )


@dataclass(frozen=True)
class ReviewProgress:
    """The rows to answer, those that are answered, and whether nothing is lacking."""

    rows: int
    answered: int
    is_complete: bool


def review_progress(service: Service, job: JobRecord) -> ReviewProgress:
    """How far the answers of a sample are, for figures that depend on them."""
    found = readings_of(service, job)
    lacking = [row_id for row_id in found.row_ids if found.of(row_id).counting is None]
    due = (row_id for row_id in found.due if found.of(row_id).second is None)
    is_open = bool(lacking) or any(due) or bool(found.differing)
    return ReviewProgress(
        len(found.row_ids), len(found.row_ids) - len(lacking), is_complete=not is_open
    )


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
