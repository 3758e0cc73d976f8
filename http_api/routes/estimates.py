"""Routes of estimates from a sample."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from marshmallow import validate

from application.access import RowSource
from application.estimation.design_code import design_code, design_facts
from application.estimation.estimates import EstimateRequest, estimates_of, settings_of
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.submissions import completed
from http_api.schemas.base import StrictQuery
from http_api.schemas.estimates import DesignFactsOut, EstimatesIn, EstimatesOut
from http_api.schemas.fields import StrictString
from job_runner.tables.open_tables import SAMPLE, output_of

blueprint = SignedInBlueprint(
    "estimates", __name__, url_prefix="/api/sampling/jobs/<job_id>", tag="Sampling"
)


ENDINGS = {"r": "R", "stata": "do", "sas": "sas", "python": "py"}


class DesignQuery(StrictQuery):
    format = StrictString(
        load_default="json",
        validate=validate.OneOf(("json", *ENDINGS)),
        description="Facts as `json`, or code of R, Stata, SAS or Python.",
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


@blueprint.get("/design", query=DesignQuery, output=DesignFactsOut)
def design(job_id: str, query: dict[str, str]) -> Response:
    """The design of the sample, as facts or as code.

    `json` has all strata with their rows and drawn rows, the drawn clusters, or the rows drawn with
    certainty. Code declares the design in another program, and says which figures it can't repeat.
    """
    job = completed(caller().job(job_id), "sampling")
    kind = query["format"]
    with caller().reading():
        if kind == "json":
            answer = jsonify(design_facts(service(), job))
        else:
            answer = Response(design_code(service(), job, kind), mimetype="text/plain")
            name = f"design-{job.id[:8]}.{ENDINGS[kind]}"
            answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    caller().audit_view(RowSource(job.dataset_id, output_of(job), SAMPLE, job.id), "design")
    return answer
