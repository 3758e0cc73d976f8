"""Projected error, precision and limits, by the guidance's sections x.3 to x.5.

Units that are always examined have known errors. Where units of a stratum weren't available when
the sample was drawn, the projection takes them in (section 7.10), on a stated assumption.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import fsum, sqrt
from typing import TypeVar

from domain_errors import Sentence
from estimation_engine.arrays import Floats
from estimation_engine.audit.guidance.quantities import (
    LEAST_OF_STRATUM,
    MATERIALITY,
    NormalInputs,
    Verdict,
    amount_text,
    check,
    check_confidence,
    quantile,
    verdict_of,
)
from estimation_engine.audit.limits import poisson_factor
from lazy_dataclasses import dataclass

ROUNDING = 1e-9
UPPER_CONFIDENCE = (
    "z is that of a two-sided interval, as in the guidance: the upper limit alone has a "
    "confidence of {confidence}."
)
MISSING = (
    "{units} {units|unit|units} with a book value of {amount} weren't available when the sample "
    "was drawn. The projection to the whole population assumes that their errors are like those of "
    "the other units; no sample shows it."
)
MISSING_VALUE = (
    "A book value of {amount} wasn't available when the sample was drawn. The projection to the "
    "whole population assumes that its errors are like those of the rest; no sample shows it."
)
NO_PRECISION = (
    "The sample isn't statistical, so there is no precision and no upper limit: the verdict "
    "compares the projected error alone."
)
WHOLE = "All units were examined: their errors are known, so the precision is 0."
SMALL_STRATA = (
    "Small strata have the least of a stratum, {least} {least|unit|units}, which is above their "
    "proportion: the precision is that of section 6.1.3, which is right for strata of any sizes."
)


@dataclass(frozen=True, kw_only=True)
class EqualPart:
    """A stratum or period whose sample was drawn with equal probabilities, without its known units.

    Parameters
    ----------
    units, book_value : int, float
        N_h and BV_h.
    examined, examined_value : int, float
        n_h and the book value of the examined units; the value is needed by a ratio.
    errors : float
        ΣE of the examined units; overstatements are above 0.
    deviation : float
        s of the errors; of a ratio, of q = E − (ΣE/ΣBV)·BV. :func:`equal_part` computes it.
    missing_units, missing_value : int, float
        Units that weren't available when the sample was drawn, and aren't in N_h and BV_h.
    negative : int
        Of the examined units, those with a book value below 0. Nothing is computed of it.
    """

    label: str = ""
    units: int
    book_value: float
    examined: int
    examined_value: float = 0.0
    errors: float
    deviation: float = 0.0
    missing_units: int = 0
    missing_value: float = 0.0
    negative: int = 0


@dataclass(frozen=True, kw_only=True)
class MoneyPart:
    """A stratum or period whose sample was drawn by monetary units, without its known units.

    ``taints`` is Σ E/BV of the examined units, and ``deviation`` s of E/BV.
    :func:`money_part` computes both.
    """

    label: str = ""
    units: int = 0
    book_value: float
    examined: int
    taints: float
    deviation: float = 0.0
    missing_units: int = 0
    missing_value: float = 0.0


PART = TypeVar("PART", EqualPart, MoneyPart)


@dataclass(frozen=True, kw_only=True)
class KnownPart:
    """Units that were all examined: their book value and errors, which aren't projected."""

    label: str = ""
    units: int = 0
    book_value: float
    errors: float
    missing_units: int = 0
    missing_value: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _EvaluationInputs(NormalInputs):
    """Inputs of every evaluation.

    Parameters
    ----------
    known : tuple of KnownPart
    book_value : float, optional
        BV of the whole population, if it isn't the sum of the parts.
    materiality : float
        The tolerable share of BV; ``tolerable`` gives an amount in its place.
    systemic, anomalous : float
        Delimited systemic errors and anomalous ones that weren't corrected. They aren't projected,
        and are added to the total error (appendix 1).
    """

    known: tuple[KnownPart, ...] = ()
    book_value: float | None = None
    materiality: float = MATERIALITY
    tolerable: float | None = None
    systemic: float = 0.0
    anomalous: float = 0.0


@dataclass(frozen=True, kw_only=True)
class EqualInputs(_EvaluationInputs):
    """Inputs of an evaluation of samples with equal probabilities."""

    parts: tuple[EqualPart, ...]


@dataclass(frozen=True, kw_only=True)
class MoneyInputs(_EvaluationInputs):
    """Inputs of an evaluation of samples by monetary units."""

    parts: tuple[MoneyPart, ...]


@dataclass(frozen=True)
class PartError:
    """The projected error of a part, and its precision by itself."""

    label: str
    projected: float
    precision: float | None


@dataclass(frozen=True)
class GuidanceEvaluation:
    """The projected error with its precision and limits; amounts in units of the inputs.

    Parameters
    ----------
    projected : float
        EE: random errors, projected, and those of units that are always examined (``known``).
    total_error : float
        ``projected`` with delimited systemic and uncorrected anomalous errors.
    precision : float or None
        SE; None where a sample isn't statistical, as both limits are then.
    lower_limit, upper_limit : float or None
        ``total_error`` less, and plus, the precision; the latter is ULE. The conservative approach
        has no lower limit.
    corrected_value, corrected_lower : float
        CBV = BV − total error, and LL = CBV − SE.
    error_rate, upper_rate : float
        By BV.
    interval : float, optional
        The sampling interval of monetary units, where there is one.
    basic_precision, incremental_allowance : float, optional
        Of the conservative approach; they add up to the precision.
    """

    book_value: float
    projected: float
    known: float
    total_error: float
    precision: float | None
    lower_limit: float | None
    upper_limit: float | None
    corrected_value: float
    corrected_lower: float | None
    error_rate: float
    upper_rate: float | None
    tolerable: float
    verdict: Verdict
    factor: float | None
    parts: tuple[PartError, ...]
    notes: tuple[str, ...]
    interval: float | None = None
    basic_precision: float | None = None
    incremental_allowance: float | None = None


def equal_part(
    book: Floats, errors: Floats, *, units: int, book_value: float, ratio: bool, label: str = ""
) -> EqualPart:
    """The part of a sample's rows: sums, and s of the errors or of q (section 6.1.1.4).

    Parameters
    ----------
    book, errors : arrays, shape (rows,)
        Of the examined rows.
    ratio : bool
        Whether s is that of q = E − (ΣE/ΣBV)·BV.

    Raises
    ------
    InvalidCalculation
        There are fewer than two rows, or a ratio has no book value.
    """
    import numpy as np

    check(len(book) == len(errors) > 1, "A standard deviation needs two rows.", "errors")
    value, wrong = float(book.sum()), float(errors.sum())
    spread = errors
    if ratio:
        check(value != 0.0, "A ratio needs a book value that isn't 0.", "book")
        spread = errors - wrong / value * book
    return EqualPart(
        label=label,
        units=units,
        book_value=book_value,
        examined=len(book),
        examined_value=value,
        errors=wrong,
        deviation=float(np.std(spread, ddof=1)),
        negative=int((book < 0.0).sum()),
    )


def money_part(
    book: Floats, errors: Floats, *, book_value: float, units: int = 0, label: str = ""
) -> MoneyPart:
    """The part of a sample's rows, one for each selected unit: Σ E/BV and its s.

    Raises
    ------
    InvalidCalculation
        There are fewer than two rows, or a book value isn't above 0.
    """
    import numpy as np

    check(len(book) == len(errors) > 1, "A standard deviation needs two rows.", "errors")
    check(
        bool((book > 0.0).all()),
        "A book value isn't above 0: negative units are a population of their own (section 4.6).",
        "book",
    )
    taints = errors / book
    return MoneyPart(
        label=label,
        units=units,
        book_value=book_value,
        examined=len(book),
        taints=float(taints.sum()),
        deviation=float(np.std(taints, ddof=1)),
    )


def mean_per_unit(inputs: EqualInputs) -> GuidanceEvaluation:
    """EE = Σ N_h·ΣE_h/n_h, SE = z·N·s_w/√n, s_w² = Σ (N_h/N)·s_h² (sections 6.1.1, 6.1.2, 6.2).

    Examples
    --------
    >>> part = EqualPart(
    ...     units=3_852, book_value=46_501_186, examined=53, errors=7_797, deviation=758
    ... )
    >>> found = mean_per_unit(EqualInputs(confidence=0.8, z=1.282, parts=(part,)))
    >>> round(found.projected), round(found.precision)
    (566680, 514169)
    """
    return _equal(inputs, is_ratio=False, is_pooled=True)


def ratio(inputs: EqualInputs) -> GuidanceEvaluation:
    """EE = Σ BV_h·ΣE_h/ΣBV_h, SE as of a mean per unit, by s of q (sections 6.1.1, 6.1.2)."""
    return _equal(inputs, is_ratio=True, is_pooled=True)


def mean_per_unit_of_periods(inputs: EqualInputs) -> GuidanceEvaluation:
    """EE = Σ N_t·ΣE_t/n_t, SE = z·√(Σ N_t²·s_t²/n_t) over periods (sections 6.1.3, 6.2.3)."""
    return _equal(inputs, is_ratio=False, is_pooled=False)


def ratio_of_periods(inputs: EqualInputs) -> GuidanceEvaluation:
    """EE = Σ BV_t·ΣE_t/ΣBV_t, SE = z·√(Σ N_t²·s_t²/n_t), s of q (section 6.1.3)."""
    return _equal(inputs, is_ratio=True, is_pooled=False)


def monetary_units(inputs: MoneyInputs) -> GuidanceEvaluation:
    """EE = known + Σ BV_h/n_h·Σ E/BV, SE = z·√(Σ BV_h²/n_h·s_h²).

    Sections 6.3.1 to 6.3.4: one stratum, strata, periods, and strata of periods.
    """
    z = quantile(inputs.confidence, inputs.z)
    _check_parts(inputs.parts)
    errors = [_money_error(part) for part in inputs.parts]
    precisions = [
        z * _whole_value(part) * part.deviation / sqrt(part.examined) for part in inputs.parts
    ]
    single = inputs.parts[0] if len(inputs.parts) == 1 else None
    interval = None if single is None else single.book_value / single.examined
    return evaluation(
        inputs,
        inputs.parts,
        errors,
        precisions,
        sqrt(fsum(each**2 for each in precisions)),
        z,
        interval=interval,
    )


def nonstatistical_mean_per_unit(inputs: EqualInputs) -> GuidanceEvaluation:
    """EE = known + Σ N_h·ΣE_h/n_h, without a precision (section 6.4.4)."""
    return _nonstatistical(inputs, inputs.parts, _mean_error)


def nonstatistical_ratio(inputs: EqualInputs) -> GuidanceEvaluation:
    """EE = known + Σ BV_h·ΣE_h/ΣBV_h, without a precision (sections 6.4.4, 6.4.9)."""
    _check_ratio(inputs.parts)
    return _nonstatistical(inputs, inputs.parts, _ratio_error)


def nonstatistical_proportional(inputs: MoneyInputs) -> GuidanceEvaluation:
    """EE = known + Σ BV_h/n_h·Σ E/BV of units drawn by value (sections 6.4.5, 6.4.7)."""
    return _nonstatistical(inputs, inputs.parts, _money_error)


def _nonstatistical(
    inputs: _EvaluationInputs, parts: Sequence[PART], error_of: Callable[[PART], float]
) -> GuidanceEvaluation:
    _check_parts(parts)
    errors = [error_of(part) for part in parts]
    return evaluation(inputs, parts, errors, [None] * len(parts), None, None)


@dataclass(frozen=True, kw_only=True)
class ConservativeInputs(_EvaluationInputs):
    """Inputs of the conservative evaluation of monetary units.

    Parameters
    ----------
    size : int, optional
        The planned n, with the units of the high-value stratum: the interval is BV/n.
    interval : float, optional
        In place of the size: the interval by which the units were drawn, from which on units are
        always examined.
    sampled_value : float
        BV of the units that aren't always examined.
    errors : tuple of float
        E/BV of the examined units below the interval that have an error, in any order.
    taints : float, optional
        Their sum, where only it is known; ``allowance`` is then the sum of their allowances.
    factor : float, optional
        RF(0) in place of −ln(1 − confidence).
    factor_digits : int, optional
        Decimal places to which the factors of the allowances are rounded, as appendix 3 prints 2.
    missing_units, missing_value : int, float
        Units below the interval that weren't available when the sample was drawn.
    """

    size: int | None = None
    interval: float | None = None
    sampled_value: float
    errors: tuple[float, ...] = ()
    taints: float | None = None
    allowance: float = 0.0
    factor: float | None = None
    factor_digits: int | None = None
    missing_units: int = 0
    missing_value: float = 0.0


def incremental_allowances(
    taints: Sequence[float], interval: float, confidence: float, digits: int | None = None
) -> tuple[float, ...]:
    """(RF(i) − RF(i − 1) − 1)·interval·E/BV, taints sorted downwards (section 6.3.5.5).

    Examples
    --------
    >>> [round(each) for each in incremental_allowances([0.25], 200_000, 0.9, digits=2)]
    [29500]
    """
    factors = [poisson_factor(number, confidence) for number in range(len(taints) + 1)]
    if digits is not None:
        factors = [round(each, digits) for each in factors]
    return tuple(
        (after - before - 1.0) * interval * taint
        for taint, before, after in zip(
            sorted(taints, reverse=True), factors, factors[1:], strict=False
        )
    )


def monetary_units_conservative(inputs: ConservativeInputs) -> GuidanceEvaluation:
    """EE = known + SI·Σ E/BV, SE = SI·RF(0) + Σ allowances, SI = BV/n (section 6.3.5).

    RF(i) is the upper limit of i errors by the Poisson distribution, so the confidence is that of
    one side.
    """
    check_confidence(inputs.confidence)
    check((inputs.size is None) != (inputs.interval is None), "Give `size` or `interval`.", "size")
    check(inputs.size is None or inputs.size > 0, "`size` must be above 0.", "size")
    check(
        inputs.interval is None or inputs.interval > 0.0, "`interval` must be above 0.", "interval"
    )
    check(inputs.sampled_value > 0.0, "`sampled_value` must be above 0.", "sampled_value")
    check(
        inputs.taints is None or not inputs.errors, "Give `errors` or `taints`, not both.", "taints"
    )
    amounts = (*inputs.errors, inputs.taints or 0.0, inputs.allowance)
    check(min(amounts) >= 0.0, "The conservative approach is for overstatements alone.", "errors")
    part = MoneyPart(
        units=0,
        book_value=inputs.sampled_value,
        examined=1,
        taints=fsum(inputs.errors) if inputs.taints is None else inputs.taints,
        missing_units=inputs.missing_units,
        missing_value=inputs.missing_value,
    )
    _check_parts((part,))
    interval = inputs.interval
    if interval is None:
        drawn = fsum([inputs.sampled_value, *(known.book_value for known in inputs.known)])
        whole = drawn if inputs.book_value is None else inputs.book_value
        interval = whole / (inputs.size or 1)
    wider = _whole_value(part) / part.book_value
    factor = poisson_factor(0, inputs.confidence) if inputs.factor is None else inputs.factor
    check(factor > 0.0, "A reliability factor is above 0.", "factor")
    basic = factor * interval * wider
    allowance = inputs.allowance
    if inputs.taints is None:
        allowance = fsum(
            incremental_allowances(inputs.errors, interval, inputs.confidence, inputs.factor_digits)
        )
    allowance *= wider
    return evaluation(
        inputs,
        (part,),
        [interval * part.taints * wider],
        [basic + allowance],
        basic + allowance,
        factor,
        interval=interval,
        conservative=(basic, allowance),
    )


def _equal(inputs: EqualInputs, *, is_ratio: bool, is_pooled: bool) -> GuidanceEvaluation:
    z = quantile(inputs.confidence, inputs.z)
    parts = inputs.parts
    _check_parts(parts)
    named: list[tuple[str, EqualPart | KnownPart]] = [
        *((f"parts.{number}", part) for number, part in enumerate(parts)),
        *((f"known.{number}", known) for number, known in enumerate(inputs.known)),
    ]
    for at, own in named:
        check(
            bool(own.missing_units) == bool(own.missing_value),
            "Give both the missing units and their book value.",
            f"{at}.missing_units",
        )
    if is_ratio:
        _check_ratio(parts)
    errors = [_ratio_error(part) if is_ratio else _mean_error(part) for part in parts]
    # A ratio's precision is extended by book values, that of a mean per unit by units (7.10).
    measures = [
        part.units * _whole_value(part) / part.book_value
        if is_ratio and part.missing_value
        else float(part.units + part.missing_units)
        for part in parts
    ]
    each = [
        z * measure * part.deviation / sqrt(part.examined)
        for part, measure in zip(parts, measures, strict=True)
    ]
    is_proportional = is_pooled and bool(parts) and _is_proportional(parts)
    if is_proportional:
        whole, drawn = fsum(measures), sum(part.examined for part in parts)
        variance = fsum(
            measure / whole * part.deviation**2
            for part, measure in zip(parts, measures, strict=True)
        )
        precision = z * whole * sqrt(variance) / sqrt(drawn)
    else:
        precision = sqrt(fsum(single**2 for single in each))
    found = evaluation(inputs, parts, errors, each, precision, z, by_units=not is_ratio)
    if parts and is_pooled and not is_proportional:
        note = Sentence(SMALL_STRATA, least=LEAST_OF_STRATUM)
        return replace(found, notes=(*found.notes, note))
    return found


def _mean_error(part: EqualPart) -> float:
    return (part.units + part.missing_units) * part.errors / part.examined


def _ratio_error(part: EqualPart) -> float:
    return _whole_value(part) * part.errors / part.examined_value


def _money_error(part: MoneyPart) -> float:
    return _whole_value(part) / part.examined * part.taints


def _whole_value(part: EqualPart | MoneyPart) -> float:
    return part.book_value + part.missing_value


def _known_error(part: KnownPart, *, by_units: bool) -> float:
    """The errors of units that are all examined; those that weren't available are taken in."""
    if by_units and part.missing_units:
        return part.errors * (part.units + part.missing_units) / part.units
    if not by_units and part.missing_value:
        return part.errors * (part.book_value + part.missing_value) / part.book_value
    return part.errors


def evaluation(
    inputs: _EvaluationInputs,
    parts: Sequence[EqualPart | MoneyPart],
    errors: Sequence[float],
    precisions: Sequence[float | None],
    precision: float | None,
    factor: float | None,
    *,
    by_units: bool = False,
    interval: float | None = None,
    conservative: tuple[float, float] | None = None,
) -> GuidanceEvaluation:
    """The evaluation of projected errors of parts with the precision of all of them."""
    check_confidence(inputs.confidence)
    check(bool(parts or inputs.known), "Give at least one part.", "parts")
    _check_known(inputs.known)
    for name in ("systemic", "anomalous"):
        check(getattr(inputs, name) >= 0.0, "Give the amount of these errors, 0 or more.", name)
    value = inputs.book_value
    if value is None:
        value = fsum(part.book_value + part.missing_value for part in (*parts, *inputs.known))
    check(value > 0.0, "`book_value` must be above 0.", "book_value")
    tolerable = _tolerable_of(inputs, value)
    known = fsum(_known_error(part, by_units=by_units) for part in inputs.known)
    projected = fsum([known, *errors])
    total = projected + inputs.systemic + inputs.anomalous
    upper = None if precision is None else total + precision
    return GuidanceEvaluation(
        value,
        projected,
        known,
        total,
        precision,
        None if precision is None or conservative else total - precision,
        upper,
        value - total,
        None if precision is None else value - total - precision,
        total / value,
        None if upper is None else upper / value,
        tolerable,
        verdict_of(total, upper, tolerable),
        factor,
        tuple(
            PartError(part.label, error, own)
            for part, error, own in zip(parts, errors, precisions, strict=True)
        ),
        tuple(_notes(inputs, parts, precision, is_conservative=conservative is not None)),
        interval,
        *(conservative or (None, None)),
    )


def _tolerable_of(inputs: _EvaluationInputs, value: float) -> float:
    """The amount that is tolerable, of a book value."""
    tolerable = inputs.tolerable
    if tolerable is None:
        check(
            0.0 < inputs.materiality <= MATERIALITY,
            "The materiality is above 0 and at most 0.02, a share of the book value, by "
            "EGESIF_16-0014-01 (section 4.9).",
            "materiality",
        )
        tolerable = inputs.materiality * value
    check(tolerable > 0.0, "`tolerable` must be above 0.", "tolerable")
    check(
        tolerable <= MATERIALITY * value * (1.0 + ROUNDING),
        "At most 2 % of the book value, {most}, is tolerable by EGESIF_16-0014-01 (section 4.9).",
        "tolerable",
        most=amount_text(MATERIALITY * value),
    )
    return tolerable


def _check_parts(parts: Sequence[EqualPart | MoneyPart]) -> None:
    for number, part in enumerate(parts):
        at = f"parts.{number}"
        check(part.book_value > 0.0, NEGATIVE, f"{at}.book_value")
        check(part.examined > 0, "`examined` must be above 0.", f"{at}.examined")
        check(part.deviation >= 0.0, "A standard deviation is 0 or more.", f"{at}.deviation")
        is_equal = isinstance(part, EqualPart)
        if is_equal or part.units:
            check(
                part.units >= part.examined or not is_equal,
                "More units were examined than the part has.",
                f"{at}.examined",
            )
        _check_missing(part, at)


NEGATIVE = (
    "The book value of a part must be above 0: negative units are a population of their own "
    "(section 4.6)."
)


def _is_proportional(parts: Sequence[EqualPart]) -> bool:
    """Whether strata are drawn by their units; s_w/√n is the standard error of these.

    Small strata may have up to the least of a stratum, above their proportion, if the others are
    drawn by their units.

    Raises
    ------
    InvalidCalculation
        A stratum is drawn otherwise.
    """
    surplus = _surplus(parts)
    if all(abs(each) < 1.0 for each in surplus):
        return True
    others = [
        number
        for number, part in enumerate(parts)
        if part.examined > LEAST_OF_STRATUM or surplus[number] < 0.0
    ]
    for number, more in zip(others, _surplus([parts[at] for at in others]), strict=True):
        part = parts[number]
        check(
            abs(more) < 1.0,
            "This formula is for strata that are drawn in proportion to their units: {examined} of "
            "{units} units of {label} were drawn, and {due} would be in proportion. The "
            "calculations of periods allow other sizes.",
            f"parts.{number}.examined",
            examined=part.examined,
            units=part.units,
            label=part.label or f"part {number + 1}",
            due=f"{part.examined - more:.1f}",
        )
    return False


def _surplus(parts: Sequence[EqualPart]) -> list[float]:
    """The examined units of each part less those in proportion to its units."""
    drawn, units = sum(part.examined for part in parts), sum(part.units for part in parts)
    return [part.examined - drawn * part.units / units for part in parts]


def _check_ratio(parts: Sequence[EqualPart]) -> None:
    for number, part in enumerate(parts):
        check(
            part.examined_value > 0.0,
            "A ratio needs the book value of the examined units.",
            f"parts.{number}.examined_value",
        )


def _check_known(parts: Sequence[KnownPart]) -> None:
    for number, part in enumerate(parts):
        at = f"known.{number}"
        check(part.book_value > 0.0, NEGATIVE, f"{at}.book_value")
        check(
            part.units > 0 or not part.missing_units,
            "`missing_units` needs `units`.",
            f"{at}.units",
        )
        _check_missing(part, at)


def _check_missing(part: EqualPart | MoneyPart | KnownPart, at: str) -> None:
    check(part.missing_units >= 0, "Missing units are 0 or more.", f"{at}.missing_units")
    check(part.missing_value >= 0.0, "A missing value is 0 or more.", f"{at}.missing_value")


def _notes(
    inputs: _EvaluationInputs,
    parts: Sequence[EqualPart | MoneyPart],
    precision: float | None,
    *,
    is_conservative: bool,
) -> list[str]:
    notes: list[str] = []
    if not parts:
        notes.append(Sentence(WHOLE))
    elif precision is None:
        notes.append(Sentence(NO_PRECISION))
    elif not is_conservative:
        from estimation_engine.audit.conclusion import confidence_text

        level = round((1.0 + inputs.confidence) / 2.0, 6)
        notes.append(Sentence(UPPER_CONFIDENCE, confidence=confidence_text(level)))
    every: tuple[EqualPart | MoneyPart | KnownPart, ...] = (*parts, *inputs.known)
    units = sum(part.missing_units for part in every)
    value = fsum(part.missing_value for part in every)
    if units:
        notes.append(Sentence(MISSING, units=units, amount=amount_text(value)))
    elif value:
        notes.append(Sentence(MISSING_VALUE, amount=amount_text(value)))
    return notes
