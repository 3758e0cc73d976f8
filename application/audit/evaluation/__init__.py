"""Evaluate a sample by its findings; each kind is a module."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from application.audit.evaluation.attributes import evaluate_exceptions
from application.audit.evaluation.monetary_unit import evaluate_money
from application.audit.evaluation.other_samples import (
    other_samples,
    require_allowed,
    with_other_samples,
)
from application.audit.evaluation.parameters import request_of, signed_json
from application.audit.evaluation.population import population_caveats
from application.audit.evaluation.request import (
    KIND_LOC,
    EvaluationRequest,
    ExaminedSample,
    with_own_column,
)
from application.audit.evaluation.sequential import evaluate_sequence
from application.audit.evaluation.two_stage import evaluate_stages
from application.audit.evaluation.variables import evaluate_audit_values
from application.audit.items import examined_items
from application.audit.planned import departure
from application.audit.state import audit_state
from estimation_engine.errors import InvalidFindings
from service.service import Service
from storage.jobs.jobs import Job

__all__ = ["EvaluationRequest", "evaluate", "request_of"]

_EVALUATE = {
    "attributes": evaluate_exceptions,
    "two_stage": evaluate_stages,
    "monetary_unit": evaluate_money,
    "variables": evaluate_audit_values,
    "sequential": evaluate_sequence,
}


def evaluate(service: Service, job: Job, request: EvaluationRequest) -> dict[str, Any]:
    """Evaluate a sample, as JSON.

    Raises
    ------
    InvalidFindings
        Rows have no finding, or lack an audit value; the sample's method or a parameter doesn't fit
        the kind.
    """
    request = with_own_column(service, job, request)
    state = audit_state(service, job)
    sample = ExaminedSample(service, job, state, examined_items(service, job, state))
    if sample.rule is not None and request.kind not in ("two_stage", "sequential"):
        raise InvalidFindings(
            "The sample was planned in two stages, which an evaluation by {kind} would take as one "
            "sample. Evaluate it as `two_stage`, or as `sequential`, which is valid at any time.",
            kind=request.kind,
            loc=KIND_LOC,
        )
    others = other_samples(service, job, state)
    require_allowed(sample, others, request.kind)
    found = {"caveats": [], **_EVALUATE[request.kind](sample, request)}
    found = with_other_samples(sample, others, request.kind, found)
    answer = {
        "job_id": job.id,
        "kind": request.kind,
        "confidence": request.confidence,
        "review_state": state.review.state,
        "replaced": len(state.replacements),
        "scope": sample.scope,
        "signed": signed_json(state.review, request, found["conclusion"]),
        **found,
        "assurance": asdict(found["assurance"]),
        "caveats": [*found["caveats"], *population_caveats(sample)],
    }
    return {**answer, "departure": departure(job.run_parameters, request.tolerable, answer)}
