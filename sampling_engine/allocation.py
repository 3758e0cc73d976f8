"""Divide a sample among strata: proportional, equal, Neyman, optimal, by amount, for a recall.

Sizes come from integers alone, so the same strata give the same sizes on every machine. Neyman
1934, "On the two different aspects of the representative method"; Cochran 1977, §5.5.
"""

from __future__ import annotations

from math import frexp, fsum, ldexp

import numpy as np
from numpy.typing import NDArray

from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, progress_part
from parquet_tables.tables import Column
from sampling_engine.errors import DrawWarning, InvalidNumbers, draw_warning, warned
from sampling_engine.methods.method import EligibleRows
from sampling_engine.results import Floats
from sampling_engine.selection.order import Int64s
from sampling_engine.sql.passes import RangeOf, SumsByStratum
from sampling_engine.sql.units import Units

MAX_INT64 = (1 << 63) - 1
FINEST_SHARE = 1 << 40


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
        variances = (counts * self.squares - self.sums * self.sums).astype(np.float64)
        pairs = np.maximum(self.counts * (self.counts - 1), 1).astype(np.float64)
        deviations: Floats = np.sqrt(variances / pairs) / self.units.factor
        return deviations

    def means(self) -> Floats:
        """Means; NaN for a stratum without a value."""
        means = self.sums.astype(np.float64) / np.maximum(self.counts, 1) / self.units.factor
        return np.where(self.counts > 0, self.units.centre + means, np.nan)


@dataclass(frozen=True)
class ColumnRange:
    """The smallest and the largest finite value of a column, and units in which to add it up."""

    low: float
    high: float
    units: Units


def range_and_units(
    eligible: EligibleRows, column: Column, on_progress: ProgressCallback
) -> ColumnRange | None:
    """The range of a column in the rows that pass the filter; None without a finite value."""
    state = eligible.state
    row_filter = eligible.strata.row_filter
    _, _, low, high = state.run(RangeOf(column, row_filter), on_progress)
    if low is None or high is None:
        return None
    # Halves first, so that the largest numbers don't overflow.
    bits = min(SUM_BITS - frexp(high / 2 - low / 2)[1], MAX_FACTOR_BITS)
    return ColumnRange(low, high, Units(column, None, low / 2 + high / 2, ldexp(1.0, bits)))


def _absolute_units(column: Column, found: ColumnRange) -> Units:
    """Units in which to add up a column's absolute values."""
    bits = min(SUM_BITS - frexp(max(abs(found.low), abs(found.high)))[1], MAX_FACTOR_BITS)
    return Units(column, factor=ldexp(1.0, bits), is_absolute=True)


def read_sums(
    eligible: EligibleRows,
    column: Column,
    on_progress: ProgressCallback,
    *,
    is_absolute: bool = False,
) -> Sums:
    """Sum a column, or its absolute values, by stratum, in two passes.

    A value counts as its distance from the middle of the column's range, in 2^-45 of half of it;
    an absolute one in 2^-45 of the largest.
    """
    state, strata = eligible.state, eligible.strata
    counts = np.zeros(len(strata.rows), dtype=np.int64)
    totals, squares = (np.array([0] * len(counts), dtype=object) for _ in range(2))
    found = range_and_units(eligible, column, progress_part(on_progress, 0.0, 0.3))
    if found is None:
        return Sums(Units(column), counts, totals, squares)
    units = _absolute_units(column, found) if is_absolute else found.units
    for part, sign in state.signed_rows:
        step = progress_part(on_progress, 0.3, 1.0)
        rows = state.run(SumsByStratum(strata, units, part), step)
        if rows:
            numbers, *added = (list(each) for each in zip(*rows, strict=True))
            counts[numbers] += sign * np.array(added[0], dtype=np.int64)
            totals[numbers] += sign * np.array(added[1], dtype=object)
            squares[numbers] += sign * np.array(added[2], dtype=object)
    return Sums(units, counts, totals, squares)


@dataclass(frozen=True)
class Shares:
    """The sample's size is divided in proportion to ``weights``, shape (strata,)."""

    weights: Floats
    warnings: list[DrawWarning]


def amount_shares(
    eligible: EligibleRows,
    column: Column,
    divided: NDArray[np.bool_],
    on_progress: ProgressCallback,
) -> Shares:
    """The sum of a column's absolute values: N·S where S is in proportion to their mean.

    Särndal, Swensson and Wretman 1992, §3.7.4.
    """
    sums = read_sums(eligible, column, on_progress, is_absolute=True)
    shares = sums.sums.astype(np.float64)
    # Less than half of the finest share counts as nothing, as verifiers round it.
    shares[shares / (shares[divided].max(initial=0.0) or 1.0) * FINEST_SHARE < 0.5] = 0.0
    without = int((divided & (shares == 0)).sum())
    warnings = _rows_without_number(column, eligible.total, sums)
    warnings += warned(
        without,
        "strata_without_amount",
        'In {without} of {strata} strata no row has another "{column}" than 0: they give '
        "`min_per_stratum` rows, and more only when the others have no more.",
        without=without,
        strata=int(divided.sum()),
        column=column.name,
    )
    return Shares(shares, warnings)


def neyman_shares(
    eligible: EligibleRows,
    column: Column,
    divided: NDArray[np.bool_],
    on_progress: ProgressCallback,
) -> Shares:
    """Rows times standard deviation; ``divided`` are the strata that share the size."""
    sums = read_sums(eligible, column, on_progress)
    deviations = sums.deviations()
    warnings = _rows_without_number(column, eligible.total, sums)
    constant = int((divided & (deviations == 0)).sum())
    warnings += warned(
        constant,
        "constant_strata",
        'In {constant} of {strata} strata "{column}" does not vary or has fewer than two '
        "values: they give `min_per_stratum` rows, and more only when the others have no "
        "more.",
        constant=constant,
        strata=int(divided.sum()),
        column=column.name,
    )
    return Shares(eligible.counts * deviations, warnings)


def optimal_shares(
    eligible: EligibleRows,
    column: Column,
    cost_column: Column,
    divided: NDArray[np.bool_],
    on_progress: ProgressCallback,
) -> Shares:
    """Rows times standard deviation, divided by the root of the mean cost."""
    shares = neyman_shares(eligible, column, divided, progress_part(on_progress, 0.0, 0.5))
    step = progress_part(on_progress, 0.5, 0.7)
    eligible.refuse_numbers(cost_column, "cost_column", step)
    sums = read_sums(eligible, cost_column, progress_part(on_progress, 0.7, 1.0))
    present = eligible.counts > 0
    warnings = [*shares.warnings, *_rows_without_number(cost_column, eligible.total, sums)]
    costs, unknown = sums.means(), present & (sums.counts == 0)
    if unknown.any() and (sums.counts[present] > 0).any():
        mean = float(sums.sums.sum()) / sums.counts.sum() / sums.units.factor + sums.units.centre
        costs = np.where(unknown, mean, costs)
        warnings.append(
            draw_warning(
                "strata_without_cost",
                '{strata} strata have no value in "{column}" and count with the mean of all.',
                strata=int(unknown.sum()),
                column=cost_column.name,
            )
        )
    without = int((~(costs[present] > 0)).sum())
    if without:
        raise InvalidNumbers(
            '{strata} strata have no mean cost above 0 in "{column}": an optimal allocation needs '
            "one in each.",
            strata=without,
            column=cost_column.name,
            loc=(*eligible.loc, "cost_column"),
        )
    costs = np.where(present, costs, 1.0)
    return Shares(shares.weights / np.sqrt(costs), warnings)


@dataclass(frozen=True)
class GuessedRates:
    """Guessed rates of a condition in strata, such as of bad rows, and the flagged strata.

    Parameters
    ----------
    rows, rates : array, shape (strata,)
        N_h, and r_h from 0 to 1.
    flagged : array of bool, shape (strata,), optional
        The strata that a rule flags. The figure is then the recall, the share of the rows with the
        condition that is flagged; without it the share of all rows.
    """

    rows: Int64s
    rates: Floats
    flagged: NDArray[np.bool_] | None = None

    def _sum(self, of: NDArray[np.bool_] | None = None) -> float:
        """The rows with the condition."""
        found = self.rows * self.rates
        return fsum(found if of is None else found[of])

    @property
    def figure(self) -> float:
        """The share or the recall; 0 if no row has the condition."""
        if self.flagged is None:
            return self._sum() / max(int(self.rows.sum()), 1)
        return self._sum(self.flagged) / (self._sum() or 1.0)

    @property
    def deviations(self) -> Floats:
        """Standard deviations of the linearised variable in strata.

        √(r(1 - r)) for a share y. A recall R is the ratio of the totals of f·y and y, f whether a
        row is flagged, so its variable is (f - R)·y; Särndal, Swensson and Wretman 1992, §5.6.
        """
        deviations: Floats = np.sqrt(self.rates * (1.0 - self.rates))
        if self.flagged is None:
            return deviations
        return np.abs(self.flagged.astype(np.float64) - self.figure) * deviations

    @property
    def scale(self) -> float:
        """What the variable's total is divided by: all rows, or those with the condition."""
        return float(self.rows.sum()) if self.flagged is None else self._sum()


def mean_rates(
    eligible: EligibleRows, column: Column, on_progress: ProgressCallback
) -> tuple[Floats, list[DrawWarning]]:
    """The means of a column in strata as rates; strata without a value have the mean of all."""
    sums = read_sums(eligible, column, on_progress)
    warnings = _rows_without_number(column, eligible.total, sums)
    present = eligible.counts > 0
    without, having = present & (sums.counts == 0), sums.counts > 0
    if not having.any():
        raise InvalidNumbers(
            'No eligible row has a number in "{column}", so it gives no rates.',
            column=column.name,
            loc=(*eligible.loc, "rate_column"),
        )
    means = sums.means()
    beyond = int(((means[having] < 0) | (means[having] > 1)).sum())
    if beyond:
        raise InvalidNumbers(
            'The mean of "{column}" is below 0 or above 1 in {strata} strata, so it is no rate.',
            column=column.name,
            strata=beyond,
            loc=(*eligible.loc, "rate_column"),
        )
    rows = sums.counts[having]
    overall = fsum(rows * means[having]) / int(rows.sum())
    warnings += warned(
        without.any(),
        "strata_without_rate",
        '{strata} strata have no value in "{column}" and count with the mean of all, {rate}.',
        strata=int(without.sum()),
        column=column.name,
        rate=f"{overall:.4g}",
    )
    return np.where(having, means, overall), warnings


def _rows_without_number(column: Column, rows: int, sums: Sums) -> list[DrawWarning]:
    missing = rows - int(sums.counts.sum())
    return warned(
        missing,
        "rows_without_number",
        '{rows} eligible rows have no finite number in "{column}": they are drawn from like any '
        "other, but don't count in the allocation.",
        rows=missing,
        column=column.name,
    )
