"""The route of the evaluation of several samples together."""

from __future__ import annotations

from application.access import RowSource
from application.audit.combined_evaluation import CombinedEvaluation, evaluate_together
from contract.requests.evaluate import CombinedEvaluationRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.submissions import completed
from service.tables.open_tables import SAMPLE, output_of

blueprint = SignedInBlueprint("combined_evaluation", __name__, url_prefix="/api/audit", tag="Audit")


@blueprint.post(
    "/combined-evaluation",
    body=CombinedEvaluationRequest,
    output=CombinedEvaluation,
    only_reads=True,
)
def combined_evaluation(given: CombinedEvaluationRequest) -> CombinedEvaluation:
    """Evaluate several samples together, as parts of one conclusion.

    They are strata, periods or datasets whose populations have no row in common. The caller needs
    read access to each sample. Samples that share rows are refused, and so are rows with a book
    value that no sample covers, unless `covered_only` leaves them out.
    """
    jobs = [completed(caller().job(each), "sampling") for each in given.jobs]
    with caller().reading():
        found = evaluate_together(service(), jobs, given)
    for job in jobs:
        caller().audit_view(RowSource(job.dataset_id, output_of(job), SAMPLE, job.id), "evaluation")
    return found
