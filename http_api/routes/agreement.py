"""Routes of the agreement of two readers of a sample."""

from __future__ import annotations

from application.access import sample_source
from application.review.agreement import (
    AgreementAnswer,
    DifferingRow,
    agreement_of,
    differing_rows,
)
from contract.requests.agreement import AgreementRequest
from contract.requests.pages import PageRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.submissions import completed_sample
from http_api.schemas.contract import Listing, list_schema, listed

blueprint = SignedInBlueprint("agreement", "Review", "/api/sampling/jobs/<job_id>")


@blueprint.get("/agreement")
def agreement(job_id: str, query: AgreementRequest) -> AgreementAnswer:
    """How far the two readings of the sample's rows agree, for each question.

    It needs read access to the dataset, which reviewers don't have by themselves.
    """
    job = completed_sample(job_id)
    return agreement_of(service(), job, query.confidence)


@blueprint.get(
    "/agreement/differences",
    output=list_schema("rows", DifferingRow, "In the order of the draw.", of_job=True),
)
def differences(job_id: str, query: PageRequest) -> Listing:
    """The rows whose two readings differ, decided ones among them.

    It needs read access to the dataset, which reviewers don't have by themselves.
    """
    job = completed_sample(job_id)
    found = differing_rows(service(), job, query.offset, query.limit)
    caller().audit_view(sample_source(job), "agreement")
    return listed(found, query, job.id)
