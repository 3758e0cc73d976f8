"""Routes of estimates from a sample."""

from __future__ import annotations

from typing import Any

from application.access import RowSource
from application.estimation.estimates import EstimateRequest, estimates_of, settings_of
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.submissions import completed
from http_api.schemas.estimates import EstimatesIn, EstimatesOut
from job_runner.tables.open_tables import SAMPLE, output_of

blueprint = SignedInBlueprint(
    "estimates", __name__, url_prefix="/api/sampling/jobs/<job_id>", tag="Sampling"
)


@blueprint.post("/estimates", body=EstimatesIn, output=EstimatesOut, only_reads=True)
def estimates(job_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Estimate figures of the population, with margins of error.

    From the sample's rows and its recorded design, with the finite-population correction. The
    sample may have one round, or several random or stratified ones with the same frame.
    """
    job = completed(caller().job(job_id), "sampling")
    request = EstimateRequest(
        given["statistics"],
        given["by"],
        given.get("where"),
        settings_of(given),
        given["true_values"],
    )
    with caller().reading():
        found = estimates_of(service(), job, request)
    caller().audit_view(RowSource(job.dataset_id, output_of(job), SAMPLE, job.id), "estimates")
    return found
