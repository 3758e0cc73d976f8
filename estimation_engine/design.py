"""The design of a sample, for variances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Booleans = NDArray[np.bool_]
MethodName = Literal["random", "stratified", "cluster", "systematic", "weighted", "rounds"]


@dataclass(frozen=True, eq=False)
class Design:
    """The design of a sample of n rows, in the order of the table that it was drawn from.

    Parameters
    ----------
    method : str
        Of the two stages of ``cluster``, the second is there where a cluster gave some rows only.
    weights : array, shape (rows,)
        Design weights, 1/π.
    population : int
        N: the rows that could be drawn.
    groups : array of int, shape (rows,)
        Each row's stratum or cluster; zeros for other methods.
    group_rows, group_drawn : arrays of int, shape (groups,)
        N_h and n_h of all strata or clusters, also of those without a drawn row.
    clusters : tuple of int, optional
        m and M: drawn clusters, and clusters with rows.
    take_all : array of bool, shape (rows,)
        Rows of ``weighted`` that were drawn with certainty.
    hits, chances : arrays, shape (rows,), optional
        Of monetary units: the selected units in each row, and the probability of one that lowers
        the variance; 0 for units that are selected with replacement.
    parts : tuple of Part
        Of ``rounds``: the designs of rounds that aren't one sample.
    left_uncovered : int, optional
        Of ``rounds``: the rows of strata that no round drew from, if known.
    """

    method: MethodName
    weights: Floats
    population: int
    groups: Ints
    group_rows: Ints
    group_drawn: Ints
    take_all: Booleans
    clusters: tuple[int, int] | None = None
    parts: tuple[Part, ...] = ()
    left_uncovered: int | None = None
    hits: Ints | None = None
    chances: Floats | None = None

    @property
    def rows(self) -> int:
        """n, the drawn rows."""
        return len(self.weights)

    @property
    def units_left(self) -> Ints:
        """Of ``weighted``: the units of each row that are left to chance, shape (rows,)."""
        units = np.ones(self.rows, dtype=np.int64) if self.hits is None else self.hits
        return np.where(self.take_all, 0, units)

    @property
    def lonely(self) -> Booleans:
        """The strata with one drawn row of several, shape (strata,); those of all rounds."""
        if self.parts:
            return np.concatenate([part.chance.lonely for part in self.parts])
        if self.method != "stratified":
            return np.zeros(len(self.group_rows), dtype=np.bool_)
        lonely: Booleans = (self.group_drawn == 1) & (self.group_rows > 1)
        return lonely

    @property
    def sampled_strata(self) -> Booleans:
        """The strata whose rows are left to chance, shape (strata,)."""
        return (self.group_drawn > 0) & (self.group_drawn < self.group_rows)

    @cached_property
    def degrees(self) -> int:
        """Degrees of freedom; 0 where no row was left to chance. The sum over rounds."""
        match self.method:
            case "rounds":
                return sum(part.chance.degrees for part in self.parts)
            case "stratified":
                chance = self.sampled_strata
                return int(self.group_drawn[chance].sum() - chance.sum())
            case "cluster":
                return max((self.clusters or (0, 0))[0] - 1, 0)
            case "weighted":
                return max(int(self.units_left.sum()) - 1, 0)
            case _:
                return max(self.rows - 1, 0)

    @property
    def fraction(self) -> float:
        """f, the sampling fraction of the rows, or of the clusters."""
        if self.clusters is not None:
            drawn, clusters = self.clusters
            return drawn / clusters
        return self.rows / self.population if self.population else 0.0

    @property
    def units(self) -> int:
        """The units that were drawn independently: rows, or clusters."""
        if self.parts:
            return sum(part.design.units for part in self.parts)
        return self.rows if self.clusters is None else self.clusters[0]

    @property
    def is_census(self) -> bool:
        """Whether no drawn row was left to chance, nor one beside it that stands for others."""
        return bool((self.weights == 1.0).all())

    @cached_property
    def unit_numbers(self) -> Ints:
        """A number of each row's independently drawn unit, shape (rows,)."""
        if self.method == "cluster":
            return self.groups
        numbers = np.arange(self.rows)
        start = self.rows
        for part in self.parts:
            if part.design.method == "cluster":
                numbers[part.rows] = start + part.design.groups
                start += len(part.design.group_rows)
        return numbers

    @property
    def covered_rows(self) -> int:
        """The rows that an estimate is of; of rounds, those that any could draw."""
        return self.population - (0 if self.parts else self.uncovered_rows)

    @property
    def uncovered_rows(self) -> int:
        """The rows of strata that no row was drawn from; of rounds so many at most."""
        if self.left_uncovered is not None:
            return self.left_uncovered
        if self.parts:
            return sum(part.design.uncovered_rows for part in self.parts)
        if self.method != "stratified":
            return 0
        return int(self.group_rows[self.group_drawn == 0].sum())


@dataclass(frozen=True, eq=False)
class Part:
    """A round of a combined design.

    Parameters
    ----------
    rows : array of int, shape (rows of the round,)
        The sorted places of the round's rows in the whole sample.
    factors : array, shape (rows of the round,)
        The part of each row's combined weight that was left to chance in this round: the share of
        the round times its own weight, by the combined weight.
    """

    design: Design
    rows: Ints
    factors: Floats

    @cached_property
    def chance(self) -> Design:
        """The design, where only strata that the round counts for are left to chance."""
        own = self.design
        if own.method != "stratified":
            return own
        counts = np.zeros(len(own.group_rows), dtype=np.bool_)
        counts[own.groups[self.factors > 0]] = True
        return replace(own, group_rows=np.where(counts, own.group_rows, own.group_drawn))


@dataclass(frozen=True)
class Frame:
    """The size of a round that draws before all others, in expectation.

    Parameters
    ----------
    population, drawn : int, float
        N, the rows of the strata that it draws from, and n.
    effective_units : float
        m, the rows of a simple random sample that is as good, N²/Σ(1/π) over the population, or the
        drawn clusters.
    degrees : int
        Degrees of freedom.
    takes_all : bool
        Whether it takes all that it can draw, whatever earlier rounds drew.
    """

    population: int
    drawn: float
    effective_units: float
    degrees: int
    takes_all: bool = False

    @property
    def share(self) -> float:
        """m/(N(N - n)): the inverse variance of the simple random sample that is as good."""
        return self.effective_units / (self.population * max(self.population - self.drawn, 1.0))


@dataclass(frozen=True, eq=False)
class RoundRows:
    """A round as :func:`combined_design` takes it.

    Parameters
    ----------
    rows : array of int, shape (rows of the round,)
        The sorted places of its rows in the whole sample.
    frame : Frame
        Its size if it drew before all others, which doesn't depend on the rows that they drew.
    covers : array of bool, shape (rows,)
        The rows of the whole sample that the round could draw, or that an earlier round drew and
        that it could have drawn otherwise.
    always : array of bool, shape (rows,), optional
        The rows that it covers whatever rows earlier rounds drew; by default all of ``covers``.
    """

    design: Design
    rows: Ints
    frame: Frame
    covers: Booleans
    always: Booleans | None = None


def random_design(drawn: int, population: int) -> Design:
    """A simple random sample without replacement."""
    weight = population / drawn if drawn else 0.0
    return Design(
        "random",
        np.full(drawn, weight),
        population,
        np.zeros(drawn, dtype=np.int64),
        np.array([population], dtype=np.int64),
        np.array([drawn], dtype=np.int64),
        np.zeros(drawn, dtype=np.bool_),
    )


def systematic_design(drawn: int, population: int) -> Design:
    """Every k-th row. Weights are N/n: by k the rows would add up to another number than N."""
    return replace(random_design(drawn, population), method="systematic")


def stratified_design(strata: Ints, rows: Ints) -> Design:
    """Simple random samples of strata; ``rows`` are the N_h, and n_h is counted."""
    drawn = np.bincount(strata, minlength=len(rows))
    weights = np.zeros(len(strata))
    if len(strata):
        weights = rows[strata] / drawn[strata]
    nothing = np.zeros(len(strata), dtype=np.bool_)
    return Design("stratified", weights, int(rows.sum()), strata, rows, drawn, nothing)


def cluster_design(clusters: Ints, rows: Ints, all_clusters: int, population: int) -> Design:
    """Simple random clusters, and in each a simple random sample or all rows.

    ``rows`` are the rows of the clusters, shape (clusters,).
    """
    drawn = np.bincount(clusters, minlength=len(rows))
    taken = int((drawn > 0).sum())
    weights = np.zeros(len(clusters))
    if len(clusters):
        weights = rows[clusters] / drawn[clusters] * (all_clusters / taken)
    nothing = np.zeros(len(clusters), dtype=np.bool_)
    return Design(
        "cluster", weights, population, clusters, rows, drawn, nothing, (taken, all_clusters)
    )


def weighted_design(probabilities: Floats, take_all: Booleans, population: int) -> Design:
    """Pareto sampling with the true inclusion probabilities."""
    count = len(probabilities)
    return Design(
        "weighted",
        1.0 / probabilities,
        population,
        np.zeros(count, dtype=np.int64),
        np.array([population], dtype=np.int64),
        np.array([count], dtype=np.int64),
        take_all,
    )


def monetary_design(
    weights: Floats, hits: Ints, take_all: Booleans, population: int, *, with_replacement: bool
) -> Design:
    """Monetary units: each selected unit stands for an interval (Hansen and Hurwitz 1943).

    ``weights`` are hits times the interval by the amount.
    """
    design = weighted_design(1.0 / weights, take_all, population)
    chances = np.zeros(len(weights)) if with_replacement else hits / weights
    return replace(design, weights=weights, hits=hits, chances=chances)


def combined_design(rounds: Sequence[RoundRows], rows: int, population: int) -> Design:
    """Rounds that aren't one sample, in their order; each drew from what earlier ones left.

    What earlier rounds drew and round r's weighted rows together give an unbiased total of the rows
    that round r covers (Des Raj 1956, "Some estimators in sampling with varying probabilities
    without replacement"). These totals are uncorrelated. A row's total is averaged over the rounds
    that cover it by fixed shares, in proportion to :attr:`Frame.share`. So each row has one
    combined weight.

    Parameters
    ----------
    rounds : sequence of RoundRows
        Together they have each row once, and every row is covered by its own round. A round may
        have no row: earlier rounds drew all that it covers.
    rows, population : int
        n and N of all rounds together.
    """
    combined = _Combined(rounds, rows)
    weights, earlier = np.zeros(rows), np.zeros(rows, dtype=np.bool_)
    varying: list[Floats] = []
    for at, each in enumerate(rounds):
        shares = combined.shares(at)
        weights[earlier] += shares[earlier]
        varying.append(shares[each.rows] * each.design.weights)
        weights[each.rows] += varying[-1]
        earlier[each.rows] = True
    parts = []
    for own, each in zip(varying, rounds, strict=True):
        whole = weights[each.rows]
        factors = np.divide(own, whole, out=np.zeros(len(own)), where=whole > 0)
        parts.append(Part(each.design, each.rows, factors))
    return Design(
        "rounds",
        weights,
        population,
        np.zeros(rows, dtype=np.int64),
        np.array([population], dtype=np.int64),
        np.array([rows], dtype=np.int64),
        np.zeros(rows, dtype=np.bool_),
        parts=tuple(parts),
    )


CENSUS, MEASURED, UNMEASURED, BY_CHANCE = range(4)


class _Combined:
    """The shares of the rounds in each row's total.

    None may depend on which rows were drawn by chance, or the combined estimate is biased. Of a row
    only the rounds of the best level count. A census knows all that it covers, so it needs no other
    round. A round without a degree of freedom has no variance, so it counts only where no other
    round does. Where earlier rounds decide whether a round draws from a stratum at all, it counts
    last, and then the first such round alone: the later ones may depend on its rows.
    """

    def __init__(self, rounds: Sequence[RoundRows], rows: int) -> None:
        self._rounds = rounds
        totals = np.zeros((4, rows))
        self._levels: list[Ints] = []
        for each in rounds:
            levels = _levels(each)
            is_later = (levels == BY_CHANCE) & (totals[BY_CHANCE] > 0)
            counts = np.flatnonzero(each.covers & ~is_later)
            totals[levels[counts], counts] += _share(each)
            self._levels.append(np.where(is_later, -1, levels))
        self._best = np.argmax(totals > 0, axis=0)
        self._totals = totals[self._best, np.arange(rows)]

    def shares(self, at: int) -> Floats:
        """The values of one round, shape (rows,)."""
        counts = self._rounds[at].covers & (self._best == self._levels[at])
        return np.where(counts, _share(self._rounds[at]) / self._totals, 0.0)


def _levels(each: RoundRows) -> Ints:
    """The level of a round for each row, shape (rows,)."""
    level = MEASURED if each.frame.degrees > 0 else UNMEASURED
    if each.frame.takes_all:
        level = CENSUS
    always = each.covers if each.always is None else each.always
    return np.where(always, level, BY_CHANCE)


def _share(each: RoundRows) -> float:
    return 1.0 if each.frame.takes_all else each.frame.share
