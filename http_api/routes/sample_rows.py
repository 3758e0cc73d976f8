"""Routes of a sampling job's results: rows, residual, reserves, explanation of a row."""

from __future__ import annotations

import json
from typing import Annotated, Any

from flask import Response

from application.access import RowSource
from application.identity.lookup import ExplainedRow, LookedUpRows, look_up, why_row
from application.identity.newer_versions import NewerVersion, newer_version
from application.samples.design_sheet import design_sheet
from application.samples.replacements import DRAW_METADATA, NextRows, draw_record, next_rows
from contract.declarations import Help
from contract.requests.rows import LookupRequest, ReservesRequest
from contract.requests.tables import CurrentRowsRequest, RowsRequest, SampleRowsRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.row_responses import Rows, download, rows_of, rows_work
from http_api.routes.submissions import completed_sample, require_type
from lazy_dataclasses import dataclass
from service.sampling_parameters import recorded_parts
from service.tables.current_rows import ReadAgain, current_rows
from service.tables.open_tables import (
    PRIMARY,
    RESIDUAL,
    SAMPLE,
    open_table,
    output_of,
    source_of,
)
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord

blueprint = SignedInBlueprint("sample_rows", "Sampling", "/api/sampling/jobs/<job_id>")


@dataclass(frozen=True)
class SampleSource:
    """The version that a sample was drawn from."""

    job_id: str
    source_ref: str
    commit_id: str
    table_key: str
    newer: Annotated[
        NewerVersion | None,
        Help("The version that the table has by now, if it is another one."),
    ]


@dataclass(frozen=True)
class ResidualInfo:
    """The rows that no round drew."""

    residual_rows: int | None
    exported: bool


@dataclass(frozen=True)
class SampleMetadata:
    """The account of a draw."""

    sampling_summary: dict[str, Any]
    round_details: list[dict[str, Any]]
    residual_info: ResidualInfo


@dataclass(frozen=True)
class SampleRows(Rows):
    """A page of the rows of a sample."""

    job_id: str
    metadata: SampleMetadata


@dataclass(frozen=True)
class CurrentRows(Rows):
    """A page of the rows of a sample as they are in another version."""

    job_id: str
    metadata: ReadAgain


@blueprint.get("/source")
def source(job_id: str) -> SampleSource:
    """The version that the job drew from.

    `newer` is the table's newer version in the same ref, or in main if the request named a commit.
    """
    job = caller().job(job_id)
    require_type(job, "sampling")
    return SampleSource(
        job_id=job.id,
        source_ref=job.run_parameters["source_ref"],
        commit_id=source_of(job),
        table_key=job.run_parameters["table_key"],
        newer=newer_version(service(), job),
    )


@blueprint.get("/data")
def data(job_id: str, query: SampleRowsRequest) -> Response | SampleRows:
    """The drawn rows."""
    job = completed_sample(job_id)
    own_key = job.run_parameters["table_key"]
    key = query.table_key
    if key == RESIDUAL and own_key != RESIDUAL:
        return _rows(job, RESIDUAL, key, query)
    parts = recorded_parts(job.run_parameters)
    if key in parts:
        return _rows(job, key, key, query)
    if key not in (PRIMARY, SAMPLE, own_key):
        keys = dict.fromkeys((PRIMARY, *parts, own_key))
        if job.run_parameters["export_residual"]:
            keys[RESIDUAL] = None
        raise NotFound(
            'The job has no table "{key}". Available: {keys}.', key=key, keys=", ".join(keys)
        )
    return _rows(job, SAMPLE, key, query)


@blueprint.get("/rows")
def rows(job_id: str, query: CurrentRowsRequest) -> Response | CurrentRows:
    """The drawn rows as they are in another version, found by their keys.

    Each has its values then (`…_before`) and now (`…_now`), and `_change`: `unchanged`, `changed`,
    or `removed` if the version has no such row. Further rows of a sampled key are `added`.
    """
    job = completed_sample(job_id)
    with rows_work(query), current_rows(service(), job, query) as (state, table):
        source = RowSource(job.dataset_id, table.commit_id, state.table_key, job.id)
        if query.format != "json":
            return download(source, table, query, f"{job.shown_name}-as-of")
        page = rows_of(source, table, query, state.table_key)
    return CurrentRows(**vars(page), job_id=job.id, metadata=state)


@blueprint.get("/residual")
def residual(job_id: str, query: RowsRequest) -> Response | SampleRows:
    """The rows that no round drew.

    For a job with export_residual.
    """
    return _rows(completed_sample(job_id), RESIDUAL, RESIDUAL, query)


@blueprint.get("/reserves")
def reserves(job_id: str, query: ReservesRequest) -> NextRows:
    """The next rows of a round's order.

    Replacements for drawn rows that the test doesn't apply to: `limit` rows, of each stratum from
    which rows were drawn if the round has strata.
    """
    job = completed_sample(job_id)
    with caller().reading():
        rows = next_rows(service(), job, query.round, query.limit)
    caller().audit_view(_source_of(job), "reserves")
    return rows


@blueprint.get("/rows/<row_id>")
def why(job_id: str, row_id: str) -> ExplainedRow:
    """Why a row was drawn, or why not."""
    job = completed_sample(job_id)
    with caller().reading():
        return why_row(service(), job, row_id)


@blueprint.get("/lookup")
def lookup(job_id: str, query: LookupRequest) -> LookedUpRows:
    """Look up rows of the source by a column's value.

    In file order, each with whether it was drawn, and which place in line it has. Without `column`,
    `value` is a row's id, such as primary:17, or its number.
    """
    job = completed_sample(job_id)
    with caller().reading():
        found = look_up(service(), job, query)
    caller().audit_view(_source_of(job), "rows looked up")
    return found


def _source_of(job: JobRecord) -> RowSource:
    """Return the table that the job drew from."""
    return RowSource(job.dataset_id, source_of(job), job.run_parameters["table_key"], job.id)


def _rows(
    job: JobRecord, stored_key: str, shown_key: str, query: RowsRequest
) -> Response | SampleRows:
    """Return rows of a table of the output commit."""
    if stored_key == RESIDUAL and not job.run_parameters["export_residual"]:
        raise NotFound("The job has no residual. Draw with `export_residual` to get one.")
    with rows_work(query):
        table = open_table(service(), job.dataset_id, output_of(job), stored_key)
        source = RowSource(job.dataset_id, table.commit_id, stored_key, job.id)
        if query.format != "json":
            recorded = {DRAW_METADATA: json.dumps(draw_record(job), ensure_ascii=False)}
            name = job.shown_name
            if stored_key == RESIDUAL:
                name = f"{name}-remaining"
            elif stored_key != SAMPLE:
                name = f"{name}-{stored_key}"
            return download(
                source, table, query, name, recorded, lambda: [design_sheet(service(), job)]
            )
        page = rows_of(source, table, query, shown_key)
    summary = job.output_summary or {}
    exported = job.run_parameters["export_residual"]
    metadata = SampleMetadata(
        {name: value for name, value in summary.items() if name != "rounds"},
        summary.get("rounds", []),
        ResidualInfo(summary.get("residual_rows"), exported),
    )
    return SampleRows(**vars(page), job_id=job.id, metadata=metadata)
