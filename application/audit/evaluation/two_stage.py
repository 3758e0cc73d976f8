"""Apply the rule of a sample that was planned in two stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from application.audit.evaluation.attributes import NOTE, equal_chances
from application.audit.evaluation.request import (
    KIND_LOC,
    EvaluationRequest,
    ExaminedSample,
    conclusion_json,
    require_all,
    tolerable_share,
)
from application.audit.items import ExaminedItem
from estimation_engine.audit import Stage, TwoStageRule, evaluate_two_stages, stage_one_decision
from estimation_engine.errors import InvalidFindings

NOT_USED = (
    "Stage 2 has findings, which the rule doesn't use: stage 1, as it is corrected now, decides."
)


def evaluate_stages(sample: ExaminedSample, request: EvaluationRequest) -> dict[str, Any]:
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
    found = evaluate_two_stages(
        examined,
        _stage(first),
        None if second is None else _stage(second),
        # Rows found outside aren't in the population; others of their kind are still counted.
        equal_chances(sample).population - outside,
        tolerable=tolerable,
        confidence=request.confidence,
        likelihood=request.likelihood or "hypergeometric",
        scope=sample.scope,
    )
    notes = [NOTE] if outside else []
    if decided != "continue" and rest:
        notes.append(NOT_USED)
    return {
        **asdict(found),
        "tolerable": tolerable,
        "not_applicable": outside,
        "notes": notes,
        "conclusion": conclusion_json(found.conclusion, outside),
    }


def _stage(items: Sequence[ExaminedItem]) -> Stage:
    return Stage(len(items), sum(item.is_exception for item in items))
