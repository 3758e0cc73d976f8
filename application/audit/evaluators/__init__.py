"""The kinds of evaluation: what each computes and shows."""

from __future__ import annotations

from application.audit.evaluators.attributes import AttributesEvaluator
from application.audit.evaluators.evaluator import DrawnAs, Evaluation, Evaluator
from application.audit.evaluators.monetary_unit import MonetaryEvaluator
from application.audit.evaluators.sequential import SequentialEvaluator
from application.audit.evaluators.two_stage import TwoStageEvaluator
from application.audit.evaluators.variables import VariablesEvaluator

EVALUATORS: dict[str, Evaluator] = {
    each.kind.name: each
    for each in (
        AttributesEvaluator(),
        TwoStageEvaluator(),
        MonetaryEvaluator(),
        VariablesEvaluator(),
        SequentialEvaluator(),
    )
}
"""The evaluators by the names of their kinds; a later one is preferred where several fit."""


def evaluator_of(found: Evaluation) -> Evaluator:
    """What shows an evaluation."""
    return EVALUATORS[found["kind"]]


def fitting_evaluator(drawn: DrawnAs) -> Evaluator:
    """The usual evaluation of a sample."""
    return next(each for each in reversed(EVALUATORS.values()) if each.fits(drawn))
