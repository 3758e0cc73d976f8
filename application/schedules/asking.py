"""The questions that each sample of a schedule gets, so that its review queue fills by itself.

A run's job records them, and the sample has them from the transaction that publishes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from application.access import Caller
from application.administration.grantees import find_member
from application.review.questions import require_free_names, with_columns
from contract.requests.automation import ScheduleRequest
from contract.requests.reviewing import QuestionsRequest
from domain_errors import relocated
from service.service import Service
from service.tables.open_tables import open_requested
from storage.audit.reviewing import (
    NO_QUESTIONS,
    list_reviewers,
    questions_of,
    recorded_questions,
)
from storage.errors import Conflict, InvalidValue
from storage.jobs.jobs import JobRecord
from storage.jobs.schedules import Schedule

LOC = ("body", "questions")


def asked_of(by: Caller, job: JobRecord, asked: ScheduleRequest) -> QuestionsRequest | None:
    """The questions that a new schedule names, or those of the sample that it repeats.

    Raises
    ------
    Conflict
        The sample asks no questions.
    """
    if not asked.same_questions:
        return asked.questions
    with by.service.database.read() as tx:
        chosen, reviewers = questions_of(tx, job.id), list_reviewers(tx, job.id)
    if chosen == NO_QUESTIONS and not reviewers:
        raise Conflict("The sample asks no questions.", loc=("body", "same_questions"))
    return replace(chosen, reviewers=tuple(each.soeid for each in reviewers))


def checked_questions(
    by: Caller, dataset_id: int, request: Mapping[str, Any], asked: QuestionsRequest
) -> QuestionsRequest:
    """The questions of a schedule's samples, checked with the newest version of its table.

    Reviewers see the columns that the table has now: one that a later version has besides isn't
    shown, as it may follow from a hidden one.

    Raises
    ------
    Conflict
        The schedule draws no samples.
    InvalidValue, NotFound
        A question or a column doesn't fit the table; or there is no such user.
    """
    if "rounds" not in request:
        raise Conflict("Only draws have questions.", loc=LOC)
    names = _columns(by.service, dataset_id, request)
    with relocated(lambda loc: (*LOC, *loc[1:])):
        require_free_names(names, asked.questions)
        with by.service.database.read() as tx:
            for place, name in enumerate(asked.reviewers):
                find_member(tx, name, "reviewers", place)
        return replace(with_columns(names, asked), reviewers=asked.reviewers)


def questions_of_run(service: Service, schedule: Schedule) -> QuestionsRequest | None:
    """The questions of a run's sample, with those columns that its version has.

    Raises
    ------
    InvalidValue
        The version has a column with the name of a question, or none that is shown.
    """
    asked = recorded_questions(schedule.request)
    if asked is None:
        return None
    names = _columns(service, schedule.dataset_id, schedule.request)
    require_free_names(names, asked.questions)
    shown = tuple(name for name in asked.shown if name in names)
    if not shown:
        raise InvalidValue(
            "The table has none of the columns that reviewers see: {columns}.",
            columns=", ".join(asked.shown),
        )
    return replace(asked, shown=shown, hidden=tuple(name for name in asked.hidden if name in names))


def _columns(service: Service, dataset_id: int, request: Mapping[str, Any]) -> list[str]:
    """The names of the columns of the table that a schedule reads now."""
    table = open_requested(service, dataset_id, request["source_ref"], request["table_key"])
    return [column.name for column in table.files.columns]
