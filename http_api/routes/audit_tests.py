"""Routes of audit tests: a job for each test, and what a completed one answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask import Response

from application.access import RowSource
from application.audit.paper_template import letterhead_of, template_language
from application.audit.working_paper.writing import write_paper
from application.audit_test_sheet import audit_test_paper
from application.audit_tests import (
    AuditTestAnswer,
    audit_test_answer,
    other_table,
    submit_audit_test,
)
from contract.requests.audit_tests import (
    AUDIT_TESTS,
    AuditTestKind,
    AuditTestPaperRequest,
    AuditTestRequest,
)
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.findings import PAPER_TYPES
from http_api.routes.row_responses import file_answer
from http_api.routes.submissions import completed, submission
from http_api.schemas.jobs import JobAccepted, accepted
from parquet_tables.json_values import json_value
from service.tables.open_tables import RESULT, output_of

blueprint = SignedInBlueprint("audit_tests", "Audit tests", "/api")


def _view(kind: AuditTestKind) -> Callable[[int, AuditTestRequest], JobAccepted]:
    """The view that submits a test."""

    def create(dataset_id: int, given: AuditTestRequest) -> JobAccepted:
        dataset = caller().dataset(dataset_id, "write")
        other = other_table(caller(), dataset, given)
        meaning = {name: value for name, value in given.as_json().items() if name != "priority"}
        by = submission(given.priority, body=meaning)
        job = submit_audit_test(caller(), by, dataset, kind, given, other)
        return accepted(job, "Audit test created")

    create.__doc__ = (
        f"Test a table, as a job: {kind.title}.\n\n{kind.finds} The found rows become the table "
        "`result` of a commit, each with the reason why it was found. The same request with the "
        "same output_name returns the same job."
    )
    return create


for _kind in AUDIT_TESTS.values():
    blueprint.post(
        f"/datasets/<int:dataset_id>/audit-tests/{_kind.name}",
        body=_kind.request,
        output=JobAccepted,
        endpoint=_kind.name,
    )(_view(_kind))


@blueprint.get("/exploration/jobs/<job_id>/audit-test")
def answer(job_id: str) -> AuditTestAnswer:
    """What a completed audit test found: figures, tables of figures, assumptions.

    The found rows are at `/api/exploration/jobs/{job_id}/result`.
    """
    found = audit_test_answer(completed(caller().job(job_id), "exploration"))
    return replace(
        found,
        figures=[replace(each, value=json_value(each.value)) for each in found.figures],
        tables=[replace(each, rows=json_value(each.rows)) for each in found.tables],
    )


@blueprint.get("/exploration/jobs/<job_id>/audit-test/paper", file="text/html")
def paper(job_id: str, query: AuditTestPaperRequest) -> Response:
    """Download the paper of a completed audit test, which has the first found rows.

    As one HTML file that prints, or as a workbook.
    """
    job = completed(caller().job(job_id), "exploration")
    found, ending = audit_test_answer(job), query.format
    with caller().reading():
        sections = audit_test_paper(service(), job, found)
    language = query.language or template_language(service()) or "en"
    name = job.shown_name
    with service().scratch_file(f"paper.{ending}") as path:
        write_paper(sections, path, ending, language, letterhead_of(service(), [name]))
        source = RowSource(job.dataset_id, output_of(job), RESULT, job.id)
        caller().audit_read("rows_downloaded", source, format=ending, what="paper")
        return file_answer(path, f"audit-test-{name}.{ending}", PAPER_TYPES[ending])
