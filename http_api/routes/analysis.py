"""Routes of profiles, representativeness checks and comparisons of two tables."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from marshmallow import fields, validate

from application.access import RowSource
from application.comparing import shown_comparison, shown_tables
from application.profiling import (
    analysis,
    profile_result,
    submit_profiling,
)
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.row_responses import column_names
from http_api.routes.submissions import completed, submission
from http_api.schemas.base import StrictQuery, StrictSchema, text
from http_api.schemas.comparisons import SampleComparisonOut, TableComparisonOut
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


comparisons_blueprint = SignedInBlueprint(
    "comparisons", __name__, url_prefix="/api", tag="Comparisons"
)


class CompareQuery(StrictQuery):
    base_ref = text(1, 100, required=True, description="A ref or a commit.")
    base_table = text(1, 200)
    ref = text(1, 100, load_default="main", description="A ref or a commit.")
    table = text(1, 200)


@comparisons_blueprint.get("/sampling/jobs/<job_id>/comparison", output=SampleComparisonOut)
def of_job(job_id: str) -> dict[str, Any]:
    """Is the sample representative?

    The representativeness check: the sample is compared with its population column by column. It
    runs after the job, or else with this request. A 409 `comparison_not_ready` means: send the
    request again.
    """
    return shown_comparison(caller(), completed(caller().job(job_id), "sampling"))


@comparisons_blueprint.get(
    "/datasets/<int:dataset_id>/compare", query=CompareQuery, output=TableComparisonOut
)
def of_tables(dataset_id: int, query: dict[str, str]) -> dict[str, Any]:
    """What changed between two tables?

    Compares `table` of `ref` with `base_table` of `base_ref`: rows, columns, types, categories and
    distributions. The first request may get a 409 `comparison_not_ready`: send it again.
    """
    caller().dataset(dataset_id, "read")
    return shown_tables(
        caller(),
        dataset_id,
        (query["base_ref"], query.get("base_table")),
        (query["ref"], query.get("table")),
    )
