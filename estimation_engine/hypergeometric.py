"""Hypergeometric tails, and whether one is below a risk: decided with whole numbers where close.

A risk such as 1 - 0.95 is read as the decimal fraction that it is, so that results which reach it
exactly don't depend on how it is rounded.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimation_engine.arrays import Floats

Counts = int | NDArray[np.int64]
CLOSE = 1e-9
"""Tails whose relative distance from the risk is smaller are computed with whole numbers."""
NEGLIGIBLE = 1e-17


def risk_of(confidence: float, sides: int = 1) -> Fraction:
    """The risk beyond each limit: 1 - confidence, by the sides.

    >>> risk_of(0.95), risk_of(0.9, 2)
    (Fraction(1, 20), Fraction(1, 20))
    """
    return (1 - Fraction(repr(confidence))) / sides


def point(errors: Counts, population: Counts, wrong: Counts, size: Counts) -> Floats:
    """P(X = errors), by three binomial probabilities, which keep their precision.

    Loader 2000, *Fast and Accurate Computation of Binomial Probabilities*.
    """
    from scipy.stats import binom

    share = np.asarray(size) / population
    found: Floats = (
        binom.pmf(errors, wrong, share)
        * binom.pmf(np.subtract(size, errors), np.subtract(population, wrong), share)
        / binom.pmf(size, population, share)
    )
    return found


def at_most(errors: int, population: int, wrong: int, size: int) -> float:
    """P(X ≤ errors): of ``size`` rows drawn from ``population`` with ``wrong`` wrong ones."""
    if errors * population < wrong * size:
        return float(_lower_tails(np.array([errors]), population, wrong, np.array([size]))[0])
    # X ≥ errors + 1 is "at most size − errors − 1 rows are right", of the other kind.
    rest = size - errors - 1
    return 1.0 - at_most(rest, population, population - wrong, size) if rest >= 0 else 1.0


def are_below(
    risk: Fraction, errors: Any, population: int, wrong: int, sizes: Any
) -> NDArray[np.bool_]:
    """Whether P(X ≤ errors) < risk, for each of several samples; a risk is at most one half."""
    errors, sizes = np.broadcast_arrays(*np.atleast_1d(errors, sizes))
    below = np.zeros(len(sizes), dtype=np.bool_)
    # A whole number from the mean on isn't below the median (Jogdeo and Samuels 1968).
    (low,) = np.nonzero(errors.astype(float) * population < sizes.astype(float) * wrong)
    if not len(low):
        return below
    tails = _lower_tails(errors[low], population, wrong, sizes[low])
    below[low] = tails < float(risk)
    for at in low[np.abs(tails - float(risk)) <= CLOSE * float(risk)].tolist():
        below[at] = _is_below(risk, int(errors[at]), population, wrong, int(sizes[at]))
    return below


def most_wrong(risk: Fraction, errors: int, size: int, population: int) -> int:
    """The most wrong rows in the population that the sample doesn't rule out.

    A number is ruled out if so few errors, or fewer, have a probability below the risk.

    >>> most_wrong(risk_of(0.90), 0, 102, 1200)
    25
    """
    low, high = errors, population - (size - errors)
    while low < high:
        middle = (low + high + 1) // 2
        if are_below(risk, errors, population, middle, size)[0]:
            high = middle - 1
        else:
            low = middle
    return low


def least_wrong(risk: Fraction, errors: int, size: int, population: int) -> int:
    """The fewest wrong rows that the sample doesn't rule out, as most rows are then right."""
    return population - most_wrong(risk, size - errors, size, population)


def _lower_tails(
    errors: NDArray[np.int64], population: int, wrong: int, sizes: NDArray[np.int64]
) -> Floats:
    """P(X ≤ errors) below the mean: the last term, and the falling ones before it."""
    last = point(errors, population, wrong, sizes)
    counts = errors.astype(float)
    term, total = np.ones(len(counts)), np.ones(len(counts))
    rest = population - wrong - sizes.astype(float)
    while True:
        # The probability of one error less, by that of as many.
        term = term * counts * (rest + counts) / ((wrong - counts + 1) * (sizes - counts + 1))
        term = np.where(counts > 0, np.maximum(term, 0.0), 0.0)
        if not (term > NEGLIGIBLE * total).any():
            return last * total
        total, counts = total + term, counts - 1


def _is_below(risk: Fraction, errors: int, population: int, wrong: int, size: int) -> bool:
    right = population - wrong
    ways = sum(comb(wrong, k) * comb(right, size - k) for k in range(min(errors, size) + 1))
    return ways * risk.denominator < risk.numerator * comb(population, size)
