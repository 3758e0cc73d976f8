"""Calibration of a sample's weights to known totals of its population.

The weights w·g reproduce the totals T of the auxiliary variables x, and stay close to the design
weights w: g = 1 + (T - Σwx)ᵀ (Σ w x xᵀ/c)⁻¹ x/c, or those of raking. The variance is that of g·e,
e the residual of a regression of z on x (Särndal, Swensson and Wretman 1992, chapters 6 and 7;
Deville, Särndal and Sautory 1993). Sums are over rows in the table's order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from contract.requests.estimate import VarianceRequest
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.designs import Design
from estimation_engine.designs.stages import Measured, sums_by
from estimation_engine.errors import InvalidCalibration
from lazy_dataclasses import dataclass

MAX_STEPS = 500
"""Rounds over the margins before raking counts as not convergent."""
CONVERGED = 1e-12
"""The largest relative distance of a margin's sum from its total."""
SINGULAR = 1e-9
"""A variable whose part that others don't explain is smaller, relative to it, is collinear."""
ROUNDING = 1e-11
"""A residual that is smaller, relative to the largest, is 0."""


class Auxiliaries(Protocol):
    """The auxiliary variables of a sample's rows: sums over rows, and x·b of each row."""

    def sums(self, rows: Ints, t: Floats) -> Floats:
        """Σ t·x/c over some rows, each with a t; shape (variables,)."""

    def fitted(self, b: Floats) -> Floats:
        """x·b, shape (rows,)."""


@dataclass(frozen=True, eq=False)
class Size:
    """One variable of numbers, whose variance is in proportion to it: c = x."""

    x: Floats

    def sums(self, rows: Ints, t: Floats) -> Floats:
        return np.array([t.sum()])

    def fitted(self, b: Floats) -> Floats:
        fitted: Floats = self.x * b[0]
        return fitted


@dataclass(frozen=True, eq=False)
class Numbers:
    """Variables of numbers, shape (variables, rows); c is 1."""

    x: Floats

    def sums(self, rows: Ints, t: Floats) -> Floats:
        return np.array([(t * x[rows]).sum() for x in self.x])

    def gram(self, t: Floats) -> Floats:
        """Σ t·x·xᵀ, shape (variables, variables)."""
        count = len(self.x)
        found = np.zeros((count, count))
        for i in range(count):
            weighted = t * self.x[i]
            for j in range(i, count):
                found[i, j] = found[j, i] = (weighted * self.x[j]).sum()
        return found

    def fitted(self, b: Floats) -> Floats:
        found = np.zeros(self.x.shape[1])
        for x, coefficient in zip(self.x, b, strict=True):
            found += coefficient * x
        return found


@dataclass(frozen=True, eq=False)
class Margins:
    """Indicators of cells: for each margin, the rows' cells from 0, and the number of cells."""

    cells: Sequence[Ints]
    counts: Sequence[int]

    def sums(self, rows: Ints, t: Floats) -> Floats:
        pairs = zip(self.cells, self.counts, strict=True)
        return np.concatenate([sums_by(cells[rows], t, count) for cells, count in pairs])

    def gram(self, t: Floats) -> Floats:
        """Σ t·x·xᵀ, shape (variables, variables)."""
        starts = self._starts()
        found = np.zeros((starts[-1], starts[-1]))
        for i, (first, rows) in enumerate(zip(self.cells, self.counts, strict=True)):
            for j, (second, columns) in enumerate(zip(self.cells, self.counts, strict=True)):
                part = sums_by(first * columns + second, t, rows * columns)
                found[starts[i] : starts[i + 1], starts[j] : starts[j + 1]] = part.reshape(
                    rows, columns
                )
        return found

    def fitted(self, b: Floats) -> Floats:
        starts = self._starts()
        found = np.zeros(len(self.cells[0]))
        for at, cells in enumerate(self.cells):
            found += b[starts[at] : starts[at + 1]][cells]
        return found

    def _starts(self) -> list[int]:
        return [0, *np.cumsum(self.counts).tolist()]


class NoAuxiliaries:
    """No variable: the weights stay, and a residual is z itself."""

    def sums(self, rows: Ints, t: Floats) -> Floats:
        return np.zeros(0)

    def fitted(self, b: Floats) -> Floats:
        return np.zeros(1)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Calibrated weights w·g of a sample's rows.

    ``inverted`` computes the inverse of Σ w x xᵀ/c, which weights alone don't need. ``weights`` are
    those of the design, shape (rows,); with nonresponse those of ``response``, which are 0 for rows
    that didn't respond.
    """

    g: Floats
    auxiliaries: Auxiliaries
    inverted: Callable[[], Floats]
    weights: Floats
    response: Response | None = None

    @cached_property
    def inverse(self) -> Floats:
        """The inverse of Σ w x xᵀ/c, shape (variables, variables)."""
        return self.inverted()

    @property
    def calibrated_weights(self) -> Floats:
        """w·g, shape (rows,)."""
        return self.weights * self.g

    def residuals(self, rows: Ints, z: Floats) -> Floats:
        """Of all rows, z - x·B, where z is 0 outside ``rows``."""
        sums = self.auxiliaries.sums(rows, self.weights[rows] * z)
        residuals = np.zeros(len(self.weights))
        residuals -= self.auxiliaries.fitted((self.inverse * sums).sum(axis=1))
        largest = max(np.abs(z).max(initial=0.0), np.abs(residuals).max(initial=0.0))
        residuals[rows] += z
        residuals[np.abs(residuals) <= ROUNDING * largest] = 0.0
        return residuals

    def measured(
        self,
        design: Design,
        rows: Ints,
        domains: Ints,
        z: Floats,
        count: int,
        rules: VarianceRequest,
        *,
        with_skewness: bool = False,
    ) -> Measured:
        """The variance of each domain's calibrated estimate, and its skewness."""
        if not count:  # no pair of groups to contrast
            return design.variances(rows, domains, z, 0, rules, with_skewness=with_skewness)
        by_domain = np.argsort(domains, kind="stable")
        stops = np.searchsorted(domains[by_domain], np.arange(count + 1))
        weights = self.calibrated_weights
        everything, one = np.arange(design.rows), np.zeros(design.rows, dtype=np.int64)
        found, of_response = [], np.zeros(count)
        for domain in range(count):
            cells = by_domain[stops[domain] : stops[domain + 1]]
            e = self.residuals(rows[cells], z[cells])
            t = weights * e
            if self.response is not None:
                t, of_response[domain] = self.response.measured(self.g * e, self.g)
            found.append(
                design.variances(everything, one, t, 1, rules, with_skewness=with_skewness)
            )
        return Measured(
            np.array([each.variances[0] for each in found]) + of_response,
            np.array([each.of_rounds[:, 0] for each in found]).T.reshape(-1, count),
            np.array([each.skewness[0] for each in found]),
            np.array([each.effective_degrees[0] for each in found]),
        )


@dataclass(frozen=True, eq=False)
class Response:
    """The response of a sample's rows, as a second phase of the draw.

    The weights of respondents are w·a. ``calibration`` has a, by which they reproduce the whole
    sample's estimates of its auxiliary variables; None if that is left to known totals, by whose
    factors g the response is then made up for.

    The variance has two parts. That of the draw is that of Σ w·u over the whole sample, where
    u = x·B + a·(v - x·B) of respondents and x·B of others: the response of each row counts as a
    fixed variable of the population (Fay 1991; Shao and Steel 1999, "Variance estimation for
    survey data with composite imputation and nonnegligible sampling fractions"). That of the
    response is Σ w·a·(a - 1)·(v - x·B)², rows responding independently with probability 1/a
    (Särndal and Lundström 2005, *Estimation in Surveys with Nonresponse*, chapter 11).
    """

    weights: Floats
    responded: Booleans
    calibration: Calibration | None

    @property
    def responding_weights(self) -> Floats:
        """w·a, 0 for rows that didn't respond; shape (rows,)."""
        if self.calibration is None:
            return np.where(self.responded, self.weights, 0.0)
        return self.calibration.calibrated_weights

    def measured(self, v: Floats, g: Floats) -> tuple[Floats, float]:
        """w·u of all rows, and the variance of the response; v of respondents, shape (rows,)."""
        v = np.where(self.responded, v, 0.0)
        w = self.weights
        if self.calibration is None:
            # v is g·e, and 1/g the probability: g·(g - 1)·e² is (1 - 1/g)·v².
            lost = 1.0 - 1.0 / np.where(self.responded & (g > 0), g, 1.0)
            return w * v, max(float((w * lost * v * v).sum()), 0.0)
        rows = np.flatnonzero(self.responded)
        e = self.calibration.residuals(rows, v[rows])
        a = np.where(self.responded, self.calibration.g, 0.0)
        # Of rows that didn't respond e is -x·B.
        t = np.where(self.responded, w * (v + (a - 1.0) * e), -w * e)
        lost = np.where(self.responded, w * a * (a - 1.0) * e * e, 0.0)
        return t, max(float(lost.sum()), 0.0)

    @property
    def plain(self) -> Calibration:
        """The weights of the response alone, without a calibration."""
        weights = self.responding_weights
        ones = np.ones(len(weights))
        return Calibration(ones, NoAuxiliaries(), lambda: np.zeros((0, 0)), weights, self)


@dataclass(frozen=True, eq=False)
class Difference:
    """A variable whose difference from y is estimated, with its totals by domain.

    ``x`` has shape (rows,); ``totals`` and ``counts`` (domains,) are of the population's rows.
    """

    x: Floats
    totals: Floats
    counts: Floats


def by_ratio(weights: Floats, x: Floats, total: float) -> Calibration:
    """Calibrate to the total of one variable; its variance is in proportion to it (c = x)."""
    estimated = float((weights * x).sum())
    if estimated <= 0.0:
        raise InvalidCalibration(
            "A ratio needs a column whose estimated total is above 0; it is {estimated}.",
            estimated=f"{estimated:,.6g}",
        )
    g = np.full(len(weights), total / estimated)
    return Calibration(g, Size(x), lambda: np.array([[1.0 / estimated]]), weights)


def by_regression(
    weights: Floats, x: Floats, means: Floats, population: float, names: Sequence[str]
) -> Calibration:
    """Calibrate to the number of rows and the means of variables, shape (variables,).

    Raises
    ------
    InvalidCalibration
        In the sample, a variable is constant or a combination of others.
    """
    centred = x - means[:, np.newaxis]
    scales = np.array([np.sqrt((weights * row * row).sum() / weights.sum()) for row in centred])
    scaled = centred / np.where(scales > 0, scales, 1.0)[:, np.newaxis]
    auxiliaries = Numbers(np.vstack([np.ones(len(weights)), scaled]))
    inverse, dependent = inverse_of(auxiliaries.gram(weights))
    if dependent.any():
        name = names[int(np.flatnonzero(dependent)[0]) - 1]
        raise InvalidCalibration(
            'In the sample, the column "{column}" is constant or a combination of the others: '
            "leave it out.",
            column=name,
        )
    totals = np.zeros(len(auxiliaries.x))
    totals[0] = population
    missing = totals - auxiliaries.sums(np.arange(len(weights)), weights)
    g = 1.0 + auxiliaries.fitted((inverse * missing).sum(axis=1))
    return Calibration(g, auxiliaries, lambda: inverse, weights)


def by_strata(weights: Floats, cells: Ints, totals: Floats) -> Calibration:
    """Calibrate to the rows of each cell, all of which have a sampled row."""
    sums = sums_by(cells, weights, len(totals))
    _require_weights(sums)
    margins = Margins([cells], [len(totals)])
    return Calibration((totals / sums)[cells], margins, lambda: np.diag(1.0 / sums), weights)


def by_raking(weights: Floats, margins: Margins, totals: Sequence[Floats]) -> Calibration:
    """Calibrate to the rows of each margin's cells, in turn until all agree.

    Raises
    ------
    InvalidCalibration
        The margins don't agree after ``MAX_STEPS`` rounds.
    """
    raked = weights.copy()
    for cells, total in zip(margins.cells, totals, strict=True):
        _require_weights(sums_by(cells, weights, len(total)))
    for _ in range(MAX_STEPS):
        largest = 0.0
        for cells, total in zip(margins.cells, totals, strict=True):
            factors = total / sums_by(cells, raked, len(total))
            largest = max(largest, float(np.abs(factors - 1.0).max()))
            raked *= factors[cells]
        if largest <= CONVERGED:
            g = np.divide(raked, weights, out=np.ones(len(weights)), where=weights > 0)
            return Calibration(g, margins, lambda: inverse_of(margins.gram(weights))[0], weights)
    raise InvalidCalibration(
        "Raking didn't converge in {steps} rounds: the sample lacks combinations of values that "
        "the totals need. Use fewer columns, or columns with fewer values.",
        steps=MAX_STEPS,
    )


def _require_weights(sums: Floats) -> None:
    """Refuse a group whose rows all have the weight 0."""
    empty = int((sums <= 0).sum())
    if empty:
        raise InvalidCalibration(
            "{count} {count|group|groups} of the calibration {count|has|have} no weight: use "
            "columns with fewer values.",
            count=empty,
        )


def inverse_of(gram: Floats) -> tuple[Floats, Booleans]:
    """A generalised inverse of a symmetric matrix, and its dependent rows, which are 0 in it.

    Goodnight's sweep operator (1979), without BLAS, whose sums depend on threads.
    """
    a = gram.copy()
    scale = np.diag(gram).copy()
    dependent = np.zeros(len(a), dtype=np.bool_)
    for k in range(len(a)):
        pivot = a[k, k]
        if pivot <= SINGULAR * scale[k]:
            dependent[k] = True
            a[k, :] = a[:, k] = 0.0
            continue
        row, column = a[k, :] / pivot, a[:, k].copy()
        a -= column[:, np.newaxis] * row
        a[k, :], a[:, k] = row, -column / pivot
        a[k, k] = 1.0 / pivot
    return a, dependent
