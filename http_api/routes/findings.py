"""Routes of the audit of a sample: findings, replacements, review."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, get_args

from apiflask import Schema
from flask import Response, jsonify
from marshmallow import fields, validate

from application.access import RowSource
from application.audit.attributes import MAX_ATTRIBUTES, MAX_NAME, choose_attributes
from application.audit.causes import CAUSES
from application.audit.entering import MAX_CONCLUSION, conclude, enter
from application.audit.entry_list import ListFormat, write_entry_list
from application.audit.evaluation import SettledEvaluation, evaluate, request_of
from application.audit.finding_files import enter_file, preview_file
from application.audit.findings import MAX_NOTE, audit_counts, items_page, replace_row
from application.audit.review import review
from application.audit.state import ROW_ID, audit_state, review_json
from application.audit.working_paper import working_paper
from contract.requests.evaluate import EvaluationRequest, WorkingPaperRequest
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.imports import large_uploads
from http_api.routes.row_responses import file_answer, file_response
from http_api.routes.sample_values import RowFileIn, row_file
from http_api.routes.submissions import completed
from http_api.schemas import out
from http_api.schemas.base import (
    PageOut,
    PageQuery,
    StrictSchema,
    name_text,
    text,
)
from http_api.schemas.contract import Listing, body_schema, list_schema, listed, page_of
from http_api.schemas.fields import StrictInteger, StrictString
from parquet_tables.exports import MEDIA_TYPES
from presentation import html
from presentation.xlsx import write_sections
from service.tables.open_tables import SAMPLE, output_of
from storage.audit.findings import (
    OUTCOMES,
    REVIEW_ACTIONS,
    AuditConclusion,
    Finding,
    NewFinding,
    Replacement,
    attributes_of,
    conclusion_of,
    list_findings,
    review_of,
)
from storage.jobs.jobs import Job

MAX_FINDINGS = 1000
PAPER_TYPES = {"html": "text/html; charset=utf-8", "xlsx": MEDIA_TYPES["xlsx"]}

blueprint = SignedInBlueprint(
    "findings", __name__, url_prefix="/api/sampling/jobs/<job_id>", tag="Audit"
)


class FindingIn(StrictSchema):
    row_id = text(1, 300, data_key=ROW_ID, required=True)
    outcome = StrictString(
        required=True,
        validate=validate.OneOf(OUTCOMES),
        description="`not_applicable`: the row doesn't belong to the population examined. "
        "`not_examinable`: it could not be examined, which counts as an exception.",
    )
    audit_value = text(
        1, 60, description="The value found right, as decimal digits, such as `1234.56`."
    )
    note = text(0, MAX_NOTE, load_default="")
    deviations = fields.List(
        StrictString(),
        load_default=list,
        validate=validate.Length(max=MAX_ATTRIBUTES),
        metadata={
            "description": "Of an exception: the tested attributes from which the row deviates. "
            "Needed if the sample has attributes."
        },
    )
    cause = StrictString(
        validate=validate.OneOf(list(CAUSES)),
        description="Of an exception, or a row that can't be examined: why.",
    )
    cause_text = text(0, MAX_NOTE, load_default="", description="The cause in words.")
    previous_id = StrictInteger(
        validate=validate.Range(min=0),
        description="The newest entry about the row that you have seen, 0 if none: if there is a "
        "newer one, the response is 409 `finding_changed`, and nothing is entered.",
    )


class FindingsIn(StrictSchema):
    findings = fields.List(
        fields.Nested(FindingIn),
        required=True,
        validate=validate.Length(min=1, max=MAX_FINDINGS),
        metadata={"description": "All are entered, or none. A body may also be one finding."},
    )

    def reshape(self, data: Any) -> Any:
        """Accept one finding instead of a list."""
        if isinstance(data, dict) and "findings" not in data and ROW_ID in data:
            return {"findings": [data]}
        return data


class FindingOut(Schema):
    id = out.integer()
    row_id = out.string(data_key=ROW_ID)
    outcome = out.string()
    audit_value = out.string(null=True)
    note = out.string()
    deviations = out.list_of(fields.String(), "Tested attributes from which the row deviates.")
    cause = out.string(null=True)
    cause_text = out.string()
    user_soeid = out.string()
    at = out.string()
    from_job_id = out.string(
        "The sample that the entry was carried over from, when this one was drawn.", null=True
    )


class NewestFindingOut(FindingOut):
    entries = out.integer("The number of entries about the row; the newest one counts.")


class ReviewEntryOut(Schema):
    id = out.integer()
    action = out.string()
    note = out.string()
    user_soeid = out.string()
    at = out.string()
    evaluation = out.json_object(
        "Of a sign-off: parameters and conclusion of the evaluation that was reviewed; else {}."
    )


class ReviewOut(Schema):
    state = out.string("`open`, `submitted` or `signed_off`.")
    entries = out.list_of(ReviewEntryOut, "Oldest first.")


class CountsOut(Schema):
    items = out.integer("Drawn rows and replacements.")
    replaced = out.integer()
    ok = out.integer()
    exception = out.integer()
    not_applicable = out.integer()
    not_examinable = out.integer()
    open = out.integer("Items without a finding.")


class ItemOut(Schema):
    row_id = out.string(data_key=ROW_ID, attribute=ROW_ID)
    replaces = out.string("The row that this one replaced.", null=True)
    replaced_by = out.string("The row that replaced this one.", null=True)
    stage = out.integer("Of a sample in two stages: 1 or 2.", null=True)
    data = out.json_object("The row of the source by column.")
    finding = out.nested(NewestFindingOut, "The newest entry about the row.", null=True)


class StagesOut(Schema):
    first = out.integer("Rows of stage 1, the first ones.")
    second = out.integer()
    accept_first = out.integer("The most exceptions with which stage 1 accepts.")
    accept_both = out.integer("With more, stage 1 or both stages don't accept.")
    decision = out.string(
        "Of stage 1: `accept`, `reject`, or `continue` for stage 2; null before each of its rows "
        "has a finding.",
        null=True,
    )
    reached = out.integer("The stage whose rows are among the items, 1 or 2.")


class ItemsOut(PageOut):
    job_id = out.string()
    table_key = out.string()
    columns = out.list_of(fields.String())
    items = out.list_of(
        ItemOut,
        "Drawn rows in their order, then replacements. Of two stages, those of the second appear "
        "once the rule asks for them.",
    )
    counts = out.nested(CountsOut)
    attributes = out.list_of(fields.String(), "What each row is tested for.")
    stages = out.nested(StagesOut, "Of a sample that was planned in two stages.", null=True)
    review = out.nested(ReviewOut)


class FindingsFileIn(RowFileIn):
    or_json = FindingsIn


class ContentOut(Schema):
    outcome = out.string()
    audit_value = out.string(null=True)
    note = out.string()
    deviations = out.list_of(fields.String())
    cause = out.string(null=True)
    cause_text = out.string()


class FileLineOut(Schema):
    line = out.integer("The row, as a spreadsheet program shows it: 2 is below a header in row 1.")
    key = out.string("As the file has it.")
    row_id = out.string(null=True, data_key=ROW_ID, attribute=ROW_ID)
    action = out.string("`refused`, `changed` or `new`.")
    before = out.nested(ContentOut, "The newest entry about the row.", null=True)
    after = out.nested(ContentOut, "The entry of the line.", null=True)
    problem = out.string("Why the line is refused.", null=True)
    doubts = out.list_of(fields.String(), "Warnings about possible errors; they refuse nothing.")


class FindingsFileOut(Schema):
    """The entries that the lines of a file make."""

    key = out.list_of(fields.String())
    rows = out.integer("Lines of the file.")
    refused = out.integer()
    changed = out.integer("Lines that correct an entry.")
    new = out.integer("Lines about rows without an entry.")
    unchanged = out.integer("Lines that equal the newest entry.")
    empty = out.integer("Lines without a finding.")
    doubtful = out.integer("New and changed lines that may have a slip.")
    missing = out.integer("Rows to examine that the file doesn't name.")
    lines = out.list_of(FileLineOut, "The first 1,000: refused, changed, new; doubtful ones first.")
    notes = out.list_of(fields.String())
    problem = out.string("Why the file can't be entered; null if it can.", null=True)


class EnteredOut(Schema):
    job_id = out.string()
    ids = out.list_of(fields.Integer(), "The entries' ids, in the order of the request.")
    counts = out.nested(CountsOut)
    file = out.nested(FindingsFileOut, "What the file entered; null for JSON.", null=True)


class FindingsHistoryQuery(PageQuery):
    row = text(1, 300, description="A row id; by default entries about all rows.")


class ReplacementIn(StrictSchema):
    row_id = text(1, 300, data_key=ROW_ID, required=True)
    reason = text(1, MAX_NOTE, required=True)


class FindingsQuery(PageQuery):
    format = StrictString(
        load_default="json",
        validate=validate.OneOf(("json", *get_args(ListFormat))),
        description="`xlsx` and `csv` are entry lists: all rows that can get a finding, whatever "
        "`offset` and `limit` are.",
    )


@blueprint.get("/findings", query=FindingsQuery, output=ItemsOut)
def findings(job_id: str, query: dict[str, Any]) -> Any:
    """The rows to examine, each with its newest finding.

    As JSON, or as an entry list to fill in and send back.
    """
    job = _sample(job_id)
    if query["format"] != "json":
        return _entry_list(job, query["format"])
    with caller().reading():
        page = items_page(service(), job, query["offset"], query["limit"])
    caller().audit_view(RowSource(job.dataset_id, output_of(job), SAMPLE, job.id), "findings")
    return page


def _entry_list(job: Job, kind: ListFormat) -> Response:
    with (
        access().work_limits.downloads.piece(caller().user.id),
        tempfile.TemporaryDirectory(dir=service().directory.scratch_dir) as folder,
    ):
        path = Path(folder) / "list"
        write_entry_list(service(), job, path, kind)
        source = RowSource(job.dataset_id, output_of(job), SAMPLE, job.id)
        caller().audit_read("rows_downloaded", source, format=kind)
        name = f"findings-{job.output_name or job.id[:8]}.{kind}"
        return file_answer(path, name, MEDIA_TYPES[kind])


@blueprint.get(
    "/findings/history",
    query=FindingsHistoryQuery,
    output=list_schema("findings", Finding, "Newest first.", of_job=True),
)
def history(job_id: str, query: dict[str, Any]) -> Listing:
    """All entries about the rows, corrections included."""
    job = _sample(job_id)
    page = {"offset": query["offset"], "limit": query["limit"]}
    with service().database.read() as tx:
        found = list_findings(tx, job.id, query.get("row"), **page)
    return listed(found, page, job.id)


@blueprint.post("/findings", form=FindingsFileIn, output=EnteredOut, guard=large_uploads)
def enter_all(job_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Enter findings about rows of the sample, as JSON or from a file.

    An entry never changes: a correction is a new entry about the same row. A file enters all its
    findings or none; lines without a finding, or with one that is entered, do nothing.
    """
    job = _sample(job_id)
    file = None
    if "file" in given:
        caller().dataset(job.dataset_id, "write")
        with access().work_limits.previews.piece(caller().user.id):
            ids, file = enter_file(caller(), job, row_file(given))
    else:
        ids = enter(caller(), job, [_finding(finding) for finding in given["findings"]])
    counts = audit_counts(service(), job, audit_state(service(), job))
    return {"job_id": job.id, "ids": ids, "counts": counts, "file": file}


def _finding(given: dict[str, Any]) -> NewFinding:
    return NewFinding(**{**given, "deviations": tuple(given["deviations"])})


class AttributesIn(StrictSchema):
    attributes = fields.List(
        name_text(MAX_NAME),
        required=True,
        validate=validate.Length(max=MAX_ATTRIBUTES),
        metadata={"description": "What each row is tested for, such as `approved`; [] for none."},
    )


class AttributesOut(Schema):
    job_id = out.string()
    attributes = out.list_of(fields.String())


@blueprint.get("/attributes", output=AttributesOut)
def attributes(job_id: str) -> dict[str, Any]:
    """The attributes that each row is tested for."""
    job = _sample(job_id)
    with service().database.read() as tx:
        return {"job_id": job.id, "attributes": attributes_of(tx, job.id)}


@blueprint.put("/attributes", body=AttributesIn, output=AttributesOut)
def choose(job_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Choose the attributes that each row is tested for, before the first finding."""
    job = _sample(job_id)
    return {
        "job_id": job.id,
        "attributes": choose_attributes(caller(), job, given["attributes"]),
    }


class ConclusionIn(StrictSchema):
    text = text(0, MAX_CONCLUSION, required=True, description="Empty: no conclusion.")


class ConclusionOut(Schema):
    job_id = out.string()
    text = out.string()
    user_soeid = out.string(null=True)
    at = out.string(null=True)


@blueprint.get("/conclusion", output=ConclusionOut)
def conclusion(job_id: str) -> dict[str, Any]:
    """The auditor's conclusion in own words, which the working paper shows."""
    job = _sample(job_id)
    with service().database.read() as tx:
        return _conclusion(job, conclusion_of(tx, job.id))


@blueprint.put("/conclusion", body=ConclusionIn, output=ConclusionOut)
def write_conclusion(job_id: str, given: dict[str, str]) -> dict[str, Any]:
    """Write the auditor's conclusion, until the findings are submitted."""
    job = _sample(job_id)
    return _conclusion(job, conclude(caller(), job, given["text"]))


def _conclusion(job: Job, found: AuditConclusion | None) -> dict[str, Any]:
    if found is None:
        return {"job_id": job.id, "text": "", "user_soeid": None, "at": None}
    return {
        "job_id": job.id,
        "text": found.text,
        "user_soeid": found.user_soeid,
        "at": found.at,
    }


@blueprint.post("/findings/preview", form=RowFileIn, output=FindingsFileOut, guard=large_uploads)
def preview_of_file(job_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Preview findings from a file: what each line would enter, and why not.

    Nothing is entered.
    """
    job = _sample(job_id)
    caller().dataset(job.dataset_id, "write")
    with access().work_limits.previews.piece(caller().user.id):
        found = preview_file(service(), job, row_file(given))
    caller().audit_view(RowSource(job.dataset_id, output_of(job), SAMPLE, job.id), "findings")
    return found


class ReviewIn(StrictSchema):
    action = StrictString(required=True, validate=validate.OneOf(REVIEW_ACTIONS))
    note = text(0, MAX_NOTE, load_default="")
    previous_id = StrictInteger(
        validate=validate.Range(min=0),
        description="The newest step of the review that you have seen, 0 for none. If there is a "
        "newer one, the response is 409 `review_changed`, and no step is taken.",
    )
    evaluation = fields.Nested(
        body_schema(EvaluationRequest),
        metadata={
            "description": "Of `signed_off`: the evaluation that was reviewed. Its parameters and "
            "conclusion are kept. By default that of the plan, if it is possible."
        },
    )


EVALUATION: Any = {
    200: {
        "description": "The evaluation; docs/AUDIT.md has the fields of each kind",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@blueprint.post("/evaluation", body=EvaluationRequest, only_reads=True)
@blueprint.doc(responses=EVALUATION)
def evaluation(job_id: str, given: EvaluationRequest) -> Response:
    """Evaluate the sample by its findings.

    With a `tolerable` share or amount the answer has a `conclusion` in words. `arithmetic` has the
    lines by which a reviewer can check it with a calculator.
    """
    job = _sample(job_id)
    request = _request(job, given)
    with caller().reading():
        found = evaluate(service(), job, request)
    caller().audit_view(RowSource(job.dataset_id, output_of(job), SAMPLE, job.id), "evaluation")
    return jsonify(found.as_json())


def _request(job: Job, given: EvaluationRequest) -> SettledEvaluation[Any]:
    with service().database.read() as tx:
        return request_of(job, review_of(tx, job.id), given)


@blueprint.get("/working-paper", query=WorkingPaperRequest)
@blueprint.doc(responses=file_response("text/html"))
def paper(job_id: str, query: WorkingPaperRequest) -> Response:
    """Download the working paper: cover, design, items, replacements, evaluation.

    As one HTML file that prints, or as a workbook. An evaluation that isn't possible yet is a note.
    """
    job = _sample(job_id)
    request = _request(job, query)
    with caller().reading():
        sections = working_paper(service(), job, request)
    ending = query.format
    with tempfile.TemporaryDirectory(dir=service().directory.scratch_dir) as folder:
        path = Path(folder) / f"paper.{ending}"
        if ending == "xlsx":
            write_sections(sections, path)
        else:
            path.write_text(html.page(sections), encoding="utf-8")
        source = RowSource(job.dataset_id, output_of(job), SAMPLE, job.id)
        caller().audit_read("rows_downloaded", source, format=ending)
        name = f"working-paper-{job.output_name or job.id[:8]}.{ending}"
        return file_answer(path, name, PAPER_TYPES[ending])


@blueprint.get(
    "/replacements",
    query=PageQuery,
    output=list_schema("replacements", Replacement, "Oldest first.", of_job=True),
)
def replacements(job_id: str, query: dict[str, int]) -> Listing:
    """The replaced rows, with reasons."""
    job = _sample(job_id)
    state = audit_state(service(), job)
    return page_of(state.replacements, query, job.id)


@blueprint.post("/replacements", body=ReplacementIn, output=Replacement)
def replace(job_id: str, given: dict[str, str]) -> Replacement:
    """Replace a row by the next row of the order, in its group if the draw has groups.

    The replaced row gets the finding `not_applicable` with the reason.
    """
    job = _sample(job_id)
    with caller().reading():
        return replace_row(caller(), job, given["row_id"], given["reason"])


@blueprint.get("/review", output=ReviewOut)
def review_state(job_id: str) -> dict[str, Any]:
    """The state of the review and its steps."""
    return review_json(audit_state(service(), _sample(job_id)).review)


@blueprint.post("/review", body=ReviewIn, output=ReviewOut)
def review_step(job_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Submit findings for review, withdraw, return, sign off or reopen them.

    While findings are submitted or signed off, none can be entered. Another person than those who
    entered them signs off or returns them; who signed off, or an owner of the dataset who entered
    and submitted none, reopens them.
    """
    job = _sample(job_id)
    step = review(
        caller(),
        job,
        given["action"],
        given["note"],
        given.get("evaluation"),
        given.get("previous_id"),
    )
    return review_json(step)


def _sample(job_id: str) -> Job:
    return completed(caller().job(job_id), "sampling")
