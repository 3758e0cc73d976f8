"""The evaluation of a monetary unit sample by Stringer's or Gaffke's bound, with its arithmetic.

Stringer, K.W. (1963), "Practical aspects of statistical sampling in auditing"; AICPA, *Audit
Sampling*, appendix C. Overstatements and understatements are evaluated apart, and never netted.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal, get_args

from contract.answers import AtConfidence
from contract.words import Bound, Likelihood
from domain_errors import FigureText, Sentence
from estimation_engine.audit.conclusion import Conclusion, conclude, withheld
from estimation_engine.audit.gaffke import gaffke_limit
from estimation_engine.audit.limits import stepwise_limits
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass

Direction = Literal["overstatement", "understatement"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

FORMULAS: dict[Bound, str] = {
    "stringer": "BV′·[p₀ + Σ (pᵢ − pᵢ₋₁)·tᵢ], taints sorted downwards",
    "gaffke": "BV′·Q, Q the quantile of D₀ + Σ tᵢ·Dᵢ at the confidence, D uniform on the simplex "
    "of n + 1 parts",
}
OF_STRATA: dict[Bound, str] = {
    "stringer": "; a taint counts by the interval of its stratum, and p₀ by the largest interval",
    "gaffke": "; the sum over strata, each at the confidence 1 − (1 − confidence) / strata",
}
FACTORS: dict[Likelihood, str] = {
    "binomial": "pᵢ = Beta⁻¹(confidence; i + 1, n − i)",
    "poisson": "pᵢ = Γ⁻¹(confidence; i + 1) / n",
}
GAFFKE_FACTORS = "pᵢ = Q of the i largest taints; increment = (pᵢ − pᵢ₋₁) / tᵢ"
SOURCES: dict[Bound, str] = {
    "stringer": "Stringer 1963; AICPA, Audit Sampling, appendix C",
    "gaffke": "Gaffke 2005; Vlassis and Thomas 2026 (preprint)",
}
MAX_STEPS = 100
"""Taints whose part of Gaffke's bound is computed one by one."""
ABOVE_ONE = (
    "{count} {count|taint is|taints are} above 100 %, and the bound assumes that no row is "
    "misstated by more than its book amount."
)


ONE_START = Sentence("Its units were selected at a fixed interval.")
TAINTS = Sentence("Taints above 100 % contradict what it assumes.")
"""Why nothing is concluded; the caveats say more."""


@dataclass(frozen=True)
class AuditedItem:
    """An examined row: its book and audit amounts in minor units, and its selected units.

    ``stratum`` is the place of its stratum.
    """

    book: int
    audit: int
    hits: int = 1
    is_take_all: bool = False
    row_id: str | None = None
    stratum: int = 0

    @property
    def taint(self) -> Fraction:
        """(book - audit) / |book|; above 0 for an overstatement of the balance.

        A credit of -365.50 that should be -731.00 overstates the balance, by a taint of 1.
        """
        return Fraction(self.book - self.audit, abs(self.book))


@dataclass(frozen=True)
class SampledPart:
    """The part of a stratum that is left to chance: its units examined, and its book value.

    ``most_units`` are the units expected by the interval, if they are more.
    """

    units: int
    value: int
    most_units: float = 0.0


@dataclass(frozen=True)
class StringerRow:
    """One line of the arithmetic: the i-th taint, its factors and products.

    ``factor`` is pᵢ, and ``increment`` pᵢ − pᵢ₋₁; of the line 0, the basic precision, both are p₀
    and the taint is 1. Of Gaffke's bound pᵢ is the limit by the i largest taints, and ``increment``
    its increase by the taint. Of strata the increment counts by their intervals. ``projected`` is
    the taint by n. ``product`` is increment times taint, and ``amount`` that times the book value.
    """

    number: int
    row_id: str | None
    taint: float
    factor: float
    increment: float
    projected: float
    product: float
    amount: float


@dataclass(frozen=True)
class KnownErrors:
    """Errors of examined rows, in minor units: known, and not projected."""

    rows: int
    errors: int
    amount: int


@dataclass(frozen=True)
class DirectionEvaluation:
    """The misstatements of one direction; amounts in minor units, shares of the sampled book value.

    Parameters
    ----------
    projected_share, upper_share : float
        Of the book value without take-all rows.
    found : KnownErrors
        The errors of all examined rows, book less audit amounts.
    basic_precision, projected, incremental_allowance : float
        They and the amount of ``take_all`` add up to ``upper_limit``.
    most_likely : float
        ``projected`` and the amount of ``take_all``.
    one_start_limit : float, optional
        A limit that is proved for one random start and any order of the rows, at least
        ``upper_limit``; None for other selections.
    """

    direction: Direction
    found: KnownErrors
    arithmetic: tuple[StringerRow, ...]
    projected_share: float
    upper_share: float
    basic_precision: float
    projected: float
    incremental_allowance: float
    take_all: KnownErrors
    most_likely: float
    upper_limit: float
    one_start_limit: float | None = None


@dataclass(frozen=True)
class MonetaryEvaluation:
    """The evaluation in both directions, with a conclusion where a tolerable amount is given.

    The conclusion covers the directions in ``concludes_on``. ``caveats`` limit it, and stand beside
    it; ``notes`` explain.
    """

    units: int
    book_value: int
    sampled_value: int
    likelihood: Likelihood
    bound: Bound
    concludes_on: tuple[Direction, ...]
    overstatement: DirectionEvaluation
    understatement: DirectionEvaluation
    notes: tuple[str, ...]
    caveats: tuple[str, ...]
    conclusion: Conclusion | None
    formula: str
    factors: str
    source: str


def evaluate_monetary(
    items: Sequence[AuditedItem],
    sampled_value: int | Sequence[int],
    *,
    confidence: float,
    likelihood: Likelihood = "binomial",
    bound: Bound = "stringer",
    tolerable: int | None = None,
    decimals: int = 0,
    scope: str | None = None,
    concludes_on: tuple[Direction, ...] = ("overstatement",),
    doubt: str | None = None,
    most_units: Sequence[float] | None = None,
) -> MonetaryEvaluation:
    """Bound the misstatement of a population from a monetary unit sample.

    Parameters
    ----------
    items : sequence of AuditedItem
        All examined rows, also those without an error.
    sampled_value : int or sequence of int
        BV': the book value of the population without its take-all rows, in minor units; that of
        each stratum, if there are several.
    tolerable : int, optional
        The tolerable misstatement in minor units, for a conclusion; ``scope`` is the filter that
        limits it.
    decimals : int
        Decimal places of a minor unit, for amounts in the conclusion.
    doubt : str, optional
        Why the bound can be too low; nothing is concluded from it then.
    most_units : sequence of float, optional
        Of units at a fixed interval, those that each stratum's interval gives: see
        :func:`one_start_share`. If there is a doubt, a limit below what is tolerable must be that
        one.

    Raises
    ------
    InvalidFindings
        An item has no book amount, or no item of a stratum was examined.

    Examples
    --------
    >>> items = [AuditedItem(100, 0), *[AuditedItem(100, 100)] * 144]
    >>> round(evaluate_monetary(items, 10**6, confidence=0.95).overstatement.upper_share, 6)
    0.032297
    """
    values = (sampled_value,) if isinstance(sampled_value, int) else tuple(sampled_value)
    _check(items, values, likelihood)
    parts = _sampled_parts(items, values, most_units)
    rule = _Rule(
        confidence,
        bound=bound,
        likelihood=likelihood,
        parts=parts,
        has_one_start=most_units is not None,
        decimals=decimals,
    )
    over, under = (_evaluate_direction(direction, items, rule) for direction in DIRECTIONS)
    covered = [each for each in (over, under) if each.direction in concludes_on]
    book_value = sum(values) + sum(abs(item.book) for item in items if item.is_take_all)
    found = None
    if tolerable is not None and book_value:
        found = _conclusion(covered, items, book_value, tolerable, rule, scope, doubt)
    caveats = _caveats(items, doubt)
    return _evaluation(rule, book_value, concludes_on, (over, under), caveats, found)


def _evaluation(
    rule: _Rule,
    book_value: int,
    concludes_on: tuple[Direction, ...],
    directions: tuple[DirectionEvaluation, DirectionEvaluation],
    caveats: tuple[str, ...],
    conclusion: Conclusion | None,
) -> MonetaryEvaluation:
    """The figures of an evaluation, with its notes, formulas and sources."""
    over, under = directions
    return MonetaryEvaluation(
        sum(part.units for part in rule.parts),
        book_value,
        rule.value,
        rule.likelihood,
        rule.bound,
        concludes_on,
        over,
        under,
        _notes(over, under),
        caveats,
        conclusion,
        FORMULAS[rule.bound] + (OF_STRATA[rule.bound] if len(rule.parts) > 1 else ""),
        FACTORS[rule.likelihood] if rule.bound == "stringer" else GAFFKE_FACTORS,
        SOURCES[rule.bound],
    )


def _sampled_parts(
    items: Sequence[AuditedItem], values: Sequence[int], most_units: Sequence[float] | None
) -> list[SampledPart]:
    """The units and the book value of each stratum."""
    return [
        SampledPart(
            sum(item.hits for item in items if item.stratum == at and not item.is_take_all),
            value,
            0.0 if most_units is None else most_units[at],
        )
        for at, value in enumerate(values)
    ]


def _conclusion(
    covered: Sequence[DirectionEvaluation],
    items: Sequence[AuditedItem],
    book_value: int,
    tolerable: int,
    rule: _Rule,
    scope: str | None,
    doubt: str | None,
) -> Conclusion:
    """The largest upper limit of the directions against what is tolerable.

    Each limit has the confidence by itself, and so has the conclusion that all are tolerable: it is
    wrong only if one of the limits is (the intersection-union test, Berger 1982).
    """
    largest = max(covered, key=lambda each: each.upper_limit)
    limit = largest.upper_limit
    starts = [each.one_start_limit for each in covered]
    proved = max((start for start in starts if start is not None), default=None)
    if doubt is not None and proved is not None and proved < tolerable:
        limit, doubt = proved, None
    found = conclude(
        limit / book_value,
        tolerable / book_value,
        largest.most_likely / book_value,
        rule.confidence,
        amounts=lambda share: rule.text(share * book_value),
        scope=scope,
        direction=largest.direction,
        covered=[each.direction for each in covered],
    )
    is_above = any(
        _above_one(items, 1 if each.direction == "overstatement" else -1) for each in covered
    )
    reasons = [] if doubt is None else [ONE_START]
    reasons += [TAINTS] if is_above else []
    return withheld(found, Sentence.joined(reasons), scope) if reasons else found


def _check(items: Sequence[AuditedItem], values: Sequence[int], likelihood: Likelihood) -> None:
    if likelihood not in FACTORS:
        raise InvalidFindings(
            "Stringer's bound has binomial or Poisson factors.", loc=("likelihood",)
        )
    without = sum(item.book == 0 for item in items)
    if without:
        raise InvalidFindings(
            "{count} {count|item has|items have} a book amount of 0, so no taint.", count=without
        )
    for at, value in enumerate(values):
        if value and not any(not item.is_take_all and item.stratum == at for item in items):
            raise InvalidFindings("No item of the sampled part was examined.")


@dataclass(frozen=True, kw_only=True)
class _Rule(AtConfidence):
    """How the limits of both directions are computed."""

    bound: Bound
    likelihood: Likelihood
    parts: Sequence[SampledPart]
    has_one_start: bool
    decimals: int

    def text(self, units: float) -> str:
        """Minor units as an amount."""
        return FigureText(f"{units / 10**self.decimals:,.{self.decimals}f}")

    @property
    def value(self) -> int:
        """The book value of all strata."""
        return sum(part.value for part in self.parts)

    @property
    def confidence_of_part(self) -> float:
        """The confidence of each stratum's limit, so that their sum has the rule's (Bonferroni)."""
        return 1.0 - (1.0 - self.confidence) / len(self.parts)


@dataclass(frozen=True)
class _Taint:
    size: Fraction
    row_id: str | None
    stratum: int


def _evaluate_direction(
    direction: Direction, items: Sequence[AuditedItem], rule: _Rule
) -> DirectionEvaluation:
    sign = 1 if direction == "overstatement" else -1
    taints = [
        _Taint(sign * item.taint, item.row_id, item.stratum)
        for item in items
        if not item.is_take_all and sign * item.taint > 0
        for _ in range(item.hits)
    ]
    arithmetic = _stringer if rule.bound == "stringer" else _gaffke
    rows = arithmetic(taints, rule) if rule.value else ()
    value = rule.value
    projected = sum(row.projected for row in rows)
    upper = sum(row.product for row in rows)
    basic = sum(row.amount for row in rows if row.row_id is None and not row.projected)
    known = _known_errors([item for item in items if item.is_take_all], sign)
    limit = upper * value + known.amount
    return DirectionEvaluation(
        direction,
        _known_errors(items, sign),
        rows,
        projected,
        upper,
        basic,
        projected * value,
        upper * value - basic - projected * value,
        known,
        projected * value + known.amount,
        limit,
        max(limit, _one_start(items, taints, sign, rule) + known.amount)
        if rule.has_one_start
        else None,
    )


def _known_errors(items: Sequence[AuditedItem], sign: int) -> KnownErrors:
    errors = [item for item in items if sign * item.taint > 0]
    return KnownErrors(len(items), len(errors), sum(abs(item.book - item.audit) for item in errors))


def _one_start(
    items: Sequence[AuditedItem], taints: Sequence[_Taint], sign: int, rule: _Rule
) -> float:
    """The amount that one random start proves for the strata, in minor units."""
    limit = 0.0
    for at, part in enumerate(rule.parts):
        if not part.value:
            continue
        left = [item for item in items if item.stratum == at and not item.is_take_all]
        unknown = part.value - sum(abs(item.book) for item in left)
        most = (_known_errors(left, sign).amount + unknown) / part.value
        total = float(sum(taint.size for taint in taints if taint.stratum == at))
        share = one_start_share(part, total, rule.confidence_of_part)
        limit += part.value * min(share, most)
    return limit


def one_start_share(part: SampledPart, taints: float, confidence: float) -> float:
    """1 - α + α·(mean taint): a limit of the share for units at a fixed interval of one start.

    The units' shares without an error add up to at most 1/α times their mean over all starts, but
    with a probability of α (Markov's inequality), whatever the order of the rows.

    >>> round(one_start_share(SampledPart(100, 1_000), 10.0, 0.95), 6)
    0.955
    """
    right = (part.units - taints) / max(part.units, part.most_units)
    return 1.0 - (1.0 - confidence) * right


def stringer_rows(
    taints: Sequence[float], units: int, confidence: float, likelihood: Likelihood
) -> tuple[StringerRow, ...]:
    """The lines of Stringer's bound of one stratum of book value 1, from its taints above 0."""
    rule = _Rule(
        confidence=confidence,
        bound="stringer",
        likelihood=likelihood,
        parts=(SampledPart(units, 1),),
        has_one_start=False,
        decimals=0,
    )
    return _stringer([_Taint(Fraction(each), None, 0) for each in taints], rule)


def _stringer(taints: Sequence[_Taint], rule: _Rule) -> tuple[StringerRow, ...]:
    """The lines of Stringer's bound; taints of strata count by their interval."""
    units, value = sum(part.units for part in rule.parts), rule.value
    weights = [Fraction(part.value * units, max(part.units, 1) * value) for part in rule.parts]
    taints = sorted(taints, key=lambda each: -each.size * weights[each.stratum])
    factors = stepwise_limits(len(taints), units, rule.confidence, rule.likelihood).tolist()
    basic = factors[0] * float(max(weights))
    rows = [StringerRow(0, None, 1.0, factors[0], basic, 0.0, basic, basic * value)]
    for number, taint in enumerate(taints, start=1):
        weight, size = float(weights[taint.stratum]), float(taint.size)
        increment = (factors[number] - factors[number - 1]) * weight
        product = increment * size
        rows.append(
            StringerRow(
                *(number, taint.row_id, size, factors[number], increment),
                *(size * weight / units, product, product * value),
            )
        )
    return tuple(rows)


def _gaffke(taints: Sequence[_Taint], rule: _Rule) -> tuple[StringerRow, ...]:
    """The lines of Gaffke's bound, stratum by stratum: what each next taint adds."""
    rows: list[StringerRow] = []
    for at, part in enumerate(rule.parts):
        if not part.value:
            continue
        share = part.value / rule.value
        own = sorted((each for each in taints if each.stratum == at), key=lambda each: -each.size)
        sizes = [float(each.size) for each in own]
        limits = gaffke_steps(sizes, part.units, rule.confidence_of_part)
        basic = limits[0] * share
        rows.append(
            StringerRow(len(rows), None, 1.0, limits[0], basic, 0.0, basic, basic * rule.value)
        )
        for taint, size, before, after in zip(own, sizes, limits, limits[1:], strict=False):
            product = (after - before) * share
            rows.append(
                StringerRow(
                    *(len(rows), taint.row_id, size, after, product / size),
                    *(size * share / part.units, product, product * rule.value),
                )
            )
    return tuple(rows)


def gaffke_steps(taints: Sequence[float], size: int, confidence: float) -> list[float]:
    """Gaffke's limits by the first 0, 1, … of the taints, sorted downwards.

    After the first 100 taints the increase by all others is split by their sizes.
    """
    capped = [min(taint, 1.0) for taint in taints]
    limits = [
        gaffke_limit(capped[:count], size, confidence)
        for count in range(min(len(capped), MAX_STEPS) + 1)
    ]
    others = capped[MAX_STEPS:]
    if others:
        start, whole = limits[-1], gaffke_limit(capped, size, confidence)
        done = 0.0
        for taint in others:
            done += taint
            limits.append(start + (whole - start) * done / sum(others))
    # A taint above 1 adds as much more than one of 1, as with Stringer's bound.
    more = 0.0
    for at, taint in enumerate(taints, start=1):
        if taint > 1.0:
            more += (taint - 1.0) * (limits[at] - limits[at - 1])
        limits[at] += more
    return limits


def _above_one(items: Sequence[AuditedItem], sign: int) -> int:
    """The rows left to chance with a taint above 1 in a direction."""
    return sum(sign * item.taint > 1 for item in items if not item.is_take_all)


def _caveats(items: Sequence[AuditedItem], doubt: str | None) -> tuple[str, ...]:
    caveats = [] if doubt is None else [doubt]
    for direction, sign in zip(DIRECTIONS, (1, -1), strict=True):
        above = _above_one(items, sign)
        if above:
            text = f"{direction.capitalize()}s: {ABOVE_ONE}"
            caveats.append(Sentence(text, count=above))
    return tuple(caveats)


def _notes(over: DirectionEvaluation, under: DirectionEvaluation) -> tuple[str, ...]:
    notes = []
    if len(over.arithmetic) > 1 and len(under.arithmetic) > 1:
        text = "Overstatements and understatements are evaluated apart, and aren't netted."
        notes.append(Sentence(text))
    if len(under.arithmetic) > 1 or under.take_all.errors:
        text = (
            "A sample by book amounts rarely finds understatements: rows with a low or no book "
            "amount are hardly ever drawn."
        )
        notes.append(Sentence(text))
    return tuple(notes)
