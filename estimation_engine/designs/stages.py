"""The stages of a sample: the variance of a sum of t over its rows, and replicates of it.

A domain has the rows with a t; the others are in the sum with t = 0. The variance of a
:class:`Layer` is a sum over groups of k·Σ c(t - μ)², μ = Σ ct / Σ c: so only the rows of a domain
are read, and the others enter as (Σ c - Σ c of the domain)·μ². All sums are over rows in the
table's order, so they don't depend on threads or files.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import sqrt
from typing import Protocol

import numpy as np

from domain_errors import counted
from estimation_engine.arrays import Booleans, Floats, Ints
from lazy_dataclasses import dataclass

MAX_EMPTY_CELLS = 100_000
"""Up to this ratio of cells to numbers it is faster to count empty cells than to sort."""
DRAWN_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class Measured:
    """Variances by domain, shape (domains,), NaN where there is none.

    ``of_rounds`` are those of each round, shape (rounds, domains), of one sample alone its own.
    ``skewness`` is that of the estimates' distribution, if that was requested, and
    ``effective_degrees`` are Satterthwaite's over the strata of a stratified sample; else infinite.
    """

    variances: Floats
    of_rounds: Floats
    skewness: Floats
    effective_degrees: Floats


class Uniform:
    """Numbers in [0, 1) by a seed, the same in every version of numpy."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def numbers(self, count: int) -> Floats:
        """The next ones, shape (count,)."""
        raw = self._bits.random_raw(count)
        return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53


class VarianceStage(Protocol):
    """A part of a sample's variance.

    Replicates are added to ``factors``, shape (rows of the whole sample, replicates): ``rows`` are
    the sample's rows among them, and ``shares`` the parts of their weights that are left to chance
    in this sample, both of shape (rows of the sample,).
    """

    def variances(self, rows: Ints, domains: Ints, t: Floats, count: int) -> Floats:
        """By domain, shape (count,); t of the ``rows``, those of one domain together."""

    @property
    def contrasts(self) -> int:
        """The replicates of a jackknife."""

    def add_contrasts(self, factors: Floats, start: int, rows: Ints, shares: Floats) -> None:
        """Add the replicates of a jackknife from the place ``start``."""

    def add_draws(self, factors: Floats, rows: Ints, shares: Floats, uniform: Uniform) -> None:
        """Draw the units anew in each replicate of a bootstrap."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Units in groups, each with c, and the groups' Σ c and factors k.

    The units are rows, or clusters if ``of_rows`` has each row's unit. ``c`` is None if all are 1.
    ``centre`` are other weights of the units in their group's mean μ than c; R's approximation of
    Brewer has c = 1 - π and the plain mean.
    """

    groups: Ints
    c: Floats | None
    whole: Floats
    factors: Floats
    of_rows: Ints | None = None
    centre: Floats | None = None

    @property
    def c_of_units(self) -> Floats:
        """c of each unit, shape (units,)."""
        return np.ones(len(self.groups)) if self.c is None else self.c

    def variances(self, rows: Ints, domains: Ints, t: Floats, count: int) -> Floats:
        """Those of the second moments."""
        return self.moments(rows, domains, t, count, 2)[0]

    def moments(
        self, rows: Ints, domains: Ints, t: Floats, count: int, most: int
    ) -> tuple[Floats, ...]:
        """The variance by domain.

        With ``most`` 3 also the third moment, and Σ V²/(n - 1) of the groups.
        """
        if self.of_rows is None:
            return self._of_units(rows, domains, t, count, most)
        width = len(self.groups)
        cells, places = _cells(domains * width + self.of_rows[rows], count * width)
        totals = sums_by(places, t, len(cells))
        return self._of_units(cells % width, cells // width, totals, count, most)

    def _of_units(
        self, units: Ints, domains: Ints, t: Floats, count: int, most: int
    ) -> tuple[Floats, ...]:
        width = len(self.whole)
        numbers = domains if width == 1 else domains * width + self.groups[units]
        cells, places = _cells(numbers, count * width)
        of_cell = cells % width
        whole = self.whole[of_cell]
        divisors = np.where(whole > 0, whole, 1.0)
        if self.c is None:
            means = sums_by(places, t, len(cells)) / divisors
            present = np.bincount(places, minlength=len(cells)).astype(np.float64)
        else:
            means = sums_by(places, self.c[units] * t, len(cells)) / divisors
            present = sums_by(places, self.c[units], len(cells))
        if self.centre is not None:
            centres = self._whole_centres[of_cell]
            weighted = sums_by(places, self.centre[units] * t, len(cells))
            means = weighted / np.where(centres > 0, centres, 1.0)
        absent = np.maximum(whole - present, 0.0)
        moments, below = [], np.zeros(count)
        for power in range(2, most + 1):
            differences = squared_differences(t, means[places])
            if power == 3:
                differences *= t - means[places]
            if self.c is not None:
                differences *= self.c[units] ** (power / 2)
            inside = sums_by(places, differences, len(cells))
            parts = self.factors[of_cell] ** (power / 2) * (inside + absent * (-means) ** power)
            moments.append(parts if width == 1 else sums_by(cells // width, parts, count))
            if power == 2 and most > 2:
                squares = parts**2 / np.maximum(whole - 1.0, 1.0)
                below = squares if width == 1 else sums_by(cells // width, squares, count)
        return (*moments, below) if most > 2 else tuple(moments)

    @cached_property
    def _whole_centres(self) -> Floats:
        """The weights in the mean of each group's units, shape (groups,)."""
        if self.centre is None:
            return self.whole
        return sums_by(self.groups, self.centre, len(self.whole))

    @property
    def contrasts(self) -> int:
        """One of each unit that is left to chance."""
        return len(self._varying_units())

    def add_contrasts(self, factors: Floats, start: int, rows: Ints, shares: Floats) -> None:
        """Leave out each unit, moved towards the whole sample by the root of its multiplier."""
        for group, units in self._varying_groups():
            c = self.c_of_units[units]
            roots = np.sqrt(self.factors[group] * c)
            centre = c if self.centre is None else self.centre[units]
            moves = roots * (centre / self._whole_centres[group])[:, np.newaxis]
            moves[np.arange(len(units)), np.arange(len(units))] -= roots
            own, places = self._rows_of(units)
            stop = start + len(units)
            factors[rows[own], start:stop] += shares[own, np.newaxis] * moves[places]
            start = stop

    def add_draws(self, factors: Floats, rows: Ints, shares: Floats, uniform: Uniform) -> None:
        """Draw each group's units anew, with probabilities in proportion to c.

        Where the mean has other weights, a random sign moves all units by the difference.
        """
        count = factors.shape[1]
        for group, units in self._varying_groups():
            chances = self.c_of_units[units] / self.whole[group]
            of_all = self.whole[group] / self.factors[group]
            draws = max(min(len(units) - 1, int(of_all)), 1)
            times = _times_drawn(np.cumsum(chances), draws, count, uniform)
            own, places = self._rows_of(units)
            moves = sqrt(self.factors[group] * self.whole[group] / draws) * (
                times - draws * chances[:, np.newaxis]
            )
            if self.centre is not None:
                signs = np.where(uniform.numbers(count) < 0.5, -1.0, 1.0)
                apart = chances - self.centre[units] / self._whole_centres[group]
                moves += sqrt(self.factors[group] * self.whole[group]) * np.outer(apart, signs)
            factors[rows[own]] += shares[own, np.newaxis] * moves[places]

    def _varying_units(self) -> Ints:
        """The units that are left to chance, by group."""
        varies = np.flatnonzero((self.factors[self.groups] > 0) & (self.c_of_units > 0))
        ordered: Ints = varies[np.argsort(self.groups[varies], kind="stable")]
        return ordered

    def _varying_groups(self) -> Iterator[tuple[int, Ints]]:
        """The groups that are left to chance, each with its units."""
        units = self._varying_units()
        groups = self.groups[units]
        for own in np.split(units, np.flatnonzero(np.diff(groups)) + 1):
            if len(own):
                yield int(self.groups[own[0]]), own

    def _rows_of(self, units: Ints) -> tuple[Ints, Ints]:
        """The rows of some units, and the place in ``units`` of each one's."""
        if self.of_rows is None:
            return units, np.arange(len(units))
        places = np.full(len(self.groups), -1)
        places[units] = np.arange(len(units))
        rows = np.flatnonzero(places[self.of_rows] >= 0)
        return rows, places[self.of_rows[rows]]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Successive differences of rows along a line; in a circle the last and the first meet, too.

    Wolter 2007, *Introduction to Variance Estimation*, chapter 8; Fay and Train 1995.

    Parameters
    ----------
    line : array of int
        The rows in the order of the line; rows that it doesn't have are left to no chance.
    scale : float
        The factor of the squared differences.
    of_pairs : array, shape (pairs,), optional
        A further factor of each pair, in a circle also of the last with the first; by default all
        are 1.
    """

    line: Ints
    scale: float
    is_circle: bool = False
    of_pairs: Floats | None = None

    def variances(self, rows: Ints, domains: Ints, t: Floats, count: int) -> Floats:
        """By domain, one after the other."""
        by_domain = np.argsort(domains, kind="stable")
        stops = np.searchsorted(domains[by_domain], np.arange(count + 1))
        variances = np.zeros(count)
        values = np.zeros(max(int(rows.max(initial=-1)), int(self.line.max(initial=-1))) + 1)
        for domain in range(count):
            cells = by_domain[stops[domain] : stops[domain + 1]]
            values[rows[cells]] = t[cells]
            along = values[self.line]
            if self.is_circle and len(along):
                along = np.append(along, along[0])
            squares = np.diff(along) ** 2
            if self.of_pairs is not None:
                squares *= self.of_pairs
            variances[domain] = self.scale * float(squares.sum())
            values[rows[cells]] = 0.0
        return variances

    @property
    def contrasts(self) -> int:
        """One of each pair of neighbours."""
        return max(len(self.line) - 1, 0)

    def _roots(self) -> Floats:
        """The root of the factor of each pair."""
        pairs = np.ones(self.contrasts) if self.of_pairs is None else self.of_pairs
        return sqrt(self.scale) * np.sqrt(pairs)

    def add_contrasts(self, factors: Floats, start: int, rows: Ints, shares: Floats) -> None:
        """Move neighbours apart."""
        for at, root in enumerate(self._roots()):
            before, after = self.line[at], self.line[at + 1]
            factors[rows[after], start + at] += root * shares[after]
            factors[rows[before], start + at] -= root * shares[before]

    def add_draws(self, factors: Floats, rows: Ints, shares: Floats, uniform: Uniform) -> None:
        """Move neighbours apart by random signs."""
        for at, root in enumerate(self._roots()):
            before, after = self.line[at], self.line[at + 1]
            signs = np.where(uniform.numbers(factors.shape[1]) < 0.5, -1.0, 1.0)
            factors[rows[after]] += root * shares[after] * signs
            factors[rows[before]] -= root * shares[before] * signs


def simple_factors(drawn: Floats, rows: Ints | Floats) -> Floats:
    """(1 - n/N)·n/(n - 1) of simple random samples of groups; 0 where n < 2 or n = N."""
    chance = (drawn > 1) & (drawn < rows)
    n, whole = np.where(chance, drawn, 2.0), np.where(chance, rows, 2.0)
    factors: Floats = np.where(chance, (1.0 - n / whole) * n / (n - 1.0), 0.0)
    return factors


def without_correction(whole: Ints, ultimate: Booleans | bool) -> Floats:
    """The sizes of groups for :func:`simple_factors`, infinite where units are ultimate clusters.

    Where a later stage drew one unit of several, its variance can't be estimated. Then units of the
    stage above are measured whole, as if they were drawn with replacement, which counts no stage as
    0 and is at most too large: Särndal, Swensson and Wretman 1992, section 4.6.
    """
    return np.where(ultimate, np.inf, whole)


def single_unit_note(single: int, kind: str, part: str, units: str, *, in_strata: bool) -> str:
    """How the variance is measured where ``single`` groups gave one ``part`` of several."""
    scope = "in their strata " if in_strata else ""
    return (
        f"{counted(single, kind)} gave one {part} of several, which doesn't show the variance "
        f"inside. So {scope}the variance is that between whole {units} as if they were drawn with "
        f"replacement: on the safe side, the more so the larger the share of {units} drawn."
    )


def simple_layer(n: float, fraction: float, groups: Ints) -> Layer:
    """The stage of n units that are one simple random sample."""
    factor = (1.0 - fraction) * n / (n - 1) if n > 1 else 0.0
    return Layer(groups, None, np.array([n]), np.array([factor]))


def sums_by(groups: Ints, values: Floats, count: int) -> Floats:
    """The sum of the values of each group, in their order, shape (count,)."""
    return np.bincount(groups, values, count).astype(np.float64)


def groups_in(groups: Ints, domains: Ints, count: int) -> Ints:
    """The different groups of each domain's rows, shape (count,)."""
    width = int(groups.max(initial=0)) + 1
    numbers = domains * width + groups
    if count * width <= MAX_EMPTY_CELLS + len(numbers):
        present = np.zeros(count * width, dtype=np.bool_)
        present[numbers] = True
        counts: Ints = present.reshape(count, width).sum(axis=1)
        return counts
    return np.bincount(np.unique(numbers) // width, minlength=count)


def squared_differences(t: Floats, means: Floats) -> Floats:
    """(t - mean)², in the place of the means: large arrays are slow to allocate."""
    np.subtract(t, means, out=means)
    return np.multiply(means, means, out=means)


def _cells(numbers: Ints, count: int) -> tuple[Ints, Ints]:
    """The cells of 0 … count that may have a number, and each number's place among them."""
    if count <= MAX_EMPTY_CELLS + len(numbers):
        return np.arange(count), numbers
    return np.unique(numbers, return_inverse=True)


def _times_drawn(cumulated: Floats, draws: int, count: int, uniform: Uniform) -> Floats:
    """How often each unit is drawn in each replicate, shape (units, replicates)."""
    units = len(cumulated)
    times = np.empty((units, count))
    step = max(DRAWN_AT_ONCE // draws, 1)
    for first in range(0, count, step):
        here = min(step, count - first)
        drawn = np.searchsorted(cumulated, uniform.numbers(here * draws), side="right")
        replicate = np.repeat(np.arange(here), draws)
        cells = np.minimum(drawn, units - 1) * here + replicate
        times[:, first : first + here] = np.bincount(cells, minlength=units * here).reshape(
            units, here
        )
    return times
