"""Routes of profiles: as a job, at once, and a job's result."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from marshmallow import fields, validate

from application.access import RowSource
from application.profiling import (
    analysis,
    profile_result,
    submit_profiling,
)
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.row_responses import column_names
from http_api.routes.submissions import completed, submission
from http_api.schemas.base import StrictQuery, StrictSchema, text
from http_api.schemas.jobs import JobAcceptedOut, accepted, priority_field
from job_runner.tables.open_tables import open_table

AT_ONCE_S = 20.0
"""Time limit of a request's scan; the rest is estimated."""

blueprint = SignedInBlueprint("profiling", __name__, tag="Profiling")


class ProfilingJobIn(StrictSchema):
    """A profiling job."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    columns = fields.List(text(1, 1000), load_default=list, validate=validate.Length(max=10_000))
    priority = priority_field()


class AnalysisQuery(StrictQuery):
    columns = text(1, 100_000, description="Column names separated by commas; all when left out.")


@blueprint.post(
    "/api/profiling/datasets/<int:dataset_id>/jobs", body=ProfilingJobIn, output=JobAcceptedOut
)
def create(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    """Profile a table.

    A table with a cached profile is done at once.
    """
    dataset = caller().dataset(dataset_id, "write")
    by = submission(given.pop("priority"), body=given)
    job = submit_profiling(service(), by, dataset, **given)
    return accepted(job, "Profiling job created")


@blueprint.get("/api/profiling/jobs/<job_id>/result")
def result(job_id: str) -> Response:
    """A profiling job's profile, with hints for a sampling design."""
    job = completed(caller().job(job_id), "profiling")
    with caller().reading():
        found = profile_result(service(), job, AT_ONCE_S)
    caller().audit_view(
        RowSource(job.dataset_id, found["commit_id"], found["table_key"], job.id), "profile"
    )
    return jsonify({"job_id": job.id, "dataset_id": job.dataset_id, **found})


@blueprint.get(
    "/api/datasets/<int:dataset_id>/refs/<ref>/tables/<path:key>/analysis", query=AnalysisQuery
)
def table_analysis(dataset_id: int, ref: str, key: str, query: dict[str, Any]) -> Response:
    """A table's profile, at once.

    Computed once for each table. The first request for a large table takes up to twenty seconds;
    then the rest is marked as estimated, until a profiling job has run.
    """
    caller().dataset(dataset_id, "read")
    names = [name for name in column_names(query) if name]
    with caller().reading():
        table = open_table(service(), dataset_id, ref, key)
        found = analysis(service(), table, names, AT_ONCE_S)
    caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "profile")
    return jsonify({"dataset_id": dataset_id, **found})
