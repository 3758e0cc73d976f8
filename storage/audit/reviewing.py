"""The questions of a sample, its reviewers, and the rows that they have reserved.

Guarantees that two users never have the same reading of a row reserved at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from contract.answers import Hidden
from contract.declarations import Help
from contract.requests.reviewing import QuestionRequest, QuestionsRequest
from contract.words import Reading
from lazy_dataclasses import dataclass
from storage.accounts.users import User
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, all_rows, first, json_text, run, statement

RESERVED_MINUTES = 15
NO_QUESTIONS = QuestionsRequest()
"""Of a sample for which nothing was set: its reviewers enter findings and see all columns."""


def questions_of(tx: Transaction, job_id: str) -> QuestionsRequest:
    """Return what the reviewers of a sample are asked."""
    row = first(tx, "questions_of_job", job_id=job_id)
    return NO_QUESTIONS if row is None else questions_of_body(json.loads(row["body"]))


def questions_of_body(body: Mapping[str, Any]) -> QuestionsRequest:
    """The questions of their stored body."""
    questions = tuple(
        QuestionRequest(**{**each, "choices": tuple(each.get("choices", ()))})
        for each in body["questions"]
    )
    return QuestionsRequest(
        questions=questions,
        hidden=tuple(body["hidden"]),
        shown=tuple(body["shown"]),
        second_readings=body["second_readings"],
        reviewers=tuple(body.get("reviewers", ())),
    )


def put_questions(
    tx: Transaction, job_id: str, user_id: int, chosen: QuestionsRequest, clock: Clock
) -> None:
    """Set the questions of a sample; the caller has checked that it has no entry."""
    body = {name: value for name, value in chosen.given().items() if name != "reviewers"}
    at = timestamp(clock())
    run(tx, "put_questions", job_id=job_id, body=json_text(body), user_id=user_id, at=at)


def facts_of(chosen: QuestionsRequest) -> dict[str, Any]:
    """What the audit trail says of chosen questions."""
    facts = {
        "questions": ", ".join(each.name for each in chosen.questions) or "those of an audit",
        "hidden": ", ".join(chosen.hidden),
        "second_readings": chosen.second_readings,
    }
    return {name: value for name, value in facts.items() if value}


def recorded_questions(parameters: Mapping[str, Any]) -> QuestionsRequest | None:
    """The questions that a request or the parameters of a job have for its sample."""
    body = parameters.get("questions")
    return None if body is None else questions_of_body(body)


@dataclass(frozen=True)
class Reviewer:
    """A user who may answer the questions of a sample."""

    user_id: Hidden[int]
    soeid: str
    granted_by: Annotated[str, Help("The user who made this one a reviewer.")]
    at: str


_REVIEWERS = Records(Reviewer)


def list_reviewers(tx: Transaction, job_id: str) -> list[Reviewer]:
    """Return the reviewers of a sample by name."""
    return _REVIEWERS.all(tx, "list_reviewers", job_id=job_id)


def add_reviewer(tx: Transaction, job_id: str, user_id: int, granted_by: int, clock: Clock) -> bool:
    """Make a user a reviewer of a sample; False if the user is one."""
    entry = {"job_id": job_id, "user_id": user_id, "granted_by": granted_by}
    return first(tx, "insert_reviewer", **entry, at=timestamp(clock())) is not None


def remove_reviewer(tx: Transaction, job_id: str, user_id: int) -> bool:
    """Remove a reviewer of a sample and the reservation; False if the user is none."""
    run(tx, "delete_reservation", job_id=job_id, user_id=user_id).fetchall()
    return first(tx, "delete_reviewer", job_id=job_id, user_id=user_id) is not None


def reviewed_jobs(tx: Transaction, user_id: int, digits: str) -> list[str]:
    """Return the ids, by their first digits, of the samples that a user is a reviewer of."""
    rows = all_rows(tx, "reviewed_job", user_id=user_id, digits=digits)
    return [row["id"] for row in rows]


def queues_of(tx: Transaction, user: User) -> list[str]:
    """Return the ids of the samples that have a queue in which a user can answer, newest first."""
    return [row["id"] for row in all_rows(tx, "list_queues", **_answering(user))]


def has_queue(tx: Transaction, user: User) -> bool:
    """Whether there is a sample with a queue in which a user can answer."""
    sql = f"SELECT EXISTS ({statement('list_queues')})"
    return bool(tx.execute(sql, _answering(user)).fetchone()[0])


def queued_jobs(tx: Transaction, job_ids: Sequence[str]) -> set[str]:
    """Return which of some samples have a queue."""
    rows = all_rows(tx, "queued_jobs", jobs=json.dumps(job_ids))
    return {row["job_id"] for row in rows}


def _answering(user: User) -> dict[str, Any]:
    may_write = user.role_name != "viewer"
    return {"user_id": user.id, "may_write": may_write, "sees_all": user.is_admin}


@dataclass(frozen=True)
class Reservation:
    """A reading of a row that a user has open."""

    row_id: str
    reading: Reading
    user_id: int
    until: str


_RESERVATIONS = Records(Reservation)


def list_reservations(
    tx: Transaction, job_id: str, user_id: int, clock: Clock
) -> list[Reservation]:
    """Return the reservations of a sample that haven't ended, and the user's own, ended or not."""
    now = timestamp(clock())
    return _RESERVATIONS.all(tx, "list_reservations", job_id=job_id, user_id=user_id, now=now)


def reserve(
    tx: Transaction, job_id: str, user_id: int, row_id: str, reading: Reading, clock: Clock
) -> Reservation:
    """Reserve a reading of a row, in the place of the user's other reservation in the sample.

    The caller has checked that no other user has it reserved.
    """
    now = clock()
    slot = {"job_id": job_id, "row_id": row_id, "reading": reading, "user_id": user_id}
    run(tx, "end_reservations", **slot, now=timestamp(now))
    until = timestamp(now + timedelta(minutes=RESERVED_MINUTES))
    run(tx, "put_reservation", **slot, until=until)
    return Reservation(row_id, reading, user_id, until)


def release(tx: Transaction, job_id: str, user_id: int) -> bool:
    """End a user's reservation in a sample; False if there is none."""
    return first(tx, "delete_reservation", job_id=job_id, user_id=user_id) is not None
