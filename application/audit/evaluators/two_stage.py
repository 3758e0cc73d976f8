"""The rule of a sample that was planned in two stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from application.audit.evaluators.attributes import AttributesEvaluator
from application.audit.evaluators.evaluator import Card, DrawnAs, Evaluation, PageParts
from contract.requests.evaluate import TWO_STAGE, EvaluationKind
from domain_errors import Sentence, counted
from presentation.content import Row

if TYPE_CHECKING:
    from application.audit.evaluation.answer import Evaluated
    from application.audit.evaluation.request import ExaminedSample, SettledEvaluation

STAGE = "{exceptions} {exceptions|exception|exceptions} in {examined} {examined|row|rows}"


class TwoStageEvaluator(AttributesEvaluator):
    """Applies the rule, and bounds the share of rows with an exception."""

    kind: ClassVar[EvaluationKind] = TWO_STAGE
    titles: ClassVar[Mapping[str, str]] = {
        "examined": "Rows examined",
        "exceptions": "Exceptions",
        "not_applicable": "Rows not applicable that nothing could replace",
        "likelihood": "Likelihood",
        "decision": "Decision of the rule",
        "share": "Most likely share",
        "risk": "Risk to accept the tolerable share",
        "upper_limit": "Upper limit",
    }

    def fits(self, drawn: DrawnAs) -> bool:
        return drawn.has_stages

    def misfit(self, drawn: DrawnAs) -> str:
        if not drawn.has_stages:
            return "the sample wasn't planned in two stages"
        return super().misfit(drawn)

    def evaluate(self, sample: ExaminedSample, request: SettledEvaluation[Any]) -> Evaluated:
        from application.audit.evaluation.two_stage import evaluate_stages

        return evaluate_stages(sample, request)

    def plan(self, found: Evaluation) -> list[Row]:
        rule = found["rule"]
        text = Sentence(
            "{first} {first|row|rows}, then {second}; accept with {accept_first} in stage 1, or "
            "{accept_both} in both",
            **{name: rule[name] for name in ("first", "second", "accept_first", "accept_both")},
        )
        return [
            ("Rule", text),
            *(
                (title, Sentence(STAGE, **stage))
                for title, stage in (("Stage 1", found["first"]), ("Stage 2", found["second"]))
                if stage is not None
            ),
        ]

    def page(self, found: Evaluation, tolerable: Decimal | None) -> PageParts:
        rule = found["rule"]
        cards = [
            _stage("Stage 1", found["first"], rule["first"], found["decision"]),
            _stage("Stage 2", found["second"], rule["second"], found["decision"]),
            Card(
                "Rule",
                f"Accept with {rule['accept_first']} in stage 1, or {rule['accept_both']} in both",
                ["exceptions at most"],
            ),
            Card(
                "Risk",
                f"{100 * found['risk']:.2f} %",
                [f"to accept {100 * found['tolerable']:.4g} % exceptions"],
            ),
        ]
        return replace(super().page(found, tolerable), cards=cards)


def _stage(title: str, stage: Mapping[str, int] | None, rows: int, decision: str) -> Card:
    if stage is not None:
        noun = "exception" if stage["exceptions"] == 1 else "exceptions"
        remark = f"{noun} in {counted(stage['examined'], 'row')}"
        return Card(title, f"{stage['exceptions']:,}", [remark])
    is_next = decision == "continue"
    return Card(title, "–", [f"{counted(rows, 'row')} to examine" if is_next else "not needed"])
