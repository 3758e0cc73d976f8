"""The effective sample size of a weighted or clustered sample.

The size is at most Kish's (Σw)²/Σw² (1965, *Survey Sampling*, §8.2), with the weights of clusters
for w. The variance of a share is linearised (Särndal, Swensson and Wretman 1992, *Model Assisted
Survey Sampling*, §5.5) at the population's share, because the sample's own share underestimates it
if rows with large weights are missing. Student's t reduces sizes that few weights determine.
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
"""Weights are equal if their range is at most this share of the largest one."""
FEW_ROWS = 10
"""With fewer rows, the variance of the weights is unreliable."""


def tail_factor(degrees: Floats | float) -> Floats | float:
    """The quotient of the tails of t² and of a squared normal variable.

    A conservative fit to the quotients at p = 0.0001 to 0.001.

    >>> [round(float(tail_factor(degrees)), 2) for degrees in (5, 10, 100)]
    [4.4, 2.35, 1.1]
    """
    return 1 + 10 / degrees + 35 / degrees**2


@dataclass(frozen=True)
class SampleDesign:
    """The weights and clusters of a sample's rows.

    Parameters
    ----------
    weights : array of float, shape (rows,)
    clusters : array of int, shape (rows,), or None
        The number of each row's cluster, from 0; None without clusters.
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
        """Whether all weights are equal and there are no clusters."""
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
        """The effective size for tests, reduced if few weights determine it."""
        if self.is_simple or not self.total:
            return self.effective_size
        return self.effective_size / float(tail_factor(self._degrees))

    @cached_property
    def _degrees(self) -> float:
        """The degrees of freedom: few if some weights are very large."""
        squares = self.cluster_weights**2
        return float(squares.sum() ** 2 / (squares**2).sum())

    def share_sizes(self, codes: Ints, shares: Floats, *, cumulative: bool = False) -> Floats:
        """The effective size for the share of each code.

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
            if cumulative:  # the largest weights affect the whole distribution function
                degrees = np.full(len(shares), self._degrees)
        else:
            spread, variances = self._cluster_shares(codes, len(shares), cumulative)
            degrees = np.full(len(shares), self._degrees)
        with np.errstate(divide="ignore", invalid="ignore"):
            sizes = np.where((spread > 0) & (variances > 0), spread / variances, np.inf)
        return np.minimum(sizes, self.effective_size) / tail_factor(degrees)

    def _variances(self, codes: Ints, shares: Floats, cumulative: bool) -> tuple[Floats, Floats]:
        """Variances at the given shares, and their degrees of freedom.

        W = Σw²/Σw is the mean weight inside and outside a category. The variance is
        p(1 - p)·((1 - p)·W₁ + p·W₀)/Σw; the degrees are Satterthwaite's (1946).
        """
        powers = [np.ones(len(codes)), *(self.weights**power for power in (1, 2, 3, 4))]
        sums = [np.bincount(codes, power, len(shares)).astype(np.float64) for power in powers]
        inside = np.array([np.cumsum(part) if cumulative else part for part in sums])
        totals = np.array([float(part.sum()) for part in sums])[:, np.newaxis]
        first, second = (_mean_weight(part, totals) for part in (inside, totals - inside))
        of_first, of_second = (1 - shares) * first[0], shares * second[0]
        of_both = np.maximum(of_first + of_second, 1e-300)
        relative = (of_first**2 * first[1] + of_second**2 * second[1]) / of_both**2
        degrees = 2 / np.maximum(relative, 2e-9)
        return shares * (1 - shares) * of_both / self.total, degrees

    def _cluster_shares(self, codes: Ints, count: int, cumulative: bool) -> tuple[Floats, Floats]:
        """p(1 - p) of the sample's shares p, and their variances between clusters."""
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
    """W = Σw²/Σw of some rows, and its relative variance, from all rows if there are few.

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
