"""The response with a report: JSON, or a self-contained page with its own content policy."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request

from http_api.auth.access import service
from http_api.auth.read_auditing import RowSource, audit_view
from http_api.server.problems import InvalidRequest
from http_api.server.work_limits import reading
from http_api.state import state
from job_runner.tables.reports import job_report
from storage.jobs.jobs import Job

REPORT_QUERY = {"format", "download"}
REPORT_FORMATS = ("json", "html")
AT_ONCE_S = 20.0
"""Time limit of a scan when the cached figures are gone; the rest is estimated."""


def report_answer(job: Job, format_: str, *, as_file: bool) -> Response:
    """Return a completed report and record the access.

    Raises
    ------
    InvalidRequest
        The query has parameters for rows, or a format that reports don't have.
    """
    for name in request.args:
        if name not in REPORT_QUERY:
            raise InvalidRequest("This job made a report. It has no rows.", loc=("query", name))
    if format_ not in REPORT_FORMATS:
        raise InvalidRequest("A report has `format` json or html.", loc=("query", "format"))
    with reading():
        found = job_report(service(), job, AT_ONCE_S)
    overview = found["overview"]
    source = RowSource(job.dataset_id, overview["commit_id"], overview["table_key"], job.id)
    audit_view(source, "report")
    answer = jsonify(found) if format_ == "json" else _page(found)
    if as_file:
        name = f"report-{job.id[:8]}.{format_}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _page(found: dict[str, Any]) -> Response:
    html, policy = state().render_report(found)
    answer = Response(html, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = policy
    return answer
