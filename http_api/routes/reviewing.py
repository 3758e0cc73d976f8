"""Routes of the review of a sample: questions, queue, answers and reviewers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from flask import Response
from marshmallow import fields, validate

from application.access import RowSource, sample_source
from application.audit.finding_files import FindingsFile
from application.explorations import submit_table
from application.review.answer_files import enter_answer_file, preview_answers
from application.review.answer_lists import shown_rows, write_answers
from application.review.answer_tables import table_request
from application.review.answers import (
    AnswersPage,
    EnteredAnswers,
    answers_page,
    enter_answers,
)
from application.review.label_studio import interface_of
from application.review.questions import SampleQuestions, choose_questions, sample_questions
from application.review.queue import (
    NextRow,
    OwnEntry,
    QueueState,
    Released,
    callers_queues,
    end_reservation,
    next_row,
    own_entries,
    queue_state,
)
from application.review.reviewers import end_reviewer, invite, reviewers_of
from contract.declarations import Help
from contract.requests.pages import PageRequest
from contract.requests.reviewing import (
    AnswersListRequest,
    AnswersRequest,
    AnswersTableRequest,
    EndReviewerRequest,
    NextRowRequest,
    QuestionsRequest,
    QuestionsViewRequest,
    ReviewersRequest,
)
from contract.words import READINGS, AnswersFile
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.imports import large_uploads
from http_api.routes.row_responses import downloaded_file, file_answer
from http_api.routes.sample_values import RowFileIn, row_file
from http_api.routes.submissions import completed, completed_sample, submission
from http_api.schemas.contract import Listing, body_schema, list_schema, listed
from http_api.schemas.jobs import JobAccepted, accepted
from lazy_dataclasses import dataclass
from parquet_tables.exports import MEDIA_TYPES
from storage.audit.reviewing import Reviewer
from storage.jobs.jobs import JobRecord

blueprint = SignedInBlueprint("reviewing", "Review", "/api/sampling/jobs/<job_id>")
queues_blueprint = SignedInBlueprint("review_queues", "Review", "/api/review-queues")


@queues_blueprint.get("", output=list_schema("queues", QueueState))
def queues(query: PageRequest) -> Listing:
    """The queues in which the caller can answer, newest sample first.

    Those of samples with questions or reviewers: as a reviewer, or with the right write in the
    dataset.
    """
    return listed(callers_queues(caller(), query.offset, query.limit), query)


@blueprint.get("/questions")
def questions(job_id: str, query: QuestionsViewRequest) -> SampleQuestions | Response:
    """What the reviewers of a sample are asked, and which columns they see.

    As JSON, or as a labelling interface of Label Studio.
    """
    job = _sample(job_id)
    found = sample_questions(caller(), job)
    if query.format == "json":
        return found
    with service().scratch_file("interface.xml") as path:
        interface = interface_of(found, lambda: shown_rows(service(), job))
        path.write_text(interface, encoding="utf-8")
        name = f"labelling-{job.shown_name}.xml"
        return file_answer(path, name, "application/xml; charset=utf-8")


@blueprint.put("/questions")
def choose(job_id: str, given: QuestionsRequest) -> SampleQuestions:
    """Choose the questions of a sample, its hidden columns and second readings.

    Before the first entry about a row. Reviewers get neither the values of hidden columns nor
    their names.
    """
    return choose_questions(caller(), completed_sample(job_id), given)


@blueprint.get("/review-queue")
def state(job_id: str) -> QueueState:
    """The questions and the progress of a sample's review."""
    return queue_state(caller(), _sample(job_id))


@blueprint.post("/review-queue/next")
def next_one(job_id: str, given: NextRowRequest) -> NextRow:
    """Get the next row to answer, and reserve it for 15 minutes.

    While it is reserved nobody else gets it, and the caller gets it again, for another 15 minutes.
    A person who gave one reading of a row doesn't get the other.
    """
    return next_row(caller(), _sample(job_id), given.task)


@blueprint.post("/review-queue/release")
def release_row(job_id: str) -> Released:
    """Let others have the row that the caller has reserved."""
    return end_reservation(caller(), _sample(job_id))


@blueprint.get(
    "/review-queue/mine", output=list_schema("entries", OwnEntry, "Newest first.", of_job=True)
)
def mine(job_id: str, query: PageRequest) -> Listing:
    """The caller's own newest entries about rows, to go back and correct."""
    job = _sample(job_id)
    return listed(own_entries(caller(), job, query.offset, query.limit), query, job.id)


@blueprint.get("/answers")
def answers(job_id: str, query: AnswersListRequest) -> AnswersPage | Response:
    """The rows of a sample with their readings: who answered what, when, and what counts."""
    job = completed_sample(job_id)
    source = sample_source(job)
    if query.format != "json":
        return _file(job, query.format, source)
    with caller().reading():
        page = answers_page(service(), job, query.offset, query.limit)
    caller().audit_view(source, "answers")
    return page


def _file(job: JobRecord, kind: AnswersFile, source: RowSource) -> Response:
    with downloaded_file("answers") as path:
        write_answers(service(), job, path, kind)
        caller().audit_read("rows_downloaded", source, format=kind)
        name = f"answers-{job.shown_name}"
        if kind == "label_studio":
            return file_answer(path, f"{name}-tasks.json", "application/json")
        return file_answer(path, f"{name}.{kind}", MEDIA_TYPES[kind])


class AnswersPreviewIn(RowFileIn):
    reading = fields.String(
        load_default="first",
        validate=validate.OneOf(list(READINGS)),
        metadata={"description": "Of all lines: `first`, `second` or `decision`."},
    )


class AnswersFileIn(AnswersPreviewIn):
    or_json = body_schema(AnswersRequest)


@blueprint.post("/answers", form=AnswersFileIn, guard=large_uploads)
def enter(job_id: str, given: dict[str, Any] | AnswersRequest) -> EnteredAnswers:
    """Enter answers about one row or several, all or none, as JSON or from a file.

    An entry never changes: a correction is a new entry, until the row is decided or the sample
    submitted. Reviewers answer rows that they have reserved, or correct own answers. Whoever may
    write in the dataset can give any reading that nobody gave. A file has a column for each
    question, or is Label Studio's JSON export; it needs the right write.
    """
    job = _sample(job_id)
    if isinstance(given, AnswersRequest):
        return enter_answers(caller(), job, given.answers)
    caller().dataset(job.dataset_id, "write")
    with access().work_limits.previews.piece(caller().user.id):
        ids, file = enter_answer_file(caller(), job, row_file(given), given["reading"])
    return EnteredAnswers(job.id, ids, queue_state(caller(), job).progress, file)


@blueprint.post("/answers/preview", form=AnswersPreviewIn, guard=large_uploads)
def preview(job_id: str, given: dict[str, Any]) -> FindingsFile:
    """Preview answers from a file: what each line would enter, and why not.

    Nothing is entered.
    """
    job = completed_sample(job_id)
    caller().dataset(job.dataset_id, "write")
    with access().work_limits.previews.piece(caller().user.id):
        found = preview_answers(caller(), job, row_file(given), given["reading"])
    caller().audit_view(sample_source(job), "answers")
    return found


@blueprint.post("/answers/table")
def make_table(job_id: str, given: AnswersTableRequest) -> JobAccepted:
    """Make a table of the answers as they are now, as a job.

    It has a row for each row of the sample: the row key, `row_id`, the answer that counts of each
    question, typed, `outcome`, `note`, `reading`, `readings`, and the draw's inclusion probability
    and weight. The table is that of a query, so it is joined, drawn from and downloaded as others.
    The same request with the same output_name and the same answers returns the same job.
    """
    job = completed_sample(job_id)
    dataset = caller().dataset(job.dataset_id, "write")
    request = table_request(service(), job, given)
    by = submission(given.priority, body={**given.given(), "job_id": job.id})
    with access().work_limits.queries.piece(caller().user.id):
        made = submit_table(service(), by, dataset, request)
    return accepted(made, "Exploration job created")


@dataclass(frozen=True)
class SampleReviewers:
    """The reviewers of a sample."""

    job_id: str
    reviewers: Annotated[Sequence[Reviewer], Help("By name.")]


@blueprint.get("/reviewers")
def reviewers(job_id: str) -> SampleReviewers:
    """The users who may answer the questions of a sample, for those who may write."""
    job = completed_sample(job_id)
    return SampleReviewers(job.id, reviewers_of(caller(), job))


@blueprint.put("/reviewers")
def add(job_id: str, given: ReviewersRequest) -> SampleReviewers:
    """Make users reviewers of a sample.

    A reviewer gets the queue of the sample and nothing else of its dataset.
    """
    job = completed_sample(job_id)
    return SampleReviewers(job.id, invite(caller(), job, given.reviewers))


@blueprint.delete("/reviewers")
def remove(job_id: str, given: EndReviewerRequest) -> SampleReviewers:
    """Remove a reviewer of a sample; the person's entries stay."""
    job = completed_sample(job_id)
    return SampleReviewers(job.id, end_reviewer(caller(), job, given.reviewer))


def _sample(job_id: str) -> JobRecord:
    """A completed draw that the caller may read, or is a reviewer of."""
    return completed(caller().queue_job(job_id), "sampling")
