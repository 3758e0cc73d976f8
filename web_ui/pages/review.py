"""The pages of reviewers: their queues, and the rows of a sample one at a time.

A page of a queue has no value of a row: its script asks the API for the next row, so that hidden
columns are left out in one place.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from application.review.queue import QueueState, callers_queues, queue_state
from contract.words import UNANSWERED, outcome_titles
from storage.accounts.datasets import get_dataset
from storage.audit.reviewing import RESERVED_MINUTES
from storage.errors import NotFound
from storage.jobs.jobs import get_job
from web_ui.pages.job import is_sample
from web_ui.shell import ListQuery, blueprint, caller, query_text, service, show, to


@blueprint.get("/review")
def reviews() -> Response:
    """List the queues in which the user can answer."""
    query = ListQuery()
    found, total = callers_queues(caller(), query.offset, query.limit)
    return show(
        "reviews.html",
        queues=[{**vars(each), "dataset_name": dataset_name(each.job_id)} for each in found],
        page=query.page(total),
    )


@blueprint.get("/review/<job_id>")
def review_queue(job_id: str) -> AnyResponse:
    """Show the queue of a sample; the start of an id redirects to the full id."""
    found = caller().queue_job(job_id)
    if not is_sample(found):
        return to(f"/jobs/{found.id}")
    if found.id != job_id:
        return to(f"/review/{found.id}?{query_text()}".rstrip("?"))
    state = queue_state(caller(), found)
    return show(
        "review.html",
        queue=state,
        may_read=dataset_name(found.id) is not None,
        task="decide" if request.args.get("task") == "decide" else "read",
        unanswered=UNANSWERED,
        settings=_settings(state),
    )


def _settings(state: QueueState) -> dict[str, Any]:
    """What the script shows beside a row."""
    return {
        "questions": [vars(each) for each in state.questions],
        "is_audit": state.is_audit,
        "renew_ms": RESERVED_MINUTES * 60_000 // 4,
        "outcomes": list(outcome_titles(state.is_audit).items()),
    }


def dataset_name(job_id: str) -> str | None:
    """The name of the dataset of a sample; None if the user can't see it."""
    with service().database.read() as tx, suppress(NotFound):
        return get_dataset(tx, get_job(tx, job_id).dataset_id, caller().user).name
    return None
