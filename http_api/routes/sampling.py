"""Routes of draws: jobs, plans, small draws at once, and the choices of a form."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from marshmallow import fields

from application.sampling import SamplingRequest, draw_at_once, plan, submit_sampling
from application.table_views import DEFAULT_VALUES, column_values, filter_shapes
from http_api.auth.access import bearer, dataset_for, reads, service
from http_api.auth.read_auditing import RowSource, audit_draw, audit_view
from http_api.routes.submissions import submission
from http_api.schemas.jobs import JobAcceptedOut
from http_api.schemas.sampling import (
    AtOnceIn,
    ColumnSamplesIn,
    FilterIn,
    FilterOut,
    MethodsOut,
    PlannedRoundOut,
    SamplingJobIn,
)
from http_api.server.work_limits import reading
from job_runner.tables.open_tables import open_table
from sampling_engine import METHODS
from sampling_engine.filters import OPERATORS

blueprint = APIBlueprint(
    "sampling", __name__, url_prefix="/api/sampling/datasets/<int:dataset_id>", tag="Sampling"
)


class PlanOut(Schema):
    dataset_id = fields.Integer(required=True)
    commit_id = fields.String(required=True)
    table_key = fields.String(required=True)
    source_rows = fields.Integer(required=True)
    total_rows = fields.Integer(
        required=True, metadata={"description": "Rows that all rounds would draw."}
    )
    rounds = fields.List(fields.Nested(PlannedRoundOut), required=True)
    warnings = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "On the whole draw, one sentence each."},
    )
    hints = fields.Dict(
        allow_none=True,
        required=True,
        metadata={
            "description": "Columns that suit a sampling design, once the table is profiled."
        },
    )
    output_ref = fields.String(
        allow_none=True,
        required=True,
        metadata={"description": "The ref of the request's output_name."},
    )
    output_ref_taken = fields.Boolean(
        required=True,
        metadata={"description": "Whether another job has that ref: the job would get a 409."},
    )
    earlier_job_id = fields.String(
        allow_none=True,
        required=True,
        metadata={"description": "The earlier job of the same request and name."},
    )


class AtOnceOut(Schema):
    dataset_id = fields.Integer(required=True)
    commit_id = fields.String(required=True)
    table_key = fields.String(required=True)
    data = fields.List(fields.Dict(), required=True)
    columns = fields.List(fields.String(), required=True)
    strata_counts = fields.List(fields.Dict(), required=True)
    metadata = fields.Dict(required=True)


class ColumnSamplesOut(Schema):
    dataset_id = fields.Integer(required=True)
    commit_id = fields.String(required=True)
    table_key = fields.String(required=True)
    samples = fields.Dict(required=True)
    metadata = fields.Dict(required=True)


@blueprint.post("/jobs")
@blueprint.auth_required(bearer)
@blueprint.input(SamplingJobIn, arg_name="given")
@blueprint.output(JobAcceptedOut)
@blueprint.doc(
    summary="Draw a sample",
    description="The request is checked before the response; a job draws the rows. The same "
    "request with the same output_name returns the same job.",
)
def create(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    dataset = dataset_for(dataset_id, "write")
    by = submission(given.pop("priority"), body=given)
    job = submit_sampling(service(), by, dataset, SamplingRequest(**given))
    return {
        "job_id": job.id,
        "status": job.status,
        "message": f"Sampling job created with {len(given['rounds'])} rounds",
    }


@blueprint.post("/plan")
@blueprint.auth_required(bearer)
@blueprint.input(SamplingJobIn, arg_name="given")
@blueprint.output(PlanOut)
@blueprint.doc(
    summary="Plan a draw",
    description="The body of a job. Returns eligible rows, allocation, warnings, and whether its "
    "name is taken; draws nothing.",
)
@reads
def plan_of(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    del given["priority"]  # accepted as in a job's body, but not used
    with reading():
        return plan(service(), dataset_id, SamplingRequest(**given))


@blueprint.post("/sample")
@blueprint.auth_required(bearer)
@blueprint.input(AtOnceIn, arg_name="given")
@blueprint.output(AtOnceOut)
@blueprint.doc(
    summary="Draw up to 10,000 rows at once", description="One round; makes no job and no commit."
)
@reads
def sample(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    with reading():
        drawn = draw_at_once(service(), dataset_id, SamplingRequest(**given))
    audit_draw(dataset_id, drawn)
    return drawn


@blueprint.post("/filters")
@blueprint.auth_required(bearer)
@blueprint.input(FilterIn, arg_name="given")
@blueprint.output(FilterOut)
@blueprint.doc(
    summary="A filter in both forms, and the number of rows that match",
    description="For a form that edits an expression and conditions.",
)
@reads
def filters(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    with reading():
        table = open_table(service(), dataset_id, given["source_ref"], given.get("table_key"))
        return filter_shapes(service(), table, given["filters"])


@blueprint.post("/column-samples")
@blueprint.auth_required(bearer)
@blueprint.input(ColumnSamplesIn, arg_name="given")
@blueprint.output(ColumnSamplesOut)
@blueprint.doc(
    summary="Values of columns, for a filter's menus",
    description="The most frequent first. At most a million rows are read; `complete` says whether "
    "these are all values.",
)
@reads
def column_samples(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    most = given.get("sample_size") or given.get("samples_per_column") or DEFAULT_VALUES
    with reading():
        values = column_values(
            service(),
            dataset_id,
            source_ref=given["source_ref"],
            table_key=given.get("table_key"),
            names=given["columns"],
            most=most,
        )
    source = RowSource(dataset_id, values["commit_id"], values["table_key"])
    audit_view(source, "values of columns")
    return values


@blueprint.get("/sampling-methods")
@blueprint.auth_required(bearer)
@blueprint.output(MethodsOut)
@blueprint.doc(summary="The methods with their parameters, and the filters' operators")
def methods(dataset_id: int) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    return {"methods": METHODS, "supported_operators": [operator.name for operator in OPERATORS]}
