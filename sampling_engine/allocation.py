"""How many rows each stratum gives.

Owns: the arithmetic from a specification's sizes to rows. Invariant: integers alone, so the same
strata give the same sizes anywhere, and the sizes sum to exactly what was asked for. Called by the
planner of a round.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from sampling_engine.selection.order import Int64s

MAX_INT64 = (1 << 63) - 1
FINEST_SHARE = 1 << 40


def share_of_rows(fraction: float, rows: int) -> int:
    """``fraction`` of ``rows`` to the nearest row, a half upwards.

    The fraction counts as the decimal number that it is written as, not as its nearest binary one.

    >>> share_of_rows(0.15, 10)
    2
    """
    return int(Fraction(repr(fraction)) * rows + Fraction(1, 2))


def allocate(weights: Int64s, total: int, least: Int64s, most: Int64s) -> Int64s:
    """Share ``total`` rows out in proportion to ``weights``, each between ``least`` and ``most``.

    Shares beyond a bound are set to it and what they leave or lack goes to the others in
    proportion, until every share keeps its bounds. The shares are then rounded by largest
    remainder (Hamilton's method): down first, and the rows still missing go one each to the largest
    remainders; ties go to the larger weight, then to the earlier stratum.

    Parameters
    ----------
    weights : array of int64, shape (strata,)
        All above 0; the strata's eligible rows make the allocation proportional.
    total : int
        At least the sum of ``least`` and at most the sum of ``most``.
    least, most : arrays of int64, shape (strata,)

    Returns
    -------
    array of int64, shape (strata,)
        Sums to ``total``.

    Examples
    --------
    >>> rows = np.array([600, 300, 100])
    >>> allocate(rows, 25, np.zeros(3, dtype=np.int64), rows).tolist()
    [15, 8, 2]
    """
    sizes = least.copy()
    free = np.ones(len(weights), dtype=bool)
    while free.any():
        left = total - int(sizes[~free].sum())
        shared = _exact(weights[free], left)
        whole = int(weights[free].sum())
        # Shares times ``whole``, so that they stay integers.
        lack = np.maximum(_exact(least[free], whole) - shared, 0)
        excess = np.maximum(shared - _exact(most[free], whole), 0)
        lacking, exceeding = lack.sum(), excess.sum()
        if not lacking and not exceeding:
            sizes[free] = _round_to_largest_remainder(shared, whole, left, weights[free])
            break
        # Fixing the side with the larger sum can't make the other side's fixed ones wrong.
        at = np.flatnonzero(free)
        if lacking >= exceeding:
            sizes[at[lack > 0]] = least[at[lack > 0]]
            free[at[lack > 0]] = False
        if exceeding >= lacking:
            sizes[at[excess > 0]] = most[at[excess > 0]]
            free[at[excess > 0]] = False
    return sizes


def _exact(numbers: Int64s, factor: int) -> np.ndarray:
    """The products; in Python's integers where 64 bits might not hold their sum."""
    if int(numbers.sum()) * max(factor, 1) <= MAX_INT64 // 2:
        return numbers * factor
    return numbers.astype(object) * factor


def _round_to_largest_remainder(
    shared: np.ndarray, whole: int, total: int, weights: Int64s
) -> Int64s:
    sizes = (shared // whole).astype(np.int64)
    remainders = (shared % whole).astype(np.int64)
    missing = total - int(sizes.sum())
    # The last key of a lexsort is its first: remainder, then weight, then place.
    order = np.lexsort((np.arange(len(weights)), -weights, -remainders))
    sizes[order[:missing]] += 1
    return sizes


def allocate_by_share(
    shares: NDArray[np.float64], rows: Int64s, total: int, least: Int64s
) -> Int64s:
    """Share ``total`` rows out in proportion to ``shares``, any numbers of 0 or more.

    Strata without a share give ``least``; only what the others can't hold goes to them, in
    proportion to their rows. When no stratum has a share, rows take its place.

    Parameters
    ----------
    shares : array of float64, shape (strata,)
        They count to 2^-40 of the largest, so that the allocation is one of integers.
    rows, least : arrays of int64, shape (strata,)
        The most and the least that a stratum gives.

    Examples
    --------
    >>> rows = np.array([50, 50, 50])
    >>> allocate_by_share(np.array([3.0, 1.0, 0.0]), rows, 60, np.array([0, 0, 2])).tolist()
    [44, 14, 2]
    """
    largest = float(np.max(shares))
    if not largest:
        return allocate(rows, total, least, rows)
    weights = np.maximum(np.rint(shares / largest * FINEST_SHARE), 1).astype(np.int64)
    having = shares > 0
    sizes = least.copy()
    for_having = min(total - int(least[~having].sum()), int(rows[having].sum()))
    sizes[having] = allocate(weights[having], for_having, least[having], rows[having])
    if not having.all():
        others = ~having
        sizes[others] = allocate(rows[others], total - for_having, least[others], rows[others])
    return sizes
