"""Routes of explorations: a report, a SELECT or a row diff as a job, a query at once, results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from flask import Response, jsonify, request

from application.access import RowSource
from application.explorations import submit_report, submit_table
from contract.requests.exploring import ExplorationRequest, SelectRequest
from contract.requests.tables import ResultRowsRequest, RowsFormat
from domain_errors import InvalidRequest
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.row_responses import Rows, download, rows_of, rows_work
from http_api.routes.submissions import completed, submission
from http_api.schemas.jobs import JobAccepted, accepted
from http_api.state import state
from lazy_dataclasses import dataclass
from service.sql_queries import QueryRows, query_at_once
from service.tables.open_tables import RESULT, open_table, output_of
from service.tables.reports import JobReport, job_report
from storage.accounts.audit_trail import MAX_SQL_LENGTH as MAX_AUDITED_LENGTH
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import REPORT

blueprint = SignedInBlueprint("explorations", "Exploration", "/api/exploration")


@dataclass(frozen=True)
class ResultRows(Rows):
    """A page of the rows of a query or a row diff."""

    job_id: str
    metadata: Mapping[str, Any]


@blueprint.post("/datasets/<int:dataset_id>/jobs")
def create(dataset_id: int, given: ExplorationRequest) -> JobAccepted:
    """Make a report of a table, run a SELECT, or list changed rows, as a job.

    Without `sql`, `row_diff` and `keys` the job makes a report of the table. With `sql`, the
    statement, its tables and its columns are checked before the response. With `compare_to` and
    `row_diff` or `keys`, the job lists the rows that were added, removed or changed. The result of
    a query or a row diff becomes the table `result` of a commit. The same request with the same
    output_name returns the same job.
    """
    dataset = caller().dataset(dataset_id, "write")
    meaning = {name: value for name, value in given.given().items() if name != "priority"}
    by = submission(given.priority, body=meaning)
    if given.sql is not None:
        with access().work_limits.queries.piece(caller().user.id):
            job = submit_table(service(), by, dataset, given)
    elif given.lists_rows:
        job = submit_table(service(), by, dataset, given)
    else:
        job = submit_report(service(), by, dataset, given)
    return accepted(job, "Exploration job created")


@blueprint.post("/datasets/<int:dataset_id>/query", only_reads=True)
def query(dataset_id: int, given: SelectRequest) -> QueryRows:
    """The first rows of a SELECT, at once.

    Makes no job and no commit.
    """
    caller().dataset(dataset_id, "read")
    with access().work_limits.queries.piece(caller().user.id):
        rows = query_at_once(service(), dataset_id, given)
    details: dict[str, Any] = {"sql": given.sql[:MAX_AUDITED_LENGTH], "rows": len(rows.data)}
    if given.with_tables:
        details["with_tables"] = list(given.with_tables)
    with caller().writing() as tx:
        caller().audit(
            tx, "queried_at_once", dataset_id=dataset_id, commit_id=rows.commit_id, **details
        )
    return rows


@blueprint.get("/jobs/<job_id>/result")
def result(job_id: str, query: ResultRowsRequest) -> Response | ResultRows:
    """An exploration's result: a report, or the rows of a query or a row diff.

    A report is JSON or, with `format=html`, a self-contained page.
    """
    job = completed(caller().job(job_id), "exploration")
    if job.kind is REPORT:
        return report_answer(job, query.format, as_file=query.download)
    if query.format == "html":
        formats = ", ".join(get_args(RowsFormat))
        raise InvalidRequest(
            "Rows have `format` {formats}.", loc=("query", "format"), formats=formats
        )
    with rows_work(query):
        return _rows(job, query)


def _rows(job: JobRecord, query: ResultRowsRequest) -> Response | ResultRows:
    """Return the rows of a query or a row diff."""
    table = open_table(service(), job.dataset_id, output_of(job), RESULT)
    source = RowSource(job.dataset_id, table.commit_id, RESULT, job.id)
    if query.format != "json":
        return download(source, table, query, f"{RESULT}-{job.id[:8]}")
    return ResultRows(
        **vars(rows_of(source, table, query)),
        job_id=job.id,
        metadata={"exploration_summary": job.output_summary},
    )


REPORT_QUERY = {"format", "download"}
REPORT_FORMATS = ("json", "html")
AT_ONCE_S = 20.0
"""Time limit of a scan when the cached figures were deleted; the rest is estimated."""


def report_answer(job: JobRecord, format_: str, *, as_file: bool) -> Response:
    """Return a completed report and record the access."""
    for name in request.args:
        if name not in REPORT_QUERY:
            raise InvalidRequest("This job made a report. It has no rows.", loc=("query", name))
    if format_ not in REPORT_FORMATS:
        raise InvalidRequest("A report has `format` json or html.", loc=("query", "format"))
    with caller().reading():
        found = job_report(service(), job, AT_ONCE_S)
    overview = found["overview"]
    source = RowSource(job.dataset_id, overview["commit_id"], overview["table_key"], job.id)
    caller().audit_view(source, "report")
    answer = jsonify(found) if format_ == "json" else _page(found)
    if as_file:
        name = f"report-{job.id[:8]}.{format_}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _page(report: JobReport) -> Response:
    html, policy = state().render_report(report)
    answer = Response(html, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = policy
    return answer
