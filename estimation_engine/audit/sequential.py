"""Evaluations that stay valid however often the auditor looks: "stop when sure".

Shares: the prior-posterior ratio of the beta-binomial distribution (Waudby-Smith and Ramdas 2020,
"Confidence sequences for sampling without replacement"). Amounts: a test martingale for the mean of
values drawn without replacement (Waudby-Smith and Ramdas 2020; Stark 2020, "Sets of half-average
nulls generate risk-limiting audits: SHANGRLA"; Stark 2023, "ALPHA"). Risk scores as a control
variate, and weights other than the amounts: Shekhar, Xu, Lipton, Liang and Ramdas 2023,
"Risk-limiting financial audits via weighted sampling without replacement".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from math import ceil, exp, floor, inf, log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from estimation_engine.arrays import Floats
from estimation_engine.audit.attributes import check_counts
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass

Decision = Literal["accept", "reject", "continue"]

SHARE_FORMULA = "all K with BetaBin(K; N, a, b) / BetaBin(K − k; N − n, a + k, b + n − k) < 1/α"
SHARE_SOURCE = "Waudby-Smith and Ramdas 2020, section 2"
AMOUNT_FORMULA = (
    "M = Π (1 + λᵢ·(xᵢ − mᵢ)), xᵢ = 1 − taint, mᵢ = (U·(1 − tolerable) − Σ uⱼ·xⱼ) / (U − Σ uⱼ) "
    "over the items before, u their units of U; errors are tolerable when M ≥ 1/α"
)
AMOUNT_SOURCE = "Waudby-Smith and Ramdas 2020, section 3; Stark, SHANGRLA and ALPHA"
SCORED_FORMULA = (
    "M = Π (1 + λᵢ·(xᵢ − mᵢ)), xᵢ = 1 − qᵢ·taintᵢ + βᵢ·(qᵢ·scoreᵢ − cᵢ), qᵢ = (bᵢ/wᵢ)·(W/B), "
    "cᵢ = Σ b·score / B and mᵢ = 1 − (tolerable − Σ bⱼ·taintⱼ)/B, with W the weights and B the "
    "amounts of the items that were left before; βᵢ and λᵢ follow from the items before; errors "
    "are tolerable when M ≥ 1/α"
)
SCORED_SOURCE = "Shekhar, Xu, Lipton, Liang and Ramdas 2023"

MAX_BET = 0.99
PRIOR_UNITS = 20
"""Units that the expected taint counts for when the first bets are made."""
FIRST_SLOPE, MOST_SLOPE = 1.0, 2.0
"""β of the first item, which takes the score as the expected taint, and the largest one."""
BISECTIONS = 40
ROUNDING = 1e-12


@dataclass(frozen=True)
class SequentialShare:
    """Which numbers of exceptions in the population are still possible.

    Parameters
    ----------
    least, most : int
        The first and the last number of rows that isn't ruled out; valid at every look.
    ratio_at_tolerable : float
        The prior-posterior ratio at the fewest rows that aren't tolerable; at 1/α or more, with
        fewer exceptions than that, the decision is to accept.
    """

    population: int
    examined: int
    exceptions: int
    tolerable: float
    least: int
    most: int
    ratio_at_tolerable: float
    threshold: float
    decision: Decision
    formula: str = SHARE_FORMULA
    source: str = SHARE_SOURCE


@dataclass(frozen=True)
class ShareBoundary:
    """The boundary of a chart; arrays of shape (sizes,).

    ``accept`` is the largest number of exceptions with which the auditor accepts, -1 if none;
    ``reject`` the smallest with which the share is above what is tolerable, size + 1 if none.
    """

    sizes: NDArray[np.int64]
    accept: NDArray[np.int64]
    reject: NDArray[np.int64]


@dataclass(frozen=True)
class AmountTest:
    """The test of amounts after each item; arrays of shape (items,).

    Parameters
    ----------
    values, bets, null_means, statistics : arrays
        xᵢ, λᵢ, mᵢ and M after each item.
    slopes : array
        βᵢ; 0 without scores.
    p_value : float
        1 / the largest M so far, at most 1; valid at every look.
    upper_limit : float
        The smallest share of the book value in error that is ruled out.
    accepted_at : int or None
        The item, from 1, after which errors are tolerable at the confidence.
    """

    values: Floats
    bets: Floats
    slopes: Floats
    null_means: Floats
    statistics: Floats
    p_value: float
    upper_limit: float
    accepted_at: int | None
    threshold: float
    tolerable: float
    decision: Decision
    formula: str = AMOUNT_FORMULA
    source: str = AMOUNT_SOURCE


def evaluate_share(
    population: int,
    examined: int,
    exceptions: int,
    tolerable: float,
    *,
    confidence: float,
    prior: tuple[float, float] = (1.0, 1.0),
) -> SequentialShare:
    """The rows with an exception that are still possible after a look.

    Parameters
    ----------
    prior : tuple of float
        a and b of the beta-binomial prior; chosen before the first look.

    Examples
    --------
    >>> evaluate_share(1000, 60, 0, 0.05, confidence=0.95).most
    108
    """
    check_counts(examined, exceptions, population)
    threshold = 1.0 / (1.0 - confidence)
    look = _Look(population, examined, exceptions, prior)
    least, most = look.possible(log(threshold))
    wrong = _intolerable(population, tolerable)
    decision: Decision = "continue"
    if most < wrong:
        decision = "accept"
    elif least >= wrong:
        decision = "reject"
    return SequentialShare(
        population,
        examined,
        exceptions,
        tolerable,
        least,
        most,
        exp(min(look.log_ratio(wrong), 700.0)),
        threshold,
        decision,
    )


def share_boundary(
    population: int,
    tolerable: float,
    sizes: Sequence[int],
    *,
    confidence: float,
    prior: tuple[float, float] = (1.0, 1.0),
) -> ShareBoundary:
    """The exceptions with which the auditor accepts or rejects, for ascending sample sizes."""
    limit = -log(1.0 - confidence)
    wrong = _intolerable(population, tolerable)
    accept, reject = -1, 0
    found: list[tuple[int, int]] = []
    for size in sizes:

        def accepts(count: int, size: int = size) -> bool:
            return count <= size and _Look(population, size, count, prior).is_below(wrong, limit)

        def rejects(count: int, size: int = size) -> bool:
            return _Look(population, size, count, prior).is_above(wrong, limit)

        while accepts(accept + 1):
            accept += 1
        while reject <= size and not rejects(reject):
            reject += 1
        found.append((accept, reject))
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return ShareBoundary(np.array(sizes, dtype=np.int64), pairs[:, 0], pairs[:, 1])


def _intolerable(population: int, tolerable: float) -> int:
    """The fewest rows in error that aren't tolerable."""
    return ceil(Fraction(repr(tolerable)) * population)


@dataclass(frozen=True)
class _Look:
    """A sample after some rows; the ratio is unimodal, smallest at the most likely number."""

    population: int
    examined: int
    exceptions: int
    prior: tuple[float, float]

    @property
    def last(self) -> int:
        """The largest number that the sample allows."""
        return self.population - self.examined + self.exceptions

    @property
    def likeliest(self) -> int:
        """The number with the largest likelihood."""
        found = floor((self.population + 1) * self.exceptions / self.examined)
        return min(max(found, self.exceptions), self.last)

    def log_ratio(self, wrong: int) -> float:
        """The logarithm of prior by posterior of a number; infinite for an impossible one."""
        from scipy.special import betaln

        n, k, (a, b) = self.examined, self.exceptions, self.prior
        if not k <= wrong <= self.last:
            return inf
        combinations = _log_choose(self.population, wrong)
        combinations -= _log_choose(self.population - n, wrong - k)
        return float(combinations + betaln(a + k, b + n - k) - betaln(a, b))

    def possible(self, limit: float) -> tuple[int, int]:
        """The smallest and the largest number whose ratio is below the limit."""
        first, likeliest = self.exceptions, self.likeliest
        below, above = range(first, likeliest), range(likeliest + 1, self.last + 1)
        least = first + bisect_left(below, True, key=lambda wrong: self.log_ratio(wrong) < limit)
        most = bisect_left(above, True, key=lambda wrong: self.log_ratio(wrong) >= limit)
        return least, likeliest + most

    def is_below(self, wrong: int, limit: float) -> bool:
        """Whether this number and all larger ones are ruled out."""
        return wrong > self.likeliest and self.log_ratio(wrong) >= limit

    def is_above(self, wrong: int, limit: float) -> bool:
        """Whether all numbers below this one are ruled out."""
        return wrong - 1 < self.likeliest and self.log_ratio(wrong - 1) >= limit


def _log_choose(whole: int, part: int) -> float:
    from scipy.special import gammaln

    return float(gammaln(whole + 1) - gammaln(part + 1) - gammaln(whole - part + 1))


@dataclass(frozen=True)
class SideInformation:
    """What is known of the items before they are examined: risk scores, and weights of the draw.

    Parameters
    ----------
    scores : sequence of float, from 0 to 1
        Of each examined item, recorded before the draw.
    score_total : float
        Σ size·score over the population, in units.
    weights : sequence of float, optional
        Each next item was drawn with a probability in proportion to its weight among those that
        were left; by default its units.
    total_weight : float, optional
        Of the population; by default its units.
    largest_ratio : float
        The largest size/weight of an item of the population.
    """

    scores: Sequence[float] | Floats
    score_total: float
    weights: Sequence[float] | Floats | None = None
    total_weight: float | None = None
    largest_ratio: float = 1.0


@dataclass(frozen=True)
class ExaminedValues:
    """Examined items of a population of ``units``; arrays of shape (…, items).

    Parameters
    ----------
    right, sizes : arrays
        1 - taint, and the units of each item.
    values, slopes : arrays
        xᵢ and βᵢ.
    spans : array
        The largest possible 1 - xᵢ, at least: no bet may lose more than everything.
    """

    units: int
    right: Floats
    sizes: Floats
    values: Floats
    slopes: Floats
    spans: Floats


def amount_test(
    taints: Sequence[float],
    units: int,
    tolerable: float,
    *,
    sizes: Sequence[int] | None = None,
    confidence: float,
    expected: float = 0.0,
    side: SideInformation | None = None,
) -> AmountTest:
    """Test whether the share of the book value in error is below what is tolerable.

    Parameters
    ----------
    taints : sequence of float, from 0 to 1
        Of the examined items, in the order in which a random unit of each was first selected;
        understatements count as 0.
    units : int
        Monetary units of the population that the units were drawn from.
    tolerable : float
        The share of the book value in error, above 0 and below 1.
    sizes : sequence of int, optional
        The units of each item, which are all known once it is examined; by default 1.
    expected : float
        The expected taint, chosen before the first look; it sets the first bets.
    side : SideInformation, optional
        Scores, as a control variate, and the weights by which the items were drawn.

    Raises
    ------
    InvalidFindings
        A taint or a score is out of range, or there are more items than the population has units.
    """
    found = np.asarray(taints, dtype=np.float64)
    known = np.ones(len(found)) if sizes is None else np.asarray(sizes, dtype=np.float64)
    _check_examined(found, known, units)
    items = examined_values(found, known, units, side)
    bets = bets_on(items.values, 1.0 - tolerable, expected, items.spans)
    means, statistics = _tested(items, bets, tolerable)
    threshold = 1.0 / (1.0 - confidence)
    reached = np.flatnonzero(statistics >= threshold)
    most = float(statistics.max())
    return AmountTest(
        items.values,
        bets,
        items.slopes,
        means,
        statistics,
        min(1.0, 1.0 / most) if most > 0 else 1.0,
        _upper_limit(items, bets, threshold),
        int(reached[0]) + 1 if len(reached) else None,
        threshold,
        tolerable,
        "accept" if len(reached) else "continue",
        *((SCORED_FORMULA, SCORED_SOURCE) if side else ()),
    )


def _check_examined(taints: Floats, sizes: Floats, units: int) -> None:
    if not len(taints) or sizes.sum() > units:
        raise InvalidFindings(
            "{count} examined units don't fit a population of {units} units.",
            count=int(sizes.sum()),
            units=units,
        )
    if not ((taints >= 0) & (taints <= 1)).all():
        raise InvalidFindings("Taints of this evaluation are from 0 to 1.")


def examined_values(
    taints: Floats, sizes: Floats, units: int, side: SideInformation | None
) -> ExaminedValues:
    """xᵢ and βᵢ of items in the order in which they are examined; shape (…, items) of all."""
    if side is None:
        ones = np.ones_like(taints)
        return ExaminedValues(units, 1.0 - taints, sizes, 1.0 - taints, 0.0 * ones, ones)
    scores = np.asarray(side.scores, dtype=np.float64)
    if not ((scores >= 0) & (scores <= 1)).all():
        raise InvalidFindings("Scores of this evaluation are from 0 to 1.")
    weights = sizes if side.weights is None else np.asarray(side.weights, dtype=np.float64)
    whole = float(units) if side.total_weight is None else side.total_weight
    left = np.maximum(_left(float(units), sizes), 1.0)  # 0 before items without a book value
    weight = _left(whole, weights)
    by_chance = sizes / weights * weight / left
    controls = np.maximum(_left(side.score_total, sizes * scores) / left, 0.0)
    slopes = slopes_on(by_chance * taints, by_chance * scores - controls, controls)
    values = 1.0 - by_chance * taints + slopes * (by_chance * scores - controls)
    spans = side.largest_ratio * weight / left + slopes * controls
    return ExaminedValues(units, 1.0 - taints, sizes, values, slopes, spans)


def _left(whole: float, parts: Floats) -> Floats:
    """What is left of a sum before each item, shape (…, items)."""
    left: Floats = whole - (np.cumsum(parts, axis=-1) - parts)
    return left


def slopes_on(errors: Floats, controls: Floats, means: Floats) -> Floats:
    """β of each item from those before it, shape (…, items).

    The slope of the errors qᵢ·taintᵢ on the controls qᵢ·scoreᵢ - cᵢ, which begins as if there had
    been ``PRIOR_UNITS`` items with a slope of 1 and the largest variance that scores of the mean c
    can have, c(1 - c).
    """
    first = means[..., :1]
    prior = PRIOR_UNITS * first * np.maximum(1.0 - first, 0.0)
    products, squares = errors * controls, controls**2
    together = np.cumsum(products, axis=-1) - products
    spread = prior + np.cumsum(squares, axis=-1) - squares
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(spread > 0, (prior * FIRST_SLOPE + together) / spread, 0.0)
    slopes: Floats = np.clip(best, 0.0, MOST_SLOPE)
    return slopes


def bets_on(
    values: Floats, null_mean: float, expected: float, spans: Floats | float = 1.0
) -> Floats:
    """λ of each value from those before it, shape (…, units).

    The approximate best bet, (μ - m) / (σ² + (μ - m)²), from the mean and variance so far, and at
    most 0.99 by the span of the values below 1. It doesn't depend on the mean that is tested, so M
    falls as that rises.
    """
    count = values.shape[-1]
    prior_mean = 1.0 - expected
    weight = PRIOR_UNITS + np.arange(count)
    before = np.cumsum(values, axis=-1) - values
    squares = np.cumsum(values**2, axis=-1) - values**2
    means = (PRIOR_UNITS * prior_mean + before) / weight
    spread = expected * (1.0 - expected) / 4.0
    second = (PRIOR_UNITS * (spread + prior_mean**2) + squares) / weight
    variances = np.maximum(second - means**2, 0.0)
    gains = np.maximum(means - null_mean, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(gains > 0, gains / (variances + gains**2), 0.0)
    bets: Floats = np.minimum(best, MAX_BET / spans)
    return bets


def null_means(values: Floats, units: int, mean: float, sizes: Floats | None = None) -> Floats:
    """mᵢ: the mean of the units that are left before each item, if all units have this mean.

    0 where it is below by rounding alone. Where no unit is left, items have no book value: their
    mean is 1, as their value, so that M stays what it is.
    """
    known = np.ones_like(values) if sizes is None else sizes
    before = np.cumsum(known * values, axis=-1) - known * values
    left, rest = _left(float(units), known), units * mean - before
    rest = np.where((rest < 0) & (rest >= -ROUNDING * units), 0.0, rest)
    means: Floats = np.where((left <= 0) & (rest >= 0), 1.0, rest / np.maximum(left, 1.0))
    return means


def martingale(values: Floats, bets: Floats, means: Floats, spans: Floats | float = 1.0) -> Floats:
    """M after each unit; infinite once the mean is impossible."""
    safe = np.minimum(bets, MAX_BET / np.maximum(means + (spans - 1.0), spans))
    factors = np.where(means < 0, np.inf, 1.0 + safe * (values - means))
    products: Floats = np.multiply.accumulate(factors, axis=-1)
    return products


def _tested(items: ExaminedValues, bets: Floats, share: float) -> tuple[Floats, Floats]:
    """mᵢ and M of a share in error; M is infinite once the examined units rule it out."""
    units = items.units
    means = null_means(items.right, units, 1.0 - share, items.sizes)
    statistics = martingale(items.values, bets, means, items.spans)
    if units * (1.0 - share) - float((items.sizes * items.right).sum()) < -ROUNDING * units:
        statistics[-1] = inf
    return means, statistics


def _upper_limit(items: ExaminedValues, bets: Floats, threshold: float) -> float:
    """The smallest share in error whose M reached the threshold, by bisection; 1 if none did."""

    def is_ruled_out(share: float) -> bool:
        _, statistics = _tested(items, bets, share)
        return float(statistics.max()) >= threshold

    low, high = 0.0, 1.0
    if not is_ruled_out(high):
        return 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        if is_ruled_out(middle):
            high = middle
        else:
            low = middle
    return high
