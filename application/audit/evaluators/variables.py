"""The misstatement of any sample, projected by its audit values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

from application.audit.evaluators.evaluator import (
    Card,
    DrawnAs,
    Evaluation,
    Evaluator,
    Keys,
    PageParts,
    amount_bars,
    amount_text,
    places_of,
)
from contract.requests.evaluate import VARIABLES, EvaluationKind
from contract.words import ESTIMATORS
from domain_errors import Sentence, counted
from presentation.charts import Bar, LimitChart
from presentation.content import (
    Chart,
    Facts,
    Formula,
    Number,
    Percent,
    Rounded,
    Row,
    Table,
    decimal_of,
)

if TYPE_CHECKING:
    from application.audit.evaluation.answer import Evaluated
    from application.audit.evaluation.request import ExaminedSample, SettledEvaluation

DIRECTIONS = ("overstatement", "understatement")
AMOUNTS_HEADER = ("Figure", "Overstatement", "Understatement")
LINES: Mapping[str, str] = {
    "Book value B": "line_book",
    "Σ w·a": "line_audited",
    "Σ w·b": "line_weighted_book",
    "Σ w·(b − a)": "line_errors",
    "Projected misstatement": "line_projected",
    "Standard error SE": "line_error",
    "t": "line_t",
    "Margin": "line_margin",
    "Lower limit": "line_lower",
    "Upper limit": "line_upper",
}
"""The names of lines of the arithmetic in formulas."""
FORMULAS: Mapping[str, str] = {
    "Margin": "{line_t}*{line_error}",
    "Lower limit": "{line_projected}-{line_margin}",
    "Upper limit": "{line_projected}+{line_margin}",
}
PROJECTED: Mapping[str, str] = {
    "difference": "{line_errors}",
    "mean_per_unit": "{line_book}-{line_audited}",
    "ratio": "{line_book}-{line_book}*{line_audited}/{line_weighted_book}",
}
"""How a workbook computes lines from others; a regression's projection has more sums."""


RATES: Mapping[str, str] = {
    "projected": "Error rate: projected misstatement by book value",
    "lower_limit": "Lower limit by book value",
    "upper_limit": "Upper limit by book value",
}
STRATUM_AMOUNTS = ("book_value", "examined_value", "found", "projected")
AMOUNT_LINES = {*LINES, *FORMULAS, "Standard deviation s"} - {"t"}
"""The lines that are amounts of money."""


class VariablesEvaluator(Evaluator):
    """Projects the misstatement of the examined rows."""

    kind: ClassVar[EvaluationKind] = VARIABLES
    titles: ClassVar[Mapping[str, str]] = {
        "examined": "Rows examined",
        "not_applicable": "Rows not applicable that nothing could replace",
        "errors": "Rows in error",
        "found": "Errors found in the sample, net",
        "book_value": "Book value",
        "estimator": "Estimator",
        "audit_value": "Estimated audit value",
        "projected": "Projected misstatement",
        "lower_limit": "Lower limit",
        "upper_limit": "Upper limit",
    }
    formulas: ClassVar[Mapping[str, str]] = {
        "lower_limit": "ROUND({line_lower},places)",
        "upper_limit": "ROUND({line_upper},places)",
    }

    def fits(self, drawn: DrawnAs) -> bool:
        return not (drawn.is_money or drawn.has_equal_chances)

    def evaluate(self, sample: ExaminedSample, request: SettledEvaluation[Any]) -> Evaluated:
        from application.audit.evaluation.variables import evaluate_audit_values

        return evaluate_audit_values(sample, request)

    def programme_figures(self, found: Evaluation) -> dict[str, float]:
        return super().programme_figures({**found, "precision": found["margin"]})

    def figures(self, found: Evaluation) -> Facts:
        """The figures, with the misstatement and its limits as shares of the book value."""
        facts = super().figures(found)
        rates: list[Row] = [
            (label, Formula(rate, f"{{{name}}}/{{book_value}}"))
            for name, label in RATES.items()
            if (rate := _rate(found[name], found["book_value"])) is not None
        ]
        return replace(facts, lines=[*facts.lines, *rates])

    def results(self, found: Evaluation) -> list[Table]:
        """The misstatements of each direction alone, with the estimator that projects them."""
        estimator = ESTIMATORS[found["direction_estimator"]].lower()
        labels = {
            "found": "Errors found in the sample",
            "projected": f"Projected by {estimator}",
            "upper_limit": "Upper limit",
        }
        amounts = direction_amounts(f"Each direction alone, by {estimator}", found, labels)
        errors: Row = (
            Sentence("Rows in error"),
            *(found[direction]["errors"] for direction in DIRECTIONS),
        )
        directions = Table(amounts.title, amounts.header, [errors, *amounts.rows])
        return [directions, *_strata_table(found)]

    def arithmetic(self, found: Evaluation, keys: Keys = None) -> list[Table]:
        """The lines that lead to the limits, as formulas of each other."""
        (table,) = super().arithmetic(found, keys)
        if not all(isfinite(line["value"]) for line in found["arithmetic"]):
            return [table]
        formulas = {**FORMULAS, "Projected misstatement": PROJECTED.get(found["estimator"], "")}
        places = places_of(Decimal(found["book_value"]))
        rows: list[Row] = [
            (
                *(name, formula),
                Formula(
                    _shown(line, places), formulas.get(str(name), ""), LINES.get(str(name), "")
                ),
            )
            for (name, formula, _), line in zip(table.rows, found["arithmetic"], strict=True)
        ]
        return [replace(table, rows=rows)]

    def charts(self, found: Evaluation, tolerable: Bar | None) -> list[Chart]:
        """The figures of net misstatement, and of each direction if they net to it."""
        amounts = {"Projected misstatement": found["projected"]}
        if found["direction_estimator"] == found["estimator"]:
            amounts = {
                "Overstatements": found["overstatement"]["projected"],
                "Understatements": found["understatement"]["projected"],
                "Net misstatement": found["projected"],
            }
        amounts["Upper limit"] = found["upper_limit"]
        if found["sides"] == "two":
            amounts["Lower limit"] = found["lower_limit"]
        return [LimitChart("Misstatement", amount_bars(amounts), tolerable)]

    def page(self, found: Evaluation, tolerable: Decimal | None) -> PageParts:
        over, under = (found[direction] for direction in DIRECTIONS)
        limit, limits = amount_text(found["upper_limit"]), "Upper limit"
        if found["sides"] == "two":
            limit, limits = f"{amount_text(found['lower_limit'])} to {limit}", "Limits"
        margin = f"± {amount_text(found['margin'])} at {100 * found['confidence']:.12g} %"
        examined = counted(found["examined"], "examined row")
        cards = [
            Card(
                "Projected misstatement",
                amount_text(found["projected"]),
                [_of_book_value(found)],
            ),
            Card(limits, limit, [margin]),
            Card(
                "Rows in error",
                f"{found['errors']:,}",
                [f"of {examined}; {over['errors']:,} over, {under['errors']:,} under"],
            ),
            Card(
                "Errors found",
                amount_text(found["found"]),
                [
                    f"net, in the sample, not projected: {amount_text(over['found'])} over, "
                    f"{amount_text(under['found'])} under"
                ],
            ),
        ]
        return replace(super().page(found, tolerable), cards=cards, has_amounts=True)


def _rate(amount: str, book_value: str | None) -> Percent | None:
    """An amount by a book value above 0."""
    base = float(book_value or 0)
    return Percent(float(amount) / base) if base > 0 else None


def _shown(line: Mapping[str, Any], places: int) -> Number:
    """The value of a line of the arithmetic, amounts with the decimal places of the column."""
    value: float = line["value"]
    return Rounded(value, places) if line["name"] in AMOUNT_LINES else value


def _of_book_value(found: Evaluation) -> str:
    """The book value, and the projected share of it."""
    rate, book = _rate(found["projected"], found["book_value"]), amount_text(found["book_value"])
    return f"book value {book}" if rate is None else f"{rate} of the book value {book}"


def _strata_table(found: Evaluation) -> list[Table]:
    """The strata with their projections; those drawn whole are exact."""
    strata = found.get("by_stratum")
    if not strata:
        return []
    rows: list[Row] = [
        (
            *(each["label"], each["rows"], each["examined"]),
            Sentence("taken whole" if each["examined"] == each["rows"] else "sampled"),
            each["errors"],
            *(decimal_of(each.get(name)) for name in STRATUM_AMOUNTS),
            _rate(each["found"], each.get("examined_value")),
        )
        for each in strata
    ]
    header = (
        *("Stratum", "Rows", "Examined", "Drawn", "In error", "Book value"),
        *("Book value examined", "Errors found", "Projected by difference", "Error rate"),
    )
    return [Table("Strata", header, rows)]


def direction_amounts(title: str, found: Evaluation, labels: Mapping[str, str]) -> Table:
    """Amounts of overstatements beside those of understatements."""
    rows: list[Row] = [
        (Sentence(label), *(Decimal(amount_of(found[direction][name])) for direction in DIRECTIONS))
        for name, label in labels.items()
    ]
    return Table(title, AMOUNTS_HEADER, rows)


def amount_of(figure: Any) -> str:
    """An amount as decimal text; errors of rows are an object with theirs."""
    return str(figure["amount"] if isinstance(figure, Mapping) else figure)
