"""Calculations of textbooks: expansion by t, Stringer's bound, and sizes by Poisson factors."""

from __future__ import annotations

from math import fsum, sqrt

from contract.words import Likelihood
from domain_errors import Sentence, relocated
from estimation_engine.audit.guidance.quantities import AtLevel, check, check_confidence
from estimation_engine.audit.guidance.sizes import Allocated, GuidanceSize, raised_note
from estimation_engine.audit.monetary import stringer_rows
from estimation_engine.audit.planning import AuditGoal, size_for_materiality
from estimation_engine.errors import InvalidGoal
from lazy_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ExpansionInputs(AtLevel):
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
class StringerInputs(AtLevel):
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


@dataclass(frozen=True, kw_only=True)
class PoissonSizeInputs(AtLevel):
    """Inputs of a size by Poisson factors.

    Parameters
    ----------
    expected, materiality : float
        Shares of the book value.
    least : int
        A programme's least size, below which the formula's is raised.
    """

    book_value: float
    expected: float = 0.0
    materiality: float
    least: int = 1


WHOLE = Sentence(
    "The size takes expected errors as those of wholly wrong units: with partly wrong ones of the "
    "same sum Stringer's bound is no higher."
)


def size_poisson(inputs: PoissonSizeInputs) -> GuidanceSize:
    """The least n whose Poisson limit of n·AE/BV errors, RF/n, is below TE/BV.

    AICPA, Audit Guide: Audit Sampling, 2017, table C-1.

    Examples
    --------
    >>> size_poisson(
    ...     PoissonSizeInputs(confidence=0.95, book_value=1e6, expected=0.01, materiality=0.05)
    ... ).size
    93
    """
    check_confidence(inputs.confidence)
    check(inputs.book_value > 0.0, "`book_value` must be above 0.", "book_value")
    check(inputs.least >= 1, "`least` must be at least 1.", "least")
    check(0.0 < inputs.materiality < 1.0, "A materiality is above 0 and below 1.", "materiality")
    check(
        0.0 <= inputs.expected < inputs.materiality,
        "The expected errors are 0 or more, and below the materiality.",
        "expected",
    )
    goal = AuditGoal(
        confidence=inputs.confidence, materiality=inputs.materiality, expected=inputs.expected
    )
    with relocated(lambda loc: ("inputs", *loc[1:]), InvalidGoal):
        found = size_for_materiality(goal)
    size = max(found.size, inputs.least)
    interval = inputs.book_value / size
    return GuidanceSize(
        size,
        size,
        float(found.size),
        0.0,
        inputs.materiality * inputs.book_value,
        inputs.expected * inputs.book_value,
        found.upper_limit * found.size,
        interval,
        (Allocated("", size, float(found.size), interval),),
        (*raised_note(found.size, size), *((WHOLE,) if inputs.expected else ())),
    )
