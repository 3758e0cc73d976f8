"""The size of an audit sample: the smallest whose upper limit is below the materiality.

AICPA, *Audit Sampling*, tables A-1 and C-1; Touw and Hoogduin, *Statistiek voor Audit en
Controlling*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np
from numpy.typing import NDArray

from estimation_engine.audit.limits import (
    FORMULAS,
    SOURCES,
    Likelihood,
    binomial_limit,
    hypergeometric_limit,
    poisson_limit,
)
from estimation_engine.design import Floats
from estimation_engine.errors import InvalidGoal

MAX_SIZE = 200_000
PART = 4_096
STOP_OR_GO = "P₀(n) + P₁(n)·P₀(n) ≤ 1 − confidence, at an error rate of the materiality"


@dataclass(frozen=True)
class AuditGoal:
    """What a sample is to show: that errors are below the materiality.

    Parameters
    ----------
    materiality : float
        The tolerable share of rows or of money in error, above 0 and below 1.
    expected : float
        The expected errors: a share below 1, below the materiality; or from 1 their number in the
        sample. Discovery sampling expects 0.
    confidence : float
        Above 0.5 and below 1.
    population : int, optional
        Rows to draw from; needed for the hypergeometric likelihood.
    """

    materiality: float
    expected: float = 0.0
    confidence: float = 0.95
    likelihood: Likelihood = "poisson"
    population: int | None = None


@dataclass(frozen=True)
class AuditSize:
    """A sample's size with its arithmetic.

    Parameters
    ----------
    tolerated_errors : float
        The expected errors in the sample: as long as there are no more, the upper limit is below
        the materiality. With the Poisson likelihood it needn't be whole.
    upper_limit : float
        The share that the limit is at this number of errors.
    limit_of_one_less : float or None
        The same for one item less, which isn't below the materiality; None for a size of 1.
    interval_share : float
        1/size: the selection interval of a monetary unit sample by the book total.
    """

    size: int
    tolerated_errors: float
    upper_limit: float
    limit_of_one_less: float | None
    interval_share: float
    formula: str
    source: str


@dataclass(frozen=True)
class TwoStagePlan:
    """A stop-or-go sample whose second stage is planned beforehand.

    Without an error in the first stage the auditor stops and accepts. With one error the second
    stage is drawn, and accepted without a further error. ``risk`` is the probability to accept a
    population whose error rate is the materiality.
    """

    first: int
    second: int
    risk: float
    none_in_first: float
    one_in_first: float
    none_in_second: float
    formula: str = STOP_OR_GO
    source: str = "Touw and Hoogduin, Statistiek voor Audit en Controlling"


def size_for_materiality(goal: AuditGoal) -> AuditSize:
    """The smallest sample whose upper limit, at the expected errors, is below the materiality.

    Raises
    ------
    InvalidGoal
        A value is out of range, or no sample is large enough.

    Examples
    --------
    >>> size_for_materiality(AuditGoal(0.03, 0.01)).size
    220
    """
    _check(goal)
    is_enough = _IS_ENOUGH[goal.likelihood]
    most = min(goal.population or MAX_SIZE, MAX_SIZE)
    for first in range(1, most + 1, PART):
        sizes = np.arange(first, min(first + PART, most + 1), dtype=np.int64)
        enough = np.flatnonzero(is_enough(goal, sizes, _expected_errors(goal, sizes)))
        if len(enough):
            return _size(goal, int(sizes[enough[0]]))
    raise InvalidGoal(
        "No sample of up to {maximum} rows shows that errors are below {materiality} with "
        "{expected} expected: expect fewer errors, or examine all rows.",
        maximum=most,
        materiality=goal.materiality,
        expected=goal.expected,
        loc=("goal", "expected"),
    )


def _size(goal: AuditGoal, size: int) -> AuditSize:
    errors, limit = _limit(goal, size)
    return AuditSize(
        size,
        errors,
        limit,
        _limit(goal, size - 1)[1] if size > 1 else None,
        1.0 / size,
        FORMULAS[goal.likelihood],
        SOURCES[goal.likelihood],
    )


def _limit(goal: AuditGoal, size: int) -> tuple[float, float]:
    """The expected errors in a sample, and the upper limit if there are as many."""
    errors = float(_expected_errors(goal, np.array([size]))[0])
    if errors >= size:
        return errors, 1.0
    if goal.likelihood == "poisson":
        return errors, poisson_limit(errors, size, goal.confidence)
    if goal.likelihood == "binomial":
        return errors, binomial_limit(errors, size, goal.confidence)
    population = goal.population or 0
    wrong = hypergeometric_limit(int(errors), size, population, goal.confidence)
    return errors, wrong / population


def two_stage_plan(goal: AuditGoal) -> TwoStagePlan:
    """Two stages of equal size, the smallest whose risk is at most 1 - confidence.

    Raises
    ------
    InvalidGoal
        A value is out of range, or the population has too few rows.

    Examples
    --------
    >>> two_stage_plan(AuditGoal(0.03)).first
    105
    """
    _check(goal)
    most = min((goal.population or 2 * MAX_SIZE) // 2, MAX_SIZE)
    sizes = np.arange(1, most + 1, dtype=np.int64)
    none, one, then_none = _STAGES[goal.likelihood](goal, sizes)
    risks = none + one * then_none
    enough = np.flatnonzero(risks <= 1.0 - goal.confidence)
    if not len(enough):
        raise InvalidGoal(
            "Two stages of up to {maximum} rows don't reach the confidence: examine all rows.",
            maximum=most,
            loc=("goal", "confidence"),
        )
    at = int(enough[0])
    size = int(sizes[at])
    return TwoStagePlan(
        first=size,
        second=size,
        risk=float(risks[at]),
        none_in_first=float(none[at]),
        one_in_first=float(one[at]),
        none_in_second=float(then_none[at]),
    )


def _check(goal: AuditGoal) -> None:
    if not 0.0 < goal.materiality < 1.0:
        raise InvalidGoal(
            "The materiality is a share above 0 and below 1.", loc=("goal", "materiality")
        )
    if not 0.5 < goal.confidence < 1.0:
        raise InvalidGoal("The confidence is above 0.5 and below 1.", loc=("goal", "confidence"))
    is_number = goal.expected >= 1.0
    if goal.expected < 0.0 or (is_number and goal.expected != int(goal.expected)):
        raise InvalidGoal(
            "The expected errors are a share below 1, or a whole number of errors.",
            loc=("goal", "expected"),
        )
    if not is_number and goal.expected >= goal.materiality:
        raise InvalidGoal(
            "The expected share of errors, {expected}, must be below the materiality, "
            "{materiality}.",
            expected=goal.expected,
            materiality=goal.materiality,
            loc=("goal", "expected"),
        )
    if goal.likelihood == "hypergeometric" and not goal.population:
        raise InvalidGoal(
            "The hypergeometric likelihood needs a population of rows.",
            loc=("goal", "likelihood"),
        )


def _expected_errors(goal: AuditGoal, sizes: NDArray[np.int64]) -> Floats:
    """x: the expected errors in samples of these sizes; whole but for the Poisson likelihood."""
    if goal.expected >= 1.0:
        return np.full(len(sizes), goal.expected)
    if goal.likelihood == "poisson":
        return sizes.astype(np.float64) * goal.expected
    share = Fraction(repr(goal.expected))
    return np.array([ceil(share * size) for size in sizes.tolist()], dtype=np.float64)


Booleans = NDArray[np.bool_]


def _poisson_is_enough(goal: AuditGoal, sizes: NDArray[np.int64], errors: Floats) -> Booleans:
    from scipy.special import gammaincinv

    enough: Booleans = gammaincinv(1.0 + errors, goal.confidence) / sizes < goal.materiality
    return enough


def _binomial_is_enough(goal: AuditGoal, sizes: NDArray[np.int64], errors: Floats) -> Booleans:
    from scipy.special import betaincinv

    correct = sizes - errors
    limits = betaincinv(1.0 + errors, np.maximum(correct, 1.0), goal.confidence)
    enough: Booleans = (correct > 0) & (limits < goal.materiality)
    return enough


def _hypergeometric_is_enough(
    goal: AuditGoal, sizes: NDArray[np.int64], errors: Floats
) -> Booleans:
    """P(X ≤ x; N, K, n) < 1 - confidence, K = ⌈materiality·N⌉."""
    from scipy.stats import hypergeom

    population = goal.population or 0
    chance = hypergeom.cdf(errors, population, _wrong_rows(goal), sizes)
    enough: Booleans = chance < 1.0 - goal.confidence
    return enough


def _wrong_rows(goal: AuditGoal) -> int:
    """K: the fewest rows in error that reach the materiality."""
    return ceil(Fraction(repr(goal.materiality)) * (goal.population or 0))


_IS_ENOUGH: dict[Likelihood, Callable[[AuditGoal, NDArray[np.int64], Floats], Booleans]] = {
    "poisson": _poisson_is_enough,
    "binomial": _binomial_is_enough,
    "hypergeometric": _hypergeometric_is_enough,
}

Stages = tuple[Floats, Floats, Floats]
"""P of no error in the first stage, of one, and then of none in the second; shape (sizes,)."""


def _poisson_stages(goal: AuditGoal, sizes: NDArray[np.int64]) -> Stages:
    expected = sizes.astype(np.float64) * goal.materiality
    none: Floats = np.exp(-expected)
    return none, expected * none, none


def _binomial_stages(goal: AuditGoal, sizes: NDArray[np.int64]) -> Stages:
    right, count = 1.0 - goal.materiality, sizes.astype(np.float64)
    none: Floats = np.power(right, count)
    return none, count * goal.materiality * np.power(right, count - 1.0), none


def _hypergeometric_stages(goal: AuditGoal, sizes: NDArray[np.int64]) -> Stages:
    from scipy.stats import hypergeom

    population, wrong = goal.population or 0, _wrong_rows(goal)
    none, one = (hypergeom.pmf(errors, population, wrong, sizes) for errors in (0, 1))
    then_none = hypergeom.pmf(0, population - sizes, max(wrong - 1, 0), sizes)
    return none, one, then_none


_STAGES: dict[Likelihood, Callable[[AuditGoal, NDArray[np.int64]], Stages]] = {
    "poisson": _poisson_stages,
    "binomial": _binomial_stages,
    "hypergeometric": _hypergeometric_stages,
}
