"""The size of an audit sample: the smallest whose upper limit is below the materiality.

AICPA, *Audit Sampling*, tables A-1 and C-1; Touw and Hoogduin, *Statistiek voor Audit en
Controlling*.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil

import numpy as np
from numpy.typing import NDArray

from contract.answers import AtConfidence
from contract.fields import CONFIDENCE, OUT_OF_RANGE
from contract.words import Likelihood
from estimation_engine.arrays import Floats
from estimation_engine.audit.limits import (
    FORMULAS,
    SOURCES,
    binomial_limit,
    hypergeometric_limit,
    poisson_limit,
)
from estimation_engine.errors import InvalidGoal
from estimation_engine.hypergeometric import are_below, at_most, risk_of
from lazy_dataclasses import dataclass

MAX_SIZE = 200_000
PART = 4_096
NOISE = 1e-6
"""Rows by which a number of rows that was rounded as a share can be off."""


@dataclass(frozen=True, kw_only=True)
class AuditGoal(AtConfidence):
    """The goal of a sample: to show that errors are below the materiality.

    Parameters
    ----------
    materiality : float
        The tolerable share of rows or of money in error, above 0 and below 1.
    expected : float
        The expected errors: a share below 1, below the materiality; or from 1 their number in the
        sample. Discovery sampling expects 0.
    population : int, optional
        Rows to draw from, which are wrong or not: errors are whole. Needed for the hypergeometric
        likelihood.
    """

    materiality: float
    expected: float = 0.0
    likelihood: Likelihood = "poisson"
    population: int | None = None


@dataclass(frozen=True)
class AuditSize:
    """A sample's size with its arithmetic.

    Parameters
    ----------
    tolerated_errors : float
        The expected errors in the sample: as long as there are no more, the upper limit is below
        the materiality. Of money, with the Poisson likelihood, it needn't be whole.
    upper_limit : float
        The share that the limit is at this number of errors.
    limit_of_one_less : float or None
        The same for one item less, which isn't below the materiality; None for a size of 1.
    pass_chance : float or None
        The probability that a sample of rows has no more errors, at the expected rate; None of
        money, where it depends on how much of an amount is wrong.
    interval_share : float
        1/size: the selection interval of a monetary unit sample by the book total.
    """

    size: int
    tolerated_errors: float
    upper_limit: float
    limit_of_one_less: float | None
    pass_chance: float | None
    interval_share: float
    formula: str
    source: str


def size_for_materiality(goal: AuditGoal) -> AuditSize:
    """The smallest sample whose upper limit, at the expected errors, is below the materiality.

    Raises
    ------
    InvalidGoal
        A value is out of range, or no sample is large enough.

    Examples
    --------
    >>> size_for_materiality(AuditGoal(materiality=0.03, expected=0.01)).size
    220
    """
    check_goal(goal)
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
        _pass_chance(goal, size, int(errors)),
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


def _pass_chance(goal: AuditGoal, size: int, errors: int) -> float | None:
    """P(X ≤ errors; N, K, n), K the expected rate of the population's rows, rounded up."""
    if not goal.population:
        return None
    rate = Fraction(repr(goal.expected))
    wrong = ceil((rate / size if rate >= 1 else rate) * goal.population)
    return at_most(errors, goal.population, wrong, size)


def check_goal(goal: AuditGoal) -> None:
    """Refuse values that are out of range."""
    if not 0.0 < goal.materiality < 1.0:
        raise InvalidGoal(
            "The materiality is a share above 0 and below 1.", loc=("goal", "materiality")
        )
    if not CONFIDENCE.bounds.holds(goal.confidence):
        raise InvalidGoal(OUT_OF_RANGE, loc=("goal", "confidence"))
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
    """x: the expected errors in samples of these sizes, whole but for money by Poisson."""
    if goal.expected >= 1.0:
        return np.full(len(sizes), goal.expected)
    if goal.likelihood == "poisson" and goal.population is None:
        return sizes.astype(np.float64) * goal.expected
    part, whole = Fraction(repr(goal.expected)).as_integer_ratio()
    return np.array([-(-part * size // whole) for size in sizes.tolist()], dtype=np.float64)


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
    risk, whole = risk_of(goal.confidence), errors.astype(np.int64)
    return are_below(risk, whole, goal.population or 0, wrong_rows(goal), sizes)


def wrong_rows(goal: AuditGoal) -> int:
    """K: the fewest rows in error that reach the materiality."""
    wrong = Fraction(repr(goal.materiality)) * (goal.population or 0)
    # A number of rows as a share is rounded to a float.
    return round(wrong) if abs(wrong - round(wrong)) < NOISE else ceil(wrong)


_IS_ENOUGH: dict[Likelihood, Callable[[AuditGoal, NDArray[np.int64], Floats], Booleans]] = {
    "poisson": _poisson_is_enough,
    "binomial": _binomial_is_enough,
    "hypergeometric": _hypergeometric_is_enough,
}
