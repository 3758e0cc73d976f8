"""The variances of estimates that a design of any size would have, and the smallest size.

The variables are linearised: a variance is that of the estimated total of z over the population.
Degrees of freedom are those that a figure's domain is expected to have: its units with a value less
the strata that they are in, as the designs count them in a sample.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np

from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.planning.allocation import Strata
from lazy_dataclasses import dataclass


class SizePlan(Protocol):
    """A design without its size: the rows or, of ``cluster``, the clusters to draw."""

    @property
    def most(self) -> int:
        """The largest size: nothing is left to chance."""

    def variances(self, size: int) -> Floats:
        """Of each variable, shape (goals,)."""

    def degrees(self, size: int) -> Floats:
        """The expected degrees of freedom of each variable's domain, shape (goals,)."""


@dataclass(frozen=True, eq=False)
class RandomPlan:
    """A simple random sample.

    ``squares`` are S² of all rows, and ``counts`` the rows with a value, both of shape (goals,).
    """

    most: int
    squares: Floats
    counts: Floats

    def variances(self, size: int) -> Floats:
        """N²(1/n - 1/N)S²."""
        found: Floats = self.most * (self.most / size - 1.0) * self.squares
        return found

    def degrees(self, size: int) -> Floats:
        """n·N_d/N - 1."""
        return _at_least_one(size * self.counts / self.most - 1.0, size - 1)


def _at_least_one(degrees: Floats, of_design: float) -> Floats:
    """A domain that is expected to have few rows may have two of them."""
    found: Floats = np.maximum(degrees, min(1.0, max(of_design, 0.0)))
    return found


@dataclass(frozen=True, eq=False)
class StratifiedPlan:
    """A stratified sample, whose size ``allocate`` divides among the strata.

    ``counts`` are the rows with a value in each stratum, shape (goals, strata).
    """

    strata: Strata
    allocate: Callable[[int], Ints]
    counts: Floats

    @cached_property
    def most(self) -> int:
        """All rows."""
        return int(self.strata.rows.sum())

    def variances(self, size: int) -> Floats:
        """The stratum sizes of the divided size."""
        return self.strata.variances(self.allocate(size).astype(np.float64))

    def degrees(self, size: int) -> Floats:
        """Expected rows less expected strata, of the strata that aren't drawn whole."""
        return stratified_degrees(self.allocate(size), self.strata.rows, self.counts)


def stratified_degrees(sizes: Ints, rows: Floats, counts: Floats) -> Floats:
    """The expected degrees of freedom of domains with ``counts`` rows, shape (goals, strata)."""
    chance = (sizes > 0) & (sizes < rows)
    n, whole, inside = sizes[chance], rows[chance], counts[:, chance]
    expected = inside * (n / whole)
    # A stratum has a row of the domain, surely where the other rows are fewer than its size.
    hit = np.where(inside > whole - n, 1.0, 1.0 - (1.0 - n / whole) ** inside)
    return _at_least_one((expected - hit).sum(axis=1), float(n.sum() - chance.sum()))


@dataclass(frozen=True, eq=False)
class ClusterPlan:
    """A sample of clusters.

    ``squares`` are S² of the clusters' totals, ``within`` Σ N_i²(1/n_i - 1/N_i)S_i² of the second
    stage, and ``clusters`` those that have a row with a value, all of shape (goals,).
    ``has_single``: a cluster gives one row of several, so clusters are measured whole.
    """

    most: int
    squares: Floats
    within: Floats
    clusters: Floats
    has_single: bool = False

    def variances(self, size: int) -> Floats:
        """M²(1/m - 1/M)S² + (M/m)·Σ N_i²(1/n_i - 1/N_i)S_i²; Cochran 1977, equation 11.24.

        M²S²/m where the sample's variance will be without a correction.
        """
        repeats = self.most / size
        left = repeats if self.has_single else repeats - 1.0
        found: Floats = self.most * left * self.squares + repeats * self.within
        return found

    def degrees(self, size: int) -> Floats:
        """m·M_d/M - 1."""
        return _at_least_one(size * self.clusters / self.most - 1.0, size - 1)


@dataclass(frozen=True, eq=False)
class ClusterStagesPlan:
    """A sample of clusters in strata, by size or with subclusters.

    Parameters
    ----------
    most : int
        The size that draws all clusters.
    chances : callable
        The probabilities of the clusters by the size, shape (clusters,); 0 for those that can't be
        drawn.
    by_size : bool
        Whether they differ within a stratum.
    strata : array of int, shape (clusters,)
        The stratum of each cluster.
    totals, within : array, shape (goals, clusters)
        The clusters' totals of z, and the variance of each if it is drawn.
    has_value : array, shape (goals, clusters)
        1 for a cluster with a value, else 0.
    inside : array, shape (clusters,)
        The degrees of freedom inside a cluster that is drawn with certainty by its size.
    is_single : array of bool, shape (clusters,), optional
        The clusters of which a later stage draws one unit of several: those of their strata are
        measured whole.
    """

    most: int
    chances: Callable[[int], Floats]
    by_size: bool
    strata: Ints
    totals: Floats
    within: Floats
    has_value: Floats
    inside: Floats
    is_single: Booleans | None = None

    def variances(self, size: int) -> Floats:
        """The variance between clusters, and Σ V_i/π_i of the further stages.

        Of each stratum M²(1/m - 1/M)S²; by size Hájek's Σ(1-π)t²/π - (Σ(1-π)t)²/Σπ(1-π).
        """
        pi = self.chances(size)
        can = pi > 0
        repeats = np.where(can, 1.0 / np.where(can, pi, 1.0), 0.0)
        left = np.where(can, 1.0 - pi, 0.0) + self._without_correction(pi)
        # Clusters with equal probabilities have π(1-π)/Σπ(1-π) = 1/M, and M/(M-1) in S².
        width = int(self.strata.max(initial=-1)) + 1
        among = np.bincount(self.strata, pi * left, width)
        clusters = np.bincount(self.strata[left > 0], minlength=width)
        factors = np.ones(width)
        if not self.by_size:
            factors = np.where(clusters > 1, clusters / np.maximum(clusters - 1, 1), 1.0)
        spread = np.zeros(len(self.totals))
        for goal, totals in enumerate(self.totals):
            sums = np.bincount(self.strata, totals * left, width)
            inside = np.bincount(self.strata, totals**2 * (left * repeats), width)
            parts = inside - np.divide(sums**2, among, out=np.zeros(width), where=among > 0)
            spread[goal] = (factors * parts).sum()
        found: Floats = np.maximum(spread, 0.0) + self.within @ repeats
        return found

    def _without_correction(self, pi: Floats) -> Floats:
        """π of the clusters that are measured as if they were drawn with replacement, else 0."""
        if self.is_single is None:
            return np.zeros(len(pi))
        chance = (pi > 0) & ((pi < 1) | (not self.by_size))
        among = np.bincount(self.strata[chance & self.is_single], minlength=len(pi) + 1) > 0
        return np.where(chance & among[self.strata], pi, 0.0)

    def degrees(self, size: int) -> Floats:
        """Σπ of the clusters with a value that are left to chance, less their strata.

        Of clusters that are drawn with certainty, those inside.
        """
        pi = self.chances(size)
        chance = np.where((pi > 0) & ((pi < 1) | (not self.by_size)), pi, 0.0)
        strata = np.unique(self.strata[chance > 0], return_inverse=True)[1]
        counted = (self.has_value * chance)[:, chance > 0]
        by_stratum = np.zeros((len(counted), int(strata.max(initial=-1)) + 1))
        for goal in range(len(counted)):
            by_stratum[goal] = np.bincount(strata, counted[goal], by_stratum.shape[1])
        certain = np.where((pi >= 1) & self.by_size, self.inside, 0.0)
        expected = by_stratum.sum(axis=1) - (by_stratum > 0).sum(axis=1)
        of_design = float(chance.sum()) - by_stratum.shape[1] + float(certain.sum())
        return _at_least_one(expected + self.has_value @ certain, of_design)


@dataclass(frozen=True, eq=False)
class WeightedPlan:
    """A Pareto sample; rows are grouped by weights that differ by less than a percent.

    Parameters
    ----------
    rows, weights : array, shape (groups,)
        The rows of each group, and their mean weight, in descending order of weight.
    sums, squares, counts : array, shape (goals, groups)
        Σz and Σz² of each group, and its rows with a value.
    """

    rows: Floats
    weights: Floats
    sums: Floats
    squares: Floats
    counts: Floats

    @cached_property
    def most(self) -> int:
        """All rows with a weight."""
        return int(self.rows.sum())

    def probabilities(self, size: int) -> Floats:
        """The inclusion probability of each group's rows; 1 for take-all rows."""
        totals = self.rows * self.weights
        taken = np.cumsum(self.rows) - self.rows
        left = np.maximum(size - taken, 0.0)
        rest = np.cumsum(totals[::-1])[::-1]
        # Groups are take-all as long as the target of the largest one left would reach 1.
        is_chance = left * self.weights < rest
        first = int(np.argmax(is_chance)) if is_chance.any() else len(self.rows)
        found: Floats = np.ones(len(self.rows))
        if first < len(self.rows):
            found[first:] = left[first] * self.weights[first:] / rest[first]
        return found

    def variances(self, size: int) -> Floats:
        """Hájek's: Σ(1-π)z²/π - (Σ(1-π)z)²/Σπ(1-π)."""
        pi = self.probabilities(size)
        chance = 1.0 - pi
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = (self.squares * np.where(chance > 0, chance / pi, 0.0)).sum(axis=1)
        within = float((self.rows * pi * chance).sum())
        sums = self.sums @ chance
        found: Floats = spread - (sums**2 / within if within > 0 else 0.0)
        return np.maximum(found, 0.0)

    def degrees(self, size: int) -> Floats:
        """Σπ - 1 of the rows that are left to chance."""
        pi = self.probabilities(size)
        left = np.where(pi < 1.0, pi, 0.0)
        return _at_least_one(self.counts @ left - 1.0, float(self.rows @ left) - 1.0)


def smallest_size(
    plan: SizePlan, is_reached: Callable[[int], bool], least: int = 1, start: float | None = None
) -> int:
    """The smallest size that reaches the goals.

    Rounded allocations can make one row more a little less precise, so the size that halving finds
    is raised until it is reached. ``start`` is a guess that saves steps.
    """
    low, high = min(least, plan.most), plan.most
    if start is not None and low < start < high:
        near = [int(start * factor) for factor in (0.98, 1.05)]
        below, above = max(near[0], low), min(near[1] + 2, high)
        if is_reached(above):
            high = above
        if not is_reached(below):
            low = below
    size = low + bisect_left(range(low, high), True, key=is_reached)
    while size < plan.most and not is_reached(size):
        size += 1
    return size
