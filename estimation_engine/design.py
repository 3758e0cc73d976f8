"""How a sample was drawn, as far as variances need it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Booleans = NDArray[np.bool_]
MethodName = Literal["random", "stratified", "cluster", "systematic", "weighted"]


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
    """

    method: MethodName
    weights: Floats
    population: int
    groups: Ints
    group_rows: Ints
    group_drawn: Ints
    take_all: Booleans
    clusters: tuple[int, int] | None = None

    @property
    def rows(self) -> int:
        """n, the drawn rows."""
        return len(self.weights)

    @property
    def lonely(self) -> Booleans:
        """The strata with one drawn row of several, shape (strata,)."""
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
        """Degrees of freedom; 0 where no row was left to chance."""
        match self.method:
            case "stratified":
                chance = self.sampled_strata
                return int(self.group_drawn[chance].sum() - chance.sum())
            case "cluster":
                return max((self.clusters or (0, 0))[0] - 1, 0)
            case "weighted":
                return max(int((~self.take_all).sum()) - 1, 0)
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
        return self.rows if self.clusters is None else self.clusters[0]

    @property
    def uncovered_rows(self) -> int:
        """The rows of strata that no row was drawn from."""
        if self.method != "stratified":
            return 0
        return int(self.group_rows[self.group_drawn == 0].sum())


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
