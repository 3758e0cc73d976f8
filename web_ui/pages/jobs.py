"""The list of jobs, and what can be done with several at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from application.lifecycle import cancel, retry
from domain_errors import DomainError
from http_api.auth.access import authority, dataset_for, job_for, service, user
from http_api.auth.auditing import origin
from http_api.routes.jobs import JobsQuery
from http_api.routes.submissions import submission
from storage.jobs.jobs import RUN_TYPES, STATUSES, Job
from storage.jobs.lists import JobFilters, list_jobs
from web_ui.dataset_choice import dataset_choice
from web_ui.job_words import counted
from web_ui.shell import blueprint, local_page, show, signed_in, to, what_is_wrong, with_days

LIMIT = 50
MAX_AT_ONCE = 1000
OUTCOME = ("did", "done", "refused")


@blueprint.get("/jobs")
@signed_in
def jobs() -> Response:
    """The jobs that the address's filters leave, newest first."""
    given = {name: request.args.getlist(name) for name in request.args if request.args.get(name)}
    problem = None
    try:
        query = _query(given)
    except ValidationError as error:
        query, problem = _query({}), what_is_wrong(error)
    page = {"offset": query.pop("offset"), "limit": query.pop("limit")}
    order = query.pop("order")
    statuses = query.pop("status", None)
    filters = JobFilters(statuses=tuple(statuses) if statuses else None, **query)
    with service().database.read() as tx:
        found, total = list_jobs(tx, user(), filters, order=order, **page)
        choice = dataset_choice(tx, user(), filters.dataset_id)
    return show(
        "jobs.html",
        jobs=found,
        choice=choice,
        page={**page, "total": total},
        problem=problem,
        statuses=STATUSES,
        run_types=RUN_TYPES,
        chosen=statuses or (),
        narrowed=bool(given.keys() - {"offset", "limit", *OUTCOME}),
        outcome=_outcome(),
        may_ask=user().role_name != "viewer",
    )


@blueprint.post("/jobs")
@signed_in
def change_jobs() -> AnyResponse:
    """Cancel or retry the ticked jobs; those that can't be are counted."""
    asked = request.form.get("action")
    done = refused = 0
    for job_id in request.form.getlist("job")[:MAX_AT_ONCE]:
        try:
            found = own_job(job_id)
            if asked == "cancel":
                cancel(service(), user(), found, origin(), authority())
            else:
                retry(service(), submission(found.priority), found)
            done += 1
        except DomainError:
            refused += 1
    back = local_page(request.form.get("back", "/jobs"))
    joint = "&" if "?" in back else "?"
    return to(f"{back}{joint}{urlencode({'did': asked or '', 'done': done, 'refused': refused})}")


def _outcome() -> str | None:
    """What the last change of several jobs did, in words."""
    done, refused = request.args.get("done", ""), request.args.get("refused", "")
    if not (done.isdigit() and refused.isdigit()):
        return None
    cancelled = request.args.get("did") == "cancel"
    told = f"{counted(int(done), 'job')} {'cancelled' if cancelled else 'asked for again'}."
    left = int(refused)
    if left:
        them, are, as_they_are = (
            ("it", "was", "it is") if left == 1 else ("they", "were", "they are")
        )
        why = "had ended already" if cancelled else f"can't be done again as {as_they_are}"
        told += f" {left:,} {are} left alone: {them} {why}, or you may only read "
        told += "it." if left == 1 else "them."
    return told


def _query(given: dict[str, Any]) -> dict[str, Any]:
    flat = {
        name: values if name == "status" else values[-1]
        for name, values in given.items()
        if name not in OUTCOME
    }
    days = with_days(flat, "created_after", "created_before")
    loaded: dict[str, Any] = JobsQuery().load({"limit": str(LIMIT), **days})
    return loaded


def own_job(job_id: str) -> Job:
    """A job that the viewer may change.

    Raises
    ------
    NotFound, Forbidden
        It isn't there or visible; or the viewer may only read.
    """
    found = job_for(job_id)
    dataset_for(found.dataset_id, "write")
    return found
