"""Sizes of strata for several precisions at least cost, or for the best precision of a budget.

Bethel 1989, "Sample allocation in multivariate surveys"; Chromy 1987, "Design optimization with
multiple objectives". The problem is convex; its dual has a variable for each goal.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from estimation_engine.arrays import Floats, Ints
from lazy_dataclasses import dataclass

TOLERANCE = 1e-10
PRECISION = 1e-14
LARGEST = 1e290
MAX_STEPS = 60
MAX_HALVINGS = 40
OCTAVES = 200.0


@dataclass(frozen=True, eq=False)
class Strata:
    """Strata with the information of a row about each goal, and costs.

    Parameters
    ----------
    rows : array, shape (strata,)
        N_h, above 0.
    squares : array, shape (goals, strata)
        S²_h of each goal's variable.
    costs : array, shape (strata,)
        The cost of a row, above 0.
    least : array, shape (strata,)
        The fewest rows to draw, at most N_h.
    """

    rows: Floats
    squares: Floats
    costs: Floats
    least: Floats

    @cached_property
    def parts(self) -> Floats:
        """N_h²·S²_h, shape (goals, strata)."""
        return self.rows**2 * self.squares

    @cached_property
    def whole(self) -> Floats:
        """ΣN_h·S²_h, shape (goals,): what the finite population takes off the variance."""
        total: Floats = (self.rows * self.squares).sum(axis=1)
        return total

    def variances(self, sizes: Floats | Ints) -> Floats:
        """ΣN_h²(1/n_h - 1/N_h)S²_h, shape (goals,); infinite where a varying stratum has no row."""
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(self.parts > 0, self.parts * (1.0 / sizes - 1.0 / self.rows), 0.0)
        found: Floats = np.maximum(terms.sum(axis=1), 0.0)
        return found


@dataclass(frozen=True, eq=False)
class Allocation:
    """Sizes of the strata, not rounded, and the dual variable of each goal.

    A dual variable is what the cost would fall if the goal's variance could rise by all of it.
    """

    sizes: Floats
    multipliers: Floats

    def cost(self, strata: Strata) -> float:
        """The cost of all rows."""
        return float(strata.costs @ self.sizes)


def optimal_sizes(strata: Strata, wanted: Floats) -> Allocation:
    """The sizes of least cost whose variances are at most ``wanted``, shape (goals,), above 0.

    n_h = √(Σλ_j·a_hj/c_h) within its bounds, a_hj = N_h²S²_hj/(V_j + ΣN_hS²_hj); λ solves the dual.
    """
    shares = strata.parts / (wanted + strata.whole)[:, None]
    varies = shares.any(axis=1)
    multipliers = np.zeros(len(wanted))
    if varies.any():
        multipliers[varies] = _dual(strata, shares[varies])
    return Allocation(_sizes(strata, shares, multipliers), multipliers)


def _sizes(strata: Strata, shares: Floats, multipliers: Floats) -> Floats:
    free = np.sqrt((multipliers @ shares) / strata.costs)
    sizes: Floats = np.clip(free, strata.least, strata.rows)
    return sizes


def _excess(strata: Strata, shares: Floats, sizes: Floats) -> Floats:
    """Σa_hj/n_h - 1: above 0 where a goal is missed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares / sizes, 0.0)
    excess: Floats = terms.sum(axis=1) - 1.0
    return excess


def _dual(strata: Strata, shares: Floats) -> Floats:
    """The dual variables: a first solution by L-BFGS-B, then Newton's steps on binding goals."""
    from scipy.optimize import minimize

    # The dual variable of each goal alone, without bounds.
    alone = np.sqrt(shares * strata.costs).sum(axis=1) ** 2
    if len(alone) == 1:
        return _single(strata, shares, float(alone[0]))
    scale = float(alone.max())

    def negative(given: Floats) -> tuple[float, Floats]:
        multipliers = given * alone
        sizes = np.maximum(_sizes(strata, shares, multipliers), 1e-12 * strata.rows)
        excess = _excess(strata, shares, sizes)
        value = float(strata.costs @ sizes + multipliers @ excess)
        return -value / scale, -excess * alone / scale

    start = np.full(len(alone), 1.0 / len(alone))
    found = minimize(
        negative,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * len(alone),
        options={"maxiter": 2_000, "maxfun": 4_000, "ftol": 1e-15, "gtol": 1e-12},
    )
    return _polished(strata, shares, np.asarray(found.x) * alone)


def _single(strata: Strata, shares: Floats, start: float) -> Floats:
    """The dual variable of a single goal, by halving: its excess falls as the variable rises."""

    def is_missed(multiplier: float) -> bool:
        sizes = _sizes(strata, shares, np.array([multiplier]))
        return bool(_excess(strata, shares, sizes)[0] > 0)

    low, high = 0.0, start
    while is_missed(high) and high < LARGEST:
        low, high = high, 4.0 * high
    while high - low > PRECISION * high:
        middle = (low + high) / 2.0
        if is_missed(middle):
            low = middle
        else:
            high = middle
    return np.array([high])


def _polished(strata: Strata, shares: Floats, multipliers: Floats) -> Floats:
    """Newton's steps until the binding goals are met to TOLERANCE."""
    for _ in range(MAX_STEPS):
        sizes = _sizes(strata, shares, multipliers)
        excess = _excess(strata, shares, sizes)
        binding = (multipliers > 0) | (excess > 0)
        error = float(np.abs(excess[binding]).max(initial=0.0))
        if error < TOLERANCE:
            break
        inside = (sizes > strata.least) & (sizes < strata.rows)
        weights = np.where(inside, 0.5 / (strata.costs * np.maximum(sizes, 1e-300) ** 3), 0.0)
        slopes = (shares[binding] * weights) @ shares[binding].T
        solved, *_ = np.linalg.lstsq(slopes, excess[binding], rcond=1e-13)
        step: Floats = solved.astype(np.float64)
        multipliers = _damped(strata, shares, multipliers, binding, step)
    return multipliers


def _damped(
    strata: Strata, shares: Floats, multipliers: Floats, binding: np.ndarray, step: Floats
) -> Floats:
    """The Newton step, halved until the complementarity error falls."""

    def error(given: Floats) -> float:
        excess = _excess(strata, shares, _sizes(strata, shares, given))
        return float(np.abs(np.minimum(-excess, given / alone)).max())

    alone = np.maximum(np.sqrt(shares * strata.costs).sum(axis=1) ** 2, 1e-300)
    before, part = error(multipliers), 1.0
    for _ in range(MAX_HALVINGS):
        tried = multipliers.copy()
        tried[binding] = np.maximum(tried[binding] + part * step, 0.0)
        if error(tried) < before:
            return tried
        part /= 2.0
    return multipliers


def integer_sizes(strata: Strata, wanted: Floats, allocation: Allocation) -> Ints:
    """Whole sizes that reach all goals: rounded down, then up where a row gains most."""
    sizes, raised = _floors(strata, allocation), np.ceil(allocation.sizes)
    limits = wanted * (1.0 + TOLERANCE)
    missing = strata.variances(sizes) - limits
    if (missing > 0).any():
        gains = np.where(raised > sizes, _gains(allocation, sizes), -1.0)
        order = np.argsort(-gains, kind="stable")[: int((gains > 0).sum())]
        falls = strata.parts[:, order] * (1.0 / sizes[order] - 1.0 / raised[order])
        is_enough = (np.cumsum(falls, axis=1) >= missing[:, None]).all(axis=0)
        count = int(np.argmax(is_enough)) + 1 if is_enough.any() else len(order)
        sizes[order[:count]] = raised[order[:count]]
    while ((missed := strata.variances(sizes) > limits) & (sizes < strata.rows).any()).any():
        shares = (strata.parts / wanted[:, None])[missed].sum(axis=0) / strata.costs
        sizes[_best(strata, shares / (sizes * (sizes + 1.0)), sizes)] += 1.0
    return sizes.astype(np.int64)


def spent_sizes(strata: Strata, budget: float, allocation: Allocation) -> Ints:
    """Whole sizes within a budget: rounded down, then raised where a row gains most."""
    sizes = _floors(strata, allocation)
    left = budget * (1.0 + TOLERANCE) - float(strata.costs @ sizes)
    while (can := (sizes < strata.rows) & (strata.costs <= left)).any():
        at = int(np.argmax(np.where(can, _gains(allocation, sizes), -1.0)))
        sizes[at] += 1.0
        left -= float(strata.costs[at])
    return sizes.astype(np.int64)


def _floors(strata: Strata, allocation: Allocation) -> Floats:
    """The sizes rounded down, at least one row where a stratum varies."""
    floors = np.floor(allocation.sizes + TOLERANCE * np.maximum(allocation.sizes, 1.0))
    least = np.where(strata.parts.any(axis=0), 1.0, 0.0)
    sizes: Floats = np.clip(floors, np.maximum(strata.least, least), strata.rows)
    return sizes


def _gains(allocation: Allocation, sizes: Floats) -> Floats:
    """The gain of one more row by its cost, in a unit that all strata share.

    At the optimum a stratum's part of the variances is c·n², so a row takes n²/(m(m + 1)) off.
    """
    gains: Floats = allocation.sizes**2 / np.maximum(sizes * (sizes + 1.0), 1e-300)
    return gains


def _best(strata: Strata, gains: Floats, sizes: Floats) -> int:
    return int(np.argmax(np.where(sizes < strata.rows, gains, -1.0)))


def sizes_for_budget(strata: Strata, budget: float, wanted: Floats) -> tuple[Allocation, float]:
    """The sizes whose worst variance, by ``wanted``, is least for a cost of at most ``budget``.

    Returns
    -------
    Allocation, float
        The sizes, not rounded, and the factor by which they miss (above 1) or beat ``wanted``.
    """
    if not strata.parts.any():  # no row is more informative than another
        return Allocation(np.maximum(strata.least, 1.0), np.zeros(len(wanted))), 0.0
    # Powers of two of the factor, from the variances of a row of each stratum down.
    high = float(np.log2(np.maximum(strata.parts.sum(axis=1) / wanted, 1e-300).max())) + 1.0
    low = high - OCTAVES
    for _ in range(60):
        middle = (low + high) / 2.0
        if optimal_sizes(strata, wanted * 2.0**middle).cost(strata) > budget:
            low = middle
        else:
            high = middle
        if high - low < TOLERANCE:
            break
    factor = float(2.0**high)
    return optimal_sizes(strata, wanted * factor), factor
