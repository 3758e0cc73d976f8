"""A conclusion over several independent samples, whose populations have no row in common.

Projections of audit values add up, and so do their variances. Upper limits by monetary units have
no variance: they add up at a confidence that allows for each of them to fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, hypot, inf, sqrt

from domain_errors import FigureText, Sentence
from estimation_engine.audit.assurance import Assurance, Status
from estimation_engine.audit.attributes import ArithmeticRow
from estimation_engine.audit.conclusion import (
    ERROR_RATE,
    FOUND,
    Conclusion,
    conclude_misstatement,
    confidence_text,
    withheld,
)
from estimation_engine.audit.monetary import Direction
from estimation_engine.audit.variables import ProjectedErrors, direction_caveats
from estimation_engine.errors import InvalidFindings
from estimation_engine.intervals import t_quantile
from lazy_dataclasses import dataclass

FORMULA = "Σ projected + t·√Σ SE² + Σ (limits by monetary units − their projections)"
SOURCE = (
    "Cochran 1977, section 5.3 (sums of independent estimates); Satterthwaite 1946 (degrees of "
    "freedom); Bonferroni's inequality (limits by monetary units)"
)
OF_OVERSTATEMENTS = {
    FOUND: " The overstatements found in the samples are {sample_errors} in {error_rows} "
    "{error_rows|row|rows}.",
    ERROR_RATE: " The projected overstatement is {error_rate} of the book value.",
}
"""What a conclusion says if all samples are by monetary units."""
ORDER: tuple[Status, ...] = ("proved", "customary", "can_fail")
"""From the strongest to the weakest."""


@dataclass(frozen=True, kw_only=True)
class CombinedPart:
    """What one sample contributes; amounts in units of the book value.

    Parameters
    ----------
    projected : float
        The most likely net misstatement, or overstatement by monetary units, with known errors.
    overstatement, understatement : ProjectedErrors
        Each direction alone, with its limit at the confidence of :func:`confidence_of_limits`.
    is_netted : bool
        Whether both directions net to ``projected``.
    standard_error, degrees : float, optional, and int
        Of audit values; None of a limit by monetary units.
    upper_limit, plain_limit : float, optional
        Of monetary units: at the confidence of :func:`confidence_of_limits`, and at that of the
        request.
    status : str
        What holds the sample's own limit up.
    doubt : str, optional
        Why its limit may be too low.
    """

    name: str
    book_value: float
    projected: float
    overstatement: ProjectedErrors
    understatement: ProjectedErrors
    is_netted: bool = True
    standard_error: float | None = None
    degrees: int = 0
    upper_limit: float | None = None
    plain_limit: float | None = None
    status: Status = "customary"
    doubt: str | None = None


@dataclass(frozen=True)
class CombinedMisstatement:
    """The misstatement of all populations together.

    Parameters
    ----------
    found, errors : float, int
        The net errors of the examined rows, and the rows that have one.
    overstatement, understatement : ProjectedErrors
        Each direction alone over all samples, also of samples by monetary units, whose
        understatements ``projected`` leaves out.
    standard_error, degrees, t : float, float, float, optional
        Of the samples by audit values together; degrees by Satterthwaite. None without any.
    margin : float
        ``upper_limit`` less ``projected``.
    limit_confidence : float
        At which each limit of the sum is computed; that of the request if there is one limit.
    plain_limit : float
        The sum of limits that are each at the requested confidence; customary, not proved.
    """

    book_value: float
    projected: float
    found: float
    errors: int
    standard_error: float | None
    degrees: float | None
    t: float | None
    margin: float
    upper_limit: float
    limit_confidence: float
    plain_limit: float
    overstatement: ProjectedErrors
    understatement: ProjectedErrors
    arithmetic: tuple[ArithmeticRow, ...]
    notes: tuple[str, ...]
    caveats: tuple[str, ...]
    assurance: Assurance
    conclusion: Conclusion | None
    formula: str = FORMULA
    source: str = SOURCE


def confidence_of_limits(confidence: float, by_money: int, by_values: int) -> float:
    """The confidence of each limit, so that all hold together at the requested one.

    The samples by audit values have one limit together; each sample by monetary units has its own.
    The confidence is 1 − (1 − confidence) / limits (Bonferroni).

    >>> confidence_of_limits(0.95, 0, 3), round(confidence_of_limits(0.95, 2, 0), 3)
    (0.95, 0.975)
    """
    limits = by_money + bool(by_values)
    return 1.0 - (1.0 - confidence) / limits if limits > 1 else confidence


def combine(
    parts: Sequence[CombinedPart],
    *,
    confidence: float,
    tolerable: float | None = None,
    places: int = 2,
    uncovered: str | None = None,
) -> CombinedMisstatement:
    """Add up independent samples.

    Parameters
    ----------
    parts : sequence of CombinedPart
        Two or more, of populations without a row in common.
    tolerable : float, optional
        For a conclusion on the net overstatement of all populations.
    places : int
        Decimal places of amounts in sentences.
    uncovered : str, optional
        A sentence on rows that no sample covers, which the conclusion then has.

    Raises
    ------
    InvalidFindings
        There are fewer than two samples, or one has a variance without a degree of freedom.

    Examples
    --------
    >>> none, some = ProjectedErrors(0, 0.0, 0.0, 0.0), ProjectedErrors(30, 50.0, 1e3, 1.5e3)
    >>> part = {"book_value": 1e6, "projected": 1e3, "overstatement": some, "understatement": none}
    >>> errors = ((300.0, 59), (400.0, 79))
    >>> parts = [CombinedPart(name="a", standard_error=e, degrees=d, **part) for e, d in errors]
    >>> found = combine(parts, confidence=0.95)
    >>> found.standard_error, round(found.degrees), round(found.upper_limit)
    (500.0, 135, 2828)
    """
    if len(parts) < 2:
        raise InvalidFindings("Name two samples or more.", loc=("body", "jobs"))
    values, money = _split(parts)
    sums = _sums_of(parts, confidence)
    return CombinedMisstatement(
        sums.book_value,
        sums.projected,
        sums.over.found - sums.under.found,
        sums.over.errors + sums.under.errors,
        sums.error if values else None,
        sums.degrees if sums.error else None,
        sums.t if sums.error else None,
        sums.upper - sums.projected,
        sums.upper,
        sums.level,
        sums.plain,
        sums.over,
        sums.under,
        tuple(_arithmetic(parts, sums)),
        tuple(_notes(values, money, confidence, sums, places)),
        tuple(_caveats(parts, sums, tolerable, places)),
        _assurance(parts, money),
        _conclusion(parts, sums, confidence, tolerable, places, uncovered),
    )


def _split(parts: Sequence[CombinedPart]) -> tuple[list[CombinedPart], list[CombinedPart]]:
    """The samples by audit values, and those by monetary units."""
    values = [each for each in parts if each.standard_error is not None]
    return values, [each for each in parts if each.standard_error is None]


@dataclass(frozen=True)
class _CombinedSums:
    """The figures of all samples on which a conclusion rests."""

    error: float
    degrees: float
    t: float
    level: float
    projected: float
    book_value: float
    upper: float
    plain: float
    over: ProjectedErrors
    under: ProjectedErrors


def _sums_of(parts: Sequence[CombinedPart], confidence: float) -> _CombinedSums:
    """Add up samples; ``error``, ``degrees`` and ``t`` are of those by audit values."""
    projected, book_value = (
        fsum(getattr(each, name) for each in parts) for name in ("projected", "book_value")
    )
    values, money = _split(parts)
    level = confidence_of_limits(confidence, len(money), len(values))
    error, degrees = _error_of(values)
    t, plain_t = (t_quantile(each, degrees) if error else 0.0 for each in (level, confidence))
    upper, plain = projected + t * error, projected + plain_t * error
    upper += fsum((each.upper_limit or 0.0) - each.projected for each in money)
    plain += fsum((each.plain_limit or 0.0) - each.projected for each in money)
    over, under = _direction(parts, "overstatement"), _direction(parts, "understatement")
    return _CombinedSums(error, degrees, t, level, projected, book_value, upper, plain, over, under)


def _direction(parts: Sequence[CombinedPart], name: Direction) -> ProjectedErrors:
    """Add up one direction of all samples.

    Margins of audit values add up as √Σ (limit − projected)² (Zou and Donner 2008), and those of
    monetary units as they are.
    """
    values, money = ([getattr(each, name) for each in group] for group in _split(parts))
    directions: list[ProjectedErrors] = [*values, *money]
    projected = fsum(each.projected for each in directions)
    margin = hypot(*(each.upper_limit - each.projected for each in values))
    margin += fsum(each.upper_limit - each.projected for each in money)
    found, errors = (
        fsum(each.found for each in directions),
        sum(each.errors for each in directions),
    )
    return ProjectedErrors(errors, found, projected, projected + margin)


def _conclusion(
    parts: Sequence[CombinedPart],
    sums: _CombinedSums,
    confidence: float,
    tolerable: float | None,
    places: int,
    uncovered: str | None,
) -> Conclusion | None:
    """Conclude on the sum; withheld where a sample alone gives no conclusion."""
    if tolerable is None:
        return None
    values, _ = _split(parts)
    errors = (sums.over.found - sums.under.found, sums.over.errors + sums.under.errors)
    conclusion = conclude_misstatement(
        None,
        sums.upper,
        tolerable,
        sums.projected,
        confidence,
        errors=errors if values else (sums.over.found, sums.over.errors),
        book_value=sums.book_value,
        netted=_netted(values, sums),
        places=places,
    )
    if not values:
        # Overstatements by monetary units aren't netted.
        words = {"of": Sentence(" of overstatements"), "errors": Sentence("overstatements")}
        template = conclusion.template
        for text, own in OF_OVERSTATEMENTS.items():
            template = template.replace(text, own)
        conclusion = Conclusion(
            conclusion.is_tolerable, template, {**conclusion.parameters, **words}
        )
    doubts = [_doubt_of(each) for each in parts if each.doubt]
    if doubts:
        conclusion = withheld(conclusion, Sentence.joined(doubts))
    if uncovered is None:
        return conclusion
    return Conclusion(
        conclusion.is_tolerable,
        "{concluded} {uncovered}",  # each is translated by itself
        {
            **conclusion.parameters,
            "concluded": conclusion.sentence,
            "uncovered": uncovered,
        },
    )


def _netted(values: Sequence[CombinedPart], sums: _CombinedSums) -> tuple[float, float] | None:
    """The projected overstatements, and the understatements that are taken from them.

    None without both, or if a sample by audit values projects them by another estimator.
    """
    under = _direction(values, "understatement")
    if under.errors and sums.over.errors and all(each.is_netted for each in values):
        return sums.over.projected, under.projected
    return None


def _caveats(
    parts: Sequence[CombinedPart], sums: _CombinedSums, tolerable: float | None, places: int
) -> list[str]:
    """What the sum doesn't say of each direction."""

    def amount(value: float) -> str:
        return FigureText(f"{value:,.{places}f}")

    values, money = _split(parts)
    caveats: list[str] = []
    under = _direction(money, "understatement")
    if under.errors:
        text = (
            "The samples by monetary units have understatements in {rows} {rows|row|rows}: "
            "projected {projected}, with an upper limit of {limit}. They aren't taken off the "
            "overstatements, and no conclusion here is about them."
        )
        numbers = {"projected": amount(under.projected), "limit": amount(under.upper_limit)}
        caveats.append(Sentence(text, rows=under.errors, **numbers))
    if values:
        caveats += direction_caveats(sums.over, sums.under, tolerable, amount)
    return caveats


def _doubt_of(part: CombinedPart) -> Sentence:
    return Sentence("Sample {name}: {reason}", name=part.name, reason=part.doubt)


def _error_of(parts: Sequence[CombinedPart]) -> tuple[float, float]:
    """√Σ SE², and its degrees of freedom by Satterthwaite: (Σ SE²)² / Σ (SE⁴ / degrees)."""
    variances = [(each.standard_error or 0.0) ** 2 for each in parts]
    for part, variance in zip(parts, variances, strict=True):
        if variance and part.degrees < 1:
            raise InvalidFindings(
                "Sample {name} has no degree of freedom, so the sum has no limit.",
                name=part.name,
                loc=("body", "jobs"),
            )
    total = fsum(variances)
    if not total:
        return 0.0, inf
    of_each = fsum(
        variance**2 / part.degrees
        for part, variance in zip(parts, variances, strict=True)
        if variance
    )
    return sqrt(total), total**2 / of_each


def _arithmetic(parts: Sequence[CombinedPart], sums: _CombinedSums) -> list[ArithmeticRow]:
    error, level = sums.error, sums.level
    lines = [
        ArithmeticRow("Projected misstatement", Sentence("Σ over the samples"), sums.projected)
    ]
    if error:
        formula = Sentence(
            "t({level}; {degrees} {degrees|degree|degrees} of freedom)",
            level=FigureText(f"{level:g}"),
            degrees=FigureText(f"{sums.degrees:.1f}"),
        )
        lines += [
            ArithmeticRow("Standard error SE", "√ Σ SE²", error),
            ArithmeticRow("t", formula, sums.t),
            ArithmeticRow("Margin", "t·SE", sums.t * error),
        ]
    for each in parts:
        if each.standard_error is None:
            lines.append(
                ArithmeticRow(
                    Sentence("Allowance of sample {name}", name=each.name),
                    Sentence(
                        "its limit at {level} − projected", level=confidence_text(round(level, 6))
                    ),
                    (each.upper_limit or 0.0) - each.projected,
                )
            )
    return [*lines, ArithmeticRow("Upper limit", Sentence("the sum of these"), sums.upper)]


def _notes(
    values: Sequence[CombinedPart],
    money: Sequence[CombinedPart],
    confidence: float,
    sums: _CombinedSums,
    places: int,
) -> list[str]:
    notes: list[str] = []
    if len(values) > 1:
        text = (
            "The variances of {samples} projections are added up, which is right if the samples "
            "were drawn independently."
        )
        notes.append(Sentence(text, samples=len(values)))
        text = (
            "The limit of each direction alone adds up the squares of their margins, too (Zou and "
            "Donner 2008)."
        )
        notes.append(Sentence(text))
    if len(money) + bool(values) > 1:
        text = (
            "Each limit is at {level} confidence, so that all hold together at {confidence} or "
            "more, whatever their errors (Bonferroni). The sum of limits that are each at "
            "{confidence} is {plain}: it is customary as on the safe side for nearly normal "
            "errors, and not proved."
        )
        notes.append(
            Sentence(
                text,
                level=confidence_text(round(sums.level, 6)),
                confidence=confidence_text(confidence),
                plain=FigureText(f"{sums.plain:,.{places}f}"),
            )
        )
    if money and values:
        text = (
            "Samples by monetary units count with their overstatements, those by audit values with "
            "their net misstatement: understatements by monetary units aren't taken off."
        )
        notes.append(Sentence(text))
    if not all(each.is_netted for each in values):
        text = (
            "Overstatements and understatements alone are projected by difference. They don't net "
            "to a projection by mean per unit."
        )
        notes.append(Sentence(text))
    return notes


def _assurance(parts: Sequence[CombinedPart], money: Sequence[CombinedPart]) -> Assurance:
    """What holds up the sum: no more than what holds up the weakest limit."""
    status = max((each.status for each in parts), key=ORDER.index)
    text = (
        "This limit holds as far as the limit of each sample does, and rests on samples of "
        "populations without a row in common."
    )
    if len(parts) - len(money) > 1:
        text = (
            "This limit holds as far as the limit of each sample does, and rests on samples that "
            "were drawn independently of populations without a row in common."
        )
    sentences = [Sentence(text)]
    if len(money) > 1 or (money and len(money) < len(parts)):
        sentences.append(
            Sentence("That the limits hold together at this confidence is proved (Bonferroni).")
        )
    if len(money) < len(parts):
        text = (
            "The sum of the projected misstatements is assumed to be nearly normally distributed."
        )
        sentences.append(Sentence(text))
    return Assurance(status, Sentence.joined(sentences), SOURCE)
