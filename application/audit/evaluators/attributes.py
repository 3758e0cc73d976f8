"""The share of rows with an exception."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from application.audit.evaluators.evaluator import (
    DrawnAs,
    Evaluation,
    Evaluator,
    PageParts,
)
from contract.requests.evaluate import ATTRIBUTES, EvaluationKind
from domain_errors import Sentence, counted
from presentation.charts import Bar, LimitChart
from presentation.content import Chart, Judgement, Percent, Table

if TYPE_CHECKING:
    from application.audit.evaluation.answer import Evaluated
    from application.audit.evaluation.request import ExaminedSample, SettledEvaluation


class AttributesEvaluator(Evaluator):
    """Bounds the share of rows with an exception."""

    kind: ClassVar[EvaluationKind] = ATTRIBUTES
    titles: ClassVar[Mapping[str, str]] = {
        "examined": "Rows examined",
        "exceptions": "Exceptions",
        "not_applicable": "Rows not applicable that nothing could replace",
        "likelihood": "Likelihood",
        "lower_limit": "Lower limit",
        "share": "Most likely share",
        "upper_limit": "Upper limit",
    }

    formulas: ClassVar[Mapping[str, str]] = {"share": "{exceptions}/{examined}"}

    def fits(self, drawn: DrawnAs) -> bool:
        return True

    def evaluate(self, sample: ExaminedSample, request: SettledEvaluation[Any]) -> Evaluated:
        from application.audit.evaluation.attributes import evaluate_exceptions

        return evaluate_exceptions(sample, request)

    def results(self, found: Evaluation) -> list[Table]:
        """Each tested attribute by itself."""
        attributes = found["attributes"]
        if not attributes:
            return []
        verdicts = {
            True: Judgement(Sentence("Yes"), "good"),
            False: Judgement(Sentence("No"), "bad"),
            None: Judgement(Sentence("Not decided"), ""),
        }
        has_low = any(each["lower_limit"] is not None for each in attributes)
        is_concluded = found["conclusion"] is not None
        rows = [
            (
                *(each["name"], each["deviations"], Percent(each["share"])),
                *([_limit(each["lower_limit"])] if has_low else []),
                _limit(each["upper_limit"]),
                *([verdicts[each["is_tolerable"]]] if is_concluded else []),
            )
            for each in attributes
        ]
        header = [
            *("Attribute", "Deviations", "Most likely share"),
            *(["Lower limit"] if has_low else []),
            "Upper limit",
            *(["Tolerable"] if is_concluded else []),
        ]
        return [Table("Each attribute by itself", header, rows)]

    def charts(self, found: Evaluation, tolerable: Bar | None) -> list[Chart]:
        shares = {
            "Lower limit": found.get("lower_limit"),
            "Most likely share": found["share"],
            "Upper limit": found["upper_limit"],
        }
        bars = [
            Bar(title, share, str(Percent(share)))
            for title, share in shares.items()
            if share is not None
        ]
        return [LimitChart("Limits", bars, tolerable)]

    def page(self, found: Evaluation, tolerable: Decimal | None) -> PageParts:
        title = (
            f"{counted(found['exceptions'], 'exception')} in "
            f"{counted(found['examined'], 'examined row')} of {found['population']:,}"
        )
        remark = "The bars are of rows with any exception." if found["attributes"] else ""
        page = super().page(found, tolerable)
        return replace(page, parts=[replace(page.parts[0], title=title, remark=remark)])


def _limit(share: float | None) -> Percent | None:
    return None if share is None else Percent(share)
