"""Evaluate a sample after any of its rows: shares of random rows, and amounts of random units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import numpy as np

from application.audit.evaluation.answer import Evaluated
from application.audit.evaluation.attributes import equal_chances
from application.audit.evaluation.monetary_unit import MonetaryUnits, monetary_units
from application.audit.evaluation.request import (
    KIND_LOC,
    OUTSIDE,
    ExaminedSample,
    SettledEvaluation,
    require_all,
    tolerable_amount,
    tolerable_share,
)
from application.audit.fitting import selects_money
from application.audit.items import ExaminedItem, amounts_of, drawn_facts
from domain_errors import FigureText, Sentence
from estimation_engine.audit import (
    ONLY_OF_SCOPE,
    AmountTest,
    Conclusion,
    SequentialShare,
    amount_test,
    evaluate_share,
    share_boundary,
)
from estimation_engine.audit.assurance import SEQUENTIAL, SEQUENTIAL_AMOUNTS
from estimation_engine.audit.conclusion import confidence_text
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from sampling_engine.methods.monetary_unit.account import AT_RANDOM

CONCLUSIONS = {
    "accept": "After {examined} {examined|row|rows}, at {confidence} confidence {errors} are below "
    "the tolerable {tolerable}: you can stop.",
    "reject": "After {examined} {examined|row|rows}, at {confidence} confidence {errors} aren't "
    "below the tolerable {tolerable}: you can stop.",
    "continue": "Not yet decided after {examined} {examined|row|rows} whether {errors} are below "
    "the tolerable {tolerable} at {confidence} confidence: examine the next rows in the order of "
    "the draw.",
}
OF_SCOPE = " These are the rows that pass {scope} alone."
ONE_COUNTS = Sentence("Understatements count as 0: the evaluation is about overstatements.")
BOTH_COUNT = Sentence(
    "Overstatements and understatements both count, without being netted, since the population has "
    "credits."
)
MAX_BOUNDARY_POINTS = 200
"""Sample sizes of a sequence's boundary."""
MAX_LINES = 1_000
"""Items that the arithmetic lists."""
MAX_STATISTIC = 1e300
"""Stands for infinity in JSON."""


def evaluate_sequence(sample: ExaminedSample, request: SettledEvaluation[Any]) -> Evaluated:
    """Evaluate the first items of the order up to the first without a finding."""
    if request.tolerable is None:
        raise InvalidFindings(
            "A sequential evaluation needs a tolerable share, or an amount for monetary units.",
            loc=("body", "tolerable"),
        )
    if selects_money(sample.rounds):
        return _amounts(sample, request, request.tolerable)
    return _shares(sample, request, tolerable_share(request.tolerable))


def _conclusion(
    sample: ExaminedSample,
    request: SettledEvaluation[Any],
    found: SequentialShare | AmountTest,
    examined: int,
    errors: str,
    tolerable: str,
) -> Conclusion:
    """The decision in words; a filter limits it."""
    template = CONCLUSIONS[found.decision]
    parameters: dict[str, object] = {
        "examined": examined,
        "confidence": confidence_text(request.confidence),
        "errors": errors,
        "tolerable": tolerable,
    }
    if sample.scope:
        template += ONLY_OF_SCOPE if found.decision != "continue" else OF_SCOPE
        parameters["scope"] = sample.scope
    is_tolerable = {"accept": True, "reject": False}.get(found.decision)
    return Conclusion(is_tolerable, template, parameters)


def _shares(sample: ExaminedSample, request: SettledEvaluation[Any], tolerable: float) -> Evaluated:
    design, items = equal_chances(sample), sample.items
    if design.is_at_distances:
        raise InvalidFindings(
            "A systematic sample is in the order of the table, so its first rows aren't a random "
            "sample. Evaluate it as `attributes` when all rows have a finding.",
            loc=KIND_LOC,
        )
    first, outside = require_all(sample, _first_examined(items))
    population = design.population - outside
    exceptions = np.cumsum([item.is_exception for item in first])
    found = evaluate_share(
        population,
        len(first),
        int(exceptions[-1]),
        tolerable,
        confidence=request.confidence,
    )
    step = max(1, -(-len(items) // MAX_BOUNDARY_POINTS))
    sizes = list(range(step, len(items) + 1, step))
    boundary = share_boundary(population, tolerable, sizes, confidence=request.confidence)
    return Evaluated(
        {
            **asdict(found),
            "measure": "share",
            "not_applicable": outside,
            "drawn": len(items),
            "exceptions_by_size": exceptions.tolist(),
            "boundary": {
                "sizes": sizes,
                "accept": boundary.accept.tolist(),
                "reject": boundary.reject.tolist(),
            },
        },
        SEQUENTIAL,
        _conclusion(
            sample, request, found, len(first), "exceptions", FigureText(f"{100 * tolerable:.6g} %")
        ),
        caveats=[Sentence(OUTSIDE, outside=outside)] if outside else [],
    )


def _first_examined(items: Sequence[ExaminedItem]) -> Sequence[ExaminedItem]:
    """The items before the first one without a finding; there must be one."""
    open_at = next((at for at, item in enumerate(items) if item.finding is None), len(items))
    if not open_at:
        raise InvalidFindings(
            "The first row of the order, {row_id}, has no finding. A sequential evaluation takes "
            "the rows in the order of the draw.",
            row_id=items[0].row_id,
        )
    return items[:open_at]


@dataclass(frozen=True)
class _TestedItem:
    """An examined row: its units, and the overstated share of them."""

    row_id: str
    units: int
    overstated: int

    @property
    def taint(self) -> float:
        return self.overstated / self.units


@dataclass(frozen=True)
class _Sequence:
    """The rows always drawn, and those examined in the order of the units selected at random.

    ``outside`` of both aren't applicable.
    """

    units: MonetaryUnits
    certain: Sequence[_TestedItem]
    tested: Sequence[_TestedItem]
    drawn: int
    outside: int

    @property
    def known_errors(self) -> int:
        """The overstatements of the rows always drawn, in minor units."""
        return sum(item.overstated for item in self.certain)


def _amounts(sample: ExaminedSample, request: SettledEvaluation[Any], amount: Decimal) -> Evaluated:
    """Test the misstatement by the first selected units; all rows always drawn are examined."""
    units = _random_units(sample)
    whole = Decimal(units.text(units.total))
    wanted = tolerable_amount(amount, whole, units.decimals)
    tolerable = units.of(wanted.amount)
    if tolerable >= units.total:
        raise InvalidFindings(
            "The tolerable misstatement must be below {total}, the book value.",
            total=units.text(units.total),
            loc=("body", "tolerable"),
        )
    given = _sequence(sample, units)
    left = tolerable - given.known_errors
    found = amount_test(
        [item.taint for item in given.tested],
        units.sampled,
        max(left, 0) / units.sampled if left < units.sampled else 1.0,
        sizes=[item.units for item in given.tested],
        confidence=request.confidence,
    )
    if left <= 0:
        found = replace(found, decision="reject", accepted_at=None)
    text = units.text(tolerable)
    both = units.has_credits
    together = "overstatements and understatements together"
    errors = Sentence(together if both else "overstatements")
    return Evaluated(
        {**_as_json(given, found), "tolerable": text},
        SEQUENTIAL_AMOUNTS,
        _conclusion(
            sample, request, found, len(given.tested), errors, FigureText(f"{Decimal(text):,f}")
        ),
        notes=[*wanted.notes, *_notes(given)],
        caveats=_caveats(given),
    )


def _random_units(sample: ExaminedSample) -> MonetaryUnits:
    units = monetary_units(sample)
    if units.account["selection"] != AT_RANDOM:
        raise InvalidFindings(
            "Only units that were selected at random are in a random order: draw with `selection` "
            "random to stop when sure. Evaluate this sample as `monetary_unit` when all rows have "
            "a finding.",
            loc=KIND_LOC,
        )
    if not units.sampled:
        raise InvalidFindings(
            "All rows are always drawn, so nothing is left to chance: evaluate the sample as "
            "`monetary_unit`.",
            loc=KIND_LOC,
        )
    return units


def _sequence(sample: ExaminedSample, units: MonetaryUnits) -> _Sequence:
    """The drawn rows with their own findings: rows that replaced others have another order."""
    facts, findings = drawn_facts(sample.service, sample.job), sample.state.findings
    items = [
        ExaminedItem(item.drawn_id, item.drawn_id, findings.get(item.drawn_id))
        for item in sample.items
    ]
    certain = [item for item in items if facts[item.drawn_id][1]]
    missing = [item.row_id for item in certain if item.finding is None]
    if missing:
        raise InvalidFindings(
            "{count} {count|row that is|rows that are} always drawn {count|has|have} no finding, "
            "the first is {row_id}. Enter findings about these rows first.",
            count=len(missing),
            row_id=missing[0],
        )
    left = [item for item in items if not facts[item.drawn_id][1]]
    first = _first_examined(left)
    return _Sequence(
        units,
        _tested(sample, units, certain),
        _tested(sample, units, first),
        len(left),
        sum(item.is_outside for item in (*certain, *first)),
    )


def _tested(
    sample: ExaminedSample, units: MonetaryUnits, items: Sequence[ExaminedItem]
) -> list[_TestedItem]:
    """The items' units and errors; above the book value is refused.

    Understatements count as 0, but of populations with credits errors of both directions count.
    """
    amounts = amounts_of(sample.service, sample.job, items, units.account["book_column"])
    found = []
    for item, each in zip(items, amounts, strict=True):
        book = units.of(each.book)
        error = book - units.of(each.audit)
        overstated = abs(error) if units.has_credits else max(error, 0)
        if overstated > abs(book):
            raise InvalidFindings(
                "The misstatement of row {row_id} is above its book value, and a sequential "
                "evaluation assumes that none is. Evaluate the sample as `monetary_unit`.",
                row_id=item.row_id,
                loc=KIND_LOC,
            )
        found.append(_TestedItem(item.row_id, abs(book), overstated))
    return found


def _as_json(given: _Sequence, found: AmountTest) -> dict[str, Any]:
    """The test with amounts as decimal texts, and its lines."""
    units, known = given.units, given.known_errors
    statistics = np.minimum(found.statistics, MAX_STATISTIC)
    return {
        "measure": "amount",
        "book_column": units.account["book_column"],
        "population": units.account["population"],
        "book_value": units.text(units.total),
        "sampled_value": units.text(units.sampled),
        "take_all": {
            "rows": len(given.certain),
            "errors": sum(item.overstated > 0 for item in given.certain),
            "amount": units.text(known),
        },
        "drawn": given.drawn,
        "examined": len(given.tested),
        "exceptions": sum(item.overstated > 0 for item in given.tested),
        "upper_limit": units.text(found.upper_limit * units.sampled + known),
        "statistic": float(statistics[-1]),
        "largest_statistic": float(statistics.max()),
        "p_value": found.p_value,
        "accepted_at": found.accepted_at,
        "decision": found.decision,
        "threshold": found.threshold,
        "statistics_by_size": statistics.tolist(),
        "arithmetic": _lines(given, found),
        "formula": found.formula,
        "source": found.source,
    }


def _lines(given: _Sequence, found: AmountTest) -> list[dict[str, Any]]:
    columns = zip(
        given.tested[:MAX_LINES],
        found.values.tolist(),
        found.null_means.tolist(),
        found.bets.tolist(),
        np.minimum(found.statistics, MAX_STATISTIC).tolist(),
        strict=False,
    )
    return [
        {
            "number": number,
            "row_id": item.row_id,
            "units": item.units,
            "taint": item.taint,
            "value": value,
            "null_mean": mean,
            "bet": bet,
            "statistic": statistic,
        }
        for number, (item, value, mean, bet, statistic) in enumerate(columns, start=1)
    ]


def _notes(given: _Sequence) -> list[str]:
    if len(given.tested) <= MAX_LINES:
        return []
    return [Sentence("The arithmetic has the first {rows} {rows|row|rows}.", rows=MAX_LINES)]


def _caveats(given: _Sequence) -> list[str]:
    caveats: list[str] = [BOTH_COUNT if given.units.has_credits else ONE_COUNTS]
    if given.outside:
        text = (
            "{rows} {rows|row isn't|rows aren't} applicable and count as rows without a "
            "misstatement. What replaced them isn't used: it isn't next in the order of the units."
        )
        caveats.append(Sentence(text, rows=given.outside))
    return caveats
