"""Divide a sample among strata: proportional, equal, Neyman and optimal allocation.

Sizes come from integers alone, so the same strata give the same sizes on every machine. Neyman
1934, "On the two different aspects of the representative method"; Cochran 1977, §5.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import frexp, ldexp

import numpy as np
from numpy.typing import NDArray

from parquet_tables.progress import ProgressCallback, progress_part, watched
from parquet_tables.tables import Column
from sampling_engine import statements
from sampling_engine.errors import InvalidNumbers
from sampling_engine.rounds import DrawState
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.strata import Strata
from sampling_engine.statements import Units
from sampling_engine.weights import refuse_numbers

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
    """Divide ``total`` rows in proportion to ``weights``, each size within its bounds.

    Sizes beyond a bound are set to it, and the others share the rest. They are rounded by largest
    remainder (Hamilton's method); ties go to the larger weight, then to the earlier stratum.

    Parameters
    ----------
    weights, least, most : arrays of int64, shape (strata,)
        Weights are above 0.
    total : int
        From the sum of ``least`` to the sum of ``most``.

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
    """Divide ``total`` rows in proportion to ``shares``, any numbers of 0 or more.

    Strata without a share give ``least``; rows that the others can't hold go to them, in proportion
    to ``rows``. Shares count to 2^-40 of the largest, so that the arithmetic is of integers.

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


Floats = NDArray[np.float64]

# Squares of 2^45 units summed over 2^36 rows stay inside 128 bits.
SUM_BITS = 45
MAX_FACTOR_BITS = 1_000


@dataclass(frozen=True)
class Sums:
    """Exact sums by stratum, in units, over the eligible rows whose value is finite."""

    units: Units
    counts: Int64s
    sums: np.ndarray
    squares: np.ndarray

    def deviations(self) -> Floats:
        """Standard deviations with n - 1 in the denominator; 0 for fewer than two values."""
        counts = self.counts.astype(object)
        spread = (counts * self.squares - self.sums * self.sums).astype(np.float64)
        pairs = np.maximum(self.counts * (self.counts - 1), 1).astype(np.float64)
        deviations: Floats = np.sqrt(spread / pairs) / self.units.factor
        return deviations

    def means(self) -> Floats:
        """Means; NaN for a stratum without a value."""
        means = self.sums.astype(np.float64) / np.maximum(self.counts, 1) / self.units.factor
        return np.where(self.counts > 0, self.units.centre + means, np.nan)


def read_sums(
    state: DrawState, strata: Strata, column: Column, on_progress: ProgressCallback
) -> Sums:
    """Sum a column up by stratum, in two passes."""
    empty = np.array([0] * len(strata.rows), dtype=object)
    sums = Sums(Units(column), np.zeros(len(strata.rows), dtype=np.int64), empty, empty.copy())
    statement = statements.range_of(state.table, column, strata.row_filter, None)
    with watched(
        state.cursor, progress_part(on_progress, 0.0, 0.3), "reading the allocation's columns"
    ):
        _, finite, low, high = state.cursor.execute(*statement).fetchall()[0]
    if not finite:
        return sums
    # Halves first, so that the largest numbers don't overflow.
    centre = low / 2 + high / 2
    bits = min(SUM_BITS - frexp(high / 2 - low / 2)[1], MAX_FACTOR_BITS)
    sums = Sums(Units(column, None, centre, ldexp(1.0, bits)), *_parts(sums))
    _add_sums(state, strata, sums, None, 1, progress_part(on_progress, 0.3, 1.0))
    if state.taken_rows:
        _add_sums(state, strata, sums, state.taken_rows, -1, progress_part(on_progress, 1.0, 1.0))
    return sums


def _parts(sums: Sums) -> tuple[Int64s, np.ndarray, np.ndarray]:
    return sums.counts, sums.sums, sums.squares


def _add_sums(
    state: DrawState,
    strata: Strata,
    sums: Sums,
    rows: str | None,
    sign: int,
    on_progress: ProgressCallback,
) -> None:
    sql, params = statements.sums_by_stratum(state.table, strata, sums.units, rows)
    with watched(state.cursor, on_progress, "reading the allocation's columns"):
        found = state.cursor.execute(sql, params).fetchall()
    if not found:
        return
    numbers, counts, totals, squares = (list(part) for part in zip(*found, strict=True))
    sums.counts[numbers] += sign * np.array(counts, dtype=np.int64)
    sums.sums[numbers] += sign * np.array(totals, dtype=object)
    sums.squares[numbers] += sign * np.array(squares, dtype=object)


@dataclass(frozen=True)
class Shares:
    """By stratum, shape (strata,): what the sample's size is shared out in proportion to."""

    weights: Floats
    warnings: tuple[str, ...]


def neyman_shares(
    state: DrawState,
    strata: Strata,
    eligible: Int64s,
    column: Column,
    on_progress: ProgressCallback,
) -> Shares:
    """Rows times standard deviation."""
    sums = read_sums(state, strata, column, on_progress)
    deviations = sums.deviations()
    warnings = _uncounted(column, eligible, sums)
    flat = int(((eligible > 0) & (deviations == 0)).sum())
    if flat:
        warnings.append(
            f'In {flat:,} of {int((eligible > 0).sum()):,} strata "{column.name}" does not vary or '
            "has fewer than two values: they give min_per_stratum rows, and more only when the "
            "others have no more."
        )
    return Shares(eligible * deviations, tuple(warnings))


def optimal_shares(
    state: DrawState,
    strata: Strata,
    eligible: Int64s,
    columns: tuple[Column, Column],
    loc: tuple[str | int, ...],
    on_progress: ProgressCallback,
) -> Shares:
    """Rows times standard deviation, divided by the root of the mean cost."""
    column, cost_column = columns
    shares = neyman_shares(state, strata, eligible, column, progress_part(on_progress, 0.0, 0.5))
    refuse_numbers(state, cost_column, strata.row_filter, loc, progress_part(on_progress, 0.5, 0.7))
    sums = read_sums(state, strata, cost_column, progress_part(on_progress, 0.7, 1.0))
    costs = sums.means()
    warnings = [*shares.warnings, *_uncounted(cost_column, eligible, sums)]
    there = eligible > 0
    unknown = there & (sums.counts == 0)
    if unknown.any() and (~unknown & there).any():
        whole = float(sums.sums.sum()) / sums.counts.sum() / sums.units.factor + sums.units.centre
        costs = np.where(unknown, whole, costs)
        warnings.append(
            f'{int(unknown.sum()):,} strata have no value in "{cost_column.name}" and count with '
            "the mean of all."
        )
    if (costs[there] <= 0).any() or unknown[there].all():
        raise InvalidNumbers(
            f"{int((~(costs[there] > 0)).sum()):,} strata have no mean cost above 0 in "
            f'"{cost_column.name}": an optimal allocation needs one in each.',
            loc=loc,
        )
    costs = np.where(there, costs, 1.0)
    return Shares(shares.weights / np.sqrt(costs), tuple(warnings))


def _uncounted(column: Column, eligible: Int64s, sums: Sums) -> list[str]:
    missing = int(eligible.sum()) - int(sums.counts.sum())
    if not missing:
        return []
    return [
        f'{missing:,} eligible rows have no finite number in "{column.name}": they are drawn from '
        "like any other, but don't count in the allocation."
    ]
