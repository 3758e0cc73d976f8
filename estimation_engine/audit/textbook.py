"""Calculations of textbooks from sums: expansion by t, and Stringer's bound."""

from __future__ import annotations

from math import fsum, sqrt

from contract.words import Likelihood
from domain_errors import Sentence
from estimation_engine.audit.guidance.quantities import check, check_confidence
from estimation_engine.audit.monetary import stringer_rows
from lazy_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ExpansionInputs:
    """Sums of rows drawn at random without replacement.

    Parameters
    ----------
    units, examined : int
        N and n.
    errors : float
        The sum over the examined rows.
    deviation : float
        s, with n − 1.
    quantile : float, optional
        In place of the quantile of t, with the digits that a book prints.
    """

    confidence: float
    units: int
    examined: int
    errors: float
    deviation: float
    quantile: float | None = None


@dataclass(frozen=True)
class Expansion:
    """The projected total with two-sided limits."""

    projected: float
    standard_error: float
    precision: float
    lower_limit: float
    upper_limit: float
    notes: tuple[str, ...]


def expansion(inputs: ExpansionInputs) -> Expansion:
    """N·ȳ ± t·N·s·√((1 − n/N)/n), t of n − 1 degrees (Cochran 1977, sections 2.5 to 2.8).

    Examples
    --------
    >>> found = expansion(
    ...     ExpansionInputs(
    ...         confidence=0.8, units=676, examined=50, errors=1_471, deviation=229**0.5,
    ...         quantile=1.28,
    ...     )
    ... )
    >>> round(found.projected), round(found.lower_limit)
    (19888, 18106)
    """
    from estimation_engine.intervals import t_quantile

    check_confidence(inputs.confidence)
    check(inputs.examined > 1, "A standard deviation needs two rows.", "examined")
    check(inputs.units >= inputs.examined, "More rows were examined than there are.", "units")
    check(inputs.deviation >= 0.0, "A standard deviation is 0 or more.", "deviation")
    n, whole = inputs.examined, inputs.units
    t = inputs.quantile or t_quantile(inputs.confidence, n - 1)
    projected = whole * inputs.errors / n
    error = whole * inputs.deviation * sqrt((1.0 - n / whole) / n)
    margin = t * error
    return Expansion(projected, error, margin, projected - margin, projected + margin, ())


@dataclass(frozen=True, kw_only=True)
class StringerInputs:
    """The taints of monetary units.

    Parameters
    ----------
    book_value : float
        BV′, without rows that are always drawn.
    examined : int
        n units.
    taints : tuple of float
        Above 0, in any order.
    """

    confidence: float
    book_value: float = 1.0
    examined: int
    taints: tuple[float, ...] = ()
    likelihood: Likelihood = "binomial"


@dataclass(frozen=True)
class StringerBound:
    """Stringer's bound with its parts."""

    basic_precision: float
    projected: float
    incremental_allowance: float
    precision: float
    upper_limit: float
    notes: tuple[str, ...]


NOT_PROVED = Sentence("Stringer's bound is customary: it isn't proved.")


def stringer_bound(inputs: StringerInputs) -> StringerBound:
    """BV′·[p₀ + Σ (pᵢ − pᵢ₋₁)·tᵢ], taints sorted downwards (Stringer 1963).

    Examples
    --------
    >>> found = stringer_bound(
    ...     StringerInputs(
    ...         confidence=0.95, examined=100, taints=(1, 0.4, 0.1), likelihood="poisson"
    ...     )
    ... )
    >>> round(found.upper_limit, 12)
    0.055104224504
    """
    check_confidence(inputs.confidence)
    check(inputs.book_value > 0.0, "`book_value` must be above 0.", "book_value")
    check(inputs.examined > 0, "`examined` must be above 0.", "examined")
    check(len(inputs.taints) <= inputs.examined, "There are more taints than units.", "taints")
    check(all(0 < each <= 1 for each in inputs.taints), "A taint is above 0, up to 1.", "taints")
    check(inputs.likelihood != "hypergeometric", "It has no such likelihood.", "likelihood")
    rows = stringer_rows(inputs.taints, inputs.examined, inputs.confidence, inputs.likelihood)
    value = inputs.book_value
    basic, upper = value * rows[0].product, value * fsum(row.product for row in rows)
    projected = value * fsum(inputs.taints) / inputs.examined
    return StringerBound(
        basic, projected, upper - basic - projected, upper - projected, upper, (NOT_PROVED,)
    )
