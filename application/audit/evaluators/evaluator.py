"""What a kind of evaluation computes, and what it shows; a class for each kind.

Commands import these modules, so the computing functions are imported when one is called.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from contract.requests.evaluate import EvaluationKind
from domain_errors import Sentence
from lazy_dataclasses import dataclass
from presentation.charts import Bar, LimitChart
from presentation.content import Cell, Chart, Code, Facts, Formula, Percent, Row, Table

if TYPE_CHECKING:
    from application.audit.evaluation.answer import Evaluated
    from application.audit.evaluation.request import ExaminedSample, SettledEvaluation

Evaluation = Mapping[str, Any]
"""The JSON of an evaluation."""
Keys = Mapping[str, Cell] | None
"""The value by which people know each row; None leaves the column out."""
SHARES = ("share", "lower_limit", "upper_limit", "risk")
"""Figures that are shares, unless they are amounts."""


@dataclass(frozen=True)
class DrawnAs:
    """What decides which kind fits a sample.

    Parameters
    ----------
    methods : str
        The methods of its rounds in words.
    has_equal_chances, has_sequence : bool
        Whether all rows have the same probability, and are in a random order.
    is_enlarged : bool
        Whether it continues an examined sample, whose rows are the first of its random order.
    """

    methods: str
    is_money: bool
    has_equal_chances: bool
    has_sequence: bool
    has_stages: bool
    is_enlarged: bool


@dataclass(frozen=True)
class Card:
    """A figure of the page, with remarks below it."""

    title: str
    value: str
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class PagePart:
    """A part of the page: a chart with its tables, a remark, and its arithmetic folded.

    Without ``arithmetic`` the page has that of the evaluation below.
    """

    title: str
    chart: Chart
    tables: Sequence[Table] = ()
    remark: str = ""
    arithmetic: Table | None = None
    is_open: bool = False


@dataclass(frozen=True)
class PageParts:
    """The page of an evaluation, apart from its sentences."""

    parts: Sequence[PagePart]
    cards: Sequence[Card] = ()
    has_amounts: bool = False
    remarks: Sequence[str] = ()
    arithmetic: Sequence[Table] = field(default_factory=tuple)


class Evaluator(ABC):
    """A kind of evaluation; what is shown is read from its JSON.

    Attributes
    ----------
    titles : mapping
        The figures in their order; those that an evaluation lacks are left out.
    formulas : mapping
        How a workbook computes figures from others, which it names as they are named here.
    is_by_row : bool
        Whether the arithmetic has a line for each row with an error, or examined, which a terminal
        leaves out.
    """

    kind: ClassVar[EvaluationKind]
    titles: ClassVar[Mapping[str, str]]
    formulas: ClassVar[Mapping[str, str]] = {}
    is_by_row: ClassVar[bool] = False

    def fits(self, drawn: DrawnAs) -> bool:
        """Whether it is the usual evaluation of such a sample."""
        return False

    def tolerates_rate(self, drawn: DrawnAs) -> bool:
        """Whether what is tolerable is a share of rows, and not an amount."""
        return False

    def misfit(self, drawn: DrawnAs) -> str:
        """Why such a sample can't have this evaluation; empty if it can."""
        if drawn.has_stages and not (self.kind.applies_stages or self.kind.allows_looks):
            return "the sample was planned in two stages"
        if drawn.is_enlarged and not self.kind.allows_looks:
            return "the sample continues an examined one"
        return ""

    @abstractmethod
    def evaluate(self, sample: ExaminedSample, request: SettledEvaluation[Any]) -> Evaluated:
        """Evaluate a sample.

        Raises
        ------
        InvalidFindings
            Rows have no finding, or lack an audit value; the sample or a parameter doesn't fit.
        """

    @abstractmethod
    def charts(self, found: Evaluation, tolerable: Bar | None) -> list[Chart]:
        """The limits beside what is tolerable."""

    def programme_figures(self, found: Evaluation) -> dict[str, float]:
        """The figures of the kind by which an audit programme concludes, as numbers."""
        return {name: float(found[name]) for name in self.kind.figures}

    def plan(self, found: Evaluation) -> list[Row]:
        """Lines about the plan, above the figures."""
        return []

    def results(self, found: Evaluation) -> list[Table]:
        """Tables of results."""
        return []

    def arithmetic(self, found: Evaluation, keys: Keys = None) -> list[Table]:
        """The lines that lead to the limits, of each direction by itself."""
        lines = found["arithmetic"]
        rows = [(Sentence.of(line["name"]), Code(line["formula"]), line["value"]) for line in lines]
        return [Table("Arithmetic", ("Line", "Formula", "Value"), rows)]

    def rows(self, found: Evaluation) -> list[str]:
        """The rows that the arithmetic names."""
        lines = found.get("arithmetic", ())
        return [line["row_id"] for line in lines if line.get("row_id")]

    def page(self, found: Evaluation, tolerable: Decimal | None) -> PageParts:
        """The parts of the page."""
        charts = self.charts_of(found, tolerable)
        parts = [PagePart(chart.title, chart) for chart in charts]
        parts[-1] = replace(parts[-1], tables=self.results(found))
        return PageParts(parts, arithmetic=self.arithmetic(found))

    def charts_of(self, found: Evaluation, tolerable: Decimal | None) -> list[Chart]:
        """The charts, of what was requested as tolerable.

        With a programme's calculation they don't compare: the programme's chart does.
        """
        return self.charts(found, None if is_calculated(found) else _bar(found, tolerable))

    def figures(self, found: Evaluation) -> Facts:
        """The plan and the figures."""
        population = found.get("population")
        whole = Sentence(f"{population} amounts") if isinstance(population, str) else population
        lines: list[Row] = [("Population", whole), *self.plan(found)]
        lines += [
            (label, _named(name, _figure(name, found[name]), self.formulas.get(name, "")))
            for name, label in self.titles.items()
            if found.get(name) is not None
        ]
        return Facts("Figures", lines)

    def printed(self, found: Evaluation) -> list[Facts | Table]:
        """What a terminal shows, apart from the sentences."""
        lines = [] if self.is_by_row else self.arithmetic(found)
        return [self.figures(found), *lines, *self.results(found)]


def is_calculated(found: Evaluation) -> bool:
    """Whether a programme concludes by figures of its own, and not by those of the kind."""
    return bool((found.get("programme") or {}).get("calculation"))


def programme_page(found: Evaluation, tolerable: Decimal | None) -> PageParts:
    """The figures by which a programme with a calculation concludes."""
    programme = found["programme"]
    amounts = programme["figures"]
    projected = amounts.get("total_error") or amounts["projected"]
    limits = {
        title: amounts[name]
        for name, title in {"lower_limit": "Lower limit", "upper_limit": "Upper limit"}.items()
        if amounts.get(name) is not None
    }
    bar = None if programme["verdict"] == "statement" else _bar(found, tolerable)
    bars = amount_bars({"Projected misstatement": projected, **limits})
    margin = f"at {100 * found['confidence']:.12g} %"
    if amounts.get("precision") is not None:
        sign = "±" if "lower_limit" in amounts else "+"
        margin = f"{sign} {amount_text(amounts['precision'])} {margin}"
    cards = [
        Card("Projected misstatement", amount_text(projected)),
        *(Card(title, amount_text(text), [margin]) for title, text in limits.items()),
        *([] if bar is None else [Card(bar.label, bar.text)]),
    ]
    chart = LimitChart("Misstatement by the programme", bars, bar)
    return PageParts([PagePart(chart.title, chart)], cards, has_amounts=True)


def _bar(found: Evaluation, tolerable: Decimal | None) -> Bar | None:
    """What is tolerable, as the amount of the evaluation or as a share."""
    amount = found.get("tolerable")
    if tolerable is None:
        return None
    if isinstance(amount, str):
        shown = Decimal(amount)
        if shown == (rounded := shown.quantize(Decimal(found["book_value"]))):
            shown = rounded
        return Bar(MISSTATEMENT, float(shown), f"{shown:,f}", TOTAL)
    share = float(tolerable)
    return Bar(RATE, share, str(Percent(share)), TOTAL)


MISSTATEMENT, RATE = "Tolerable misstatement", "Tolerable rate of deviation"
"""Titles of what is tolerable (ISA 530 ¶5)."""
TOTAL = "population"
"""The style of the bar of what is tolerable."""


def _figure(name: str, value: Any) -> Cell:
    if isinstance(value, str):
        try:
            return Decimal(value)
        except ArithmeticError:
            return Sentence(value)
    return Percent(value) if name in SHARES else value


def _named(name: str, cell: Cell, expression: str) -> Cell:
    """A figure by whose name formulas refer to it; ``places`` in its own are its decimal places."""
    if isinstance(cell, Decimal):
        expression = expression.replace("places", str(places_of(cell)))
    if isinstance(cell, int | float | Decimal | Percent) and not isinstance(cell, bool):
        return Formula(cell, expression, name)
    return cell


def amount_text(text: str) -> str:
    """An amount with thousands separators."""
    return f"{Decimal(text):,f}"


def places_of(amount: Decimal) -> int:
    """Its decimal places."""
    return max(-int(amount.as_tuple().exponent), 0)


def amount_bars(amounts: Mapping[str, str]) -> list[Bar]:
    """A bar for each amount."""
    return [Bar(title, float(text), amount_text(text)) for title, text in amounts.items()]


def named_row(found: Evaluation, row_id: str | None) -> str | None:
    """The name of a row of the arithmetic; its row id if it has none."""
    names: Mapping[str, str] = found.get("row_names") or {}
    return names.get(row_id or "", row_id)


def key_header(keys: Keys) -> Sequence[str]:
    """The header of the column of keys, if there is one."""
    return () if keys is None else ("Key",)


def key_cells(keys: Keys, row_id: str | None) -> Row:
    """The cell of a row's key, if there is a column of them."""
    return () if keys is None else (keys.get(row_id or ""),)
