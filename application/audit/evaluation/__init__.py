"""Evaluate a sample by its findings; each kind is a module."""

from __future__ import annotations

from typing import Any

from application.audit.evaluation.answer import EvaluationAnswer
from application.audit.evaluation.other_samples import (
    other_samples,
    require_allowed,
    with_other_samples,
)
from application.audit.evaluation.parameters import request_of, signed_evaluation
from application.audit.evaluation.population import population_caveats
from application.audit.evaluation.request import (
    KIND_LOC,
    ExaminedSample,
    SettledEvaluation,
    with_own_column,
)
from application.audit.evaluators import EVALUATORS
from application.audit.items import examined_items
from application.audit.planned import departure
from application.audit.state import audit_state
from estimation_engine.errors import InvalidFindings
from service.service import Service
from storage.jobs.jobs import Job

__all__ = ["EvaluationAnswer", "SettledEvaluation", "evaluate", "request_of"]


def evaluate(service: Service, job: Job, request: SettledEvaluation[Any]) -> EvaluationAnswer:
    """Evaluate a sample.

    Raises
    ------
    InvalidFindings
        Rows have no finding, or lack an audit value; the sample's method or a parameter doesn't fit
        the kind.
    """
    request = with_own_column(service, job, request)
    state = audit_state(service, job)
    sample = ExaminedSample(service, job, state, examined_items(service, job, state))
    evaluator = EVALUATORS[request.kind]
    kind = evaluator.kind
    if sample.rule is not None and not (kind.applies_stages or kind.allows_looks):
        raise InvalidFindings(
            "The sample was planned in two stages, which an evaluation by {kind} would take as one "
            "sample. Evaluate it as `two_stage`, or as `sequential`, which is valid at any time.",
            kind=request.kind,
            loc=KIND_LOC,
        )
    others = other_samples(service, job, state)
    require_allowed(sample, others, kind)
    evaluated = with_other_samples(sample, others, kind, evaluator.evaluate(sample, request))
    return EvaluationAnswer(
        job_id=job.id,
        kind=request.kind,
        confidence=request.confidence,
        review_state=state.review.state,
        replaced=len(state.replacements),
        scope=sample.scope,
        signed=signed_evaluation(state.review, request, evaluated.conclusion),
        departure=departure(job.run_parameters, request.tolerable, kind, evaluated.figures),
        other_samples=others.newest,
        other_samples_total=len(others.found),
        assurance=evaluated.assurance,
        conclusion=evaluated.conclusion,
        notes=evaluated.notes,
        caveats=[*evaluated.caveats, *population_caveats(sample)],
        attributes=evaluated.attributes,
        figures=evaluated.figures,
    )
