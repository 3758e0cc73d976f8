"""Routes of a sampling job's results: rows, residual, reserves, explanation of a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apiflask import Schema
from flask import Response
from marshmallow import fields, validate

from application.access import RowSource
from application.identity.lookup import look_up, why_row
from application.identity.newer_versions import newer_version
from application.samples.design_sheet import design_sheet
from application.samples.replacements import DRAW_METADATA, draw_record, next_rows
from contract.requests.tables import RowsRequest, SampleRowsRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.row_responses import RowsPage, download, rows_page, rows_work
from http_api.routes.submissions import completed, require_type
from http_api.schemas import out
from http_api.schemas.base import StrictQuery, text
from http_api.schemas.fields import QueryInteger
from http_api.schemas.sampling import EFFECTIVE_SEED
from sampling_engine import MAX_ROUNDS
from service.tables.open_tables import (
    PRIMARY,
    RESIDUAL,
    SAMPLE,
    open_table,
    output_of,
    source_of,
)
from storage.errors import NotFound
from storage.jobs.jobs import Job

MAX_LOOKED_UP = 50

blueprint = SignedInBlueprint(
    "sample_rows", __name__, url_prefix="/api/sampling/jobs/<job_id>", tag="Sampling"
)


@dataclass(frozen=True)
class ResidualInfo:
    """The rows that no round drew."""

    residual_rows: int | None
    exported: bool


@dataclass(frozen=True)
class SampleMetadata:
    """How a sample was drawn."""

    sampling_summary: Mapping[str, Any]
    round_details: list[dict[str, Any]]
    residual_info: ResidualInfo


@dataclass(frozen=True)
class SampleRows(RowsPage):
    """A page of a sample's rows."""

    job_id: str
    metadata: SampleMetadata


class ReservesQuery(StrictQuery):
    round = QueryInteger(load_default=1, validate=validate.Range(min=1, max=MAX_ROUNDS))
    limit = QueryInteger(load_default=10, validate=validate.Range(min=1, max=1000))


class ReservesOut(Schema):
    job_id = out.string()
    round_number = out.integer()
    data = out.list_of(fields.Dict())
    columns = out.list_of(fields.String())
    groups_without_rows = out.list_of(
        fields.String(), "Groups without a replacement: all their rows were drawn. Up to 1,000."
    )


class VerdictOut(Schema):
    round_number = out.integer()
    method = out.string()
    effective_seed = out.string(EFFECTIVE_SEED)
    outcome = out.string()
    reason = out.string()
    group = out.string(null=True)
    rank = out.integer("In the seeded order, from 0; may be above the number of rows.", null=True)
    last_rank = out.integer("The largest rank drawn from its stratum or cluster.", null=True)
    nth_in_line = out.integer(
        "The row's place, from 1, among the eligible rows of its stratum or cluster. Null where "
        "rows have no order, or far behind the drawn rows of a weighted round.",
        null=True,
    )
    line_rows = out.integer("The eligible rows of its stratum or cluster.", null=True)
    line_drawn = out.integer("How many of them the round drew: the first in line.", null=True)


class RowVerdictsOut(Schema):
    logical_row_id = out.string()
    drawn = out.boolean()
    round_number = out.integer(null=True)
    inclusion_probability = out.number(null=True)
    design_weight = out.number(null=True)
    rounds = out.list_of(VerdictOut)


class WhyOut(RowVerdictsOut):
    job_id = out.string()


class LookupQuery(StrictQuery):
    column = text(1, 1000, description="A column of the source; by default `value` is a row id.")
    value = text(1, 10_000, required=True, description="The value, or a row id or number.")
    limit = QueryInteger(load_default=10, validate=validate.Range(min=1, max=MAX_LOOKED_UP))


class FoundRowOut(RowVerdictsOut):
    data = out.json_object("The row by column; null if it is left out of the table.", null=True)


class LookupOut(Schema):
    job_id = out.string()
    table_key = out.string()
    columns = out.list_of(fields.String())
    rows = out.list_of(FoundRowOut)
    has_more = out.boolean("Whether more rows have the value.")
    similar_value = out.string(
        "If no row has the value: a text of the column that differs by leading zeros alone.",
        null=True,
    )


class NewerVersionOut(Schema):
    ref_name = out.string()
    commit_id = out.string()
    created_at = out.string()
    message = out.string()
    row_count = out.integer()


class SourceOut(Schema):
    job_id = out.string()
    source_ref = out.string()
    commit_id = out.string()
    table_key = out.string()
    newer = out.nested(
        NewerVersionOut, "The version that the table has by now, if it is another one.", null=True
    )


@blueprint.get("/source", output=SourceOut)
def source(job_id: str) -> dict[str, Any]:
    """The version that the job drew from.

    `newer` is the table's newer version in the same ref, or in main if the request named a commit.
    """
    job = caller().job(job_id)
    require_type(job, "sampling")
    return {
        "job_id": job.id,
        "source_ref": job.run_parameters["source_ref"],
        "commit_id": source_of(job),
        "table_key": job.run_parameters["table_key"],
        "newer": newer_version(service(), job),
    }


@blueprint.get("/data", query=SampleRowsRequest, output=SampleRows)
def data(job_id: str, query: SampleRowsRequest) -> Response | SampleRows:
    """The drawn rows."""
    job = completed(caller().job(job_id), "sampling")
    own_key = job.run_parameters["table_key"]
    key = query.table_key
    if key == RESIDUAL and own_key != RESIDUAL:
        return _rows(job, RESIDUAL, key, query)
    if key not in (PRIMARY, SAMPLE, own_key):
        keys = dict.fromkeys((SAMPLE, own_key))
        if job.run_parameters["export_residual"]:
            keys[RESIDUAL] = None
        raise NotFound(
            'The job has no table "{key}". Available: {keys}.', key=key, keys=", ".join(keys)
        )
    return _rows(job, SAMPLE, key, query)


@blueprint.get("/residual", query=RowsRequest, output=SampleRows)
def residual(job_id: str, query: RowsRequest) -> Response | SampleRows:
    """The rows that no round drew.

    For a job with export_residual.
    """
    return _rows(completed(caller().job(job_id), "sampling"), RESIDUAL, RESIDUAL, query)


@blueprint.get("/reserves", query=ReservesQuery, output=ReservesOut)
def reserves(job_id: str, query: dict[str, int]) -> dict[str, Any]:
    """The next rows of a round's order.

    Replacements for drawn rows that the test doesn't apply to: `limit` rows, of each stratum from
    which rows were drawn if the round has strata.
    """
    job = completed(caller().job(job_id), "sampling")
    with caller().reading():
        rows = next_rows(service(), job, query["round"], query["limit"])
    caller().audit_view(_source_of(job), "reserves")
    return rows


@blueprint.get("/rows/<logical_row_id>", output=WhyOut)
def why(job_id: str, logical_row_id: str) -> dict[str, Any]:
    """Why a row was drawn, or why not."""
    job = completed(caller().job(job_id), "sampling")
    with caller().reading():
        return why_row(service(), job, logical_row_id)


@blueprint.get("/lookup", query=LookupQuery, output=LookupOut)
def lookup(job_id: str, query: dict[str, Any]) -> dict[str, Any]:
    """Look up rows of the source by a column's value.

    In file order, each with whether it was drawn, and which place in line it has. Without `column`,
    `value` is a row's id, such as primary:17, or its number.
    """
    job = completed(caller().job(job_id), "sampling")
    with caller().reading():
        found = look_up(service(), job, query.get("column"), query["value"], query["limit"])
    caller().audit_view(_source_of(job), "rows looked up")
    return found


def _source_of(job: Job) -> RowSource:
    """Return the table that the job drew from."""
    return RowSource(job.dataset_id, source_of(job), job.run_parameters["table_key"], job.id)


def _rows(job: Job, stored_key: str, shown_key: str, query: RowsRequest) -> Response | SampleRows:
    """Return rows of a table of the output commit."""
    if stored_key == RESIDUAL and not job.run_parameters["export_residual"]:
        raise NotFound("The job has no residual. Draw with `export_residual` to get one.")
    with rows_work(query):
        table = open_table(service(), job.dataset_id, output_of(job), stored_key)
        source = RowSource(job.dataset_id, table.commit_id, stored_key, job.id)
        if query.format != "json":
            metadata = {DRAW_METADATA: json.dumps(draw_record(job), ensure_ascii=False)}
            name = job.output_name or job.id[:8]
            if stored_key == RESIDUAL:
                name = f"{name}-remaining"
            return download(
                source, table, query, name, metadata, lambda: [design_sheet(service(), job)]
            )
        page = rows_page(source, table, query)
    summary = job.output_summary or {}
    return SampleRows(
        **{**vars(page), "table_key": shown_key},
        job_id=job.id,
        metadata=SampleMetadata(
            {name: value for name, value in summary.items() if name != "rounds"},
            summary.get("rounds", []),
            ResidualInfo(summary.get("residual_rows"), job.run_parameters["export_residual"]),
        ),
    )
