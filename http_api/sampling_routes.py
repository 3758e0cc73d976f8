"""Drawing samples and fetching the drawn rows."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify
from marshmallow import RAISE, fields

from domain_errors import DomainError
from http_api.access import bearer, dataset_for, job_for, service, user
from http_api.job_schemas import JobAcceptedOut, accepted
from http_api.row_responses import RowsQuery, download, page_json
from http_api.sampling_schemas import MethodsOut, SamplingJobIn
from http_api.strict_schemas import text
from http_api.tables_routes import RowsOut
from job_runner.open_tables import PRIMARY, SAMPLE, open_table
from job_runner.sampling_job import SamplingRequest, submit_sampling
from sampling_engine import METHODS
from storage.errors import NotFound
from storage.jobs import Job

blueprint = APIBlueprint("sampling", __name__, url_prefix="/api/sampling", tag="Sampling")


class JobNotCompleted(DomainError):
    """The rows of a job that has none yet, or never will."""

    code = "job_not_completed"


class SampleQuery(RowsQuery):
    table_key = text(1, 200, load_default=PRIMARY)


class SampleRowsOut(RowsOut):
    job_id = fields.String(required=True)
    metadata = fields.Dict(required=True)


@blueprint.post("/datasets/<int:dataset_id>/jobs")
@blueprint.auth_required(bearer)
@blueprint.input(SamplingJobIn, arg_name="given")
@blueprint.output(JobAcceptedOut)
@blueprint.doc(
    summary="Draw a sample",
    description="Whatever can be checked is checked before the answer. A job draws the rows.",
)
def create(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    dataset = dataset_for(dataset_id, "write")
    job_id = submit_sampling(service(), user(), dataset, SamplingRequest(**given))
    return accepted(job_id, f"Sampling job created with {len(given['rounds'])} rounds")


@blueprint.get("/jobs/<job_id>/data")
@blueprint.auth_required(bearer)
@blueprint.input(SampleQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(SampleRowsOut)
@blueprint.doc(summary="The drawn rows")
def data(job_id: str, query: dict[str, Any]) -> Response:
    job = _completed_sampling(job_for(job_id))
    own_key = job.run_parameters["table_key"]
    key = query["table_key"]
    if key not in (PRIMARY, SAMPLE, own_key):
        raise NotFound(f'The job has no table "{key}". There are: {SAMPLE}, {own_key}.')
    assert job.output_commit_id is not None  # noqa: S101 - a completed draw made a commit
    table = open_table(service(), job.dataset_id, job.output_commit_id, SAMPLE)
    if query["format"] != "json":
        return download(table.files, query, f"sample-{job.id[:8]}")
    summary = job.output_summary or {}
    return jsonify(
        {
            "job_id": job.id,
            "dataset_id": job.dataset_id,
            "commit_id": table.commit_id,
            "table_key": key,
            **page_json(table.files, query),
            "metadata": {
                "sampling_summary": {
                    name: value for name, value in summary.items() if name != "rounds"
                },
                "round_details": summary.get("rounds", []),
                "residual_info": {"residual_rows": summary.get("residual_rows")},
            },
        }
    )


@blueprint.get("/datasets/<int:dataset_id>/sampling-methods")
@blueprint.auth_required(bearer)
@blueprint.output(MethodsOut)
@blueprint.doc(summary="The methods with their parameters")
def methods(dataset_id: int) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    return {"methods": METHODS, "supported_operators": []}


def _completed_sampling(job: Job) -> Job:
    if job.run_type != "sampling":
        raise NotFound(f"Job {job.id} is no sampling job but of type {job.run_type}.")
    if job.status != "completed":
        why = f": {job.error_message}" if job.error_message else ""
        raise JobNotCompleted(f"The job is {job.status}, so it has no rows{why}")
    return job
