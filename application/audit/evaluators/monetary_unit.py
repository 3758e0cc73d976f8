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
    places_of,
)
from application.audit.evaluators.variables import AMOUNTS_HEADER, DIRECTIONS, amount_of
from contract.requests.evaluate import MONETARY_UNIT, EvaluationKind
from domain_errors import Sentence, counted
from presentation.charts import Bar, LimitChart
from presentation.content import Chart, Formula, Row, Table

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
BASIC = Sentence(BREAKDOWN["basic_precision"])
LIMITS: Mapping[str, str] = {
    "upper_limit": "{direction_basic_precision}+{direction_projected}"
    "+{direction_incremental_allowance}+{direction_take_all}",
    "most_likely": "{direction_projected}+{direction_take_all}",
}
OF_LINES: Mapping[str, str] = {
    "projected": "ROUND((SUM({direction_lines.Taint t})-1)/{units}*{sampled_value},places)",
    "incremental_allowance": "ROUND(SUM({direction_lines.Increment × t})*{sampled_value},places)"
    "-{direction_basic_precision}-{direction_projected}",
}
"""How a workbook computes limits from each other, and from the lines of the arithmetic."""
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

    def misfit(self, drawn: DrawnAs) -> str:
        if not drawn.is_money:
            return "the sample wasn't drawn by monetary units"
        return super().misfit(drawn)

    def evaluate(self, sample: ExaminedSample, request: SettledEvaluation[Any]) -> Evaluated:
        from application.audit.evaluation.monetary_unit import evaluate_money

        return evaluate_money(sample, request)

    def programme_figures(self, found: Evaluation) -> dict[str, float]:
        """Those of overstatements, the only errors that a programme concludes on."""
        if "understatement" in found["concludes_on"]:
            from estimation_engine.errors import InvalidFindings

            raise InvalidFindings(
                "An audit programme concludes on overstatements of positive amounts alone, and "
                "this population has credits.",
                loc=("body", "programme"),
            )
        over = found["overstatement"]
        likely, limit = Decimal(over["most_likely"]), Decimal(over["upper_limit"])
        own = {"projected": likely, "upper_limit": limit, "precision": limit - likely}
        return super().programme_figures({**found, **own})

    def results(self, found: Evaluation) -> list[Table]:
        has_one_start = found["overstatement"]["one_start_limit"] is not None
        labels = {
            **BREAKDOWN,
            **LIKELY,
            **({"one_start_limit": ONE_START} if has_one_start else {}),
        }
        rows: list[Row] = [
            (
                Sentence(label),
                *(self._limit(found, direction, name) for direction in DIRECTIONS),
            )
            for name, label in labels.items()
        ]
        return [Table("Limits of misstatement", AMOUNTS_HEADER, rows)]

    def _limit(self, found: Evaluation, direction: str, name: str) -> Formula:
        """An amount of a direction, and how a workbook computes it from the arithmetic."""
        amount = Decimal(amount_of(found[direction][name]))
        has_lines = len(found[direction]["arithmetic"]) > 0
        expression = ""
        if has_lines or name not in OF_LINES:
            expression = {**LIMITS, **OF_LINES}.get(name, "").replace("direction", direction)
        if name == "projected" and found["strata"] > 1:
            expression = ""  # each stratum by its own interval
        return Formula(
            amount, expression.replace("places", str(places_of(amount))), f"{direction}_{name}"
        )

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
                        *(line["number"], named_row(found, line["row_id"]) or BASIC),
                        *(*key_cells(keys, line["row_id"]), line["taint"], line["factor"]),
                        line["increment"],
                        Formula(line["product"], "[Increment]*[Taint t]"),
                        _amount(line["amount"]),
                    )
                    for line in found[direction]["arithmetic"]
                ],
                name=f"{direction}_lines",
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


def _amount(text: str) -> Formula:
    """The amount of a line of the arithmetic."""
    amount = Decimal(text)
    return Formula(amount, f"ROUND([Increment × t]*{{sampled_value}},{places_of(amount)})")


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
