"""The effective sample size of a weighted or clustered sample.

Unequal weights give a sample the effective size (Σw)²/Σw² (Kish 1965, *Survey Sampling*, §8.2);
with clusters, w is the sum of the weights of each cluster. The variance of a weighted share may be
larger still, so it is linearised (Särndal, Swensson and Wretman 1992, *Model Assisted Survey
Sampling*, §5.5) at the share that the population has, which is known: an estimate from the sample's
own share is small whenever rows of large weight are missing, and calls faultless samples out.

Invariant: an effective size is never larger than Kish's, and one that few rows or clusters decide
is reduced by what Student's t allows for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

EQUAL_WEIGHTS = 1e-9
"""Weights whose range is no larger than this share of the largest one are equal."""
FEW_ROWS = 10
"""Fewer rows don't show how their weights vary."""


def tail_factor(degrees: Floats | float) -> Floats | float:
    """How much longer the tail of t² is than that of a squared normal variable.

    The quotient of both at p = 0.0001 to 0.001 is 2.35 for 10 degrees of freedom, 4.4 for 5 and
    1.1 for 100; the formula is a fit to the tables, on the safe side.

    >>> [round(float(tail_factor(degrees)), 2) for degrees in (5, 10, 100)]
    [4.4, 2.35, 1.1]
    """
    return 1 + 10 / degrees + 35 / degrees**2


@dataclass(frozen=True)
class SampleDesign:
    """The weights of a sample's rows, and which rows were drawn together.

    Parameters
    ----------
    weights : array of float, shape (rows,)
    clusters : array of int, shape (rows,), or None
        The number of each row's cluster, from 0; None if every row was drawn by itself.
    """

    weights: Floats
    clusters: Ints | None = None

    def of(self, rows: Bools) -> SampleDesign:
        """The design of some of the rows."""
        if self.clusters is None:
            return SampleDesign(self.weights[rows])
        clusters = np.unique(self.clusters[rows], return_inverse=True)[1]
        return SampleDesign(self.weights[rows], clusters)

    @cached_property
    def total(self) -> float:
        """The sum of the weights."""
        return float(self.weights.sum())

    @cached_property
    def is_simple(self) -> bool:
        """Whether every row was drawn by itself and has the same weight."""
        if self.clusters is not None or not len(self.weights):
            return False
        return float(np.ptp(self.weights)) <= EQUAL_WEIGHTS * float(self.weights.max())

    @cached_property
    def cluster_weights(self) -> Floats:
        """The sum of the weights of each cluster."""
        if self.clusters is None:
            return self.weights
        return np.bincount(self.clusters, self.weights).astype(np.float64)

    @cached_property
    def effective_size(self) -> float:
        """Kish's effective sample size."""
        if self.is_simple:
            return float(len(self.weights))
        return float(self.total**2 / (self.cluster_weights**2).sum()) if self.total else 0.0

    @cached_property
    def tested_size(self) -> float:
        """The effective size that tests use: reduced if few weights decide it."""
        if self.is_simple or not self.total:
            return self.effective_size
        return self.effective_size / float(tail_factor(self._degrees))

    @cached_property
    def _degrees(self) -> float:
        """How many equal squared weights vary as much: few if some weights are very large."""
        squares = self.cluster_weights**2
        return float(squares.sum() ** 2 / (squares**2).sum())

    def share_sizes(self, codes: Ints, shares: Floats, *, cumulative: bool = False) -> Floats:
        """The effective size that the sample has for the share of each code.

        Parameters
        ----------
        codes : array of int, shape (rows,)
            The category of each row, from 0.
        shares : array of float, shape (codes,)
            The shares in the population.
        cumulative : bool
            Whether ``shares`` are those of each code and all codes below it.

        Returns
        -------
        array of float, shape (codes,)
            The size of a simple random sample whose share has the same variance.
        """
        if self.is_simple or not self.total:
            return np.full(len(shares), self.effective_size)
        spread = shares * (1 - shares)
        if self.clusters is None:
            variances, degrees = self._variances(codes, shares, cumulative)
            if (
                cumulative
            ):  # a distribution function is wrong as a whole without the largest weights
                degrees = np.full(len(shares), self._degrees)
        else:
            held = self._cluster_shares(codes, len(shares), cumulative)
            spread, variances = held
            degrees = np.full(len(shares), self._degrees)
        with np.errstate(divide="ignore", invalid="ignore"):
            sizes = np.where((spread > 0) & (variances > 0), spread / variances, np.inf)
        return np.minimum(sizes, self.effective_size) / tail_factor(degrees)

    def _variances(self, codes: Ints, shares: Floats, cumulative: bool) -> tuple[Floats, Floats]:
        """Variances of the shares, were they ``shares``, and their degrees of freedom.

        The sample gives the mean weight W = Σw²/Σw inside and outside a category, the population
        how many rows are inside: the variance is p(1 - p)·((1 - p)·W₁ + p·W₀)/Σw. The degrees are
        Satterthwaite's (1946), from the linearised variances of W₁ and W₀.
        """
        powers = [np.ones(len(codes)), *(self.weights**power for power in (1, 2, 3, 4))]
        sums = [np.bincount(codes, one, len(shares)).astype(np.float64) for one in powers]
        inside = np.array([np.cumsum(one) if cumulative else one for one in sums])
        totals = np.array([float(one.sum()) for one in sums])[:, np.newaxis]
        first, second = (_mean_weight(part, totals) for part in (inside, totals - inside))
        of_first, of_second = (1 - shares) * first[0], shares * second[0]
        of_both = np.maximum(of_first + of_second, 1e-300)
        relative = (of_first**2 * first[1] + of_second**2 * second[1]) / of_both**2
        degrees = 2 / np.maximum(relative, 2e-9)
        return shares * (1 - shares) * of_both / self.total, degrees

    def _cluster_shares(self, codes: Ints, count: int, cumulative: bool) -> tuple[Floats, Floats]:
        """p(1 - p) of the sample's own shares p, and the variance of each between clusters."""
        assert self.clusters is not None  # noqa: S101 - only of a clustered sample
        clusters = len(self.cluster_weights)
        correction = clusters / max(clusters - 1, 1) / self.total**2
        if cumulative:
            cells = np.bincount(
                self.clusters * count + codes, self.weights, minlength=clusters * count
            )
            held = np.cumsum(cells.reshape(clusters, count), axis=1)
            shares = held.sum(axis=0) / self.total
            residuals = held - self.cluster_weights[:, np.newaxis] * shares
            return shares * (1 - shares), (residuals**2).sum(axis=0) * correction
        pairs, places = np.unique(self.clusters * count + codes, return_inverse=True)
        held = np.bincount(places, self.weights)
        cluster, code = pairs // count, pairs % count
        shares = np.bincount(code, held, count) / self.total
        squares = np.bincount(code, held**2, count)
        products = np.bincount(code, held * self.cluster_weights[cluster], count)
        all_squares = float((self.cluster_weights**2).sum())
        residuals = squares - 2 * shares * products + shares**2 * all_squares
        return shares * (1 - shares), np.maximum(residuals, 0.0) * correction


def _mean_weight(sums: Floats, totals: Floats) -> tuple[Floats, Floats]:
    """W = Σw²/Σw of some rows, and its relative variance.

    Few rows say little of either; then both are those of all rows, with the variance of so few.

    Parameters
    ----------
    sums, totals : array of float, shape (5, codes) and (5, 1)
        Σ1, Σw, Σw², Σw³ and Σw⁴ of these rows, and of all rows.
    """
    count = np.maximum(np.round(sums[0]), 0.0)
    of_all = totals[2] / totals[1]
    has_rows = count > 0
    mean = np.where(has_rows, sums[2] / np.where(has_rows, sums[1], 1.0), of_all)
    own = np.where(has_rows, _relative_variance(np.where(has_rows, sums, 1.0), mean), 0.0)
    few = np.maximum(own, 1 / np.maximum(count, 1.0))
    return mean, np.where(count < FEW_ROWS, few, own)


def _relative_variance(sums: Floats, mean: Floats) -> Floats:
    residuals = sums[4] - 2 * mean * sums[3] + mean**2 * sums[2]
    return np.asarray(np.maximum(residuals, 0.0) / sums[2] ** 2)
