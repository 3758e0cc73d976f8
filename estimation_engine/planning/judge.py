"""Labels that people need with a judge: a column of all rows that is correlated with their labels.

The judge is a control variate with a tuned coefficient, the regression estimator of survey sampling
(Särndal, Swensson and Wretman 1992, §6.5; PPI++, Angelopoulos, Duchi and Zrnic 2023). It leaves
1 - ρ² of the variance within strata, ρ the correlation of judge and label there.
"""

from __future__ import annotations

from math import atanh, sqrt, tanh

import numpy as np

from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.intervals import t_quantile
from lazy_dataclasses import dataclass

MIN_LABELS = 10
"""Labels with a judge's value from which a correlation is estimated."""


def effective_labels(labels: float, unlabelled: float, correlation: float) -> float:
    """The labels by people alone that give the variance of so many with a judge.

    n/(1 - ρ²·N/(n + N)). With the finite-population correction of all M = n + N rows both variances
    are S²(1 - ρ²)(1/n - 1/M) and S²(1/n_eff - 1/M), which gives the same formula.

    Parameters
    ----------
    labels, unlabelled : float
        n rows with a label, and N rows with the judge's value alone.
    correlation : float
        ρ of judge and label.

    Examples
    --------
    >>> round(effective_labels(605, 3345, 0.9))
    1926
    """
    share = unlabelled / (labels + unlabelled)
    return labels / (1.0 - correlation**2 * share)


@dataclass(frozen=True)
class Correlation:
    """A correlation of judge and label with its confidence limits, all from 0 to 1."""

    value: float
    low: float
    high: float
    labels: int


def pooled_correlation(
    labels: Floats, judge: Floats, weights: Floats, strata: Ints, included: Booleans
) -> Correlation | None:
    """The correlation within strata, with limits by Fisher's transformation.

    Deviations are those from the weighted means of the strata. The limits take n - L - 2 as the
    inverse variance, n Kish's effective number of rows and L the strata with rows; they are
    approximate unless both have a normal distribution (Fisher 1921). None of fewer than 10 rows, or
    where labels or judge don't vary.

    Parameters
    ----------
    labels, judge, weights : array, shape (rows,)
    strata : array of int, shape (rows,)
    included : array of bool, shape (rows,)
        Rows with a label and a judge's value.
    """
    count = int(included.sum())
    if count < MIN_LABELS:
        return None
    y, x, w, h = labels[included], judge[included], weights[included], strata[included]
    sums = np.bincount(h, w)
    present = sums > 0
    divisors = np.where(present, sums, 1.0)
    y = y - (np.bincount(h, w * y) / divisors)[h]
    x = x - (np.bincount(h, w * x) / divisors)[h]
    xx, yy = float(w @ x**2), float(w @ y**2)
    effective = float(w.sum() ** 2 / (w @ w))
    free = effective - int(present.sum()) - 2.0
    if min(xx, yy) <= 1e-20 * float(w.sum()) or free <= 0:
        return None
    r = float(w @ (x * y)) / sqrt(xx * yy)
    z = atanh(min(max(r, -1.0 + 1e-12), 1.0 - 1e-12))
    half = t_quantile(0.975, np.inf) / sqrt(free)
    low, high = tanh(z - half), tanh(z + half)
    # The coefficient is tuned, so the sign of the correlation doesn't matter.
    least = 0.0 if low <= 0.0 <= high else min(abs(low), abs(high))
    return Correlation(abs(r), least, max(abs(low), abs(high)), count)
