"""How strongly two columns go together, in figures.

Owns: the arithmetic, on numpy arrays alone. Invariant: each pair uses the rows in which both
columns have a value, so every figure is what it would be for the two columns by themselves; where a
figure isn't defined (a column that doesn't vary on those rows) it is NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
"""Numbers from 0 for the values of a column; -1 where it has none."""

SMALLEST_VARIANCE = 1e-12
"""Of a column scaled to a variance of 1: less is what rounding leaves of a constant."""


def pearson(columns: Floats) -> Floats:
    """Pearson's correlation of each pair of columns.

    Parameters
    ----------
    columns : array, shape (rows, columns)
        NaN where there is no value.

    Returns
    -------
    array, shape (columns, columns)
        Symmetric, 1 on its diagonal where it is defined.
    """
    present = ~np.isnan(columns)
    there = present.astype(np.float64)
    z = _scaled(columns, present)
    n = there.T @ there
    sums = z.T @ there  # of the row's column, over the rows where both are there
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = z.T @ z / n - sums * sums.T / n**2
        variance = (z * z).T @ there / n - (sums / n) ** 2
        variance[variance < SMALLEST_VARIANCE] = np.nan
        found: Floats = covariance / np.sqrt(variance * variance.T)
    return np.clip((found + found.T) / 2, -1.0, 1.0)


def _scaled(columns: Floats, present: NDArray[np.bool_]) -> Floats:
    """Columns of mean 0 and variance 1, 0 where there is no value."""
    filled = np.where(present, columns, 0.0)
    largest = np.abs(filled).max(axis=0, initial=0.0)
    filled = filled / np.where(largest > 0, largest, 1.0)  # squares of huge numbers overflow
    rows = np.maximum(present.sum(axis=0), 1)
    z = np.where(present, filled - filled.sum(axis=0) / rows, 0.0)
    deviation = np.sqrt((z * z).sum(axis=0) / rows)
    lowest = np.where(present, columns, np.inf).min(axis=0, initial=np.inf)
    highest = np.where(present, columns, -np.inf).max(axis=0, initial=-np.inf)
    scaled: Floats = z / np.where(lowest < highest, deviation, np.inf)
    return scaled


def ranks_in_order(values: Floats) -> Codes:
    """Each value's place among the different ones, from 0; -1 for NaN."""
    codes = np.full(len(values), -1, dtype=np.int64)
    present = ~np.isnan(values)
    codes[present] = np.unique(values[present], return_inverse=True)[1]
    return codes


def spearman(first: Codes, second: Codes) -> float:
    """Spearman's correlation of two columns, equal values sharing their mean rank."""
    both = (first >= 0) & (second >= 0)
    if not both.any():
        return float("nan")
    ranks = np.column_stack([_mean_ranks(first[both]), _mean_ranks(second[both])])
    return float(pearson(ranks)[0, 1])


def _mean_ranks(codes: Codes) -> Floats:
    rows = np.bincount(codes)
    ranks: Floats = (np.cumsum(rows) - (rows - 1) / 2)[codes]
    return ranks


def cramers_v(first: Codes, second: Codes) -> float:
    """Cramér's V of two columns of few values, its bias corrected.

    A plain V is far above 0 for two columns that have nothing to do with each other when there are
    many values and few rows.

    References
    ----------
    W. Bergsma (2013), A bias-correction for Cramér's V and Tschuprow's T, Journal of the Korean
    Statistical Society 42, 323-328.
    """
    both = (first >= 0) & (second >= 0)
    n = int(both.sum())
    if n < 2:
        return float("nan")
    width = int(second.max()) + 1
    cells = np.bincount(first[both] * width + second[both], minlength=(first.max() + 1) * width)
    table = cells.reshape(-1, width).astype(np.float64)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    rows, columns = table.shape
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi_squared = float(((table - expected) ** 2 / expected).sum()) / n
    corrected = max(0.0, phi_squared - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return min((corrected / smaller) ** 0.5, 1.0) if smaller > 0 else float("nan")
