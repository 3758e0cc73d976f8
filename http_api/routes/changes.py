"""Routes of the change between two samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response

from application.access import sample_source
from application.estimation.change import ChangeAnswer, change_of
from application.estimation.changed_values import (
    ValueChanges,
    changed_values,
    write_changed_values,
)
from contract.requests.change import ChangedValuesRequest, ChangeRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.row_responses import downloaded_file, file_answer
from http_api.routes.submissions import completed_sample
from parquet_tables.exports import MEDIA_TYPES
from service.tables.open_tables import named_by
from storage.jobs.jobs import JobRecord

blueprint = SignedInBlueprint("changes", "Sampling", "/api/sampling/jobs/<job_id>")


def _both(job_id: str, with_job: str, place: str) -> tuple[JobRecord, JobRecord]:
    first = completed_sample(job_id)
    with named_by(place, "with_job"):
        return first, completed_sample(with_job)


@contextmanager
def _viewing(jobs: tuple[JobRecord, JobRecord], what: str) -> Iterator[None]:
    """The rows of both samples are read; the audit trail says what is viewed."""
    yield
    for job in jobs:
        caller().audit_view(sample_source(job), what)


@blueprint.post("/change", only_reads=True)
def change(job_id: str, given: ChangeRequest) -> ChangeAnswer:
    """Estimate the change of figures from this sample to another.

    Rows in both samples are matched by their key; the standard error of the change has their
    covariance.
    """
    jobs = _both(job_id, given.with_job, "body")
    with _viewing(jobs, "change"), caller().reading():
        return change_of(service(), *jobs, given)


@blueprint.get("/changed-values")
def values_that_changed(job_id: str, query: ChangedValuesRequest) -> Response | ValueChanges:
    """List the values that differ between the rows that this sample and another have.

    Rows are matched by their key. `csv` has all of them.
    """
    jobs = _both(job_id, query.with_job, "query")
    with _viewing(jobs, "changed values"):
        if query.format == "json":
            with caller().reading():
                return changed_values(service(), *jobs, query)
        with downloaded_file("changed") as path:
            write_changed_values(service(), *jobs, query, path)
            name = f"changed-{jobs[0].id[:8]}-{jobs[1].id[:8]}.csv"
            return file_answer(path, name, MEDIA_TYPES["csv"])
