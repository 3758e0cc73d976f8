"""The list of jobs, with actions on several jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from application.lifecycle import cancel, retry
from domain_errors import DomainError
from storage.accounts.datasets import DatasetFilters, get_dataset, list_datasets
from storage.accounts.users import User
from storage.errors import NotFound
from storage.jobs.jobs import RUN_TYPES, STATUSES, Job
from storage.jobs.lists import ORDERS, JobFilters, list_jobs
from storage.sqlite.database import Transaction
from web_ui.job_texts import counted
from web_ui.shell import (
    ListQuery,
    blueprint,
    caller,
    local_page,
    service,
    show,
    signed_in,
    submission,
    to,
)

MAX_SELECTED = 1000
MAX_DATASET_OPTIONS = 100


@blueprint.get("/jobs")
@signed_in
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
    )
    order = query.choice("order", ORDERS) or "newest"
    if query.problem:
        filters, order = JobFilters(), "newest"
    with service().database.read() as tx:
        found, total = list_jobs(
            tx, user, filters, order=order, offset=query.offset, limit=query.limit
        )
        choice = dataset_choice(tx, user, filters.dataset_id)
    return show(
        "jobs.html",
        jobs=found,
        choice=choice,
        page=query.page(total),
        problem=query.problem,
        statuses=STATUSES,
        run_types=RUN_TYPES,
        chosen=filters.statuses or (),
        narrowed=filters != JobFilters() or order != "newest" or bool(query.problem),
        outcome=_outcome(),
        can_submit=user.role_name != "viewer",
    )


@blueprint.post("/jobs")
@signed_in
def change_jobs() -> AnyResponse:
    """Cancel or retry the selected jobs, and count the refused ones."""
    action = request.form.get("action", "")
    by = caller()
    done = refused = 0
    for job_id in request.form.getlist("job")[:MAX_SELECTED]:
        try:
            found = own_job(job_id)
            if action == "cancel":
                cancel(service(), by.user, found, by.origin, by.authority())
            else:
                retry(service(), submission(found.priority, request.path), found)
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


def own_job(job_id: str) -> Job:
    """A job that the user can change."""
    found = caller().job(job_id)
    caller().dataset(found.dataset_id, "write")
    return found
