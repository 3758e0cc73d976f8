"""The size of a sample by an audit programme, from a guessed standard deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Any

from application.audit.programmes.applied import check_level
from application.audit.programmes.catalogue import library_of
from application.audit.programmes.examples import programme_doubts
from application.audit.programmes.reading import Programme
from application.estimation.materiality import plan_of, planned_round
from application.estimation.programme_periods import (
    periods_of,
    shown_periods,
    size_of_design,
    with_periods,
)
from application.estimation.size_answers import (
    ProgrammeStratum,
    SizeAnswer,
    SizeByProgramme,
)
from contract.requests.programmes import ProgrammeGoalRequest, ProgrammeSize
from contract.requests.size import SizeRequest
from domain_errors import Sentence, choices_sentence, moved, relocated
from estimation_engine import InvalidGoal
from estimation_engine.audit.calculations import CALCULATIONS, Calculation
from estimation_engine.audit.guidance.sizes import (
    ConservativeSizeInputs,
    GuidanceSize,
    PlannedPart,
    SizeInputs,
)
from sampling_engine.methods.monetary_unit.account import account_of_money, decimal_text
from sampling_engine.results import RoundPlan
from service.sampling_parameters import stated_rounds
from service.service import Service
from service.tables.open_tables import OpenTable
from storage.jobs.jobs import JobRecord

AT = "programme"
OF_INTERVAL = Sentence(
    "The design selects a unit in each interval of the book value by the size. Rows of an interval "
    "or more are drawn once each, so there are fewer rows than the size has units."
)


def size_by_programme(
    service: Service,
    table: OpenTable,
    request: SizeRequest,
    given: ProgrammeGoalRequest,
    earlier: Sequence[JobRecord] = (),
) -> SizeAnswer:
    """The size of a programme's formula, with the round that draws it.

    Parameters
    ----------
    earlier : sequence of JobRecord
        The samples of earlier periods that the request names.

    Raises
    ------
    DomainError
        The programme has no size for the method, or an input is missing or out of range; ``loc``
        begins with ``programme`` or ``design``.
    """
    programme = library_of(service.settings).programme(given.name, AT, "name")
    (stated,) = stated_rounds([request.design])
    design = {name: value for name, value in stated.items() if name != "goal"}
    rule = _rule(programme, design["method"])
    confidence = given.confidence or rule.confidence or programme.file.confidence
    check_level(programme, confidence, (AT, "confidence"))
    plan, book_value, places = _population(service, table, design, given)
    periods = periods_of(service, programme, rule, given, earlier)
    calculation = CALCULATIONS[(rule.periods if periods else None) or rule.calculation]
    strata = _parts(plan, given)
    whole_value = book_value + periods.book_value
    inputs = _inputs(
        programme, calculation, plan, (book_value, whole_value), strata, given, confidence
    )
    if periods:
        inputs = with_periods(inputs, periods)
    least = max(_least(programme, design["method"], plan, given) - periods.units, 1)
    of_all = _computed(calculation, replace(inputs, least=least))
    found = size_of_design(of_all, periods)
    _check_units(found, plan, given)
    sizes = _sizes(plan, found, given)
    notes: list[str] = [*found.notes, *programme_doubts(programme)]
    parameters = _parameters(design["parameters"], found, sizes, given)
    if calculation.inputs is ConservativeSizeInputs and found.interval is not None:
        parameters = {**_without_size(parameters), "interval": _floor(found.interval, places)}
        notes.append(OF_INTERVAL)
    whole = sum(each.rows for each in plan.groups if each.label in given.always)
    return SizeAnswer(
        confidence,
        sample_size=found.size + whole,
        eligible_rows=plan.eligible_rows,
        parameters=parameters,
        round={
            **design,
            "parameters": parameters,
            **_planned(programme, calculation, given, confidence),
        },
        programme=SizeByProgramme(
            **_of_rule(programme, rule, calculation, is_of_periods=bool(periods)),
            **_figures(found, whole_value, places),
            strata=sizes,
            periods=shown_periods(inputs, of_all, periods, places),
        ),
        notes=notes,
    )


def _computed(calculation: Calculation, inputs: Any) -> GuidanceSize:
    with relocated(lambda loc: (AT, *(loc[1:] if loc[:1] == ("inputs",) else ()))):
        found: GuidanceSize = calculation.run(inputs)
    return found


def _of_rule(
    programme: Programme, rule: ProgrammeSize, calculation: Calculation, *, is_of_periods: bool
) -> dict[str, Any]:
    """What the size follows."""
    return {
        "name": programme.name,
        "title": programme.file.title,
        "sha256": programme.sha256,
        "rule": rule.title,
        "paragraph": rule.periods_paragraph if is_of_periods else rule.paragraph,
        "statement": programme.file.source.statement,
        "calculation": calculation.name,
        "formula": calculation.formula,
    }


def _figures(found: GuidanceSize, book_value: float, places: int) -> dict[str, Any]:
    """The quantities of the formula; amounts are decimal texts."""
    amounts = {"tolerable": found.tolerable, "expected": found.expected, "book_value": book_value}
    return {
        **{name: f"{value:.{places}f}" for name, value in amounts.items()},
        "interval": None if found.interval is None else f"{found.interval:.{places}f}",
        "unrounded": found.unrounded,
        "factor": found.factor,
    }


def _rule(programme: Programme, method: str) -> ProgrammeSize:
    for each in programme.file.sizes:
        if each.method == method:
            return each
    raise InvalidGoal(
        "The programme {name} has no size for {method}. {choices}",
        name=programme.name,
        method=method.replace("_", " "),
        choices=choices_sentence("", [each.method for each in programme.file.sizes]),
        loc=("design", "method"),
    )


def _check_units(found: GuidanceSize, plan: RoundPlan, given: ProgrammeGoalRequest) -> None:
    """Refuse more monetary units than there are rows."""
    if found.interval is not None and found.size > plan.eligible_rows:
        raise InvalidGoal(
            "The formula gives {size} monetary units, more than the {rows} rows. Examine all rows, "
            "or check the guess: {field}.",
            size=found.size,
            rows=plan.eligible_rows,
            field="a standard deviation of error rates is seldom above 1"
            if given.deviation is not None
            else "the expected errors are close to the materiality",
            loc=(AT, "expected" if given.deviation is None else "deviation"),
        )


def _least(programme: Programme, method: str, plan: RoundPlan, given: ProgrammeGoalRequest) -> int:
    """The rows to leave to chance, with fewer of which the programme evaluates no such sample."""
    whole = sum(each.rows for each in plan.groups if each.label in given.always)
    for each in programme.file.evaluations:
        if method in each.samples:
            return max((each.least_rows or 1) - whole, 1)
    return 1


def _population(
    service: Service, table: OpenTable, design: Mapping[str, Any], given: ProgrammeGoalRequest
) -> tuple[RoundPlan, float, int]:
    """The plan of the design, the book value that it can draw from, and its decimal places."""
    with moved(("rounds", 0), ("design",)):
        is_money = planned_round(table, design).method.selects_money
        column = None if is_money else given.book_column
        plan = plan_of(service, table, design, column)
    money = account_of_money(plan)
    if money is not None:
        text = decimal_text(money.audited.total, money.decimals)
    elif plan.amount is None:
        raise InvalidGoal("Name the column of book values.", loc=(AT, "book_column"))
    else:
        text = str(plan.amount.as_json()["total"])
    value = Decimal(text)
    return plan, float(value), max(-int(value.as_tuple().exponent), 0)


def _parts(plan: RoundPlan, given: ProgrammeGoalRequest) -> Mapping[str, PlannedPart]:
    """The strata that are left to chance, by label; empty without strata."""
    if plan.group_kind != "strata":
        if given.deviations is not None or given.always:
            field = "always" if given.always else "deviations"
            raise InvalidGoal("The design has no strata.", loc=(AT, field))
        return {}
    if plan.groups_count > len(plan.groups):
        raise InvalidGoal("The design has too many strata.", loc=("design", "parameters"))
    labels = {str(each.label): each for each in plan.groups if each.rows}
    guessed = given.deviations or {}
    for field, names in (("deviations", guessed), ("always", given.always)):
        for name in names:
            if name not in labels:
                raise InvalidGoal(choices_sentence(name, list(labels)), loc=(AT, field))
    chance = [name for name in labels if name not in given.always]
    missing = [name for name in chance if name not in guessed and given.deviation is None]
    if missing:
        raise InvalidGoal(
            'The stratum "{label}" has no standard deviation.',
            label=missing[0],
            loc=(AT, "deviations"),
        )
    return {
        name: PlannedPart(
            label=name,
            units=labels[name].rows,
            deviation=guessed.get(name, given.deviation or 0.0),
        )
        for name in chance
    }


def _inputs(
    programme: Programme,
    calculation: Calculation,
    plan: RoundPlan,
    values: tuple[float, float],
    strata: Mapping[str, PlannedPart],
    given: ProgrammeGoalRequest,
    confidence: float,
) -> Any:
    """Inputs from the book values of the design, and of all periods."""
    book_value, whole = values
    materiality = given.materiality or programme.file.tolerable
    if materiality is None:
        raise InvalidGoal("Give a materiality: the programme has none.", loc=(AT, "materiality"))
    expected = given.expected
    if book_value <= 0.0:
        raise InvalidGoal("The book value of the rows must be above 0.", loc=(AT, "book_column"))
    common: dict[str, Any] = {
        "confidence": confidence,
        "book_value": whole,
        "expected": expected if expected < 1 else expected / whole,
        "materiality": materiality if materiality < 1 else materiality / whole,
    }
    if calculation.inputs is not SizeInputs:
        if given.deviation is not None:
            raise InvalidGoal("The calculation takes no deviation.", loc=(AT, "deviation"))
        return calculation.inputs(**common)
    if strata:
        return SizeInputs(**common, parts=tuple(strata.values()))
    if given.deviation is None:
        raise InvalidGoal("Give the guessed standard deviation.", loc=(AT, "deviation"))
    is_money = account_of_money(plan) is not None
    part = PlannedPart(
        units=0 if is_money else plan.eligible_rows,
        book_value=book_value,
        deviation=given.deviation,
    )
    return SizeInputs(**common, parts=(part,))


def _sizes(
    plan: RoundPlan, found: GuidanceSize, given: ProgrammeGoalRequest
) -> list[ProgrammeStratum]:
    if plan.group_kind != "strata":
        return []
    guessed = given.deviations or {}
    sizes = {each.label: each.size for each in found.allocation}
    return [
        ProgrammeStratum(
            label,
            each.rows,
            sizes.get(label, each.rows),
            guessed.get(label, given.deviation) if label in sizes else None,
        )
        for each in plan.groups
        if each.rows and (label := str(each.label))
    ]


def _parameters(
    given: Mapping[str, Any],
    found: GuidanceSize,
    sizes: list[ProgrammeStratum],
    goal: ProgrammeGoalRequest,
) -> dict[str, Any]:
    """The design's parameters with the size in the place of its own."""
    if not sizes:
        return {**_without_size(given), "sample_size": found.size}
    others = ("sample_size", "sample_fraction", "samples_per_stratum", "min_per_stratum")
    own = ("allocation", "allocation_column", "take_all")
    kept = {name: value for name, value in given.items() if name not in (*others, *own)}
    of_label: dict[str, int | str] = {
        each.label: "all" if each.label in goal.always else each.sample_size for each in sizes
    }
    return {**kept, "sizes": of_label}


def _planned(
    programme: Programme, calculation: Calculation, given: ProgrammeGoalRequest, confidence: float
) -> dict[str, Any]:
    """The materiality that a draw records as its plan, if its rule of sizes is that of the formula.

    A draw compares its size with that by factors, which normal formulas don't use.
    """
    if calculation.name != "size_poisson" or given.earlier or given.later:
        return {}
    goal = {
        "materiality": given.materiality or programme.file.tolerable,
        "expected": given.expected,
        "confidence": confidence,
        "likelihood": "poisson",
    }
    return {"goal": goal}


def _without_size(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of monetary units or random rows without their size."""
    return {name: value for name, value in given.items() if name not in ("sample_size", "interval")}


def _floor(interval: float, places: int) -> float:
    """An interval rounded down to the minor unit, so that no fewer units are selected."""
    return float(Decimal(interval).quantize(Decimal(1).scaleb(-places), ROUND_DOWN))
