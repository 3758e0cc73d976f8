"""The evaluation of amounts as variables: a projected misstatement with its bounds.

AICPA, *Audit Sampling* (classical variables sampling); Cochran 1977, *Sampling Techniques*,
chapters 2, 5, 6 and 7; Särndal, Swensson and Wretman 1992, chapters 6 and 7. The estimates, with
the correction for finite populations and for strata, are those of
:mod:`estimation_engine.estimates`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from math import sqrt
from typing import NamedTuple

import numpy as np

from contract.requests.estimate import VarianceRequest
from contract.words import Estimator, Sides
from domain_errors import FigureText, Sentence
from estimation_engine.arrays import Floats
from estimation_engine.audit.attributes import ArithmeticRow
from estimation_engine.audit.conclusion import (
    Conclusion,
    conclude_misstatement,
    confidence_text,
    withheld,
)
from estimation_engine.audit.limits import most_unseen
from estimation_engine.audit.normality import Normality, left_to_chance, units_in
from estimation_engine.calibration import Calibration, Difference, by_ratio, by_regression
from estimation_engine.designs import Design
from estimation_engine.errors import InvalidFindings
from estimation_engine.estimates import DomainEstimate, Domains, EstimateSettings, Values, estimate
from estimation_engine.intervals import t_quantile
from lazy_dataclasses import dataclass

FORMULAS: dict[Estimator, str] = {
    "mean_per_unit": "B − Σ w·a",
    "difference": "Σ w·(b − a)",
    "ratio": "B − B·Σ w·a / Σ w·b",
    "regression": "B − N·(ā + β·(B/N − b̄)), ā = Σ w·a / Σ w, b̄ = Σ w·b / Σ w",
}
SOURCES: dict[Estimator, str] = {
    "mean_per_unit": "Cochran 1977, chapters 2 and 5; AICPA, Audit Sampling",
    "difference": "Cochran 1977, chapter 7; AICPA, Audit Sampling",
    "ratio": "Cochran 1977, chapter 6; Särndal, Swensson and Wretman 1992, chapter 7",
    "regression": "Cochran 1977, chapter 7; Särndal, Swensson and Wretman 1992, chapter 6",
}
MIN_ERRORS = 20
"""Fewer rows or clusters in error make the normal approximation of a difference doubtful."""
MIN_OF_STRATUM = 10
MOST_IN_THIN_STRATA = 0.1
"""Strata with fewer drawn rows may have at most this share of the book value left to chance."""
MOST_RELATIVE_ERROR = 0.1
"""Of a ratio's denominator: above it a ratio is biased (Cochran 1977, section 6.8)."""
UNSEEN = (
    "{strata} {strata|stratum has|strata have} no drawn row in error. Errors of up to {amount} "
    "can be there undetected."
)
UNSEEN_ESTIMATED = (
    "{strata} {strata|stratum has|strata have} no drawn row in error. Errors of up to {amount}, "
    "estimated from the drawn rows, can be there undetected."
)
NO_ERRORS = "No examined row has a misstatement, so a {estimator} has no variance and no limit."
WITH_MEANS = "For a limit in money evaluate with the estimator `mean_per_unit`."
MAX_STRATA = 200
"""Strata that the arithmetic lists."""


@dataclass(frozen=True, eq=False)
class AuditedAmounts:
    """The amounts of a sample's rows in the order of its design, and of their population.

    Parameters
    ----------
    book, audit : arrays, shape (rows,)
    rows, total : int, float
        N and B: the rows that could be drawn, and the sum of their book values.
    places : int
        Decimal places of the amounts in sentences.
    labels : sequence of str
        The stratum of each row, if the sample is stratified.
    stratum_totals : mapping
        The book values of strata by label, where they are known.
    is_gross : bool
        Whether no amount is negative, so that these are the sums without signs, too.
    """

    design: Design
    book: Floats
    audit: Floats
    rows: int
    total: float
    places: int = 2
    labels: Sequence[str] = ()
    stratum_totals: Mapping[str, float] = field(default_factory=dict)
    is_gross: bool = False

    @property
    def misstatements(self) -> Floats:
        """Book - audit."""
        return self.book - self.audit

    def amount(self, value: float) -> FigureText:
        """An amount for sentences."""
        return FigureText(f"{value:,.{self.places}f}")


@dataclass(frozen=True)
class ProjectedErrors:
    """The misstatements of one direction alone: rows, their amount, its projection and limit."""

    errors: int
    found: float
    projected: float
    upper_limit: float


@dataclass(frozen=True)
class StratumErrors:
    """The examined rows of a stratum, and their misstatement by difference: N/n·Σ(b − a).

    Parameters
    ----------
    book_value : float, optional
        Of all rows of the stratum, if the draw recorded it.
    examined_value : float
        The book value of the examined rows.
    """

    label: str
    rows: int
    examined: int
    errors: int
    book_value: float | None
    examined_value: float
    found: float
    projected: float


@dataclass(frozen=True)
class VariablesEvaluation:
    """The net misstatement of a population, and that of each direction.

    Parameters
    ----------
    found : float
        The net misstatement of the examined rows, which isn't projected.
    direction_estimator : str
        That of ``overstatement`` and ``understatement``: the estimator itself, so that they net to
        ``projected``, or the difference for ``mean_per_unit``, which projects no misstatements.
    projected : float
        Overstatements less understatements; book value less the estimated audit value.
    lower_limit, upper_limit : float
        The confidence is that of both together with two ``sides``; with one, of each alone.
    by_stratum : tuple of StratumErrors
        Of a stratified sample with up to 200 strata; one that was drawn whole is exact.
    standard_error, t, degrees : float, float, int
        The margin is their product; degrees of freedom of t.
    """

    estimator: Estimator
    sides: Sides
    examined: int
    errors: int
    found: float
    population: int
    book_value: float
    audit_value: float
    projected: float
    standard_error: float
    degrees: int
    t: float
    margin: float
    lower_limit: float
    upper_limit: float
    direction_estimator: Estimator
    overstatement: ProjectedErrors
    understatement: ProjectedErrors
    by_stratum: tuple[StratumErrors, ...]
    arithmetic: tuple[ArithmeticRow, ...]
    notes: tuple[str, ...]
    caveats: tuple[str, ...]
    conclusion: Conclusion | None
    formula: str
    source: str


def evaluate_variables(
    given: AuditedAmounts,
    *,
    estimator: Estimator = "difference",
    sides: Sides = "one",
    confidence: float,
    tolerable: float | None = None,
    scope: str | None = None,
    rules: VarianceRequest | None = None,
    is_part: bool = False,
) -> VariablesEvaluation:
    """Project the misstatement of a sample's rows to their population.

    Parameters
    ----------
    tolerable : float, optional
        The tolerable misstatement, for a conclusion: of overstatements with one side, and of both
        directions with two; ``scope`` is the filter that limits it.
    is_part : bool
        Whether other samples are added to it, so that it may have no error; its variance is then 0.

    Raises
    ------
    InvalidFindings
        No row is in error, so a difference has no variance.
    LonelyStratum, InvalidCalibration
        The design or the book values don't fit the estimator.
    """
    errors = int(np.count_nonzero(given.misstatements))
    _check(given, estimator, errors, confidence, is_part=is_part)
    level = confidence if sides == "two" else 2.0 * confidence - 1.0
    settings = EstimateSettings(level, rules=rules or VarianceRequest())
    found, residuals = _projected(given, estimator, settings)
    limits = _limits(given, found, (1.0 + level) / 2.0)
    directions = _directions(given, estimator, settings)
    doubts = _doubts(given, estimator, residuals)
    conclusion = None
    if tolerable is not None:
        conclusion = conclude_misstatement(
            limits.lower if sides == "two" else None,
            limits.upper,
            tolerable,
            limits.projected,
            confidence,
            errors=(float(given.misstatements.sum()), errors),
            book_value=given.total,
            netted=directions.netted(estimator),
            places=given.places,
            scope=scope,
        )
        if conclusion.is_tolerable:
            doubts += _doubts_near(given, limits, residuals, tolerable, sides)
            doubts += _unseen_errors(given, limits, tolerable, sides, 1.0 - confidence)
        if doubts:
            reasons = Sentence.joined([each.reason or each.caveat for each in doubts])
            conclusion = withheld(conclusion, reasons, scope)
    caveats = (
        *(each.caveat for each in doubts),
        *direction_caveats(directions.over, directions.under, tolerable, given.amount),
    )
    lines = _arithmetic(given, estimator, limits, residuals)
    return _evaluation(given, (estimator, sides), limits, directions, lines, caveats, conclusion)


def _evaluation(
    given: AuditedAmounts,
    chosen: tuple[Estimator, Sides],
    limits: _AmountLimits,
    directions: _Directions,
    arithmetic: tuple[ArithmeticRow, ...],
    caveats: tuple[str, ...],
    conclusion: Conclusion | None,
) -> VariablesEvaluation:
    """The figures of an evaluation, with its notes."""
    estimator, sides = chosen
    strata = tuple(_strata_errors(given))
    return VariablesEvaluation(
        estimator,
        sides,
        given.design.rows,
        int(np.count_nonzero(given.misstatements)),
        float(given.misstatements.sum()),
        given.rows,
        given.total,
        given.total - limits.projected,
        limits.projected,
        limits.error,
        limits.degrees,
        limits.t,
        limits.margin,
        limits.lower,
        limits.upper,
        directions.estimator,
        directions.over,
        directions.under,
        strata,
        arithmetic,
        (*_direction_notes(given, estimator, directions), *_strata_notes(strata, estimator)),
        caveats,
        conclusion,
        FORMULAS[estimator],
        SOURCES[estimator],
    )


def _arithmetic(
    given: AuditedAmounts, estimator: Estimator, limits: _AmountLimits, residuals: Floats
) -> tuple[ArithmeticRow, ...]:
    """The lines of the projection, of the spread of its residuals, and of the limits."""
    return (
        ArithmeticRow(
            "Book value B", Sentence("Σ b of {rows} {rows|row|rows}", rows=given.rows), given.total
        ),
        *_sums(given, estimator),
        ArithmeticRow("Projected misstatement", FORMULAS[estimator], limits.projected),
        *_spread(given, residuals, estimator),
        *limits.lines(given.design),
    )


@dataclass(frozen=True)
class _AmountLimits:
    """A projected misstatement with its margin; ``level`` is the probability of t."""

    projected: float
    error: float
    degrees: int
    level: float
    t: float

    @property
    def margin(self) -> float:
        return self.t * self.error if self.error else 0.0

    @property
    def lower(self) -> float:
        return self.projected - self.margin

    @property
    def upper(self) -> float:
        return self.projected + self.margin

    def lines(self, design: Design) -> list[ArithmeticRow]:
        t_formula = Sentence(
            "t({level}; {degrees} {degrees|degree|degrees} of freedom)",
            level=FigureText(f"{self.level:g}"),
            degrees=self.degrees,
        )
        return [
            ArithmeticRow("Standard error SE", _error_formula(design), self.error),
            ArithmeticRow("t", t_formula, self.t),
            ArithmeticRow("Margin", "t·SE", self.margin),
            ArithmeticRow("Lower limit", Sentence("projected − margin"), self.lower),
            ArithmeticRow("Upper limit", Sentence("projected + margin"), self.upper),
        ]


def _limits(given: AuditedAmounts, found: DomainEstimate, level: float) -> _AmountLimits:
    if found.value is None or found.error is None:
        raise InvalidFindings("The design gives no variance, so the misstatement has no limit.")
    if found.error and not found.degrees:
        raise InvalidFindings(
            "Each stratum has one drawn row, so there is no degree of freedom and no limit: draw "
            "at least two rows of a stratum."
        )
    # Strata that are all examined have no error, no degree of freedom, and no margin.
    t = t_quantile(level, found.degrees) if found.degrees else 0.0
    return _AmountLimits(given.total - found.value, found.error, found.degrees, level, t)


def _check(
    given: AuditedAmounts, estimator: Estimator, errors: int, confidence: float, *, is_part: bool
) -> None:
    design = given.design
    if design.rows < 2:
        raise InvalidFindings("One row has no variance: draw at least two.")
    if errors or is_part or estimator == "mean_per_unit" or design.is_census:
        return
    if design.is_hypergeometric or design.group_kind == "strata":
        raise InvalidFindings(
            f"{NO_ERRORS} At {{confidence}} confidence at most {{most}} of {{rows}} rows have one. "
            f"{WITH_MEANS}",
            estimator=estimator,
            confidence=confidence_text(confidence),
            most=most_unseen(design.group_rows, design.group_drawn, confidence),
            rows=design.population,
            loc=("body", "estimator"),
        )
    raise InvalidFindings(
        f"{NO_ERRORS} {WITH_MEANS}", estimator=estimator, loc=("body", "estimator")
    )


def _strata_errors(given: AuditedAmounts) -> Iterator[StratumErrors]:
    design = given.design
    if not given.labels or len(design.group_rows) > MAX_STRATA:
        return
    for stratum in np.flatnonzero(design.group_drawn).tolist():
        inside = np.flatnonzero(design.groups == stratum)
        wrong = given.misstatements[inside]
        rows, found = int(design.group_rows[stratum]), float(wrong.sum())
        projected = rows / len(inside) * found
        errors = int(np.count_nonzero(wrong))
        label = given.labels[inside[0]]
        total, examined = given.stratum_totals.get(label), float(given.book[inside].sum())
        yield StratumErrors(label, rows, len(inside), errors, total, examined, found, projected)


def _projected(
    given: AuditedAmounts, estimator: Estimator, settings: EstimateSettings
) -> tuple[DomainEstimate, Floats]:
    """The estimated audit value, and the residuals of rows by which its variance is computed."""
    calibration = _calibration(given, estimator)
    found = _total(given, given.audit, settings, calibration)
    rows = np.arange(given.design.rows)
    if isinstance(calibration, Calibration):
        return found, calibration.g * calibration.residuals(rows, given.audit)
    return found, given.audit if calibration is None else -given.misstatements


def _total(
    given: AuditedAmounts,
    y: Floats,
    settings: EstimateSettings,
    calibration: Calibration | Difference | None = None,
) -> DomainEstimate:
    rows = given.design.rows
    everything = np.ones(rows, dtype=np.bool_)
    domains = Domains(everything, np.zeros(rows, dtype=np.int64), 1)
    values = Values("total", y, everything)
    return estimate(given.design, values, domains, settings, calibration)[0]


def _calibration(given: AuditedAmounts, estimator: Estimator) -> Calibration | Difference | None:
    weights, book, total = given.design.weights, given.book, given.total
    match estimator:
        case "difference":
            return Difference(book, np.array([total]), np.array([float(given.rows)]))
        case "ratio":
            return by_ratio(weights, book, total)
        case "regression":
            means = np.array([total / given.rows])
            return by_regression(weights, book[np.newaxis], means, given.rows, ["book value"])
        case "mean_per_unit":
            return None


@dataclass(frozen=True)
class _Directions:
    """Overstatements and understatements, each projected alone by the same estimator."""

    estimator: Estimator
    over: ProjectedErrors
    under: ProjectedErrors

    def netted(self, estimator: Estimator) -> tuple[float, float] | None:
        """Both projections, if there are errors of both and they net to that of an estimator."""
        if self.estimator == estimator and self.over.errors and self.under.errors:
            return self.over.projected, self.under.projected
        return None


def _directions(
    given: AuditedAmounts, estimator: Estimator, settings: EstimateSettings
) -> _Directions:
    alone: Estimator = "difference" if estimator == "mean_per_unit" else estimator
    over, under = (_direction(given, sign, alone, settings) for sign in (1.0, -1.0))
    return _Directions(alone, over, under)


def _direction(
    given: AuditedAmounts, sign: float, estimator: Estimator, settings: EstimateSettings
) -> ProjectedErrors:
    """The misstatements above 0 of one sign, by the weights of the estimator.

    A calibrated estimator gives the book value exactly, so the weighted misstatements of both signs
    net to its projection.
    """
    amounts = np.maximum(sign * given.misstatements, 0.0)
    calibration = None if estimator == "difference" else _calibration(given, estimator)
    found = _total(given, amounts, settings, calibration)
    errors = int(np.count_nonzero(amounts))
    return ProjectedErrors(errors, float(amounts.sum()), found.value or 0.0, found.high or 0.0)


def _sums(given: AuditedAmounts, estimator: Estimator) -> list[ArithmeticRow]:
    """The weighted sums that the estimator's formula names."""
    w, a, b = given.design.weights, given.audit, given.book
    equal = bool((w == w[0]).all())
    weight = f"w = {given.rows} / {len(w)}" if equal else Sentence("w by design")
    audit = ArithmeticRow(
        "Σ w·a", Sentence("audit values, {weight}", weight=weight), float((w * a).sum())
    )
    book = ArithmeticRow("Σ w·b", Sentence("book values"), float((w * b).sum()))
    if estimator == "difference":
        errors = float((w * given.misstatements).sum())
        return [
            ArithmeticRow("Σ w·(b − a)", Sentence("misstatements, {weight}", weight=weight), errors)
        ]
    if estimator == "mean_per_unit":
        return [audit]
    if estimator == "ratio":
        return [audit, book]
    whole = float(w.sum())
    distance = b - (w * b).sum() / whole
    slope = float((w * distance * a).sum() / (w * distance * distance).sum())
    return [
        audit,
        book,
        ArithmeticRow("Σ w", Sentence("rows"), whole),
        ArithmeticRow("β", "Σ w·(b − b̄)·a / Σ w·(b − b̄)²", slope),
    ]


_RESIDUALS: dict[Estimator, str] = {
    "mean_per_unit": "a",
    "difference": "b − a",
    "ratio": "B / Σ w·b · (a − b·Σ w·a / Σ w·b)",
    "regression": Sentence("g·e, e = a − ā − β·(b − b̄), g the calibrated weight by w"),
}


def _spread(given: AuditedAmounts, residuals: Floats, estimator: Estimator) -> list[ArithmeticRow]:
    """Standard deviations of the residuals, of all rows or by stratum."""
    design = given.design
    formula = Sentence("of {residuals}", residuals=_RESIDUALS[estimator])
    if design.is_hypergeometric:
        deviation = float(np.std(residuals, ddof=1))
        return [ArithmeticRow("Standard deviation s", formula, deviation)]
    if design.group_kind != "strata" or len(design.group_rows) > MAX_STRATA:
        return []
    rows = []
    for stratum in np.flatnonzero(design.group_drawn > 1).tolist():
        of_stratum = design.groups == stratum
        inside = residuals[of_stratum]
        size, drawn = int(design.group_rows[stratum]), len(inside)
        name = given.labels[int(np.argmax(of_stratum))] if given.labels else str(stratum + 1)
        variance = size * size * (1.0 - drawn / size) * float(np.var(inside, ddof=1)) / drawn
        text = Sentence(
            "N = {rows}, n = {drawn}, s = {deviation} of {residuals}",
            rows=str(size),
            drawn=str(drawn),
            deviation=FigureText(f"{sqrt(float(np.var(inside, ddof=1))):.6g}"),
            residuals=_RESIDUALS[estimator],
        )
        label = Sentence("Variance of stratum {stratum}", stratum=name)
        rows.append(ArithmeticRow(label, text, variance))
    return rows


def _error_formula(design: Design) -> str:
    if design.is_hypergeometric:
        return f"N·√((1 − n/N)/n)·s, N = {design.population}, n = {design.rows}"
    if design.group_kind == "strata":
        return Sentence("√ Σ N²·(1 − n/N)·s²/n over strata")
    return Sentence("by the design, {method}", method=design.method)


def _direction_notes(
    given: AuditedAmounts, estimator: Estimator, directions: _Directions
) -> list[str]:
    over, under = directions.over, directions.under
    notes: list[str] = []
    if estimator == "mean_per_unit" and (over.errors or under.errors):
        text = (
            "Overstatements and understatements alone are projected by difference. They don't net "
            "to a projection by mean per unit."
        )
        notes.append(Sentence(text))
    elif over.errors and under.errors:
        text = (
            "The projected misstatement is net: overstatements less understatements. Each "
            "direction is shown alone, too."
        )
        notes.append(Sentence(text))
    if _few_errors(given) and (estimator == "mean_per_unit" or (over.errors and under.errors)):
        text = (
            "The upper limits of each direction alone may be too low: they assume about {errors} "
            "or more errors in it."
        )
        notes.append(Sentence(text, errors=MIN_ERRORS))
    return notes


def _strata_notes(strata: Sequence[StratumErrors], estimator: Estimator) -> list[str]:
    """That the strata don't add up to a projection by another estimator than theirs."""
    if not strata or estimator == "difference":
        return []
    text = (
        "The strata are projected by difference, each by itself. They don't add up to the "
        "projected misstatement, which is that of a {estimator} of the whole sample."
    )
    return [Sentence(text, estimator=Sentence(estimator))]


def direction_caveats(
    over: ProjectedErrors,
    under: ProjectedErrors,
    tolerable: float | None,
    amount: Callable[[float], str],
) -> list[str]:
    """What a conclusion on the net misstatement doesn't say of each direction."""
    named = (("Overstatements", over), ("Understatements", under))
    return [
        Sentence(
            name + " alone have an upper limit of {limit}, which isn't below the tolerable amount.",
            limit=amount(each.upper_limit),
        )
        for name, each in named
        if tolerable is not None and each.errors and each.upper_limit >= tolerable
    ]


class Doubt(NamedTuple):
    """Why limits may be too narrow: in full, and as the reason to conclude nothing, if shorter."""

    caveat: str
    reason: str = ""


def _doubts(given: AuditedAmounts, estimator: Estimator, residuals: Floats) -> list[Doubt]:
    """Doubts about the normal approximation; none where no row was left to chance."""
    design = given.design
    if design.is_census:
        return []
    normality = Normality(design, design.weights * residuals)
    doubts = []
    if estimator != "mean_per_unit" and _few_errors(given):
        doubts.append(_doubt_of_few(given, estimator))
    elif normality.is_constant:
        doubts.append(
            Doubt(
                Sentence(
                    "The rows left to chance don't differ in their errors, so the limits have no "
                    "margin. Other rows may differ."
                ),
                Sentence("They have no margin for rows that differ."),
            )
        )
    doubts += [*_thin_strata(given), *_doubtful_book_values(given, estimator)]
    units, needed = normality.units, normality.needed
    if units < needed:
        doubts.append(_doubt_of_skewness(given, units, needed))
    return doubts


def _doubt_of_skewness(given: AuditedAmounts, units: int, needed: int) -> Doubt:
    """The doubt that more units are needed than were drawn, or than there are."""
    numbers = {"needed": needed, "unit": Sentence(f"{given.design.unit}s"), "drawn": units}
    if needed > given.rows:
        caveat = (
            "The amounts are skewed: the normal approximation (Cochran 1977) needs more {unit} "
            "than the population has, and {drawn} were drawn. The limits may be too narrow."
        )
        reason = (
            "By the skewness of the amounts more {unit} are needed than the population has, and "
            "{drawn} were drawn."
        )
    else:
        caveat = (
            "The amounts are skewed: about {needed} {unit} are needed for the normal "
            "approximation (Cochran 1977), and {drawn} were drawn. The limits may be too narrow."
        )
        reason = (
            "By the skewness of the amounts about {needed} {unit} are needed, and {drawn} were "
            "drawn."
        )
    return Doubt(Sentence(caveat, **numbers), Sentence(reason, **numbers))


class _Stratum(NamedTuple):
    """A stratum left to chance: its drawn rows, those in error, and its book value."""

    drawn: int
    errors: int
    book: float
    is_known: bool


def _strata(given: AuditedAmounts) -> list[_Stratum]:
    """Those of stratified samples that weren't drawn whole."""
    design = given.design
    parts = [(part.chance, part.rows) for part in design.parts]
    found = []
    for sample, rows in parts or [(design, np.arange(design.rows))]:
        if sample.group_kind != "strata":
            continue
        book = design.weights[rows] * np.abs(given.book[rows])
        wrong = given.misstatements[rows] != 0
        for stratum in np.flatnonzero(sample.sampled_strata):
            inside = sample.groups == stratum
            if inside.any():
                errors = int(wrong[inside].sum())
                label = given.labels[int(rows[np.argmax(inside)])] if given.labels else ""
                known = given.stratum_totals.get(label) if given.is_gross else None
                amount = float(book[inside].sum()) if known is None else known
                found.append(_Stratum(int(inside.sum()), errors, amount, known is not None))
    return found


def _thin_strata(given: AuditedAmounts) -> list[Doubt]:
    """The doubt about strata with few drawn rows that have much of the money."""
    strata = _strata(given)
    whole = sum(each.book for each in strata)
    thin = [each for each in strata if each.drawn < MIN_OF_STRATUM]
    share = sum(each.book for each in thin) / whole if whole else 0.0
    if share <= MOST_IN_THIN_STRATA:
        return []
    text = Sentence(
        "Strata with fewer than {rows} drawn rows have {share} of the book value that was left to "
        "chance. So few rows don't show how much their errors differ.",
        rows=MIN_OF_STRATUM,
        share=FigureText(f"{100 * share:.0f} %"),
    )
    return [Doubt(text)]


def _doubtful_book_values(given: AuditedAmounts, estimator: Estimator) -> list[Doubt]:
    """The doubt that the drawn book values contradict the known total, or hardly estimate it."""
    if estimator not in ("mean_per_unit", "ratio"):
        return []
    found = _total(given, given.book, EstimateSettings())
    if found.value is None or not found.error:
        return []
    if estimator == "ratio" and found.error > MOST_RELATIVE_ERROR * abs(found.value):
        text = Sentence(
            "The book values have a standard error of {error} beside a total of {total}: a ratio "
            "needs one below a tenth (Cochran 1977, section 6.8).",
            error=given.amount(found.error),
            total=given.amount(found.value),
        )
        return [Doubt(text)]
    if estimator == "mean_per_unit" and abs(found.value - given.total) > 2.0 * found.error:
        text = Sentence(
            "The drawn rows project a book value of {projected}, and that of the population is "
            "{total}: large amounts weren't drawn, or too often.",
            projected=given.amount(found.value),
            total=given.amount(given.total),
        )
        return [Doubt(text)]
    return []


def _unseen_errors(
    given: AuditedAmounts, limits: _AmountLimits, tolerable: float, sides: Sides, risk: float
) -> list[Doubt]:
    """The doubt whether errors of strata without a drawn one are tolerable beside the others.

    With the given risk a share of 1 - risk^(1/n) of a stratum's rows has an error, though n drawn
    ones have none; of a book value that isn't known the drawn rows give an estimate.
    """
    clean = [each for each in _strata(given) if not each.errors]
    most = sum((1.0 - risk ** (1.0 / each.drawn)) * each.book for each in clean)
    if limits.upper + most < tolerable and (sides == "one" or limits.lower - most > -tolerable):
        return []
    if not most:
        return []
    text = UNSEEN if all(each.is_known for each in clean) else UNSEEN_ESTIMATED
    text = Sentence(
        text,
        strata=len(clean),
        amount=given.amount(most),
    )
    return [Doubt(text)]


def _doubts_near(
    given: AuditedAmounts, limits: _AmountLimits, residuals: Floats, tolerable: float, sides: Sides
) -> list[Doubt]:
    """The doubt whether limits that allow for skewness are tolerable, too."""
    normality = Normality(given.design, given.design.weights * residuals)
    wider = normality.allowance(limits.t) * limits.error if limits.error else 0.0
    low, high = limits.lower - wider, limits.upper + wider
    if high < tolerable and (sides == "one" or low > -tolerable):
        return []
    text = "With an allowance for the skewness of the amounts the upper limit is {high}."
    if sides == "two":
        text = (
            "With an allowance for the skewness of the amounts the misstatement is between {low} "
            "and {high}."
        )
    return [Doubt(Sentence(text, low=given.amount(low), high=given.amount(high)))]


def _few_errors(given: AuditedAmounts) -> bool:
    """Whether fewer than 20 rows or clusters that were left to chance have an error."""
    return not given.design.is_census and _errors_by_chance(given) < MIN_ERRORS


def _errors_by_chance(given: AuditedAmounts) -> int:
    return units_in(given.design, (given.misstatements != 0) & left_to_chance(given.design))


def _doubt_of_few(given: AuditedAmounts, estimator: Estimator) -> Doubt:
    errors, by_chance = int(np.count_nonzero(given.misstatements)), _errors_by_chance(given)
    unit = "{units|row in error|rows in error}"
    of_which = ", {units} of them not always drawn" if by_chance < errors else ""
    if given.design.clusters is not None:
        of_which = ", in {units} {units|cluster|clusters}"
        unit = "{units|cluster in error|clusters in error}"
    numbers = {"errors": errors, "units": by_chance, "least": MIN_ERRORS}
    return Doubt(
        Sentence(
            f"{{errors}} examined {{errors|row is|rows are}} in error{of_which}. The limits of a "
            "{estimator} assume about {least} or more, and may be too narrow; with few errors, a "
            "sample by monetary units and its evaluation are sounder.",
            estimator=Sentence(estimator),
            **numbers,
        ),
        Sentence(
            f"It rests on {{units}} {unit}, and {{least}} are needed.",
            **numbers,
        ),
    )
