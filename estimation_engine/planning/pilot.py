"""Estimated facts of a population for a statistic, from the rows of a pilot sample.

The rows of each stratum are known, so the pilot's weights are scaled to them. What else a plan
needs, means and variances of the cells, are estimates. The sizes by them are as uncertain as the
variances: :meth:`PilotStatistic.variance_error` says by how much.
"""

from __future__ import annotations

from functools import cached_property
from math import inf

import numpy as np

from contract.words import PlannedStatistic
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.designs import Design
from estimation_engine.designs.stages import groups_in, sums_by
from estimation_engine.errors import LonelyStratum
from estimation_engine.estimates import (
    ROWS_BY_SKEWNESS,
    Domains,
    EstimateSettings,
    Values,
    estimate,
)
from lazy_dataclasses import dataclass

MIN_UNITS = 2
"""Rows, or clusters, of a stratum that an estimate of its variance needs."""


@dataclass(frozen=True, eq=False)
class PilotRows:
    """The rows of a pilot by the strata of the planned design.

    Parameters
    ----------
    design : Design
        Of the pilot, whose rows the arrays have.
    included : array, shape (rows,)
        The rows that the planned design could draw.
    groups : array of int, shape (rows,)
        The planned design's stratum of each included row; 0 for others.
    group_rows : array of int, shape (groups,)
        All rows of each stratum, N_h.
    """

    design: Design
    included: Booleans
    groups: Ints
    group_rows: Ints

    @cached_property
    def weights(self) -> Floats:
        """The design weights of included rows; 0 for others."""
        return np.where(self.included, self.design.weights, 0.0)

    @cached_property
    def rows(self) -> Ints:
        """The pilot's rows in each stratum, shape (groups,)."""
        return np.bincount(self.groups[self.included], minlength=len(self.group_rows))

    @cached_property
    def units(self) -> Ints:
        """Its rows in each stratum, or its clusters, since rows of a cluster may be alike."""
        if self.design.units == self.design.rows:
            return self.rows
        numbers = self.design.unit_numbers[self.included]
        return groups_in(numbers, self.groups[self.included], len(self.group_rows))

    @cached_property
    def weight_sums(self) -> Floats:
        """The weights of each stratum, shape (groups,); 1 for one without rows."""
        sums = sums_by(self.groups, self.weights, len(self.group_rows))
        return np.where(self.rows > 0, sums, 1.0)

    @cached_property
    def corrections(self) -> Floats:
        """n/(n - 1) of each stratum, n its units by Kish's effective size; 0 below two units."""
        squares = sums_by(self.groups, self.weights**2, len(self.group_rows))
        effective = np.where(self.rows > 0, self.weight_sums**2 / np.where(squares, squares, 1), 0)
        effective = effective * self.units / np.maximum(self.rows, 1)
        can = (self.units >= MIN_UNITS) & (effective > 1.0)
        return np.where(can, effective / np.where(can, effective - 1.0, 1.0), 0.0)


@dataclass(frozen=True, eq=False)
class PilotStatistic:
    """A statistic's estimates by domain, and the variances of its linearised variable by stratum.

    z is y for a total, and (y - Ȳ)/N of the domain for a mean or share; 0 outside the domain, as in
    :func:`estimation_engine.planning.frame.frame_statistic`.

    Parameters
    ----------
    values : Values
        Of the pilot's rows.
    domains : Domains
        Of the pilot's rows.
    may_have : array of bool, shape (domains, groups)
        Whether a stratum without rows in the pilot may have rows of a domain.
    """

    statistic: PlannedStatistic
    pilot: PilotRows
    data: Values
    domains: Domains
    may_have: Booleans

    @property
    def _has_value(self) -> Booleans:
        return self.pilot.included & self.domains.included & self.data.present

    def _by_cell(self, figures: Floats) -> Floats:
        """Sums of rows with a value, shape (domains, groups)."""
        width = len(self.pilot.group_rows)
        rows = np.flatnonzero(self._has_value)
        cells = self.domains.groups[rows] * width + self.pilot.groups[rows]
        found: Floats = sums_by(cells, figures[rows], self.domains.count * width)
        return found.reshape(self.domains.count, width)

    @cached_property
    def sampled(self) -> Ints:
        """The pilot's rows with a value, shape (domains, groups)."""
        return self._by_cell(np.ones(len(self.pilot.groups))).astype(np.int64)

    def _filled(self, means: Floats) -> Floats:
        """Means of the strata; those without rows in the pilot have the mean of the others."""
        covered = self.pilot.rows > 0
        weights = np.where(covered & self.may_have, self.pilot.group_rows, 0).astype(np.float64)
        sums = weights.sum(axis=1)
        pooled = (weights * means).sum(axis=1) / np.where(sums > 0, sums, 1.0)
        filled: Floats = np.where(covered, means, np.where(self.may_have, pooled[:, None], 0.0))
        return filled

    @cached_property
    def group_counts(self) -> Floats:
        """The estimated rows with a value, shape (domains, groups)."""
        shares = self._by_cell(self.pilot.weights) / self.pilot.weight_sums
        found: Floats = self._filled(shares) * self.pilot.group_rows
        return found

    @cached_property
    def rows(self) -> Floats:
        """The estimated rows with a value, shape (domains,)."""
        found: Floats = self.group_counts.sum(axis=1)
        return found

    @cached_property
    def values(self) -> Floats:
        """The estimates, shape (domains,); NaN where a domain has no row with a value."""
        means = self._by_cell(self.pilot.weights * self.data.y) / self.pilot.weight_sums
        totals: Floats = (self._filled(means) * self.pilot.group_rows).sum(axis=1)
        if self.statistic == "total":
            return np.where(self.rows > 0, totals, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            return totals / self.rows

    @cached_property
    def z(self) -> Floats:
        """The linearised variable of rows with a value, in their own domain, shape (rows,)."""
        y, has_value = self.data.y, self._has_value
        if self.statistic != "total":
            own = self.domains.groups
            centre, rows = self.values[own], self.rows[own]
            y = np.where(has_value, (y - centre) / np.where(rows > 0, rows, 1.0), 0.0)
        return np.where(has_value, y, 0.0)

    @cached_property
    def _means(self) -> Floats:
        """The means of z in the strata, shape (domains, groups)."""
        return self._by_cell(self.pilot.weights * self.z) / self.pilot.weight_sums

    @cached_property
    def _spreads(self) -> Floats:
        """Σw(z - z̄)²/Σw of the strata, shape (domains, groups); rows outside have z = 0."""
        pilot, means = self.pilot, self._means
        centred = self.z - means[self.domains.groups, pilot.groups]
        inside = self._by_cell(pilot.weights * centred**2)
        outside = np.maximum(pilot.weight_sums - self._by_cell(pilot.weights), 0.0) * means**2
        spreads: Floats = (inside + outside) / pilot.weight_sums
        # What rounding leaves of equal values is no spread.
        least = np.finfo(float).eps ** 2 * 16 * self._by_cell(pilot.weights * self.z**2)
        return np.where(spreads * pilot.weight_sums > least, spreads, 0.0)

    @cached_property
    def _own(self) -> Booleans:
        """Whether the stratum's variance is estimated from its own rows, (domains, groups)."""
        is_known = (self._spreads > 0) | (self.sampled == 0)
        own: Booleans = (self.pilot.corrections > 0) & is_known
        return own

    @cached_property
    def _degrees(self) -> Ints:
        """The degrees of freedom of the variances that are pooled, shape (domains, groups)."""
        degrees = np.maximum(self.pilot.units - 1, 0)
        return np.where(self._own & (self.sampled > 0), degrees, 0)

    @cached_property
    def group_squares(self) -> Floats:
        """S²_h of z, shape (domains, groups).

        Strata with fewer than two units of the pilot, or with equal values of a domain alone, have
        the pooled variance of those of its strata that have more.
        """
        pilot = self.pilot
        own: Floats = self._spreads * pilot.corrections
        sums = self._degrees.sum(axis=1)
        pooled = (self._degrees * own).sum(axis=1) / np.where(sums > 0, sums, 1)
        can = self.may_have | (self.sampled > 0)
        return np.where(self._own, own, np.where(can, pooled[:, None], 0.0))

    @cached_property
    def pooled(self) -> Booleans:
        """The strata whose variance is pooled in any domain, shape (groups,)."""
        can = self.may_have | (self.sampled > 0)
        found: Booleans = (~self._own & can).any(axis=0) & (self.pilot.group_rows > 1)
        return found

    @cached_property
    def squares(self) -> Floats:
        """S² over all rows, shape (domains,): inside the strata and between their means."""
        rows = self.pilot.group_rows.astype(np.float64)
        whole, means = rows.sum(), self._filled(self._means)
        overall = (means @ rows / whole)[:, None]
        inside = (np.maximum(rows - 1.0, 0.0) * self.group_squares).sum(axis=1)
        between = (rows * (means - overall) ** 2).sum(axis=1)
        found: Floats = (inside + between) / max(whole - 1.0, 1.0)
        return found

    def deviations(self) -> Floats:
        """The standard deviation of the values in each stratum, shape (groups,); 0 below two."""
        every = Domains(self.domains.included, np.zeros_like(self.domains.groups), 1)
        width = len(self.pilot.group_rows)
        both = PilotStatistic(
            "total", self.pilot, self.data, every, np.ones((1, width), dtype=np.bool_)
        )
        counts = both.sampled[0]
        sums, weights = (
            both._by_cell(figure)[0]
            for figure in (self.pilot.weights * self.data.y, self.pilot.weights)
        )
        means = sums / np.where(weights > 0, weights, 1.0)
        centred = (self.data.y - means[self.pilot.groups]) ** 2
        squares = both._by_cell(self.pilot.weights * centred)[0]
        spreads = squares / np.where(weights > 0, weights, 1.0)
        return np.sqrt(np.where(counts > 1, spreads * counts / np.maximum(counts - 1, 1), 0.0))

    def needed_rows(self) -> Floats:
        """Rows that an interval of t·SE needs by the pilot's skewness, 25·G²; shape (domains,)."""
        needed = np.zeros(self.domains.count)
        weights = (
            self.pilot.weights * (self.pilot.group_rows / self.pilot.weight_sums)[self.pilot.groups]
        )
        for domain in range(self.domains.count):
            own = self._has_value & (self.domains.groups == domain)
            z = np.where(own, self.z, 0.0)
            centred = z - weights @ z / weights.sum()
            variance = weights @ centred**2 / weights.sum()
            if variance > 0:
                third = weights @ centred**3 / weights.sum()
                needed[domain] = ROWS_BY_SKEWNESS * (third / variance**1.5) ** 2
        return needed

    def variance_error(self, domain: int, factors: Floats) -> float:
        """The relative standard error of Σ_h factor_h·S²_h, by the pilot's design.

        S² is linearised: its error is that of the mean of n/(n - 1)·((z - z̄)² - S²). Strata with a
        pooled variance count by the strata that it is pooled from. Infinite if it isn't known.

        Parameters
        ----------
        factors : array, shape (groups,)
            N_h²(1/n_h - 1/N_h) of the planned sizes.
        """
        pilot, squares = self.pilot, self.group_squares[domain]
        variance = float(factors @ squares)
        if variance <= 0.0:
            return 0.0
        own = self._own[domain]
        degrees = self._degrees[domain]
        left = float(factors[~own & (squares > 0)].sum())
        shared = np.where(own, factors, 0.0) + left * degrees / max(degrees.sum(), 1)
        inside = self._has_value & (self.domains.groups == domain)
        z = np.where(inside, self.z, 0.0)
        centred = (z - self._means[domain][pilot.groups]) ** 2
        scale = (shared * pilot.corrections / pilot.weight_sums)[pilot.groups]
        u = scale * (centred - self._spreads[domain][pilot.groups])
        if self.statistic != "total":
            # z has the estimated rows of the domain in its denominator.
            expansion = pilot.group_rows / pilot.weight_sums
            shares = self._by_cell(pilot.weights)[domain] / pilot.weight_sums
            counted = expansion[pilot.groups] * (inside - shares[pilot.groups])
            u -= 2.0 * variance / self.rows[domain] * counted
        u = np.where(pilot.included, u, 0.0)
        one = Domains(pilot.included, np.zeros_like(pilot.groups), 1)
        data = Values("total", u, pilot.included)
        try:
            (found,) = estimate(pilot.design, data, one, EstimateSettings(0.95))
        except LonelyStratum:
            return inf
        return inf if found.error is None else found.error / variance
