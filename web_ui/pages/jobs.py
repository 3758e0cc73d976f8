"""The list of jobs, with actions on several jobs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlencode

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from application.audit.examinations import examinations_of
from application.lifecycle import cancel, dismiss, retry
from contract.jobs import ORDERS, RUN_TYPES, STATUSES
from contract.words import LISTED_REVIEW_STATES
from domain_errors import DomainError, InvalidRequest, counted
from lazy_dataclasses import dataclass
from storage.accounts.datasets import DatasetFilters, get_dataset, list_datasets
from storage.accounts.users import User
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.lists import JobFilters, list_jobs
from storage.sqlite.database import Transaction
from web_ui.shell import (
    ListQuery,
    blueprint,
    caller,
    local_page,
    number_between,
    service,
    show,
    submission,
    to,
)

MAX_SELECTED = 1000
MAX_LINKED = 20
"""Most jobs that the result of an action links."""
MAX_DATASET_OPTIONS = 100
_JOB_ID = re.compile("[0-9a-f-]{36}")


@blueprint.get("/jobs")
def jobs() -> Response:
    """List the jobs that match the filters, newest first."""
    query, user = ListQuery(), caller().user
    filters = JobFilters(
        user_id=query.number("user_id"),
        user_soeid=query.text("user_soeid"),
        dataset_id=query.number("dataset_id"),
        statuses=query.choices("status", STATUSES),
        run_type=query.choice("run_type", RUN_TYPES),
        created_after=query.time("created_after"),
        created_before=query.time("created_before"),
        unresolved=query.choice("unresolved", ("true",)) is not None,
        review_state=query.choice("review_state", tuple(LISTED_REVIEW_STATES)),
    )
    order = query.choice("order", ORDERS) or "newest"
    if query.problem:
        filters, order = JobFilters(), "newest"
    with service().database.read() as tx:
        found, total = list_jobs(
            tx, user, filters, order=order, offset=query.offset, limit=query.limit
        )
        examinations = examinations_of(tx, found)
        choice = dataset_choice(tx, user, filters.dataset_id)
    return show(
        "jobs.html",
        jobs=found,
        examinations=examinations,
        choice=choice,
        page=query.page(total),
        problem=query.problem,
        statuses=STATUSES,
        run_types=RUN_TYPES,
        chosen=filters.statuses or (),
        views=_views(user, filters),
        chips=_chips(choice),
        narrowed=filters != JobFilters() or order != "newest" or bool(query.problem),
        outcome=_outcome(),
        can_submit=user.role_name != "viewer",
    )


@blueprint.post("/jobs")
def change_jobs() -> AnyResponse:
    """Cancel, retry or dismiss the selected jobs, and count the refused ones."""
    action = request.form.get("action", "")
    if action not in _DONE:
        raise InvalidRequest("Choose an action.", loc=("body", "action"))
    changed, refused = [], 0
    for job_id in request.form.getlist("job")[:MAX_SELECTED]:
        try:
            changed.append(_act(action, own_job(job_id)).id)
        except DomainError:
            refused += 1
    back = local_page(request.form.get("back", "/jobs"))
    separator = "&" if "?" in back else "?"
    outcome: dict[str, str | int] = {"did": action, "done": len(changed), "refused": refused}
    if len(changed) <= MAX_LINKED:
        outcome["job"] = ",".join(changed)
    return to(f"{back}{separator}{urlencode(outcome)}")


def _act(action: str, found: JobRecord) -> JobRecord:
    """Cancel, retry or dismiss a job; return the job, or its retry."""
    by = caller()
    if action == "cancel":
        return cancel(by, found)
    if action == "retry":
        return retry(service(), submission(found.priority, request.path), found)
    return dismiss(by, found, undo=action == "undo")


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


@dataclass(frozen=True)
class ShownOutcome:
    """The result of the last action; ``undo`` has jobs whose dismissal can be undone."""

    text: str
    new_jobs: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()


_DONE = {
    "cancel": ("cancelled", "already ended"),
    "retry": ("retried", "can't be retried"),
    "dismiss": ("dismissed", "not failed"),
    "undo": ("restored", "not failed"),
}
"""What an action has done to a job, and why it leaves another one unchanged."""


def _outcome() -> ShownOutcome | None:
    """The result of the last action on selected jobs."""
    did = request.args.get("did", "")
    done, refused = (number_between(name, 0, MAX_SELECTED, -1) for name in ("done", "refused"))
    if min(done, refused) < 0 or did not in _DONE:
        return None
    verb, why = _DONE[did]
    text = f"{counted(done, 'job')} {verb}."
    if refused:
        text += f" {counted(refused, 'job')} unchanged: {why}, or view access only."
    jobs = tuple(filter(_JOB_ID.fullmatch, request.args.get("job", "").split(",")))
    return ShownOutcome(
        text,
        new_jobs=jobs if did == "retry" else (),
        undo=jobs if did == "dismiss" else (),
    )


def _views(user: User, filters: JobFilters) -> list[tuple[str, str, bool]]:
    """The ready filters as tabs: address, title, and whether it is shown."""
    views = {
        "All": ("", JobFilters()),
        "Mine": (f"?user_id={user.id}", JobFilters(user_id=user.id)),
        "In progress": ("?status=pending,running", JobFilters(statuses=("pending", "running"))),
        "To resolve": ("?unresolved=true", JobFilters(unresolved=True)),
    }
    return [(f"/jobs{query}", name, filters == view) for name, (query, view) in views.items()]


_CHIPS = {
    "status": "State",
    "run_type": "Type",
    "user_soeid": "User",
    "user_id": "User",
    "dataset_id": "Dataset",
    "created_after": "After",
    "created_before": "Before",
    "unresolved": "To resolve",
    "review_state": "Review",
}


def _chips(choice: DatasetChoice) -> list[tuple[str, str]]:
    """The filters of the URL: parameter, and what it says."""
    names = {str(dataset_id): name for dataset_id, name in choice.datasets}
    chips = []
    for name, title in _CHIPS.items():
        value = ", ".join(filter(None, request.args.getlist(name)))
        if name == "dataset_id":
            value = names.get(value, value)
        if name == "user_id" and value == str(caller().user.id):
            value = "me"
        if name == "review_state":
            titles = LISTED_REVIEW_STATES.items()
            value = next((title for key, title in titles if key == value), value)
        if value:
            chips.append((name, title if name == "unresolved" else f"{title}: {value}"))
    return chips


def own_job(job_id: str) -> JobRecord:
    """A job that the user can change."""
    found = caller().job(job_id)
    caller().dataset(found.dataset_id, "write")
    return found
