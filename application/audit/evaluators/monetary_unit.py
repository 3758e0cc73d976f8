"""The misstatement of a sample by monetary units, by Stringer's or Gaffke's bound."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from application.audit.evaluators.evaluator import (
    DrawnAs,
    Evaluation,
    Evaluator,
    Keys,
    PagePart,
    PageParts,
    amount_bars,
    amount_text,
    key_cells,
    key_header,
    named_row,
)
from application.audit.evaluators.variables import DIRECTIONS, amount_of, direction_amounts
from contract.requests.evaluate import MONETARY_UNIT, EvaluationKind
from domain_errors import counted
from presentation.charts import Bar, LimitChart
from presentation.content import Chart, Table

if TYPE_CHECKING:
    from application.audit.evaluation.answer import Evaluated
    from application.audit.evaluation.request import ExaminedSample, SettledEvaluation

BREAKDOWN: Mapping[str, str] = {
    "basic_precision": "Basic precision",
    "projected": "Projected misstatement",
    "incremental_allowance": "Incremental allowance",
    "take_all": "Errors of rows always drawn",
    "upper_limit": "Upper limit",
}
"""The upper limit is the sum of the others."""
LIKELY: Mapping[str, str] = {
    "most_likely": "Most likely misstatement",
    "found": "Errors found in the sample",
}
"""The most likely misstatement: the projected one and the errors of rows always drawn."""
ONE_START = "Limit that holds for any order of the rows"
"""Of a doubted fixed interval: the limit that one start proves."""


class MonetaryEvaluator(Evaluator):
    """Bounds the misstatement; overstatements and understatements apart."""

    kind: ClassVar[EvaluationKind] = MONETARY_UNIT
    titles: ClassVar[Mapping[str, str]] = {
        "not_applicable": "Rows not applicable that nothing could replace",
        "units": "Units",
        "book_value": "Book value",
        "sampled_value": "Book value without rows always drawn",
        "likelihood": "Likelihood",
    }
    is_by_row: ClassVar[bool] = True

    def fits(self, drawn: DrawnAs) -> bool:
        return drawn.is_money and not drawn.has_stages

    def evaluate(self, sample: ExaminedSample, request: SettledEvaluation[Any]) -> Evaluated:
        from application.audit.evaluation.monetary_unit import evaluate_money

        return evaluate_money(sample, request)

    def results(self, found: Evaluation) -> list[Table]:
        has_one_start = found["overstatement"]["one_start_limit"] is not None
        labels = {
            **BREAKDOWN,
            **LIKELY,
            **({"one_start_limit": ONE_START} if has_one_start else {}),
        }
        return [direction_amounts("Limits of misstatement", found, labels)]

    def arithmetic(self, found: Evaluation, keys: Keys = None) -> list[Table]:
        factor = "Limit up to here" if found["bound"] == "gaffke" else "Factor p"
        header = (
            *("i", "Row", *key_header(keys), "Taint t", factor),
            *("Increment", "Increment × t", "Amount"),
        )
        return [
            Table(
                f"{direction.capitalize()}: arithmetic",
                header,
                [
                    (
                        *(line["number"], named_row(found, line["row_id"]) or "Basic precision"),
                        *(*key_cells(keys, line["row_id"]), line["taint"], line["factor"]),
                        *(line["increment"], line["product"], Decimal(line["amount"])),
                    )
                    for line in found[direction]["arithmetic"]
                ],
            )
            for direction in DIRECTIONS
        ]

    def rows(self, found: Evaluation) -> list[str]:
        return [row for direction in DIRECTIONS for row in Evaluator.rows(self, found[direction])]

    def charts(self, found: Evaluation, tolerable: Bar | None) -> list[Chart]:
        """The upper limit of each direction below its summands."""
        return [
            LimitChart(
                direction.capitalize(),
                amount_bars(
                    {title: amount_of(found[direction][name]) for name, title in BREAKDOWN.items()}
                ),
                tolerable,
            )
            for direction in DIRECTIONS
        ]

    def page(self, found: Evaluation, tolerable: Decimal | None) -> PageParts:
        parts = [
            PagePart(
                chart.title,
                chart,
                remark=_direction_text(found[direction]),
                arithmetic=arithmetic,
                is_open=direction == DIRECTIONS[0],
            )
            for direction, chart, arithmetic in zip(
                DIRECTIONS, self.charts_of(found, tolerable), self.arithmetic(found), strict=True
            )
        ]
        remark = (
            f"{counted(found['units'], 'unit')} in a book value of "
            f"{amount_text(found['sampled_value'])} without rows always drawn "
            f"({amount_text(found['book_value'])} with them)."
        )
        return PageParts(parts, remarks=[remark])


def _direction_text(found: Evaluation) -> str:
    certain, errors = found["take_all"], found["found"]
    sentences = ["The upper limit is the sum of the lines above it."]
    if certain["rows"]:
        sentences.append(
            f"{counted(certain['errors'], 'error')} in {counted(certain['rows'], 'row')} always "
            f"drawn: {amount_text(certain['amount'])}."
        )
    with_errors = ", with the errors of rows always drawn" if certain["rows"] else ""
    sentences += [
        f"Most likely misstatement (projected{with_errors}): {amount_text(found['most_likely'])}.",
        f"Errors found in the sample, not projected: {amount_text(errors['amount'])} in "
        f"{counted(errors['errors'], 'row')}.",
    ]
    if found["one_start_limit"]:
        sentences.append(f"{ONE_START}: {amount_text(found['one_start_limit'])}.")
    return " ".join(sentences)
