"""The start page."""

from __future__ import annotations

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from application.demo_data import demo_archive, submit_demo
from storage.accounts.datasets import DatasetFilters, list_datasets
from storage.errors import NotFound
from storage.jobs.lists import JobFilters, list_jobs
from web_ui.shell import blueprint, caller, service, show, signed_in, submission, to

SHOWN = 8


@blueprint.get("/")
@signed_in
def home() -> Response:
    """Show the user's latest jobs and the datasets that changed last."""
    me = caller().user
    with service().database.read() as tx:
        jobs, job_count = list_jobs(tx, me, JobFilters(user_id=me.id), offset=0, limit=SHOWN)
        datasets, dataset_count = list_datasets(
            tx, me, DatasetFilters(None, None, None), sort="-updated_at", offset=0, limit=SHOWN
        )
    return show(
        "home.html",
        jobs=jobs,
        job_count=job_count,
        datasets=datasets,
        dataset_count=dataset_count,
        can_create=me.role_name != "viewer",
        offers_demo=not dataset_count and demo_archive() is not None,
    )


@blueprint.post("/demo")
@signed_in
def import_demo() -> AnyResponse:
    """Create the demo dataset and show its import job."""
    caller().require_role("admin", "analyst")
    archive = demo_archive()
    if archive is None:
        raise NotFound("The demo data are not installed on this server.")
    return to(f"/jobs/{submit_demo(service(), submission('interactive', request.path), archive)}")
