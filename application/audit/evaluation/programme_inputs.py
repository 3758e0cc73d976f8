"""The inputs of a programme's calculation from a sample with its findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from application.audit.evaluation.monetary_unit import MonetaryUnits, audited_units
from application.audit.evaluation.request import ExaminedSample, SettledEvaluation
from application.audit.evaluation.variables import audited_amounts
from application.audit.items import book_column_of
from application.audit.programmes.applied import LOC
from contract.requests.evaluate import MONETARY_UNIT
from estimation_engine.arrays import Floats
from estimation_engine.audit import AuditedAmounts, AuditedItem
from estimation_engine.audit.calculations import Calculation
from estimation_engine.audit.guidance.projections import (
    ConservativeInputs,
    EqualInputs,
    EqualPart,
    KnownPart,
    MoneyInputs,
    MoneyPart,
    equal_part,
    money_part,
)
from estimation_engine.errors import InvalidFindings


def examined_units(sample: ExaminedSample, kind: str) -> int:
    """The units that ``least_rows`` counts: examined rows, or their selections by monetary units.

    Rows that are always drawn, and those that don't apply, count once.
    """
    if kind != MONETARY_UNIT.name:
        return len(sample.items)
    items, _, _ = audited_units(sample)
    return len(sample.items) + sum(each.hits - 1 for each in items if not each.is_take_all)


def inputs_of_sample(
    sample: ExaminedSample, request: SettledEvaluation[Any], calculation: Calculation
) -> Any:
    """The inputs of a calculation from a sample.

    Raises
    ------
    InvalidFindings
        The calculation reads no sample of this design, or the draw lacks a figure that it needs.
    """
    common: dict[str, Any] = {"confidence": request.confidence}
    if request.tolerable is not None:
        name = "materiality" if request.tolerable < 1 else "tolerable"
        common[name] = float(request.tolerable)
    if calculation.inputs is EqualInputs:
        return _equal_inputs(sample, request, common, calculation.name.endswith("ratio"))
    if calculation.inputs is MoneyInputs:
        return _money_inputs(sample, common, calculation.name)
    if calculation.inputs is ConservativeInputs:
        return _conservative_inputs(sample, common)
    raise AssertionError(f"{calculation.name} reads no sample")


def _equal_inputs(
    sample: ExaminedSample, request: SettledEvaluation[Any], common: dict[str, Any], ratio: bool
) -> EqualInputs:
    column = request.value_of("book_column") or book_column_of(sample.service, sample.job)
    assert column is not None  # noqa: S101 - the kind was evaluated by it
    given, _ = audited_amounts(sample, column)
    is_stratified = given.design.group_kind == "strata"
    if len(sample.rounds) > 1 or not (is_stratified or given.design.has_equal_chances):
        raise InvalidFindings(
            "The calculation is for one step of rows with equal probabilities, in each stratum.",
            loc=LOC,
        )
    if not is_stratified and len(given.book) == given.rows:
        whole = _known_rows(given.book, given.misstatements)
        return EqualInputs(**common, parts=(), known=(whole,), book_value=given.total)
    if not is_stratified:
        part = equal_part(
            given.book, given.misstatements, units=given.rows, book_value=given.total, ratio=ratio
        )
        return EqualInputs(**common, parts=(part,), book_value=given.total)
    parts, known = _strata(given, ratio)
    return EqualInputs(**common, parts=tuple(parts), known=tuple(known), book_value=given.total)


def _strata(given: AuditedAmounts, ratio: bool) -> tuple[list[EqualPart], list[KnownPart]]:
    parts: list[EqualPart] = []
    known: list[KnownPart] = []
    design = given.design
    for stratum in np.flatnonzero(design.group_drawn).tolist():
        inside = np.flatnonzero(design.groups == stratum)
        label, units = given.labels[inside[0]], int(design.group_rows[stratum])
        book, errors = given.book[inside], given.misstatements[inside]
        if len(inside) == units:
            known.append(_known_rows(book, errors, label))
            continue
        if label not in given.stratum_totals:
            raise InvalidFindings(
                "The draw didn't record the book values of its strata, which the calculation "
                "needs. Draw the sample with `amount_column`.",
                loc=LOC,
            )
        value = given.stratum_totals[label]
        parts.append(
            equal_part(book, errors, units=units, book_value=value, ratio=ratio, label=label)
        )
    return parts, known


def _known_rows(book: Floats, errors: Floats, label: str = "") -> KnownPart:
    """Rows that were all examined."""
    value, wrong = float(book.sum()), float(errors.sum())
    return KnownPart(label=label, units=len(book), book_value=value, errors=wrong)


def _positive_units(
    sample: ExaminedSample,
) -> tuple[list[AuditedItem], list[MonetaryUnits]]:
    """The examined rows with their amounts, and the strata, which have positive amounts alone."""
    items, strata, _ = audited_units(sample)
    if any(each.has_credits for each in strata):
        raise InvalidFindings(
            "The calculation is for positive amounts: negative units are a population of their "
            "own. Draw positive amounts alone.",
            loc=LOC,
        )
    return items, strata


def _money_inputs(sample: ExaminedSample, common: dict[str, Any], name: str) -> MoneyInputs:
    items, strata = _positive_units(sample)
    if name == "monetary_units" and len(strata) > 1:
        raise InvalidFindings(
            "The calculation {name} is for one step. Several steps are strata: the programme can "
            "have an evaluation of several `steps` by monetary_units_stratified.",
            name=name,
            loc=LOC,
        )
    unit = 10.0 ** strata[0].decimals
    parts: list[MoneyPart] = []
    for number, each in enumerate(strata):
        chance = [item for item in items if item.stratum == number and not item.is_take_all]
        if not chance and not each.sampled:
            continue  # all rows were always drawn
        hits = [item.hits for item in chance]
        parts.append(
            money_part(
                np.repeat([item.book / unit for item in chance], hits),
                np.repeat([(item.book - item.audit) / unit for item in chance], hits),
                book_value=each.sampled / unit,
                label=f"step {number + 1}" if len(strata) > 1 else "",
            )
        )
    always = [item for item in items if item.is_take_all]
    return MoneyInputs(**common, parts=tuple(parts), known=_known(always, unit))


def _conservative_inputs(sample: ExaminedSample, common: dict[str, Any]) -> ConservativeInputs:
    """The taints of the units left to chance; rows of at least the interval are known."""
    items, strata = _positive_units(sample)
    if len(strata) > 1:
        raise InvalidFindings(
            "The conservative approach is for a sample of one step: the guidance has none for "
            "strata and periods.",
            loc=LOC,
        )
    (units,) = strata
    unit = 10.0**units.decimals
    chance = [item for item in items if not item.is_take_all]
    if not chance:
        raise InvalidFindings(
            "All rows with an amount were drawn, so no error is projected, and the conservative "
            "approach has no limit.",
            loc=LOC,
        )
    if any(item.audit > item.book for item in chance):
        raise InvalidFindings(
            "The conservative approach is for overstatements alone, and rows left to chance have "
            "audit values above their book values.",
            loc=LOC,
        )
    return ConservativeInputs(
        **common,
        interval=float(units.account["interval"]),
        sampled_value=units.sampled / unit,
        errors=tuple(
            (item.book - item.audit) / item.book
            for item in chance
            for _ in range(item.hits)
            if item.book != item.audit
        ),
        known=_known([item for item in items if item.is_take_all], unit),
    )


def _known(items: Sequence[AuditedItem], unit: float) -> tuple[KnownPart, ...]:
    if not items:
        return ()
    return (
        KnownPart(
            units=len(items),
            book_value=sum(item.book for item in items) / unit,
            errors=sum(item.book - item.audit for item in items) / unit,
        ),
    )
