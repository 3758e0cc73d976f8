"""An evaluation as facts, tables and charts: for its page, the working paper and the command line.

All are functions of an evaluation as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, log10
from typing import Any

from application.audit.kinds import (
    BREAKDOWN,
    OTHER_SAMPLES,
    amount_of,
    likely_of,
    other_samples_lines,
    verdict_of,
)
from contract.words import ESTIMATORS
from presentation.charts import Bar, BoundaryChart, Curve, LimitChart
from presentation.content import Cell, Chart, Code, Facts, Judgement, Percent, Row, Table

Evaluation = Mapping[str, Any]
Keys = Mapping[str, Cell] | None
"""The value by which people know each row; None leaves the column out."""
MAX_POWER = 6
"""The highest power of ten of M in the picture."""
DIRECTIONS = ("overstatement", "understatement")
FIGURES = {
    "examined": "Rows examined",
    "exceptions": "Exceptions",
    "not_applicable": "Rows not applicable that nothing could replace",
    "least": "Fewest rows with an exception that are possible",
    "most": "Most rows with an exception that are possible",
    "errors": "Rows in error",
    "found": "Errors found in the sample, net",
    "units": "Units",
    "book_value": "Book value",
    "sampled_value": "Book value without rows always drawn",
    "likelihood": "Likelihood",
    "estimator": "Estimator",
    "audit_value": "Estimated audit value",
    "projected": "Projected misstatement",
    "lower_limit": "Lower limit",
    "decision": "Decision of the rule",
    "share": "Most likely share",
    "risk": "Risk to accept the tolerable share",
    "upper_limit": "Upper limit",
    "statistic": "M after the last row",
    "ratio_at_tolerable": "Ratio at the fewest rows that aren't tolerable",
    "threshold": "Decided at",
}
SHARES = ("share", "lower_limit", "upper_limit", "risk")
"""Figures that are shares, unless they are amounts."""


@dataclass(frozen=True)
class KindParts:
    """What an evaluation of a kind shows.

    Parameters
    ----------
    results : callable
        Tables of results.
    arithmetic : callable
        Tables of the arithmetic; ``is_by_row`` means a line for each row with an error, or
        examined, which a terminal leaves out.
    charts : callable
        Charts of an evaluation and of what is tolerable.
    """

    results: Callable[[Evaluation], list[Table]]
    arithmetic: Callable[[Evaluation, Keys], list[Table]]
    charts: Callable[[Evaluation, Bar | None], list[Chart]]
    is_by_row: bool = False


def results(found: Evaluation) -> list[Table]:
    """The tables of results: each attribute, or each direction of misstatement."""
    return PARTS[found["kind"]].results(found)


def arithmetic(found: Evaluation, keys: Keys = None) -> list[Table]:
    """The lines that lead to the limits, of each direction by itself."""
    return PARTS[found["kind"]].arithmetic(found, keys)


def charts(found: Evaluation, tolerable: Decimal | None) -> list[Chart]:
    """The limits beside what is tolerable, or the boundary of a sequential evaluation."""
    bar = None
    if isinstance(amount := found.get("tolerable"), str) and tolerable is not None:
        bar = Bar("Tolerable", float(amount), f"{Decimal(amount):,f}", "population")
    elif tolerable is not None:
        bar = Bar("Tolerable", float(tolerable), str(Percent(float(tolerable))), "population")
    return PARTS[found["kind"]].charts(found, bar)


def printed(found: Evaluation) -> list[Facts | Table]:
    """What a terminal shows of an evaluation, apart from its sentences."""
    lines = [] if PARTS[found["kind"]].is_by_row else arithmetic(found)
    return [figures(found), *lines, *results(found)]


def figures(found: Evaluation) -> Facts:
    """The figures of an evaluation, and its plan of two stages."""
    population = found.get("population")
    lines: list[Row] = [
        ("Population", f"{population} amounts" if isinstance(population, str) else population)
    ]
    if rule := found.get("rule"):
        plan = (
            f"{rule['first']:,} rows, then {rule['second']:,}; accept with {rule['accept_first']} "
            f"in stage 1, or {rule['accept_both']} in both"
        )
        lines.append(("Rule", plan))
        lines += [
            (title, f"{stage['exceptions']:,} exceptions in {stage['examined']:,} rows")
            for title, stage in (("Stage 1", found["first"]), ("Stage 2", found["second"]))
            if stage is not None
        ]
    lines += [
        (label, _figure(name, found[name]))
        for name, label in FIGURES.items()
        if found.get(name) is not None
    ]
    return Facts("Figures", lines)


def _figure(name: str, value: Any) -> Cell:
    if isinstance(value, str):
        try:
            return Decimal(value)
        except ArithmeticError:
            return value
    return Percent(value) if name in SHARES else value


def sources(found: Evaluation) -> Facts:
    """The formula, its source, and the notes."""
    lines: list[Row] = [("Formula", Code(found["formula"]))]
    if found.get("factors"):
        lines.append(("Factors", Code(found["factors"])))
    lines.append(("Source", found["source"]))
    return Facts("Formula", [*lines, *(("Note", note) for note in found.get("notes", ()))])


def conclusion(found: Evaluation) -> Judgement:
    """What is concluded, in its colour; without one while it is undecided."""
    if found["conclusion"] is None:
        return Judgement("No tolerable share or amount was given.", verdict_of(found))
    return Judgement(found["conclusion"]["sentence"], verdict_of(found))


def other_samples(found: Evaluation) -> list[Table]:
    """The other samples of the table that have findings, with their results; empty without any."""
    lines, total = other_samples_lines(found), found["other_samples_total"]
    newest = f", the newest {len(lines):,}" if total > len(lines) else ""
    title = f"Other samples of the table with findings: {total:,}{newest}"
    return [Table(title, OTHER_SAMPLES, lines)] if lines else []


def _attributes(found: Evaluation) -> list[Table]:
    """Each tested attribute by itself."""
    attributes = found.get("attributes")
    if not attributes:
        return []
    verdicts = {
        True: Judgement("Yes", "good"),
        False: Judgement("No", "bad"),
        None: Judgement("Not decided", ""),
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


def _limit(share: float | None) -> Percent | None:
    return None if share is None else Percent(share)


def _share_charts(found: Evaluation, tolerable: Bar | None) -> list[Chart]:
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


def _formulas(found: Evaluation, _keys: Keys) -> list[Table]:
    rows = [(line["name"], Code(line["formula"]), line["value"]) for line in found["arithmetic"]]
    return [Table("Arithmetic", ("Line", "Formula", "Value"), rows)]


def _direction_amounts(title: str, found: Evaluation, labels: Mapping[str, str]) -> Table:
    """Amounts of overstatements beside those of understatements."""
    rows: list[Row] = [
        (label, *(Decimal(amount_of(found[direction], name)) for direction in DIRECTIONS))
        for name, label in labels.items()
    ]
    return Table(title, ("Figure", "Overstatement", "Understatement"), rows)


def _misstatements(found: Evaluation) -> list[Table]:
    """The misstatements of each direction alone, with the estimator that projects them."""
    estimator = ESTIMATORS[found["direction_estimator"]].lower()
    labels = {
        "found": "Errors found in the sample",
        "projected": f"Projected by {estimator}",
        "upper_limit": "Upper limit",
    }
    amounts = _direction_amounts(f"Each direction alone, by {estimator}", found, labels)
    errors: Row = ("Rows in error", *(found[direction]["errors"] for direction in DIRECTIONS))
    return [Table(amounts.title, amounts.header, [errors, *amounts.rows])]


def _misstatement_charts(found: Evaluation, tolerable: Bar | None) -> list[Chart]:
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
    return [LimitChart("Misstatement", _amount_bars(amounts), tolerable)]


def _amount_bars(amounts: Mapping[str, str]) -> list[Bar]:
    return [Bar(title, float(text), f"{Decimal(text):,f}") for title, text in amounts.items()]


def _limits_by_money(found: Evaluation) -> list[Table]:
    labels = {**BREAKDOWN, **likely_of(found)}
    return [_direction_amounts("Limits of misstatement", found, labels)]


def _money_arithmetic(found: Evaluation, keys: Keys) -> list[Table]:
    factor = "Limit up to here" if found["bound"] == "gaffke" else "Factor p"
    header = (
        *("i", "Row", *_key_header(keys), "Taint t", factor),
        *("Increment", "Increment × t", "Amount"),
    )
    return [
        Table(
            f"{direction.capitalize()}: arithmetic",
            header,
            [
                (
                    *(line["number"], line["row_id"] or "Basic precision"),
                    *(*_key_cells(keys, line["row_id"]), line["taint"], line["factor"]),
                    *(line["increment"], line["product"], Decimal(line["amount"])),
                )
                for line in found[direction]["arithmetic"]
            ],
        )
        for direction in DIRECTIONS
    ]


def _key_header(keys: Keys) -> Sequence[str]:
    return () if keys is None else ("Key",)


def _key_cells(keys: Keys, row_id: str | None) -> Row:
    return () if keys is None else (keys.get(row_id or ""),)


def _money_charts(found: Evaluation, tolerable: Bar | None) -> list[Chart]:
    """The upper limit of each direction below its summands."""
    return [
        LimitChart(
            direction.capitalize(),
            _amount_bars(
                {title: amount_of(found[direction], name) for name, title in BREAKDOWN.items()}
            ),
            tolerable,
        )
        for direction in DIRECTIONS
    ]


def _sequence(found: Evaluation, keys: Keys) -> list[Table]:
    """M after each row; exceptions have no arithmetic but their counts."""
    if found["measure"] != "amount":
        return []
    header = ("i", "Row", *_key_header(keys), "Units u", "Taint", "x", "m", "λ", "M")
    names = ("units", "taint", "value", "null_mean", "bet", "statistic")
    rows = [
        (
            *(line["number"], line["row_id"], *_key_cells(keys, line["row_id"])),
            *(line[name] for name in names),
        )
        for line in found["arithmetic"]
    ]
    return [Table("Arithmetic", header, rows)]


def _sequence_charts(found: Evaluation, _tolerable: Bar | None) -> list[Chart]:
    return [(_martingale if found["measure"] == "amount" else _boundary)(found)]


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
        label=f"M by examined rows: {found['statistic']:.3g} after {found['examined']}; "
        f"{found['conclusion']['sentence']}",
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
        label=f"Exceptions by examined rows: {found['exceptions']} of {found['examined']}; "
        f"{found['conclusion']['sentence']}",
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


PARTS: Mapping[str, KindParts] = {
    "attributes": KindParts(_attributes, _formulas, _share_charts),
    "two_stage": KindParts(_attributes, _formulas, _share_charts),
    "monetary_unit": KindParts(_limits_by_money, _money_arithmetic, _money_charts, is_by_row=True),
    "variables": KindParts(_misstatements, _formulas, _misstatement_charts),
    "sequential": KindParts(lambda _: [], _sequence, _sequence_charts, is_by_row=True),
}
