"""Apply the rule of a sample that was planned in two stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal

from application.audit.evaluation.answer import AttributeResult, Evaluated
from application.audit.evaluation.attributes import NOTE, equal_chances
from application.audit.evaluation.request import (
    KIND_LOC,
    ExaminedSample,
    SettledEvaluation,
    require_all,
    tolerable_share,
    with_outside,
)
from application.audit.items import ExaminedItem
from contract.requests.evaluate import TwoStageParameters
from domain_errors import Sentence
from estimation_engine.audit import (
    Stage,
    TwoStageEvaluation,
    TwoStageRule,
    evaluate_two_stages,
    stage_one_decision,
)
from estimation_engine.audit.assurance import TWO_STAGES
from estimation_engine.errors import InvalidFindings

NOT_USED = Sentence(
    "Stage 2 has findings, which the rule doesn't use: stage 1, as it is corrected now, decides."
)


def evaluate_stages(
    sample: ExaminedSample, request: SettledEvaluation[TwoStageParameters]
) -> Evaluated:
    """The decision of the rule, its risk at what is tolerable, and the upper limit of the share."""
    rule = sample.rule
    if rule is None:
        raise InvalidFindings(
            "The sample wasn't planned in two stages. Plan a sample with `accept` before it is "
            "drawn.",
            loc=KIND_LOC,
        )
    # The plan has a materiality, so there is something tolerable.
    tolerable = tolerable_share(request.tolerable or Decimal(0))
    planned_first = sample.items[: rule.first]
    first, outside = require_all(sample, planned_first)
    second = None
    rest = sample.items[rule.first :]
    decided = stage_one_decision(rule, _stage(first).exceptions)
    if decided == "continue" and rest and any(item.finding for item in rest):
        second, outside_second = require_all(sample, rest)
        outside += outside_second
    examined = TwoStageRule(
        len(first),
        rule.second if second is None else len(second),
        rule.accept_first,
        rule.accept_both,
    )
    # Rows found outside aren't in the population; others of their kind are still counted.
    population = equal_chances(sample).population - outside

    def by_rule(stages: Sequence[Stage | None]) -> TwoStageEvaluation:
        (stage_1, stage_2) = stages
        return evaluate_two_stages(
            *(examined, stage_1 or Stage(0, 0), stage_2, population),
            tolerable=tolerable,
            confidence=request.confidence,
            likelihood=request.parameters.likelihood or "poisson",
            scope=sample.scope,
        )

    parts = (first, second)
    found = by_rule([None if part is None else _stage(part) for part in parts])
    is_unused = decided != "continue" and rest
    return Evaluated(
        {**asdict(found), "tolerable": tolerable, "not_applicable": outside},
        TWO_STAGES,
        with_outside(found.conclusion, outside),
        attributes=[
            _attribute(name, by_rule([_tested(part, name) for part in parts]))
            for name in sample.state.attributes
        ],
        notes=[NOTE] if outside else [],
        caveats=[NOT_USED] if is_unused else [],
    )


def _tested(items: Sequence[ExaminedItem] | None, attribute: str) -> Stage | None:
    """A stage by one attribute alone."""
    if items is None:
        return None
    return Stage(len(items), sum(item.deviates_from(attribute) for item in items))


def _attribute(name: str, found: TwoStageEvaluation) -> AttributeResult:
    """What the rule says of one attribute; undecided if it needs a stage 2 that isn't examined."""
    is_decided = found.decision != "continue"
    return AttributeResult(
        name,
        found.exceptions,
        found.share,
        None,
        found.upper_limit,
        found.upper_rows,
        found.conclusion.is_tolerable if is_decided else None,
    )


def _stage(items: Sequence[ExaminedItem]) -> Stage:
    return Stage(len(items), sum(item.is_exception for item in items))
