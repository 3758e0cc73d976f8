"""Routes of the audit of a sample: findings, replacements, review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from flask import Response, jsonify
from marshmallow import INCLUDE

from application.access import sample_source
from application.audit.attributes import choose_attributes
from application.audit.entering import conclude, enter
from application.audit.entry_list import write_entry_list
from application.audit.evaluation import (
    EvaluationAnswer,
    SettledEvaluation,
    evaluate,
    request_of,
)
from application.audit.finding_files import FindingsFile, enter_file, finding_form, preview_file
from application.audit.findings import (
    FindingCounts,
    ItemsPage,
    NamedReplacement,
    audit_counts,
    items_by_key,
    items_page,
    named_replacements,
    replace_row,
)
from application.audit.review import review
from application.audit.shown_columns import ShownColumns, choose_columns, columns_of_findings
from application.audit.state import audit_state
from application.audit.working_paper import working_paper
from application.audit.working_paper.facts import (
    SamplePaperFacts,
    enter_paper_facts,
    paper_facts,
)
from application.audit.working_paper.issuing import issue_paper
from application.audit.working_paper.writing import paper_language, paper_letterhead, write_paper
from contract.declarations import Help
from contract.requests.evaluate import EvaluationRequest, WorkingPaperRequest
from contract.requests.findings import (
    AttributesRequest,
    ConclusionRequest,
    FindingsHistoryRequest,
    FindingsListRequest,
    FindingsRequest,
    ReplacementRequest,
    ReviewRequest,
    ShownColumnsRequest,
)
from contract.requests.pages import PageRequest
from contract.requests.papers import IssuePaperRequest, PaperFactsRequest
from contract.words import ListFormat
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.imports import large_uploads
from http_api.routes.row_responses import downloaded_file, file_answer
from http_api.routes.sample_values import RowFileIn, row_file
from http_api.routes.submissions import completed_sample
from http_api.schemas.contract import (
    Listing,
    answer_schema,
    body_schema,
    list_schema,
    listed,
    page_of,
)
from lazy_dataclasses import dataclass
from parquet_tables.exports import MEDIA_TYPES
from storage.audit.findings import (
    AuditConclusion,
    Finding,
    Review,
    attributes_of,
    conclusion_of,
    list_findings,
    review_of,
)
from storage.audit.papers import IssuedPaper, issued_paper, list_issued_papers
from storage.jobs.jobs import JobRecord

PAPER_TYPES = {"html": "text/html; charset=utf-8", "xlsx": MEDIA_TYPES["xlsx"]}

blueprint = SignedInBlueprint("findings", "Audit", "/api/sampling/jobs/<job_id>")


class FindingsFileIn(RowFileIn):
    or_json = body_schema(FindingsRequest)


@dataclass(frozen=True)
class Entered:
    """The entries that a request made."""

    job_id: str
    ids: Annotated[Sequence[int], Help("The entries' ids, in the order of the request.")]
    counts: FindingCounts
    file: Annotated[FindingsFile | None, Help("What the file entered; null for JSON.")]


@blueprint.get("/findings")
def findings(job_id: str, query: FindingsListRequest) -> ItemsPage | Response:
    """The rows to examine, each with its newest finding.

    As JSON, or as an entry list to fill in and send back.
    """
    job = completed_sample(job_id)
    if query.format != "json":
        return _entry_list(job, query.format)
    with caller().reading():
        page = items_page(service(), job, query.offset, query.limit, query, caller().user.id)
    caller().audit_view(sample_source(job), "findings")
    return page


def _entry_list(job: JobRecord, kind: ListFormat) -> Response:
    with downloaded_file("list") as path:
        write_entry_list(service(), job, path, kind)
        caller().audit_read("rows_downloaded", sample_source(job), format=kind)
        name = f"findings-{job.shown_name}.{kind}"
        return file_answer(path, name, MEDIA_TYPES[kind])


@blueprint.get(
    "/findings/history", output=list_schema("findings", Finding, "Newest first.", of_job=True)
)
def history(job_id: str, query: FindingsHistoryRequest) -> Listing:
    """All entries about the rows, corrections included."""
    job = completed_sample(job_id)
    row_id = query.row_id
    if row_id is not None:
        with caller().reading():
            items = items_by_key(service(), job, audit_state(service(), job))
            row_id = items.row_id(row_id, ("query", "row_id"))
    with service().database.read() as tx:
        found = list_findings(tx, job.id, row_id, query.offset, query.limit)
    return listed(found, query, job.id)


@blueprint.post("/findings", form=FindingsFileIn, guard=large_uploads)
def enter_all(job_id: str, given: dict[str, Any] | FindingsRequest) -> Entered:
    """Enter findings about rows of the sample, as JSON or from a file.

    An entry never changes: a correction is a new entry about the same row. A file enters all its
    findings or none; lines without a finding, or with one that is entered, do nothing.
    """
    job = completed_sample(job_id)
    file = None
    if isinstance(given, FindingsRequest):
        ids = enter(caller(), job, given.findings)
    else:
        caller().dataset(job.dataset_id, "write")
        with access().work_limits.previews.piece(caller().user.id):
            form = finding_form(service(), job)
            ids, file = enter_file(caller(), job, row_file(given), form)
    return Entered(job.id, ids, audit_counts(service(), job, audit_state(service(), job)), file)


@dataclass(frozen=True)
class TestedAttributes:
    """What each row of a sample is tested for."""

    job_id: str
    attributes: Sequence[str]


@blueprint.get("/attributes")
def attributes(job_id: str) -> TestedAttributes:
    """The attributes that each row is tested for."""
    job = completed_sample(job_id)
    with service().database.read() as tx:
        return TestedAttributes(job.id, attributes_of(tx, job.id))


@blueprint.put("/attributes")
def choose(job_id: str, given: AttributesRequest) -> TestedAttributes:
    """Choose the attributes that each row is tested for, before the first finding."""
    job = completed_sample(job_id)
    return TestedAttributes(job.id, choose_attributes(caller(), job, given.attributes))


@blueprint.get("/shown-columns")
def shown(job_id: str) -> ShownColumns:
    """The columns that the findings show of each row."""
    job = completed_sample(job_id)
    with caller().reading():
        return columns_of_findings(service(), job)


@blueprint.put("/shown-columns")
def choose_shown(job_id: str, given: ShownColumnsRequest) -> ShownColumns:
    """Choose the columns that the findings show of each row, for all people of the sample.

    The entry list has them first. They can't change while the findings are signed off.
    """
    return choose_columns(caller(), completed_sample(job_id), given.columns)


@dataclass(frozen=True)
class OwnConclusion:
    """The auditor's conclusion in own words; without one the text is empty."""

    job_id: str
    text: str
    user_soeid: str | None
    at: str | None


@blueprint.get("/conclusion", output=OwnConclusion)
def conclusion(job_id: str) -> OwnConclusion | AuditConclusion:
    """The auditor's conclusion in own words, which the working paper shows."""
    job = completed_sample(job_id)
    with service().database.read() as tx:
        return conclusion_of(tx, job.id) or OwnConclusion(job.id, "", None, None)


@blueprint.put("/conclusion", output=OwnConclusion)
def write_conclusion(job_id: str, given: ConclusionRequest) -> OwnConclusion | AuditConclusion:
    """Write the auditor's conclusion, until the findings are submitted."""
    job = completed_sample(job_id)
    return conclude(caller(), job, given.text) or OwnConclusion(job.id, "", None, None)


@blueprint.get("/paper-facts")
def facts_of_paper(job_id: str) -> SamplePaperFacts:
    """The facts of the working paper that people enter, and what it doesn't state yet."""
    job = completed_sample(job_id)
    return paper_facts(service(), job, audit_state(service(), job))


@blueprint.patch("/paper-facts")
def enter_facts_of_paper(job_id: str, given: PaperFactsRequest) -> SamplePaperFacts:
    """Enter facts of the working paper, until the findings are submitted.

    A fact that isn't given stays as it is; an empty text clears it. The first entry takes over
    client, period and names of the newest other sample of the dataset. All entries are kept.
    """
    job = completed_sample(job_id)
    enter_paper_facts(caller(), job, given)
    return paper_facts(service(), job, audit_state(service(), job))


@blueprint.post("/findings/preview", form=RowFileIn, guard=large_uploads)
def preview_of_file(job_id: str, given: dict[str, Any]) -> FindingsFile:
    """Preview findings from a file: what each line would enter, and why not.

    Nothing is entered.
    """
    job = completed_sample(job_id)
    caller().dataset(job.dataset_id, "write")
    with access().work_limits.previews.piece(caller().user.id):
        found = preview_file(caller(), job, row_file(given), finding_form(service(), job))
    caller().audit_view(sample_source(job), "findings")
    return found


EVALUATION_SCHEMA = type(
    "EvaluationOut",
    (answer_schema(EvaluationAnswer),),
    {"Meta": type("Meta", (), {"unknown": INCLUDE})},
)
"""A kind has fields of its own."""
EVALUATION: Any = {
    200: {
        "description": "The evaluation; docs/AUDIT.md has the fields of each kind",
        "content": {"application/json": {"schema": EVALUATION_SCHEMA}},
    }
}


@blueprint.post("/evaluation", only_reads=True)
@blueprint.doc(responses=EVALUATION)
def evaluation(job_id: str, given: EvaluationRequest) -> Response:
    """Evaluate the sample by its findings.

    With a `tolerable` share or amount the answer has a `conclusion` in words. `arithmetic` has the
    lines by which a reviewer can check it with a calculator.
    """
    job = completed_sample(job_id)
    request = _request(job, given)
    with caller().reading():
        found = evaluate(service(), job, request)
    caller().audit_view(sample_source(job), "evaluation")
    return jsonify(found.as_json())


def _request(job: JobRecord, given: EvaluationRequest) -> SettledEvaluation[Any]:
    with service().database.read() as tx:
        return request_of(service(), job, review_of(tx, job.id), given)


@blueprint.get("/working-paper", file="text/html")
def paper(job_id: str, query: WorkingPaperRequest) -> Response:
    """Download the working paper: cover, design, items, replacements, evaluation.

    As one HTML file that prints, or as a workbook. An evaluation that isn't possible yet is a note.
    """
    job = completed_sample(job_id)
    request = _request(job, query)
    with caller().reading():
        sections = working_paper(service(), job, request)
    ending = query.format
    with service().scratch_file(f"paper.{ending}") as path:
        language = paper_language(service(), job, query.language)
        write_paper(sections, path, ending, language, paper_letterhead(service(), job))
        caller().audit_read("rows_downloaded", sample_source(job), format=ending, what="paper")
        name = f"working-paper-{job.shown_name}.{ending}"
        return file_answer(path, name, PAPER_TYPES[ending])


@blueprint.post("/papers")
def issue(job_id: str, given: IssuePaperRequest) -> IssuedPaper:
    """Issue a working paper: keep its file, and enter its SHA-256 in the dataset's ledger.

    Before the sign-off, the paper says that it isn't signed off. The evaluation is that of the
    request, by default the signed one.
    """
    job = completed_sample(job_id)
    return issue_paper(caller(), job, _request(job, given), given.format, given.language)


@blueprint.get("/papers", output=list_schema("papers", IssuedPaper, "Newest first.", of_job=True))
def papers(job_id: str, query: PageRequest) -> Listing:
    """The issued working papers."""
    job = completed_sample(job_id)
    with service().database.read() as tx:
        return page_of(list_issued_papers(tx, job.id), query, job.id)


@blueprint.get("/papers/<int:number>", file=PAPER_TYPES.values())
def issued(job_id: str, number: int) -> Response:
    """Download an issued working paper, as it was issued."""
    job = completed_sample(job_id)
    with service().database.read() as tx:
        found = issued_paper(tx, job.id, number)
    path = service().data_files.whole(found.sha256, found.size_bytes)
    caller().audit_read("rows_downloaded", sample_source(job), format=found.format, what="paper")
    name = f"working-paper-{job.shown_name}-{number}.{found.format}"
    return file_answer(path, name, PAPER_TYPES[found.format])


@blueprint.get(
    "/replacements",
    output=list_schema("replacements", NamedReplacement, "Oldest first.", of_job=True),
)
def replacements(job_id: str, query: PageRequest) -> Listing:
    """The replaced rows, with reasons."""
    job = completed_sample(job_id)
    state = audit_state(service(), job)
    page = page_of(state.replacements, query, job.id)
    return replace(page, items=named_replacements(service(), job, page.items))


@blueprint.post("/replacements")
def replace_one(job_id: str, given: ReplacementRequest) -> NamedReplacement:
    """Replace a row by the next row of the order, in its group if the draw has groups.

    The replaced row gets the finding `not_applicable` with the reason.
    """
    job = completed_sample(job_id)
    with caller().reading():
        return replace_row(caller(), job, given.row_id, given.reason)


@blueprint.get("/review")
def review_state(job_id: str) -> Review:
    """The state of the review and its steps."""
    return audit_state(service(), completed_sample(job_id)).review


@blueprint.post("/review")
def review_step(job_id: str, given: ReviewRequest) -> Review:
    """Submit findings for review, withdraw, return, sign off or reopen them.

    While findings are submitted or signed off, none can be entered. Another person than those who
    entered them signs off or returns them; who signed off, or an owner of the dataset who entered
    and submitted none, reopens them.
    """
    return review(caller(), completed_sample(job_id), given)
