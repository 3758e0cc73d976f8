"""Evaluate a sample after any of its rows: shares of random rows, and amounts of random units.

Amounts can have risk scores, and book values of another column than that of the draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from application.audit.evaluation.scores import (
    ScoredPopulation,
    score_text,
    scored_population,
    scores_of,
    share_of,
)
from application.audit.fitting import selects_money
from application.audit.items import ExaminedItem, amounts_of, drawn_facts
from domain_errors import FigureText, Sentence
from estimation_engine.audit import (
    ONLY_OF_SCOPE,
    AmountTest,
    Conclusion,
    SequentialShare,
    SideInformation,
    amount_test,
    evaluate_share,
    share_boundary,
)
from estimation_engine.audit.assurance import (
    SEQUENTIAL,
    SEQUENTIAL_AMOUNTS,
    SEQUENTIAL_SCORES,
    SEQUENTIAL_WEIGHTS,
    Assurance,
)
from estimation_engine.audit.conclusion import confidence_text
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from sampling_engine import method_class
from sampling_engine.methods.monetary_unit.account import AT_RANDOM
from sampling_engine.sql.units import MILLION

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
BY_WEIGHTS = (
    "The rows of a weighted sample aren't drawn one after the other in proportion to their weights "
    "among those that are left, which this test needs. Draw by monetary units, with `selection` "
    "random and the weights as `book_column`, and name the book values when you evaluate it."
)
NONE_NEXT = (
    "All {rows} drawn {rows|row is|rows are} examined: the next ones are those of a larger draw "
    "with the same seed, which has these rows first."
)
NO_UNITS_NEXT = (
    "All {rows} {rows|row|rows} left to chance {rows|is|are} examined, so none comes next in this "
    "sample. A larger draw with the same seed continues it only if the same rows are always drawn; "
    "otherwise the larger sample allows no conclusion, and other audit procedures are left."
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
    for name in ("score_column", "book_column"):
        if getattr(request.parameters, name):
            raise InvalidFindings(
                "`{name}` is for monetary units that were selected at random. This sample has a "
                "share of rows.",
                name=name,
                loc=("body", name),
            )
    if any(method_class(each["method"]).planned_by == "weights" for each in sample.rounds):
        raise InvalidFindings(BY_WEIGHTS, loc=KIND_LOC)
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


def _none_next(
    found: SequentialShare | AmountTest, examined: int, drawn: int, text: str
) -> list[str]:
    """What to do when nothing is decided, and no row is left to examine."""
    is_open = found.decision == "continue" and examined == drawn
    return [Sentence(text, rows=drawn)] if is_open else []


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
        caveats=[
            *_none_next(found, len(first), len(items), NONE_NEXT),
            *([Sentence(OUTSIDE, outside=outside)] if outside else []),
        ],
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
        return self.overstated / self.units if self.units else 0.0


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

    @property
    def least_errors(self) -> int:
        """The overstatements of all examined rows, in minor units."""
        return self.known_errors + sum(item.overstated for item in self.tested)

    @property
    def sampled(self) -> int:
        """The book value of the rows left to chance, in minor units."""
        return self.units.total - sum(item.units for item in self.certain)


def _amounts(sample: ExaminedSample, request: SettledEvaluation[Any], amount: Decimal) -> Evaluated:
    """Test the misstatement by the first selected units; all rows always drawn are examined."""
    units, wanted_columns = _random_units(sample), request.parameters
    scored = scored_population(
        sample, units, wanted_columns.book_column, wanted_columns.score_column
    )
    units = units if scored is None else scored.units
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
    side = None if scored is None else _side(sample, scored, given)
    left, sampled = tolerable - given.known_errors, given.sampled
    found = amount_test(
        [item.taint for item in given.tested],
        sampled,
        max(left, 0) / sampled if left < sampled else 1.0,
        sizes=[item.units for item in given.tested],
        confidence=request.confidence,
        side=None if side is None else side.known,
    )
    least = given.known_errors if side is None else given.least_errors
    if least >= tolerable:
        found = replace(found, decision="reject", accepted_at=None)
    text = units.text(tolerable)
    both = units.has_credits
    together = "overstatements and understatements together"
    errors = Sentence(together if both else "overstatements")
    return Evaluated(
        {**_as_json(given, found, side), "tolerable": text},
        _assurance(scored),
        _conclusion(
            sample, request, found, len(given.tested), errors, FigureText(f"{Decimal(text):,f}")
        ),
        notes=[*wanted.notes, *_notes(given)],
        caveats=[
            *_none_next(found, len(given.tested), given.drawn, NO_UNITS_NEXT),
            *_caveats(given),
        ],
    )


def _assurance(scored: ScoredPopulation | None) -> Assurance:
    """What the decision on amounts rests on: columns that were chosen for it, if there are some."""
    if scored is None:
        return SEQUENTIAL_AMOUNTS
    return SEQUENTIAL_WEIGHTS if scored.score_column is None else SEQUENTIAL_SCORES


@dataclass(frozen=True)
class _ScoredSide:
    """Scores and weights of the examined rows, and of the rows left to chance.

    ``scores`` and ``weights`` are by row id, in millionths and units of the draw; ``score_total``
    is Σ |book|·score of the rows left to chance, in millionths of minor units.
    """

    population: ScoredPopulation
    scores: Mapping[str, int]
    weights: Mapping[str, int]
    score_total: int
    weight_total: int
    known: SideInformation


def _side(sample: ExaminedSample, scored: ScoredPopulation, given: _Sequence) -> _ScoredSide:
    """What is known of the rows left to chance: those always drawn are taken off."""
    rows = [item.row_id for item in (*given.certain, *given.tested)]
    found = scores_of(sample, rows, scored)
    scores = {row_id: score for row_id, (score, _) in found.items()}
    weights = {row_id: weight for row_id, (_, weight) in found.items()}
    certain = sum(item.units * scores[item.row_id] for item in given.certain)
    score_total, weight_total = scored.score_total - certain, scored.drawn_by.sampled
    known = SideInformation(
        [scores[item.row_id] / MILLION for item in given.tested],
        share_of(score_total, MILLION),
        [weights[item.row_id] for item in given.tested],
        weight_total,
        scored.largest_ratio,
    )
    return _ScoredSide(scored, scores, weights, score_total, weight_total, known)


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
    """The items' book values and errors, in minor units; above the book value is refused.

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


def _as_json(given: _Sequence, found: AmountTest, side: _ScoredSide | None) -> dict[str, Any]:
    """The test with amounts as decimal texts, and its lines."""
    units, known = given.units, given.known_errors
    statistics = np.minimum(found.statistics, MAX_STATISTIC)
    return {
        "measure": "amount",
        "book_column": units.account["book_column"],
        "population": units.account["population"],
        "book_value": units.text(units.total),
        "sampled_value": units.text(given.sampled),
        "take_all": {
            "rows": len(given.certain),
            "errors": sum(item.overstated > 0 for item in given.certain),
            "amount": units.text(known),
        },
        "drawn": given.drawn,
        "examined": len(given.tested),
        "exceptions": sum(item.overstated > 0 for item in given.tested),
        "upper_limit": units.text(found.upper_limit * given.sampled + known),
        "statistic": float(statistics[-1]),
        "largest_statistic": float(statistics.max()),
        "p_value": found.p_value,
        "accepted_at": found.accepted_at,
        "decision": found.decision,
        "threshold": found.threshold,
        "statistics_by_size": statistics.tolist(),
        "arithmetic": _lines(given, found, side),
        "formula": found.formula,
        "source": found.source,
        **_side_json(given, side),
    }


def _side_json(given: _Sequence, side: _ScoredSide | None) -> dict[str, Any]:
    """The figures of scores and of weights that aren't the book values."""
    if side is None:
        return {}
    population, units = side.population, given.units
    figures: dict[str, Any] = {}
    if population.score_column is not None:
        figures = {
            "score_column": population.score_column,
            "score_total": score_text(side.score_total, units.decimals),
            "score_mean": share_of(side.score_total, MILLION * given.sampled),
        }
    if population.weight_column is not None:
        drawn_by = population.drawn_by
        figures |= {
            "weight_column": population.weight_column,
            "weight_total": drawn_by.text(side.weight_total),
            "largest_ratio": population.largest_ratio * side.weight_total / given.sampled,
        }
    return figures


def _lines(given: _Sequence, found: AmountTest, side: _ScoredSide | None) -> list[dict[str, Any]]:
    columns = zip(
        given.tested[:MAX_LINES],
        found.values.tolist(),
        found.slopes.tolist(),
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
            **_known_before(item, slope, side),
            "taint": item.taint,
            "value": value,
            "null_mean": mean,
            "bet": bet,
            "statistic": statistic,
        }
        for number, (item, value, slope, mean, bet, statistic) in enumerate(columns, start=1)
    ]


def _known_before(item: _TestedItem, slope: float, side: _ScoredSide | None) -> dict[str, Any]:
    """The weight and score of a row of the arithmetic, and the slope before it was examined."""
    if side is None:
        return {}
    found: dict[str, Any] = {}
    if side.population.weight_column is not None:
        found["weight"] = side.weights[item.row_id]
    if side.population.score_column is not None:
        found |= {"score": side.scores[item.row_id] / MILLION, "slope": slope}
    return found


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
