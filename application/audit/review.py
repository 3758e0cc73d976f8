"""The review of a sample's findings: submitted, returned or signed off by another person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from application.access import Caller
from application.audit.evaluation import evaluate, request_of
from application.audit.evaluation.parameters import kept_evaluation
from application.audit.findings import require_not_deleted
from application.audit.stages import rows_to_examine
from application.audit.state import drawn_row_ids, state_of
from domain_errors import DomainError
from storage.errors import Conflict, Forbidden, InvalidValue
from storage.jobs.findings import (
    Review,
    ReviewAction,
    authors_of,
    enter_review,
    review_of,
)
from storage.jobs.jobs import Job
from storage.sqlite.database import Transaction


def review(
    by: Caller,
    job: Job,
    action: ReviewAction,
    note: str,
    evaluation: Mapping[str, Any] | None = None,
    previous_id: int | None = None,
) -> Review:
    """Take a step of a sample's review.

    The preparer submits or withdraws; another person, who entered nothing, returns or signs off;
    an owner of the dataset reopens. A sign-off keeps the evaluation that was reviewed, by default
    that of the plan if it is possible.

    Parameters
    ----------
    evaluation : mapping, optional
        Of a sign-off: the parameters of the evaluation; others are as in
        :func:`application.audit.evaluation.request_of`.
    previous_id : int, optional
        The newest step that the user has seen; 0 if there was none.

    Raises
    ------
    ReviewChanged
        There is a newer step than ``previous_id``, or one was taken during the evaluation.
    Conflict
        The sample was deleted; the step doesn't follow the review's state, or rows have no finding.
    Forbidden
        The reviewer prepared the findings; or the level is too low.
    InvalidValue
        The step needs a note, or keeps no evaluation.
    InvalidFindings
        The evaluation to keep isn't possible.
    """
    by.dataset(job.dataset_id, "admin" if action == "reopened" else "write")
    if action in ("returned", "reopened") and not note:
        raise InvalidValue("Give the reason in `note`.", loc=("body", "note"))
    if action != "signed_off" and evaluation is not None:
        raise InvalidValue("Only a sign-off keeps an evaluation.", loc=("body", "evaluation"))
    drawn = drawn_row_ids(by.service, job)
    kept = None
    if action == "signed_off":
        kept, evaluated_id = _evaluation_to_keep(by, job, evaluation)
        previous_id = evaluated_id if previous_id is None else previous_id
    with by.writing() as tx:
        require_not_deleted(tx, job)
        now = review_of(tx, job.id)
        _require_step(now, action)
        if previous_id is not None:
            now.require_newest(previous_id)
        if action == "submitted":
            _require_findings(tx, job, drawn)
        if action in ("returned", "signed_off"):
            _require_another_person(tx, job, by, now)
        enter_review(tx, job.id, by.user.id, action, note, by.service.clock, kept)
        by.audit(
            tx,
            "findings_reviewed",
            dataset_id=job.dataset_id,
            about=("job", job.id),
            step=_STEP_WORDS[action],
            note=note or None,
        )
        reviewed = review_of(tx, job.id)
    by.service.wake_sender()
    return reviewed


def _evaluation_to_keep(
    by: Caller, job: Job, given: Mapping[str, Any] | None
) -> tuple[Mapping[str, Any] | None, int]:
    """What a sign-off keeps, and the newest step of the review that it is of.

    It is None if no evaluation was given, and that of the plan isn't possible. Nothing is entered
    between a submission and the next step, so what is evaluated is what is signed off if that step
    is still the newest then.
    """
    with by.service.database.read() as tx:
        now = review_of(tx, job.id)
    _require_step(now, "signed_off")
    request = request_of(job, now, given or {})
    try:
        with by.reading():
            return kept_evaluation(request, evaluate(by.service, job, request)), now.newest_id
    except DomainError as error:
        if given is None:
            return None, now.newest_id
        error.loc = ("body", "evaluation", *error.loc[1:])
        raise


_STATE_BEFORE: Mapping[ReviewAction, str] = {
    "submitted": "open",
    "withdrawn": "submitted",
    "returned": "submitted",
    "signed_off": "submitted",
    "reopened": "signed_off",
}
_STATE_WORDS = {"open": "open", "submitted": "submitted for review", "signed_off": "signed off"}
_STEP_WORDS: Mapping[ReviewAction, str] = {
    "submitted": "submitted",
    "withdrawn": "withdrawn",
    "returned": "returned",
    "signed_off": "signed off",
    "reopened": "reopened",
}


def _require_step(now: Review, action: ReviewAction) -> None:
    if _STATE_BEFORE[action] != now.state:
        raise Conflict(
            "The findings are {state}. Only findings that are {needed} can be {step}.",
            state=_STATE_WORDS[now.state],
            needed=_STATE_WORDS[_STATE_BEFORE[action]],
            step=_STEP_WORDS[action],
        )


def _require_findings(
    tx: Transaction, job: Job, drawn: Mapping[str, tuple[int, str | None]]
) -> None:
    state = state_of(tx, job)
    examined = rows_to_examine(job, list(drawn), state)
    replacements = [each.replacement_id for each in state.replacements]
    missing = [row_id for row_id in (*examined, *replacements) if row_id not in state.findings]
    if missing:
        raise Conflict(
            "{count} {count|row has|rows have} no finding, the first is {row_id}. Enter findings "
            "for all rows, "
            "then submit.",
            count=len(missing),
            row_id=missing[0],
        )


def is_preparer(by: Caller, job: Job) -> bool:
    """Whether the caller entered or submitted findings, so that another person reviews them."""
    with by.service.database.read() as tx:
        return by.user.id in _preparers(tx, job, review_of(tx, job.id))


def _preparers(tx: Transaction, job: Job, now: Review) -> set[int]:
    return authors_of(tx, job.id) | {each.user_id for each in now.entries[-1:]}


def _require_another_person(tx: Transaction, job: Job, by: Caller, now: Review) -> None:
    if by.user.id in _preparers(tx, job, now):
        raise Forbidden(
            "Another person must review the findings: you entered or submitted some of them."
        )
