"""A job's page: how far it is, what it did, what came of it.

Owns: the page's tabs, each a part of the address so that back and reload keep it. Invariant: a tab
shows what the API would answer, from the same functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from application.lifecycle import cancel, retry
from application.retrying import again
from application.sampling_results import next_rows, why_row
from domain_errors import DomainError
from http_api.auth.access import authority, dataset_for, job_for, may, service, user
from http_api.auth.auditing import origin
from http_api.auth.read_auditing import RowSource, tell_view
from http_api.routes.comparisons import shown_comparison
from http_api.routes.submissions import submission
from http_api.server.work_limits import reading
from job_runner.sampling_parameters import seeded_rounds
from job_runner.tables.open_tables import RESIDUAL, RESULT, SAMPLE, open_table, output_of, source_of
from storage.jobs.jobs import Job, list_log
from storage.sqlite.clock import timestamp
from web_ui.advice import advice
from web_ui.charts.pictures import small_picture
from web_ui.grids import Grid, grid_of
from web_ui.pages.jobs import own_job
from web_ui.request_tab import request_of
from web_ui.shell import blueprint, show, signed_in, to

LOG_SHOWN = 1000
RESERVES_SHOWN = 10

Values = dict[str, Any]


@blueprint.get("/jobs/<job_id>")
@signed_in
def job(job_id: str) -> AnyResponse:
    """One tab of a job's page; the first digits of an id lead to it."""
    found = job_for(job_id)
    if found.id != job_id:
        return to(f"/jobs/{found.id}?{request.query_string.decode()}".rstrip("?"))
    tabs = _tabs(found)
    tab = request.args.get("tab", "overview")
    if tab not in tabs:
        tab = "overview"
    with service().database.read() as tx:
        found_again = again(service(), tx, found)
    return show(
        "job.html",
        job=found,
        again=found_again,
        tabs={name: title for name, (title, _) in tabs.items()},
        tab=tab,
        advice=advice(found, found_again),
        may_write=may(dataset_for(found.dataset_id, "read"), "write"),
        is_open=found.status in ("pending", "running"),
        now=timestamp(service().clock()),
        **tabs[tab][1](found),
    )


@blueprint.get("/jobs/<job_id>/cancel")
@blueprint.get("/jobs/<job_id>/retry")
@signed_in
def back_to_job(job_id: str) -> AnyResponse:
    """Where a form went, asked for as a page, say from the browser's history: back to the job."""
    return to(f"/jobs/{job_for(job_id).id}")


@blueprint.post("/jobs/<job_id>/cancel")
@signed_in
def cancel_job(job_id: str) -> AnyResponse:
    """Cancel and show what became of it."""
    found = own_job(job_id)
    cancel(service(), user(), found, origin(), authority())
    return to(f"/jobs/{found.id}")


@blueprint.post("/jobs/<job_id>/retry")
@signed_in
def retry_job(job_id: str) -> AnyResponse:
    """Do it again and show the new job."""
    found = own_job(job_id)
    by = submission(found.priority, path=f"/jobs/{found.id}/retry")
    made = retry(service(), by, found)
    return to(f"/jobs/{made.id}")


def _tabs(found: Job) -> dict[str, tuple[str, Callable[[Job], Values]]]:
    """The tabs that the job has, by their name in the address."""
    tabs: dict[str, tuple[str, Callable[[Job], Values]]] = {"overview": ("Overview", _overview)}
    if found.run_type == "sampling" and found.status == "completed":
        tabs["rows"] = ("Drawn rows", lambda job: _grid(job, SAMPLE))
        if found.run_parameters["export_residual"]:
            tabs["residual"] = ("Residual", lambda job: _grid(job, RESIDUAL))
        tabs["comparison"] = ("Representative?", _comparison)
        tabs["reserves"] = ("Reserves", _reserves)
        tabs["why"] = ("Why this row?", _why)
    if found.run_type == "exploration" and found.output_commit_id is not None:
        tabs["result"] = ("Rows", _result)
    tabs["request"] = ("Request", request_of)
    tabs["log"] = ("Log", _log)
    return tabs


def _overview(found: Job) -> Values:
    values: Values = {"summary": found.output_summary or {}}
    if found.run_type == "sampling":
        values["seeded"] = seeded_rounds(found.run_parameters)
    return values


def _comparison(found: Job) -> Values:
    """The representativeness check of the sample."""
    try:
        return {"found": shown_comparison(found), "picture": small_picture}
    except DomainError as error:
        return {"found": None, "problem": error.message}


def _grid(found: Job, key: str) -> Values:
    with reading():
        table = open_table(service(), found.dataset_id, output_of(found), key)
        grid: Grid = grid_of(table, RowSource(found.dataset_id, table.commit_id, key, found.id))
    route = "residual" if key == RESIDUAL else "data"

    downloads = _downloads(f"/api/sampling/jobs/{found.id}/{route}")

    def why(row: Values) -> str:
        return f"/jobs/{found.id}?{urlencode({'tab': 'why', 'row': row['_logical_row_id']})}"

    has_id = any(column.name == "_logical_row_id" for column in grid.shown)
    return {"grid": grid, "downloads": downloads, "why": why if key == SAMPLE and has_id else None}


def _result(found: Job) -> Values:
    """The rows of a query's result."""
    with reading():
        table = open_table(service(), found.dataset_id, output_of(found), RESULT)
        grid = grid_of(table, RowSource(found.dataset_id, table.commit_id, RESULT, found.id))
    return {"grid": grid, "downloads": _downloads(f"/api/exploration/jobs/{found.id}/result")}


def _downloads(path: str) -> Callable[[str], str]:
    """From a file's format to the address of all rows that the grid shows a page of."""
    names = ("filter", "order_by", "order_desc")

    def address(kind: str) -> str:
        asked = {name: request.args[name] for name in names if request.args.get(name)}
        return f"{path}?{urlencode({**asked, 'format': kind})}"

    return address


def _reserves(found: Job) -> Values:
    rounds = len(found.run_parameters["rounds"])
    number = _between("round", 1, rounds, 1)
    limit = _between("limit", 1, 1000, RESERVES_SHOWN)
    values: Values = {"rounds": rounds, "round": number, "limit": limit}
    try:
        with reading():
            values["reserves"] = next_rows(service(), found, number, limit)
        tell_view(
            RowSource(
                found.dataset_id, source_of(found), found.run_parameters["table_key"], found.id
            ),
            "reserves",
        )
    except DomainError as error:
        values["problem"] = error.message
    return values


def _why(found: Job) -> Values:
    row = request.args.get("row", "").strip()
    values: Values = {"row": row, "example": f"{found.run_parameters['table_key']}:17"}
    if row:
        try:
            with reading():
                values["verdict"] = why_row(service(), found, row)
        except DomainError as error:
            values["problem"] = error.message
    return values


def _log(found: Job) -> Values:
    with service().database.read() as tx:
        entries, total = list_log(tx, found.id, 0, LOG_SHOWN)
    return {"entries": entries, "entry_count": total}


def _between(name: str, least: int, most: int, default: int) -> int:
    text = request.args.get(name, "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
    return min(max(number, least), most)
