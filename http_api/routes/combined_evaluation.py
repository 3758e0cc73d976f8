"""The routes of the evaluation of several samples together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from flask import Response

from application.access import sample_source
from application.audit.combined_evaluation import CombinedEvaluation, evaluate_together
from application.audit.combined_issuing import (
    issue_together,
    readable_paper,
    readable_papers,
    withdraw_together,
    write_combined,
)
from application.audit.paper_template import template_language
from contract.requests.evaluate import (
    CombinedEvaluationRequest,
    CombinedPaperRequest,
    IssueCombinedPaperRequest,
)
from contract.requests.papers import CombinedPapersRequest, WithdrawPaperRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.findings import PAPER_TYPES
from http_api.routes.row_responses import file_answer
from http_api.routes.submissions import completed_sample
from http_api.schemas.contract import Listing, list_schema, page_of
from storage.audit.combined_papers import CombinedPaper
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord

blueprint = SignedInBlueprint("combined_evaluation", "Audit", "/api/audit/combined-evaluation")


@blueprint.post("", only_reads=True)
def combined_evaluation(given: CombinedEvaluationRequest) -> CombinedEvaluation:
    """Evaluate several samples together, as parts of one conclusion.

    They are strata, periods or datasets whose populations have no row in common. The caller needs
    read access to each sample. Samples that share rows are refused, and so are rows with a book
    value that no sample covers, unless `covered_only` leaves them out.
    """
    return _evaluated(given, _samples(given))


@blueprint.get("/paper", file="text/html")
def combined_paper(query: CombinedPaperRequest) -> Response:
    """Download a paper with the evaluation of several samples together.

    As one HTML file that prints, or as a workbook. Client, period and team are those of the
    engagement that all samples share.
    """
    jobs = _samples(query)
    found = _evaluated(query, jobs)
    with service().scratch_file(f"paper.{query.format}") as path:
        language = query.language or template_language(service()) or "en"
        write_combined(caller(), jobs, found, path, language)
        name = f"samples-together.{query.format}"
        return file_answer(path, name, PAPER_TYPES[query.format])


@blueprint.post("/papers")
def issue_combined(given: IssueCombinedPaperRequest) -> CombinedPaper:
    """Issue a paper on several samples: keep its file, and enter its SHA-256 in their ledgers.

    It names who prepared, signed off and approved the findings of each sample. The seal of an
    engagement needs the newest one on the same samples, if all are in it.
    """
    return issue_together(caller(), _samples(given), given)


@blueprint.get("/papers", output=list_schema("papers", CombinedPaper, "Newest first."))
def combined_papers(query: CombinedPapersRequest) -> Listing:
    """The issued papers on a sample and others together, whose datasets I can all read."""
    return page_of(readable_papers(caller(), caller().job(query.job_id).id), query)


@blueprint.get("/papers/<int:paper_id>", file=PAPER_TYPES.values())
def issued_combined(paper_id: int) -> Response:
    """Download an issued paper on several samples, as it was issued."""
    paper = readable_paper(caller(), paper_id)
    path = service().data_files.whole(paper.sha256, paper.size_bytes)
    for job_id in paper.jobs:
        with suppress(NotFound):  # the sample was pruned
            job = caller().job(job_id)
            caller().audit_read(
                "rows_downloaded", sample_source(job), format=paper.format, what="paper"
            )
    return file_answer(path, f"paper-{paper_id}.{paper.format}", PAPER_TYPES[paper.format])


@blueprint.post("/papers/<int:paper_id>/withdraw")
def withdraw_combined(paper_id: int, given: WithdrawPaperRequest) -> CombinedPaper:
    """Withdraw an issued paper on several samples with a reason; its file stays."""
    return withdraw_together(caller(), paper_id, given.reason)


def _samples(given: CombinedEvaluationRequest) -> list[JobRecord]:
    return [completed_sample(each) for each in given.jobs]


def _evaluated(given: CombinedEvaluationRequest, jobs: Sequence[JobRecord]) -> CombinedEvaluation:
    with caller().reading():
        found = evaluate_together(service(), jobs, given)
    for job in jobs:
        caller().audit_view(sample_source(job), "evaluation")
    return found
