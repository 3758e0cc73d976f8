"""True facts of a population for a statistic: its value and its variances, from exact sums.

Values are integers in units of their column, and a linearised variable stays an integer, so no
digit is lost and figures depend neither on threads nor on files.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contract.words import PlannedStatistic
from estimation_engine.arrays import Floats, Ints
from estimation_engine.estimates import ROWS_BY_SKEWNESS
from lazy_dataclasses import dataclass

Exact = NDArray[np.object_]
"""Python's integers."""


@dataclass(frozen=True, eq=False)
class CellSums:
    """The sums of a variable in each cell, a group's rows in one domain; shape (cells,).

    Parameters
    ----------
    groups, domains : arrays of int
        The cell's stratum, cluster or size group, and its domain, numbered from 0.
    counts : array of int
        Rows with a value.
    sums, squares : arrays of Python's int
        Σu and Σu² of the values in units: a value is (u + offset)·unit.
    group_rows : array of int, shape (groups,)
        All rows of each group, N_h.
    """

    groups: Ints
    domains: Ints
    counts: Ints
    sums: Exact
    squares: Exact
    offset: int
    unit: Fraction
    group_rows: Ints
    domain_count: int

    def deviations(self) -> Floats:
        """The standard deviation of the values in each group, shape (groups,); 0 below two."""
        groups = len(self.group_rows)
        counts, first, second = ([0] * groups for _ in range(3))
        columns = (self.groups.tolist(), self.counts.tolist(), self.sums, self.squares)
        for group, count, one, two in zip(*columns, strict=True):
            counts[group] += count
            first[group] += one
            second[group] += two
        scales = zip(counts, first, second, strict=True)
        unit = float(self.unit)
        return np.sqrt([_square(count, one, two, unit) for count, one, two in scales])

    def needed_rows(self, statistic: PlannedStatistic, cubes: Floats) -> Floats:
        """Rows that an interval of t·SE needs, by the true skewness, shape (domains,).

        25·G² of the linearised variable over all rows, Cochran 1977, section 2.15; it is 0 outside
        the domain. 0 if it is constant. ``cubes`` are Σu³ of the cells.
        """
        count, whole = self.domain_count, float(self.group_rows.sum())
        inside, first, second, third = (
            np.bincount(self.domains, np.asarray(part, dtype=np.float64), count)
            for part in (self.counts, self.sums, self.squares, cubes)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            centre = first / inside
            outside = np.zeros(count)
            if statistic == "total":
                mean = (first + inside * self.offset) / whole
                centre, outside = mean - self.offset, -mean
            squares = second - 2 * centre * first + inside * centre**2
            powers = third - 3 * centre * second + 3 * centre**2 * first - inside * centre**3
            variance = (squares + (whole - inside) * outside**2) / whole
            skewness = (powers + (whole - inside) * outside**3) / whole / variance**1.5
            needed = ROWS_BY_SKEWNESS * skewness**2
        return np.where(np.isfinite(needed), needed, 0.0)


@dataclass(frozen=True, eq=False)
class FrameStatistic:
    """A statistic's true values by domain, and its linearised variable z by group.

    Parameters
    ----------
    values : array, shape (domains,)
        The true values; NaN where a domain has no row with a value.
    rows : array of int, shape (domains,)
        Rows with a value.
    exact_sums, exact_squares : arrays of Python's int, shape (cells,)
        Σz and Σz², in units of ``scales`` and of their squares; shape (domains,).
    """

    values: Floats
    rows: Ints
    cells: CellSums
    exact_sums: Exact
    exact_squares: Exact
    scales: tuple[Fraction, ...]

    @cached_property
    def squares(self) -> Floats:
        """S² of z over all rows, shape (domains,)."""
        return self._squares(int(self.cells.group_rows.sum()), self.exact_squares)

    @cached_property
    def total_squares(self) -> Floats:
        """S² of the groups' totals of z, groups without rows left out, shape (domains,)."""
        groups = int((self.cells.group_rows > 0).sum())
        return self._squares(groups, self.exact_sums * self.exact_sums)

    @cached_property
    def group_squares(self) -> Floats:
        """S²_h of z in each group, shape (domains, groups)."""
        cells = self.cells
        rows = cells.group_rows[cells.groups].tolist()
        sums = zip(rows, cells.domains.tolist(), self.exact_sums, self.exact_squares, strict=True)
        return self._by_group(
            [_square(count, one, two, self._factors[at]) for count, at, one, two in sums]
        )

    @cached_property
    def group_counts(self) -> Floats:
        """The rows with a value of each group, shape (domains, groups)."""
        return self._by_group(self.cells.counts)

    @cached_property
    def group_sums(self) -> Floats:
        """Σz of each group, shape (domains, groups)."""
        return self._by_group(self.exact_sums.astype(np.float64) * self._cell_factors)

    @cached_property
    def group_sums_of_squares(self) -> Floats:
        """Σz² of each group, shape (domains, groups)."""
        squares = self.exact_squares.astype(np.float64)
        return self._by_group(squares * self._cell_factors * self._cell_factors)

    def deviations(self) -> Floats:
        """The standard deviation of the values in each group, shape (groups,)."""
        return self.cells.deviations()

    @cached_property
    def homogeneity(self) -> Floats:
        """1 - S²_W/S², shape (domains,): what rows of one group have in common.

        S²_W is the variance inside the groups; Särndal, Swensson and Wretman 1992, equation 3.4.9.
        NaN where z does not vary, or every group has one row.
        """
        present = self.cells.group_rows[self.cells.group_rows > 0]
        degrees = int(present.sum()) - len(present)
        if not degrees:
            return np.full(self.cells.domain_count, np.nan)
        weights = np.maximum(self.cells.group_rows - 1, 0) / degrees
        inside = self.group_squares @ weights
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = np.where(self.squares > 0, 1.0 - inside / self.squares, np.nan)
        return found

    @cached_property
    def _factors(self) -> list[float]:
        return [float(scale) for scale in self.scales]

    @property
    def _cell_factors(self) -> Floats:
        return np.array(self._factors)[self.cells.domains]

    def _squares(self, count: int, squares: Exact) -> Floats:
        """S² of so many units by domain, from Σz and Σz² of the cells."""
        first, second = ([0] * self.cells.domain_count for _ in range(2))
        cells = zip(self.cells.domains.tolist(), self.exact_sums, squares, strict=True)
        for domain, one, two in cells:
            first[domain] += one
            second[domain] += two
        sums = zip(first, second, self._factors, strict=True)
        return np.array([_square(count, one, two, scale) for one, two, scale in sums])

    def _by_group(self, figures: ArrayLike) -> Floats:
        """Figures of the cells, shape (domains, groups)."""
        found = np.zeros((self.cells.domain_count, len(self.cells.group_rows)))
        found[self.cells.domains, self.cells.groups] = figures
        return found


def frame_statistic(statistic: PlannedStatistic, cells: CellSums) -> FrameStatistic:
    """Linearise a statistic: z is y for a total, and (y - Ȳ)/N of the domain for a mean or share.

    A row outside the domain or without a value has z = 0.
    """
    counts = cells.counts.astype(object)
    # y in whole units: u + offset.
    first = cells.sums + cells.offset * counts
    second = cells.squares + 2 * cells.offset * cells.sums + cells.offset**2 * counts
    rows = [0] * cells.domain_count
    totals = [0] * cells.domain_count
    for domain, count, total in zip(cells.domains.tolist(), counts, first, strict=True):
        rows[domain] += count
        totals[domain] += total
    if statistic == "total":
        values = [_times(total, cells.unit) for total in totals]
        scales = (cells.unit,) * cells.domain_count
        return FrameStatistic(
            np.array(values), np.array(rows, dtype=np.int64), cells, first, second, scales
        )
    # N²z in whole units: N·y - Y, with the domain's own N and Y.
    n = np.array(rows, dtype=object)[cells.domains]
    y = np.array(totals, dtype=object)[cells.domains]
    second = n * n * second - 2 * n * y * first + y * y * counts
    first = n * first - y * counts
    values = [
        _times(total, cells.unit / count) if count else np.nan
        for total, count in zip(totals, rows, strict=True)
    ]
    scales = tuple(cells.unit / (count * count) if count else Fraction(0) for count in rows)
    return FrameStatistic(
        np.array(values, dtype=np.float64),
        np.array(rows, dtype=np.int64),
        cells,
        first,
        second,
        scales,
    )


def _square(rows: int, first: int, second: int, scale: float) -> float:
    """S², with ``rows`` - 1 in the denominator; 0 for a single row."""
    if rows < 2:
        return 0.0
    # A quotient of integers is rounded once; the scale is applied twice, so that it can't overflow.
    return (rows * second - first * first) / (rows * (rows - 1)) * scale * scale


def _times(figure: int, scale: Fraction) -> float:
    """The product to the nearest double."""
    return float(figure * scale)
