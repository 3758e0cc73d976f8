"""The start page: where one left off, and what to do next."""

from __future__ import annotations

from flask import Response

from http_api.access import service, user
from storage.datasets import DatasetFilters, list_datasets
from storage.job_lists import JobFilters, list_jobs
from web_ui.shell import blueprint, show, signed_in

SHOWN = 8


@blueprint.get("/")
@signed_in
def home() -> Response:
    """The viewer's newest jobs and the datasets that changed last."""
    me = user()
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
        may_make=me.role_name != "viewer",
    )
