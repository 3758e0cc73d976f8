"""The start page, the list of datasets, and the import forms.

The script creates a new dataset only when its first file is uploaded.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from application.administration.overview import admin_overview
from application.audit.examinations import examinations_of
from application.audit.inbox import inbox
from application.demo_import import submit_demo
from application.import_preview import MAX_BYTES
from contract.declarations import declared
from contract.fields import Count, Suggested
from contract.requests.attaching import FORMATS
from contract.requests.importing import ReadOptions
from import_engine.formats import ENDINGS
from storage.accounts.connections import list_connections
from storage.accounts.datasets import SORTS, DatasetFilters, list_datasets
from storage.accounts.identities import identity_of
from storage.accounts.users import password_hash_of
from storage.jobs.jobs import outcomes_of
from storage.jobs.lists import JobFilters, list_jobs
from storage.versions.manifests import PRIMARY
from storage.versions.refs import MAIN, is_movable, list_refs
from storage.versions.row_keys import row_key_of
from web_ui.shell import ListQuery, blueprint, caller, service, show, submission, to

SHOWN = 8


@blueprint.get("/")
def home() -> AnyResponse:
    """Show what waits for the user, open and failed jobs, the latest samples and datasets.

    A user who is a reviewer alone goes to the reviews.
    """
    me = caller().user
    samples = JobFilters(run_type="sampling", statuses=("completed",))
    unfinished = JobFilters(user_id=me.id, statuses=("pending", "running", "failed"))
    with service().database.read() as tx:
        found, sample_count = list_jobs(tx, me, samples, offset=0, limit=SHOWN)
        outcomes = outcomes_of(tx, [job.id for job in found])
        examinations = examinations_of(tx, found)
        open_jobs, _ = list_jobs(tx, me, unfinished, offset=0, limit=SHOWN)
        datasets, dataset_count = list_datasets(
            tx, me, DatasetFilters(None, None, None), sort="-updated_at", offset=0, limit=SHOWN
        )
        needs_password = password_hash_of(tx, me.soeid) is None and identity_of(tx, me.id) is None
    waiting = inbox(caller()).entries
    if me.role_name == "viewer" and not dataset_count and waiting:
        return to("/review")
    return show(
        "home.html",
        waiting=waiting,
        shown=SHOWN,
        samples=found,
        outcomes=outcomes,
        examinations=examinations,
        sample_count=sample_count,
        open_jobs=open_jobs,
        datasets=datasets,
        dataset_count=dataset_count,
        can_create=me.role_name != "viewer",
        needs_password=needs_password,
        admin=admin_overview(service()) if me.is_admin else None,
    )


@blueprint.post("/demo")
def import_demo() -> AnyResponse:
    """Create the demo dataset and show its import job."""
    caller().require_role("admin", "analyst")
    return to(f"/jobs/{submit_demo(service(), submission('interactive', request.path))}")


SORT_NAMES = {
    "-updated_at": "last change",
    "name": "name",
    "-created_at": "newest first",
    "created_at": "oldest first",
}


@blueprint.get("/datasets")
def datasets() -> Response:
    """List the datasets that the user can view and that match the filters."""
    query, user = ListQuery(), caller().user
    text, tag = query.text("q"), query.text("tag")
    sort = request.args.get("sort", "-updated_at")
    with service().database.read() as tx:
        found, total = list_datasets(
            tx,
            user,
            DatasetFilters(text, tag),
            sort=sort if sort in SORTS else "-updated_at",
            offset=query.offset,
            limit=query.limit,
        )
    return show(
        "datasets.html",
        datasets=found,
        page=query.page(total),
        q=text or "",
        tag=tag or "",
        sort=sort,
        sorts={name: title for name, title in SORT_NAMES.items() if name in SORTS},
        can_create=user.role_name != "viewer",
    )


@blueprint.get("/datasets/<int:dataset_id>/import")
def import_form(dataset_id: int) -> Response:
    """Show the form for a file and a version."""
    dataset = caller().dataset(dataset_id, "write")
    with service().database.read() as tx:
        refs, _ = list_refs(tx, dataset_id)
        connections = list_connections(tx, caller().user)
        declared_key = row_key_of(tx, dataset_id, PRIMARY)
    return show(
        "dataset_import.html",
        dataset=dataset,
        row_key=declared_key.columns if declared_key else (),
        connections=connections,
        attach="attach" in request.args,
        given=request.args,
        table_formats=FORMATS,
        refs=[one for one in refs if is_movable(one.name)],
        ref=request.args.get("ref", MAIN),
    )


@blueprint.get("/datasets/new")
def new_dataset() -> Response:
    """Show the form for a new dataset and its first file."""
    caller().require_role("admin", "analyst")
    return show("dataset_new.html")


@blueprint.app_template_global()
def import_limits() -> dict[str, Any]:
    """The limits of an import: endings, sizes, the allowed prefixes of URIs, and the options."""
    settings = service().settings
    return {
        "endings": [*ENDINGS, ".gz"],
        "preview_bytes": MAX_BYTES,
        "max_bytes": settings.upload_max_mb * 1024**2,
        "prefixes": [str(prefix) for prefix in settings.allowed_prefixes],
        "options": [
            {
                "name": own.name,
                "label": own.title,
                "formats": own.only_with,
                "choices": list(own.kind.titles.items())
                if isinstance(own.kind, Suggested)
                else None,
            }
            for own in declared(ReadOptions)
            if isinstance(own.kind, Suggested | Count)
        ],
    }
