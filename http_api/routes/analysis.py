"""Routes and schemas of profiles, representativeness checks and comparisons of two tables."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from application.access import RowSource
from application.comparing import ComparedTables, shown_comparison, shown_tables
from application.profiling import (
    analysis,
    profile_result,
    submit_profiling,
)
from contract.requests.jobs import ProfilingJobRequest
from contract.requests.tables import AnalysisRequest, ComparisonRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.row_responses import column_names
from http_api.routes.submissions import completed, completed_sample, submission
from http_api.schemas.jobs import JobAccepted, accepted
from service.tables.open_tables import open_table
from service.tables.sample_comparison import SampleComparison
from storage.errors import NotFound
from storage.jobs.kinds import PROFILE

AT_ONCE_S = 20.0
"""Time limit of a request's scan; the rest is estimated."""

blueprint = SignedInBlueprint("profiling", "Profiling")


@blueprint.post("/api/profiling/datasets/<int:dataset_id>/jobs")
def create(dataset_id: int, given: ProfilingJobRequest) -> JobAccepted:
    """Profile a table.

    A table with a cached profile is done at once.
    """
    dataset = caller().dataset(dataset_id, "write")
    table: dict[str, Any] = {
        "source_ref": given.source_ref,
        "table_key": given.table_key,
        "columns": given.columns,
    }
    by = submission(given.priority, body=table)
    return accepted(submit_profiling(service(), by, dataset, **table), "Profiling job created")


@blueprint.get("/api/profiling/jobs/<job_id>/result")
def result(job_id: str) -> Response:
    """A profiling job's profile, with hints for a sampling design."""
    job = completed(caller().job(job_id), "profiling")
    if job.kind is not PROFILE:
        raise NotFound("Job {id} made {result}, not a profile.", id=job.id, result=job.job_kind)
    with caller().reading():
        profile = profile_result(service(), job, AT_ONCE_S)
    source = RowSource(job.dataset_id, profile["commit_id"], profile["table_key"], job.id)
    caller().audit_view(source, "profile")
    return jsonify(profile)


@blueprint.get("/api/datasets/<int:dataset_id>/refs/<ref>/tables/<path:key>/analysis")
def table_analysis(dataset_id: int, ref: str, key: str, query: AnalysisRequest) -> Response:
    """A table's profile, at once.

    Computed once for each table. The first request for a large table takes up to twenty seconds;
    then the rest is marked as estimated, until a profiling job has run.
    """
    caller().dataset(dataset_id, "read")
    names = [name for name in column_names(query.columns) if name]
    with caller().reading():
        table = open_table(service(), dataset_id, ref, key)
        profile = analysis(service(), dataset_id, table, names, AT_ONCE_S)
    caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "profile")
    return jsonify(profile)


comparisons_blueprint = SignedInBlueprint("comparisons", "Comparisons", "/api")


@comparisons_blueprint.get("/sampling/jobs/<job_id>/comparison")
def of_job(job_id: str) -> SampleComparison:
    """Is the sample representative?

    The representativeness check: the sample is compared with its population column by column. It
    runs after the job, or else with this request. A 409 `comparison_not_ready` means: send the
    request again.
    """
    return shown_comparison(caller(), completed_sample(job_id))


@comparisons_blueprint.get("/datasets/<int:dataset_id>/compare")
def of_tables(dataset_id: int, query: ComparisonRequest) -> ComparedTables:
    """What changed between two tables?

    Compares `table` of `source_ref` with `base_table` of `base_ref`: rows, columns, types,
    categories and distributions. The first request may get a 409 `comparison_not_ready`: send it
    again.
    """
    caller().dataset(dataset_id, "read")
    base, other = (query.base_ref, query.base_table), (query.source_ref, query.table)
    return shown_tables(caller(), dataset_id, base, other)
