"""The evaluation that is valid after every row, of shares of rows or of amounts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import ceil, log10
from typing import TYPE_CHECKING, Any, ClassVar

from application.audit.evaluators.evaluator import (
    Card,
    DrawnAs,
    Evaluation,
    Evaluator,
    Keys,
    PagePart,
    PageParts,
    amount_text,
    key_cells,
    key_header,
    named_row,
)
from contract.requests.evaluate import SEQUENTIAL, EvaluationKind
from domain_errors import FigureText, Sentence, counted
from presentation.charts import Bar, BoundaryChart, Curve
from presentation.content import Chart, Table

if TYPE_CHECKING:
    from application.audit.evaluation.answer import Evaluated
    from application.audit.evaluation.request import ExaminedSample, SettledEvaluation

LINES: Mapping[str, str] = {
    "units": "Units u",
    "weight": "Weight w",
    "score": "Score",
    "taint": "Taint",
    "slope": "β",
    "value": "x",
    "null_mean": "m",
    "bet": "λ",
    "statistic": "M",
}
"""Titles of the columns of the arithmetic; those that an evaluation lacks are left out."""
MAX_POWER = 6
"""The highest power of ten of M in the picture."""


class SequentialEvaluator(Evaluator):
    """Tests the first rows of the order of the draw."""

    kind: ClassVar[EvaluationKind] = SEQUENTIAL
    titles: ClassVar[Mapping[str, str]] = {
        "examined": "Rows examined",
        "exceptions": "Exceptions",
        "not_applicable": "Rows not applicable that nothing could replace",
        "least": "Fewest rows with an exception that are possible",
        "most": "Most rows with an exception that are possible",
        "book_value": "Book value",
        "sampled_value": "Book value without rows always drawn",
        "score_column": "Risk scores",
        "score_mean": "Mean score, by book value",
        "weight_column": "Weights of the draw",
        "largest_ratio": "Largest book value by weight, the mean being 1",
        "decision": "Decision of the rule",
        "upper_limit": "Upper limit",
        "statistic": "M after the last row",
        "ratio_at_tolerable": "Ratio at the fewest rows that aren't tolerable",
        "threshold": "Threshold of a decision",
    }
    is_by_row: ClassVar[bool] = True

    def fits(self, drawn: DrawnAs) -> bool:
        return drawn.is_enlarged

    def tolerates_rate(self, drawn: DrawnAs) -> bool:
        return not drawn.is_money

    def misfit(self, drawn: DrawnAs) -> str:
        if not drawn.has_sequence:
            return "the rows aren't in a random order"
        return super().misfit(drawn)

    def evaluate(self, sample: ExaminedSample, request: SettledEvaluation[Any]) -> Evaluated:
        from application.audit.evaluation.sequential import evaluate_sequence

        return evaluate_sequence(sample, request)

    def arithmetic(self, found: Evaluation, keys: Keys = None) -> list[Table]:
        """M after each row; exceptions have no arithmetic but their counts."""
        if not _is_of_amounts(found):
            return []
        columns = [
            (name, title)
            for name, title in LINES.items()
            if not found["arithmetic"] or name in found["arithmetic"][0]
        ]
        header = ("i", "Row", *key_header(keys), *(title for _, title in columns))
        rows = [
            (
                *(
                    line["number"],
                    named_row(found, line["row_id"]),
                    *key_cells(keys, line["row_id"]),
                ),
                *(line[name] for name, _ in columns),
            )
            for line in found["arithmetic"]
        ]
        return [Table("Arithmetic", header, rows)]

    def charts(self, found: Evaluation, tolerable: Bar | None) -> list[Chart]:
        return [(_martingale if _is_of_amounts(found) else _boundary)(found)]

    def page(self, found: Evaluation, tolerable: Decimal | None) -> PageParts:
        (chart,) = self.charts_of(found, tolerable)
        if _is_of_amounts(found):
            (arithmetic,) = self.arithmetic(found)
            part = PagePart("Boundary", chart, arithmetic=arithmetic)
            return PageParts([part], _cards_of_amounts(found), has_amounts=True)
        remark = (
            f"Ratio at the fewest intolerable rows: {found['ratio_at_tolerable']:.6g}; decided at "
            f"{found['threshold']:.6g}."
        )
        return PageParts([PagePart("Boundary", chart)], _cards_of_shares(found), remarks=[remark])


def _is_of_amounts(found: Evaluation) -> bool:
    return bool(found["measure"] == "amount")


def _cards_of_shares(found: Evaluation) -> list[Card]:
    return [
        Card("Examined", f"{found['examined']:,}", [f"of {counted(found['drawn'], 'drawn row')}"]),
        Card("Exceptions", f"{found['exceptions']:,}"),
        Card(
            "Still possible",
            f"{found['least']:,} to {found['most']:,}",
            [f"of {counted(found['population'], 'row')} have an exception"],
        ),
    ]


def _cards_of_amounts(found: Evaluation) -> list[Card]:
    certain = found["take_all"]
    in_certain = f"and {certain['errors']:,} in rows always drawn: {amount_text(certain['amount'])}"
    decided = f"decided at {found['threshold']:.4g}"
    if found["accepted_at"]:
        decided += f", reached after {counted(found['accepted_at'], 'row')}"
    drawn = f"of {counted(found['drawn'], 'drawn row')} left to chance"
    scores = []
    if found.get("score_column"):
        name, mean = found["score_column"], f"{found['score_mean']:.4g}"
        scores = [Card("Mean score", mean, [f"of {name}, by book value"])]
    return [
        Card("Examined", f"{found['examined']:,}", [drawn]),
        Card(
            "Overstatements" if found["population"] == "positive" else "Misstatements",
            f"{found['exceptions']:,}",
            [in_certain] if certain["errors"] else [],
        ),
        Card(
            "Upper limit",
            amount_text(found["upper_limit"]),
            [f"tolerable: {amount_text(found['tolerable'])}"],
        ),
        Card("M", f"{found['statistic']:.4g}", [decided]),
        *scores,
    ]


def _martingale(found: Evaluation) -> BoundaryChart:
    """M by examined rows, as powers of ten, with the line at which errors are tolerable."""
    threshold, last = log10(found["threshold"]), found["drawn"]
    powers = [
        (size, max(log10(value), 0.0) if value > 0 else 0.0)
        for size, value in enumerate(found["statistics_by_size"], start=1)
    ]
    highest = min(max(value for _, value in powers), MAX_POWER)
    return BoundaryChart(
        title="Boundary",
        label=Sentence(
            "M by examined rows: {value} after {examined}; {sentence}",
            value=FigureText(f"{found['statistic']:.3g}"),
            examined=found["examined"],
            sentence=found["conclusion"]["sentence"],
        ),
        curves=[
            Curve("accept", [(0, threshold), (last, threshold)]),
            Curve("found", [(0, 0.0), *powers]),
        ],
        last=last,
        axis=("M", "Rows examined, in the order of the draw"),
        ticks=[
            (float(power), f"{10**power:,}") for power in range(ceil(max(highest, threshold)) + 1)
        ],
        legend="Solid: M after each row. Dashed: errors are tolerable once M is at or above this "
        "line.",
    )


def _boundary(found: Evaluation) -> BoundaryChart:
    """Exceptions by examined rows, between the lines at which they decide."""
    boundary = found["boundary"]
    exceptions = [
        (size, float(count)) for size, count in enumerate(found["exceptions_by_size"], start=1)
    ]
    top = max(5, found["exceptions"] + 2, *boundary["accept"])
    accept = [
        (size, None if count < 0 else float(count))
        for size, count in zip(boundary["sizes"], boundary["accept"], strict=True)
    ]
    reject = [
        (size, None if count > min(size, top) else float(count))
        for size, count in zip(boundary["sizes"], boundary["reject"], strict=True)
    ]
    return BoundaryChart(
        title="Boundary",
        label=Sentence(
            "Exceptions by examined rows: {found} of {examined}; {sentence}",
            found=found["exceptions"],
            examined=found["examined"],
            sentence=found["conclusion"]["sentence"],
        ),
        curves=[
            Curve("accept", accept),
            Curve("reject", reject),
            Curve("found", [(0, 0.0), *exceptions]),
        ],
        last=found["drawn"],
        axis=("Exceptions", "Rows examined, in the order of the draw"),
        ticks=[(0, "0"), (top, f"{top:,}")],
        legend="Solid: exceptions found. Dashed: errors are tolerable at or below this line. "
        "Dotted: they are above what is tolerable at or above it.",
    )
