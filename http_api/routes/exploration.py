"""Routes of explorations: a report, a SELECT or a row diff as a job, a query at once, results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from apiflask import Schema
from flask import Response, jsonify, request
from marshmallow import ValidationError, fields, validate, validates_schema

from application.access import RowSource
from application.explorations import (
    CompareTo,
    QueryContent,
    RowDiffContent,
    submit_report,
    submit_table,
)
from contract.requests.pages import DEFAULT_PAGE, MAX_PAGE
from contract.requests.rows import ResultRequest, RowsFormat
from domain_errors import InvalidRequest
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.row_responses import Rows, download, rows_of, rows_work
from http_api.routes.submissions import completed, submission
from http_api.schemas import out
from http_api.schemas.base import StrictSchema, name_text, text
from http_api.schemas.fields import BoundedList, Message, StrictInteger, StrictString
from http_api.schemas.jobs import JobAccepted, accepted, priority_field
from http_api.state import state
from service.sql_queries import query_at_once
from service.tables.open_tables import RESULT, open_table, output_of
from service.tables.reports import JobReport, job_report
from storage.accounts.audit_trail import MAX_SQL_LENGTH as MAX_AUDITED_LENGTH
from storage.jobs.jobs import Job
from storage.jobs.kinds import REPORT

MAX_SQL_LENGTH = 100_000
MAX_KEYS = 20

blueprint = SignedInBlueprint(
    "explorations", __name__, url_prefix="/api/exploration", tag="Exploration"
)


def sql_field(**options: Any) -> StrictString:
    """One SELECT."""
    return text(
        1,
        MAX_SQL_LENGTH,
        description="One SELECT over the tables of `source_ref`, each named by its key.",
        **options,
    )


class CompareToIn(StrictSchema):
    """Another table of the same dataset."""

    ref = text(1, 100, required=True)
    table_key = text(1, 200, allow_none=True)


class ExplorationJobIn(StrictSchema):
    """An exploration job: with `sql` a query, with `keys` a row diff, else a report of a table."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(
        1,
        200,
        allow_none=True,
        description="The job's main table; the SQL can read every table of the commit.",
    )
    sql = sql_field(allow_none=True)
    compare_to = fields.Nested(
        CompareToIn,
        allow_none=True,
        metadata={
            "description": "For a report: a table to compare with. For a row diff: the later table."
        },
    )
    keys = BoundedList(
        text(1, 1000),
        least=1,
        most=MAX_KEYS,
        allow_none=True,
        metadata={
            "description": "For a row diff from the table of `source_ref` to that of `compare_to`: "
            "the columns that identify a row in both."
        },
    )
    output_name = name_text(
        90, allow_none=True, description="Names the result by the ref `expl-<output_name>`."
    )
    commit_message = text(0, 10_000, allow_none=True)
    priority = priority_field()

    @validates_schema
    def check_purpose(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse fields that don't belong to the kind of exploration."""
        has = {name for name, value in data.items() if value is not None}
        for name in ("compare_to", "keys"):
            if "sql" in has and name in has:
                raise ValidationError(Message(f"`{name}` can't be combined with `sql`."), name)
        if "keys" in has and "compare_to" not in has:
            raise ValidationError(Message("`keys` needs `compare_to`."), "keys")
        for name in ("output_name", "commit_message"):
            if name in has and not {"sql", "keys"} & has:
                raise ValidationError(
                    Message(f"`{name}` needs `sql` or `keys`: a report makes no commit."), name
                )


class QueryIn(StrictSchema):
    """A query whose first rows are in the response."""

    source_ref = text(1, 100, load_default="main")
    sql = sql_field(
        required=True,
        error_messages={"required": "Missing: one SELECT over the tables of source_ref."},
    )
    limit = StrictInteger(load_default=DEFAULT_PAGE, validate=validate.Range(min=1, max=MAX_PAGE))


class QueryOut(Schema):
    dataset_id = out.integer()
    commit_id = out.string()
    data = out.list_of(fields.Dict())
    columns = out.list_of(fields.String())
    types = out.list_of(fields.String())
    has_more = out.boolean()
    notes = out.list_of(fields.String())
    execution_time_seconds = out.number()


@dataclass(frozen=True)
class Result(Rows):
    """A page of the rows of a query or a row diff."""

    job_id: str
    metadata: dict[str, Any]


@blueprint.post("/datasets/<int:dataset_id>/jobs", body=ExplorationJobIn, output=JobAccepted)
def create(dataset_id: int, given: dict[str, Any]) -> JobAccepted:
    """Make a report of a table, run a SELECT, or list changed rows, as a job.

    Without `sql` and `keys` the job makes a report of the table. With `sql`, the statement, its
    tables and its columns are checked before the response. With `compare_to` and `keys`, the job
    lists the rows that were added, removed or changed. The result of `sql` or `keys` becomes the
    table `result` of a commit. The same request with the same output_name returns the same job.
    """
    dataset = caller().dataset(dataset_id, "write")
    by = submission(given.pop("priority"), body=given)
    other, keys = given.pop("compare_to", None), given.pop("keys", None)
    compare_to = None if other is None else CompareTo(**other)
    if compare_to is not None and keys is not None:
        given.pop("sql", None)
        job = submit_table(service(), by, dataset, RowDiffContent(compare_to, keys), **given)
    elif given.get("sql") is None:
        job = submit_report(
            service(),
            by,
            dataset,
            source_ref=given["source_ref"],
            table_key=given.get("table_key"),
            compare_to=compare_to,
        )
    else:
        with access().work_limits.queries.piece(caller().user.id):
            job = submit_table(service(), by, dataset, QueryContent(given.pop("sql")), **given)
    return accepted(job, "Exploration job created")


@blueprint.post("/datasets/<int:dataset_id>/query", body=QueryIn, output=QueryOut, only_reads=True)
def query(dataset_id: int, given: dict[str, Any]) -> Response:
    """The first rows of a SELECT, at once.

    Makes no job and no commit.
    """
    caller().dataset(dataset_id, "read")
    with access().work_limits.queries.piece(caller().user.id):
        found = query_at_once(service(), dataset_id, **given)
    with caller().writing() as tx:
        caller().audit(
            tx,
            "queried_at_once",
            dataset_id=dataset_id,
            commit_id=found["commit_id"],
            sql=given["sql"][:MAX_AUDITED_LENGTH],
            rows=len(found["data"]),
        )
    return jsonify(found)


@blueprint.get("/jobs/<job_id>/result", query=ResultRequest, output=Result)
def result(job_id: str, query: ResultRequest) -> Response | Result:
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


def _rows(job: Job, query: ResultRequest) -> Response | Result:
    """Return the rows of a query or a row diff."""
    table = open_table(service(), job.dataset_id, output_of(job), RESULT)
    source = RowSource(job.dataset_id, table.commit_id, RESULT, job.id)
    if query.format != "json":
        return download(source, table, query, f"{RESULT}-{job.id[:8]}")
    page = rows_of(source, table, query)
    return Result(**vars(page), job_id=job.id, metadata={"exploration_summary": job.output_summary})


REPORT_QUERY = {"format", "download"}
REPORT_FORMATS = ("json", "html")
AT_ONCE_S = 20.0
"""Time limit of a scan when the cached figures were deleted; the rest is estimated."""


def report_answer(job: Job, format_: str, *, as_file: bool) -> Response:
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
