"""Whether a sample is like its population, and one table of a dataset like another."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from marshmallow import RAISE, fields

from http_api.access import bearer, dataset_for, job_for, service
from http_api.finished_jobs import completed
from http_api.row_reads import RowSource, tell_view
from http_api.strict_schemas import StrictQuery, text
from http_api.work_limits import reading
from job_runner.comparing import comparison_of_job, comparison_of_tables
from job_runner.open_tables import open_table
from storage.jobs import Job

blueprint = APIBlueprint("comparisons", __name__, url_prefix="/api", tag="Comparisons")

SHOWN = "comparison"
"""What the audit trail calls a look at one."""


class PartOut(Schema):
    label = fields.String(required=True, metadata={"description": "A category, or an interval."})
    base = fields.Float(required=True)
    other = fields.Float(required=True)


class ColumnComparisonOut(Schema):
    name = fields.String(required=True)
    type = fields.String(required=True)
    kind = fields.String(
        required=True, metadata={"description": "`kolmogorov_smirnov` or `chi_square`."}
    )
    base_rows = fields.Integer(required=True)
    other_rows = fields.Integer(required=True)
    base_missing = fields.Float(required=True)
    other_missing = fields.Float(required=True)
    base_mean = fields.Raw(
        allow_none=True, required=True, metadata={"description": "A text for dates and times."}
    )
    other_mean = fields.Raw(allow_none=True, required=True)
    standardised_difference = fields.Float(allow_none=True, required=True)
    distance = fields.Float(required=True)
    p_value = fields.Float(required=True)
    missing_p_value = fields.Float(required=True)
    parts = fields.List(fields.Nested(PartOut), required=True)
    stands_out = fields.Boolean(required=True)
    sentence = fields.String(required=True)


class SideOut(Schema):
    rows = fields.Integer(required=True)
    rows_read = fields.Integer(required=True)


class PopulationOut(SideOut):
    of_rows = fields.Integer(required=True, metadata={"description": "Rows of the whole table."})
    filter = fields.String(allow_none=True, required=True)


class SampleOut(SideOut):
    counts_for = fields.Float(
        required=True, metadata={"description": "How many equally weighted rows it is worth."}
    )


class ComparisonOut(Schema):
    purpose = fields.String(required=True)
    verdict = fields.String(required=True)
    alike = fields.Boolean(
        allow_none=True,
        required=True,
        metadata={"description": "null when there is too little to tell."},
    )
    stand_out = fields.List(fields.String(), required=True)
    noticeable = fields.Float(
        allow_none=True,
        required=True,
        metadata={"description": "What moves a smaller share of the rows goes unnoticed."},
    )
    columns = fields.List(fields.Nested(ColumnComparisonOut), required=True)
    not_compared = fields.List(fields.String(), required=True)
    only_in_base = fields.List(fields.String(), required=True)
    only_in_other = fields.List(fields.String(), required=True)


class StrataReachedOut(Schema):
    round_number = fields.Integer(required=True)
    strata = fields.Integer(required=True)
    reached = fields.Integer(required=True)
    missed = fields.List(fields.String(), required=True)


class FilteredOut(Schema):
    verdict = fields.String(required=True)
    stand_out = fields.List(fields.String(), required=True)
    columns = fields.List(fields.Nested(ColumnComparisonOut), required=True)
    rows = fields.Integer(required=True)
    of_rows = fields.Integer(required=True)


class SampleComparisonOut(ComparisonOut):
    job_id = fields.String(required=True)
    made_at = fields.String(required=True)
    base = fields.Nested(PopulationOut, allow_none=True, required=True)
    other = fields.Nested(SampleOut, allow_none=True, required=True)
    assumptions = fields.List(fields.String(), required=True)
    filtered = fields.Nested(FilteredOut, allow_none=True, required=True)
    strata = fields.List(fields.Nested(StrataReachedOut), required=True)


class TableOut(SideOut):
    commit_id = fields.String(required=True)
    table_key = fields.String(required=True)
    weighted = fields.Boolean(
        required=True,
        metadata={"description": "Whether rows count by design weights, as a drawn sample's do."},
    )


class TableComparisonOut(ComparisonOut):
    dataset_id = fields.Integer(required=True)
    base = fields.Nested(TableOut, required=True)
    other = fields.Nested(TableOut, required=True)


class CompareQuery(StrictQuery):
    base_ref = text(1, 100, required=True, metadata={"description": "A ref or a commit."})
    base_table = text(1, 200)
    ref = text(1, 100, load_default="main", metadata={"description": "A ref or a commit."})
    table = text(1, 200)


@blueprint.get("/sampling/jobs/<job_id>/comparison")
@blueprint.auth_required(bearer)
@blueprint.output(SampleComparisonOut)
@blueprint.doc(
    summary="Is the sample like its population?",
    description="Column by column, with a verdict in words. Made after the job; if it isn't there "
    "yet it is made now, and a 409 `comparison_not_ready` says to ask again.",
)
def of_job(job_id: str) -> dict[str, Any]:
    return shown_comparison(completed(job_for(job_id), "sampling"))


@blueprint.get("/datasets/<int:dataset_id>/compare")
@blueprint.auth_required(bearer)
@blueprint.input(CompareQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(TableComparisonOut)
@blueprint.doc(
    summary="Is one table like another?",
    description="`table` of `ref` beside `base_table` of `base_ref`: what has drifted between two "
    "commits. The first time it may be a 409 `comparison_not_ready`: ask again.",
)
def of_tables(dataset_id: int, query: dict[str, str]) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    return shown_tables(
        dataset_id,
        (query["base_ref"], query.get("base_table")),
        (query["ref"], query.get("table")),
    )


def shown_comparison(job: Job) -> dict[str, Any]:
    """A job's comparison, with a word to the audit trail: it tells of values."""
    with reading():
        found = comparison_of_job(service(), job)
    source = job.source_commit_id or ""
    tell_view(RowSource(job.dataset_id, source, job.run_parameters["table_key"], job.id), SHOWN)
    return found


def shown_tables(
    dataset_id: int, base: tuple[str, str | None], other: tuple[str, str | None]
) -> dict[str, Any]:
    """The comparison of two tables, each given by its ref and key; the audit trail is told."""
    with reading():
        tables = [open_table(service(), dataset_id, *one) for one in (base, other)]
        found = comparison_of_tables(service(), dataset_id, *tables)
    for table in tables:
        tell_view(RowSource(dataset_id, table.commit_id, table.key), SHOWN)
    return {"dataset_id": dataset_id, **found}
