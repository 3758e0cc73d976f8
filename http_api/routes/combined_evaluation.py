"""The routes of the evaluation of several samples together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import Response

from application.access import RowSource
from application.audit.combined_evaluation import CombinedEvaluation, as_json, evaluate_together
from application.audit.combined_paper import combined_facts
from application.audit.combined_sheet import combined_section
from application.audit.paper_template import letterhead_of, template_language
from application.audit.working_paper.writing import write_paper
from contract.requests.evaluate import CombinedEvaluationRequest, CombinedPaperRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.findings import PAPER_TYPES
from http_api.routes.row_responses import file_answer, scratch_file
from http_api.routes.submissions import completed
from service.tables.open_tables import SAMPLE, output_of
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
    found = combined_section(as_json(_evaluated(query, jobs)))
    facts, running = combined_facts(caller(), jobs)
    found = replace(found, blocks=[facts, *found.blocks])
    with scratch_file(f"paper.{query.format}") as path:
        language = query.language or template_language(service()) or "en"
        write_paper([found], path, query.format, language, letterhead_of(service(), running))
        name = f"samples-together.{query.format}"
        return file_answer(path, name, PAPER_TYPES[query.format])


def _samples(given: CombinedEvaluationRequest) -> list[JobRecord]:
    return [completed(caller().job(each), "sampling") for each in given.jobs]


def _evaluated(given: CombinedEvaluationRequest, jobs: Sequence[JobRecord]) -> CombinedEvaluation:
    with caller().reading():
        found = evaluate_together(service(), jobs, given)
    for job in jobs:
        caller().audit_view(RowSource(job.dataset_id, output_of(job), SAMPLE, job.id), "evaluation")
    return found
