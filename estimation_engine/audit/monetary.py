"""The evaluation of a monetary unit sample by Stringer's bound, with its arithmetic.

Stringer, K.W. (1963), "Practical aspects of statistical sampling in auditing"; AICPA, *Audit
Sampling*, appendix C. Overstatements and understatements are evaluated apart, and never netted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from estimation_engine.audit.conclusion import Conclusion, conclude
from estimation_engine.audit.limits import Likelihood, stepwise_limits
from estimation_engine.errors import InvalidFindings

Direction = Literal["overstatement", "understatement"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

FORMULA = "BV′·[p₀ + Σ (pᵢ − pᵢ₋₁)·tᵢ], taints sorted downwards"
FACTORS: dict[Likelihood, str] = {
    "binomial": "pᵢ = Beta⁻¹(confidence; i + 1, n − i)",
    "poisson": "pᵢ = Γ⁻¹(confidence; i + 1) / n",
}
SOURCE = "Stringer 1963; AICPA, Audit Sampling, appendix C"


@dataclass(frozen=True)
class AuditedItem:
    """An examined row: its book and audit amounts in minor units, and its selected units."""

    book: int
    audit: int
    hits: int = 1
    is_take_all: bool = False
    row_id: str | None = None

    @property
    def taint(self) -> Fraction:
        """(book - audit) / book; above 0 for an overstatement."""
        return Fraction(self.book - self.audit, self.book)


@dataclass(frozen=True)
class StringerRow:
    """One line of the arithmetic: the i-th taint, its factors and products.

    ``factor`` is pᵢ, and ``increment`` pᵢ − pᵢ₋₁; of the line 0, the basic precision, both are p₀
    and the taint is 1. ``projected`` is the taint by n. ``product`` is increment times taint, and
    ``amount`` that times the book value.
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


@dataclass(frozen=True)
class MonetaryEvaluation:
    """The evaluation in both directions, with conclusions where a tolerable amount is given.

    ``caveats`` limit the conclusion, and stand beside it; ``notes`` explain.
    """

    units: int
    book_value: int
    sampled_value: int
    confidence: float
    likelihood: Likelihood
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
    sampled_value: int,
    *,
    method: str = "monetary_unit",
    confidence: float = 0.95,
    likelihood: Likelihood = "binomial",
    tolerable: int | None = None,
    decimals: int = 0,
    scope: str | None = None,
) -> MonetaryEvaluation:
    """Bound the misstatement of a population from a monetary unit sample.

    Parameters
    ----------
    items : sequence of AuditedItem
        All examined rows, also those without an error.
    sampled_value : int
        BV': the book value of the population without its take-all rows, in minor units.
    method : str
        By which the rows were drawn.
    tolerable : int, optional
        The tolerable misstatement in minor units, for a conclusion on overstatements; ``scope`` is
        the filter that limits it.
    decimals : int
        Decimal places of a minor unit, for amounts in the conclusion.

    Raises
    ------
    InvalidFindings
        The sample isn't one by monetary units, or an item has no book amount.

    Examples
    --------
    >>> items = [AuditedItem(100, 0), *[AuditedItem(100, 100)] * 144]
    >>> round(evaluate_monetary(items, 1_000_000).overstatement.upper_share, 6)
    0.032297
    """
    _check(items, sampled_value, method, likelihood)
    units = sum(item.hits for item in items if not item.is_take_all)
    over, under = (
        _evaluate_direction(direction, items, units, sampled_value, confidence, likelihood)
        for direction in DIRECTIONS
    )
    book_value = sampled_value + sum(abs(item.book) for item in items if item.is_take_all)
    return MonetaryEvaluation(
        units,
        book_value,
        sampled_value,
        confidence,
        likelihood,
        over,
        under,
        _notes(over, under),
        _caveats(items),
        _conclusion(over, book_value, tolerable, confidence, decimals, scope),
        FORMULA,
        FACTORS[likelihood],
        SOURCE,
    )


def _conclusion(
    over: DirectionEvaluation,
    book_value: int,
    tolerable: int | None,
    confidence: float,
    decimals: int,
    scope: str | None,
) -> Conclusion | None:
    """The upper limit of overstatements against what is tolerable, as amounts and shares."""
    if tolerable is None or not book_value:
        return None
    return conclude(
        over.upper_limit / book_value,
        tolerable / book_value,
        over.most_likely / book_value,
        confidence,
        amounts=lambda share: f"{share * book_value / 10**decimals:,.{decimals}f}",
        scope=scope,
    )


def _check(
    items: Sequence[AuditedItem], sampled_value: int, method: str, likelihood: Likelihood
) -> None:
    if method != "monetary_unit":
        raise InvalidFindings(
            "Stringer's bound needs a sample drawn by monetary units, not by {method}: evaluate "
            "amounts of this sample as variables.",
            method=method,
            loc=("kind",),
        )
    if likelihood not in FACTORS:
        raise InvalidFindings(
            "Stringer's bound has binomial or Poisson factors.", loc=("likelihood",)
        )
    without = sum(item.book == 0 for item in items)
    if without:
        raise InvalidFindings(
            "{count} {count|item has|items have} a book amount of 0, so no taint.", count=without
        )
    if sampled_value and not any(not item.is_take_all for item in items):
        raise InvalidFindings("No item of the sampled part was examined.")


def _evaluate_direction(
    direction: Direction,
    items: Sequence[AuditedItem],
    units: int,
    sampled_value: int,
    confidence: float,
    likelihood: Likelihood,
) -> DirectionEvaluation:
    sign = 1 if direction == "overstatement" else -1
    tainted = [
        (sign * item.taint, item.row_id)
        for item in items
        if not item.is_take_all and sign * item.taint > 0
        for _ in range(item.hits)
    ]
    tainted.sort(key=lambda each: -each[0])
    rows = _arithmetic(tainted, units, sampled_value, confidence, likelihood) if units else ()
    projected = sum(row.projected for row in rows)
    upper = sum(row.product for row in rows)
    basic = rows[0].amount if rows else 0.0
    known = _known_errors([item for item in items if item.is_take_all], sign)
    return DirectionEvaluation(
        direction,
        _known_errors(items, sign),
        rows,
        projected,
        upper,
        basic,
        projected * sampled_value,
        upper * sampled_value - basic - projected * sampled_value,
        known,
        projected * sampled_value + known.amount,
        upper * sampled_value + known.amount,
    )


def _known_errors(items: Sequence[AuditedItem], sign: int) -> KnownErrors:
    errors = [item for item in items if sign * item.taint > 0]
    return KnownErrors(len(items), len(errors), sum(abs(item.book - item.audit) for item in errors))


def _arithmetic(
    tainted: Sequence[tuple[Fraction, str | None]],
    units: int,
    sampled_value: int,
    confidence: float,
    likelihood: Likelihood,
) -> tuple[StringerRow, ...]:
    factors = stepwise_limits(len(tainted), units, confidence, likelihood).tolist()
    basic = factors[0]
    rows = [StringerRow(0, None, 1.0, basic, basic, 0.0, basic, basic * sampled_value)]
    for number, (taint, row_id) in enumerate(tainted, start=1):
        size, increment = float(taint), factors[number] - factors[number - 1]
        product = increment * size
        rows.append(
            StringerRow(
                number,
                row_id,
                size,
                factors[number],
                increment,
                size / units,
                product,
                product * sampled_value,
            )
        )
    return tuple(rows)


def _caveats(items: Sequence[AuditedItem]) -> tuple[str, ...]:
    above = sum(abs(item.taint) > 1 for item in items if not item.is_take_all)
    if not above:
        return ()
    return (
        f"{above:,} taints are above 100 %. The bound assumes taints of up to 100 % for errors "
        "that weren't found.",
    )


def _notes(over: DirectionEvaluation, under: DirectionEvaluation) -> tuple[str, ...]:
    notes = []
    if len(over.arithmetic) > 1 and len(under.arithmetic) > 1:
        notes.append("Overstatements and understatements are evaluated apart, and aren't netted.")
    if len(under.arithmetic) > 1 or under.take_all.errors:
        notes.append(
            "A sample by book amounts rarely finds understatements: rows with a low or no book "
            "amount are hardly ever drawn."
        )
    return tuple(notes)
