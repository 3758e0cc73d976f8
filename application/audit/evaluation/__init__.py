"""Evaluate a sample by its findings; each kind is a module."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from application.audit.evaluation.attributes import evaluate_exceptions
from application.audit.evaluation.monetary_unit import evaluate_money
from application.audit.evaluation.request import EvaluationRequest, ExaminedSample, request_of
from application.audit.evaluation.sequential import evaluate_sequence
from application.audit.evaluation.variables import evaluate_audit_values
from application.audit.findings import audit_state
from application.audit.items import examined_items
from application.audit.kinds import KINDS
from application.audit.planned import departure, planned_goal
from job_runner.service import Service
from storage.jobs.jobs import Job

__all__ = ["EvaluationRequest", "evaluate", "request_of"]

_EVALUATE = {
    "attributes": evaluate_exceptions,
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
    request.require_fitting_parameters()
    goal = planned_goal(job.run_parameters) or {}
    if request.likelihood is None and "likelihood" in KINDS[request.kind].parameters:
        request = replace(request, likelihood=goal.get("likelihood"))
    state = audit_state(service, job)
    sample = ExaminedSample(service, job, state, examined_items(service, job, state))
    found = _EVALUATE[request.kind](sample, request)
    answer = {
        "job_id": job.id,
        "kind": request.kind,
        "confidence": request.confidence,
        "review_state": state.review.state,
        "replaced": len(state.replacements),
        "scope": sample.scope,
        **found,
    }
    return {**answer, "departure": departure(job.run_parameters, request.tolerable, answer)}
