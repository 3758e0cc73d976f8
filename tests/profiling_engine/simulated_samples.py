"""Samples of a table in memory, drawn by numpy and tested as a job's sample is.

A thousand such samples take some seconds, so error rates and power can be measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from parquet_tables.tables import Column
from profiling_engine.comparison.compared_table import (
    ColumnValues,
    Floats,
    Ints,
    WeightedRows,
)
from profiling_engine.comparison.distances import (
    ColumnDistance,
    by_distribution,
    by_shares,
    figures_of,
)
from profiling_engine.comparison.significance import ColumnPair


@dataclass(frozen=True)
class Drawn:
    """The rows of a sample, their weights, and their clusters if there are any."""

    rows: Ints
    weights: Floats
    clusters: Ints | None = None

    @property
    def weighted(self) -> WeightedRows:
        return WeightedRows(self.weights, self.clusters)


Draw = Callable[[np.random.Generator], Drawn]


@dataclass(frozen=True)
class Population:
    """Columns of numbers and of categories; NaN is a missing number, -1 a missing category.

    Parameters
    ----------
    reference : array of int or None
        The rows that are read in place of the whole population.
    """

    numbers: dict[str, Floats]
    categories: dict[str, Ints]
    reference: Ints | None = None

    def compare(self, drawn: Drawn) -> list[ColumnDistance]:
        """The figures of every column."""
        return [
            *(self._numbers(values, values[drawn.rows], drawn) for values in self.numbers.values()),
            *(self._labels(codes, codes[drawn.rows], drawn) for codes in self.categories.values()),
        ]

    def compare_numbers(self, name: str, values: Floats) -> ColumnDistance:
        """The figures of a column, given the values of a simple random sample."""
        drawn = Drawn(np.arange(len(values)), np.ones(len(values)))
        return self._numbers(self.numbers[name], values, drawn)

    def compare_labels(self, name: str, codes: Ints) -> ColumnDistance:
        """The figures of a column, given the categories of a simple random sample."""
        drawn = Drawn(np.arange(len(codes)), np.ones(len(codes)))
        return self._labels(self.categories[name], codes, drawn)

    def _base_rows(self, rows: int) -> WeightedRows:
        return WeightedRows(np.ones(rows), None, math.inf if self.reference is None else rows)

    def _base(self, values: Floats | Ints) -> Floats | Ints:
        return values if self.reference is None else values[self.reference]

    def _numbers(self, base: Floats, values: Floats, drawn: Drawn) -> ColumnDistance:
        one, two = (
            ColumnValues(side, np.empty(0, np.int64), np.isnan(side), ~np.isnan(side), weighted)
            for side, weighted in (
                (self._base(base), self._base_rows(len(self._base(base)))),
                (values, drawn.weighted),
            )
        )
        pair = ColumnPair(one, two, is_drawn=self.reference is None)
        return figures_of("kolmogorov_smirnov", pair, by_distribution(pair, Column("x", "DOUBLE")))

    def _labels(self, base: Ints, codes: Ints, drawn: Drawn) -> ColumnDistance:
        known = int(max(base.max(), codes.max())) + 1
        one, two = (
            ColumnValues(
                np.empty(0),
                np.where(side < 0, known, side).astype(np.int64),
                side < 0,
                side >= 0,
                weighted,
            )
            for side, weighted in (
                (self._base(base), self._base_rows(len(self._base(base)))),
                (codes, drawn.weighted),
            )
        )
        pair = ColumnPair(one, two, is_drawn=self.reference is None)
        labels = [f"{at}" for at in range(known)]
        return figures_of("chi_square", pair, by_shares(pair, labels, 0, known))


def p_values(distances: list[ColumnDistance]) -> list[float]:
    return [p for one in distances for p in (one.p_value, one.missing_p_value)]


def simple(count: int, drawn: int) -> Draw:
    """A simple random sample."""

    def draw(chance: np.random.Generator) -> Drawn:
        rows = chance.choice(count, drawn, replace=False)
        return Drawn(rows, np.full(drawn, count / drawn))

    return draw


def stratified(strata: Ints, each: int) -> Draw:
    """A sample of as many rows of each stratum."""
    members = [np.flatnonzero(strata == at) for at in range(int(strata.max()) + 1)]

    def draw(chance: np.random.Generator) -> Drawn:
        rows = [chance.choice(one, each, replace=False) for one in members]
        weights = [np.full(each, len(one) / each) for one in members]
        return Drawn(np.concatenate(rows), np.concatenate(weights))

    return draw


def clustered(clusters: Ints, drawn: int) -> Draw:
    """Whole clusters."""
    count = int(clusters.max()) + 1

    def draw(chance: np.random.Generator) -> Drawn:
        chosen = chance.choice(count, drawn, replace=False)
        rows = np.flatnonzero(np.isin(clusters, chosen))
        places = np.unique(clusters[rows], return_inverse=True)[1]
        return Drawn(rows, np.full(len(rows), count / drawn), places.astype(np.int64))

    return draw


def proportional(sizes: Floats, drawn: int) -> Draw:
    """Rows with probabilities proportional to their sizes (Pareto sampling)."""
    chances = np.minimum(drawn * sizes / sizes.sum(), 1 - 1e-9)
    odds = np.log(chances / (1 - chances))

    def draw(chance: np.random.Generator) -> Drawn:
        uniform = chance.random(len(sizes))
        rows = np.argpartition(np.log(uniform / (1 - uniform)) - odds, drawn)[:drawn]
        return Drawn(rows, 1 / chances[rows])

    return draw
