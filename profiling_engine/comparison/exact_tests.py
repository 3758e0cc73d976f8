"""Exact tests of shares, by the hypergeometric distribution.

Two samples are tested by the same distribution given both counts (Fisher 1935, *The logic of
inductive inference*). A weighted or clustered sample has its effective size, rounded towards the
expectation (Korn and Graubard 1998, *Confidence intervals for proportions with small expected
number of positive counts estimated from survey data*).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ROUNDING = 1e-12
"""Shares with at most this difference are equal."""
UNLIMITED = 10**9
"""The size of a population without finite population correction."""
CLOSE = 2.0
"""Counts within this many standard deviations of the expectation aren't tested."""


def upper_tail(total: int, marked: int, drawn: int, found: int) -> float:
    """The probability of at least ``found`` marked rows among ``drawn`` of ``total`` rows."""
    if found <= max(0, drawn + marked - total):
        return 1.0
    if found > min(marked, drawn):
        return 0.0
    if found * total > marked * drawn:
        return _outward(total, marked, drawn, found)
    # The terms from here increase up to the mode; those of the complement decrease.
    return 1.0 - _outward(total, total - marked, drawn, drawn - found + 1)


def _outward(total: int, marked: int, drawn: int, found: int) -> float:
    """The upper tail beyond the expectation, by the quotients of neighbouring terms."""
    if found > min(marked, drawn):
        return 0.0
    term = math.exp(
        _log_choose(marked, found)
        + _log_choose(total - marked, drawn - found)
        - _log_choose(total, drawn)
    )
    variance = drawn * (marked / total) * (1 - marked / total)
    count = min(min(marked, drawn) - found, int(20 * math.sqrt(variance)) + 50)
    x = np.arange(found, found + count, dtype=np.float64)
    ratios = (marked - x) * (drawn - x) / ((x + 1) * (total - marked - drawn + x + 1))
    return min(term * (1.0 + float(np.cumprod(ratios).sum())), 1.0)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def count_p(total: int, marked: int, drawn: int, found: int) -> float:
    """The two-sided p-value of a count: twice the smaller tail, at most 1."""
    if found * total >= marked * drawn:
        return min(2 * upper_tail(total, marked, drawn, found), 1.0)
    return min(2 * upper_tail(total, total - marked, drawn, drawn - found), 1.0)


@dataclass(frozen=True)
class Share:
    """The share of a value in one table.

    ``size`` is the effective sample size, infinite for a population with ``population`` rows.
    """

    value: float
    size: float
    population: int = UNLIMITED

    def count(self, expected: float) -> tuple[int, int]:
        """The rows of the sample, and those with the value, rounded towards ``expected``."""
        rows = math.floor(self.size + 1e-9)
        found = self.value * rows
        near = round(found)
        if abs(found - near) <= 1e-6:
            return rows, near
        return rows, math.floor(found) if self.value > expected else math.ceil(found)


def share_p(one: Share, two: Share) -> float:
    """The p-value of two shares of one value, by the exact test."""
    if math.isinf(two.size):
        one, two = two, one
    if math.isinf(two.size):
        return 1.0 if abs(one.value - two.value) <= ROUNDING else 0.0
    if math.isinf(one.size):
        rows, found = two.count(one.value)
        total = max(one.population, rows)
        return count_p(total, round(one.value * total), rows, found) if rows else 1.0
    sizes = one.size + two.size
    expected = (one.value * one.size + two.value * two.size) / sizes if sizes else 0.0
    (first_rows, first), (rows, found) = one.count(expected), two.count(expected)
    if not first_rows or not rows:
        return 1.0
    return count_p(first_rows + rows, first + found, rows, found)


def smallest_share_p(pairs: Sequence[tuple[Share, Share]]) -> float:
    """The smallest p-value of several pairs of shares; 1 if all are close."""
    return min((share_p(one, two) for one, two in pairs if not _is_close(one, two)), default=1.0)


def _is_close(one: Share, two: Share) -> bool:
    both = [share for share in (one, two) if math.isfinite(share.size) and share.size]
    known = [share.value for share in (one, two) if math.isinf(share.size)]
    if not both or len(known) == 2:
        return False
    expected = known[0] if known else (one.value + two.value) / 2
    variance = expected * (1 - expected) * sum(1 / share.size for share in both)
    return abs(one.value - two.value) < CLOSE * math.sqrt(max(variance, 0.0)) * _unread(one, two)


def _unread(one: Share, two: Share) -> float:
    """√(1 - n/N) of a sample of a known population; 1 of any other."""
    population, drawn = (one, two) if math.isinf(one.size) else (two, one)
    if not math.isinf(population.size):
        return 1.0
    return math.sqrt(max(1 - drawn.size / population.population, 0.0))
