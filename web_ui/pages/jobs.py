"""The list of jobs, with actions on several jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
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
from storage.accounts.datasets import DatasetFilters, get_dataset, list_datasets
from storage.accounts.users import User
from storage.errors import NotFound
from storage.jobs.jobs import RUN_TYPES, STATUSES, Job
from storage.jobs.lists import JobFilters, list_jobs
from storage.sqlite.database import Transaction
from web_ui.job_texts import counted
from web_ui.shell import blueprint, filter_problem, local_page, show, signed_in, to, with_days

LIMIT = 50
MAX_SELECTED = 1000
MAX_DATASET_OPTIONS = 100
OUTCOME = ("did", "done", "refused")


@blueprint.get("/jobs")
@signed_in
def jobs() -> Response:
    """List the jobs that match the filters, newest first."""
    given = {name: request.args.getlist(name) for name in request.args if request.args.get(name)}
    problem = None
    try:
        query = _query(given)
    except ValidationError as error:
        query, problem = _query({}), filter_problem(error)
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
        can_submit=user().role_name != "viewer",
    )


@blueprint.post("/jobs")
@signed_in
def change_jobs() -> AnyResponse:
    """Cancel or retry the selected jobs, and count the refused ones."""
    action = request.form.get("action", "")
    done = refused = 0
    for job_id in request.form.getlist("job")[:MAX_SELECTED]:
        try:
            found = own_job(job_id)
            if action == "cancel":
                cancel(service(), user(), found, origin(), authority())
            else:
                retry(service(), submission(found.priority), found)
            done += 1
        except DomainError:
            refused += 1
    back = local_page(request.form.get("back", "/jobs"))
    separator = "&" if "?" in back else "?"
    return to(f"{back}{separator}{urlencode({'did': action, 'done': done, 'refused': refused})}")


@dataclass(frozen=True)
class DatasetChoice:
    """Ids and names by name, and the number of visible datasets that are not listed."""

    datasets: Sequence[tuple[int, str]]
    chosen: int | None
    others: int


def dataset_choice(tx: Transaction, viewer: User, chosen: int | None) -> DatasetChoice:
    """The visible datasets that changed last, and the chosen one; equal names show the id."""
    listed, total = list_datasets(tx, viewer, DatasetFilters(), offset=0, limit=MAX_DATASET_OPTIONS)
    found = {dataset.id: dataset.name for dataset in listed}
    others = total - len(found)
    if chosen is not None and chosen not in found:
        with suppress(NotFound):
            found[chosen] = get_dataset(tx, chosen, viewer).name
            others -= 1
    uses = Counter(found.values())
    named = [
        (dataset_id, name if uses[name] == 1 else f"{name} ({dataset_id})")
        for dataset_id, name in found.items()
    ]
    return DatasetChoice(sorted(named, key=lambda entry: entry[1].casefold()), chosen, others)


def _outcome() -> str | None:
    """The result of the last action on selected jobs."""
    done, refused = request.args.get("done", ""), request.args.get("refused", "")
    if not (done.isdigit() and refused.isdigit()):
        return None
    is_cancel = request.args.get("did") == "cancel"
    text = f"{counted(int(done), 'job')} {'cancelled' if is_cancel else 'retried'}."
    if int(refused):
        reason = "already ended" if is_cancel else "can't be retried"
        text += f" {counted(int(refused), 'job')} unchanged: {reason}, or view access only."
    return text


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
    """A job that the user can change.

    Raises
    ------
    NotFound, Forbidden
        The job does not exist or is not visible; the user can only view it.
    """
    found = job_for(job_id)
    dataset_for(found.dataset_id, "write")
    return found
