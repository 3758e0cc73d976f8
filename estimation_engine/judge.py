"""A judge's columns as control variates of a figure, each with a tuned coefficient.

A judge is a model or a rule whose opinion is a column of the whole table, so that its own figure F
is known. The estimate is θ̂ + Σ λ(F - F̂), F̂ the judge's figure by the sample: the difference
estimator with the coefficients that have the least variance (Särndal, Swensson and Wretman 1992,
chapter 6; prediction-powered inference with tuned λ: Angelopoulos, Duchi and Zrnic 2023, "PPI++";
in strata: Fisch et al. 2024). It needs no trust in the judge: any λ leaves it nearly unbiased.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from contract.requests.estimate import VarianceRequest
from contract.words import StatisticName
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.calibration import Calibration, Difference, inverse_of
from estimation_engine.designs import Design
from estimation_engine.designs.stages import Measured, sums_by
from lazy_dataclasses import dataclass

LEAST_DEGREES = 3
"""Degrees of freedom that the coefficients leave; with fewer they are 0."""
LEAST_CARRIERS = 5
"""Units that the variance of the residuals rests on, (Σe²)²/Σe⁴; with fewer, of more than
``UNITS_BY_CARRIER`` times as many units, the coefficients are 0.

Of a rare value only the rows where judge and people differ have a residual. Five such rows keep the
coverage of 95 % intervals at 94 % or more (``python -m benchmarks.judge``).
"""
UNITS_BY_CARRIER = 6
"""Of normal residuals a third of the units."""
LEAST_ROWS = 20
"""Labelled rows by column that each stratum needs for a coefficient of its own."""
MAX_CELLS = 20_000
"""Groups times strata; with more there is one coefficient for each column and group."""
NOISE = 1e-10
"""A standard error below this part of the root of Σt² is rounding: the values are equal."""
AGREES = 1e-12
"""A residual variance below this part of people's is 0: the judge agrees in all sampled rows."""


@dataclass(frozen=True, eq=False)
class JudgeColumn:
    """The figure of one column of a judge, in the sample and in the table.

    Parameters
    ----------
    statistic : str
        The figure of the column.
    y, present, x : arrays, shape (rows,)
        As those of people's :class:`~estimation_engine.estimates.Values`.
    known : array, shape (domains,)
        The figure of the table; NaN where no row has a value.
    totals, counts : arrays, shape (domains, strata), optional
        The sums of y and the rows with a value, in the table by stratum.
    """

    name: str
    statistic: StatisticName
    y: Floats
    present: Booleans
    x: Floats | None
    known: Floats
    totals: Floats | None = None
    counts: Floats | None = None

    def deviation(self, domain: int, strata: Ints | None, estimate: float, sums: Floats) -> Floats:
        """What the table has more than the sample, by cell of a domain.

        ``estimate`` is the domain's figure by the sample, and ``sums`` those of t by cell.
        """
        if strata is None:
            return np.array([self.known[domain] - estimate])
        assert self.totals is not None and self.counts is not None  # noqa: S101, PT018 - by strata
        totals, counts = self.totals[domain], self.counts[domain]
        if self.statistic == "total":
            of_total: Floats = totals[strata] - sums
            return of_total
        found: Floats = (totals - estimate * counts)[strata] / counts.sum() - sums
        return found


@dataclass(frozen=True, eq=False)
class Judge:
    """The columns of a judge for one figure.

    ``strata`` has the stratum of each sampled row, ``sampled`` whether a stratum's rows were left
    to chance, and ``keys`` the values of each; the first two are None of designs without strata.
    """

    columns: Sequence[JudgeColumn]
    strata: Ints | None = None
    sampled: Booleans | None = None
    keys: Sequence[Mapping[str, Any]] = ()

    def layout(
        self, design: Design, rows: Ints, groups: Ints, count: int, people: Floats, labelled: Ints
    ) -> tuple[Ints, list[Ints], list[Ints | None]]:
        """The cell of each row, the cells of each domain, and their strata if it has several.

        A domain has a cell for each stratum if all of them have enough labels.

        Parameters
        ----------
        people : array, shape (rows,)
            t of people's figure.
        labelled : array of int
            The places of the rows with a label among ``rows``.
        """
        whole: list[Ints | None] = [None] * count
        one = groups, [np.array([domain]) for domain in range(count)], whole
        if self.strata is None or self.sampled is None or self.columns[0].counts is None:
            return one
        width = len(self.sampled)
        if width < 2 or count * width > MAX_CELLS:
            return one
        own = groups * width + self.strata[rows]
        labels = np.bincount(own[labelled], minlength=count * width)
        _, carriers = carriers_of(design, rows, own, count * width, people)
        enough = (labels >= LEAST_ROWS * len(self.columns)) & (carriers >= LEAST_CARRIERS)
        is_empty = self.columns[0].counts == 0
        separate = (enough.reshape(count, width) | ~self.sampled | is_empty).all(axis=1)
        cells, numbers = np.unique(
            np.where(separate[groups], own, groups * width), return_inverse=True
        )
        stops = np.searchsorted(cells, np.arange(count + 1) * width)
        of_domain = [np.arange(*ends) for ends in pairwise(stops.tolist())]
        strata = [
            cells[its] % width if is_separate else None
            for its, is_separate in zip(of_domain, separate.tolist(), strict=True)
        ]
        return numbers, of_domain, strata


Adjustment = Calibration | Difference | Judge
"""What an estimate uses besides the design: calibrated weights, or totals of the table."""


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Tuned coefficients of cells, which are domains or the strata of one.

    Parameters
    ----------
    values : array, shape (columns, cells)
        λ; 0 where the judge isn't used.
    correlation : array, shape (cells,)
        That of people's estimate and the judge's, with the sign of a single column.
    factors : array, shape (cells,)
        By which the variance of the residuals is multiplied, for the coefficients are estimated.
    lost : array of int, shape (cells,)
        The degrees of freedom that they take.
    variances : array, shape (cells,)
        Those of people's estimate.
    """

    values: Floats
    correlation: Floats
    factors: Floats
    lost: Ints
    variances: Floats

    @classmethod
    def none(cls, columns: int, variances: Floats) -> Coefficients:
        """Those of people alone."""
        cells = len(variances)
        lost = np.zeros(cells, dtype=np.int64)
        return cls(np.zeros((columns, cells)), np.zeros(cells), np.ones(cells), lost, variances)


@dataclass(frozen=True, eq=False)
class TunedJudge:
    """The coefficients of a figure's domains, for each domain the cells that are its strata.

    A domain with one coefficient for each column has one cell, and None in ``strata``.
    """

    coefficients: Coefficients
    cells: Sequence[Ints]
    strata: Sequence[Ints | None]

    @property
    def lost(self) -> Ints:
        """The degrees of freedom that the coefficients take, by domain."""
        return np.array([self.coefficients.lost[own].sum() for own in self.cells], dtype=np.int64)

    def correlation(self, domain: int) -> float | None:
        """That of people's estimate and the judge's; of strata the root of the mean of squares."""
        own = self.cells[domain]
        found, variances = self.coefficients.correlation[own], self.coefficients.variances[own]
        known = np.isfinite(variances)
        whole = float(variances[known].sum())
        if not whole > 0:
            return None
        squares = float((np.sign(found) * found**2 * variances)[known].sum()) / whole
        return float(np.sign(squares) * np.sqrt(abs(squares)))


@dataclass(frozen=True, eq=False)
class JudgeCells:
    """The rows of domains with people's t = w·z and the judge's, shape (columns, rows).

    ``deviations`` have shape (columns, cells): what is known of the table less its estimate by the
    sample. ``labelled`` are the rows with a label, and ``domains`` the domain of each cell.
    """

    rows: Ints
    numbers: Ints
    count: int
    domains: Ints
    people: Floats
    judge: Floats
    deviations: Floats
    labelled: Booleans

    def residuals(self, values: Floats) -> Floats:
        """t of people less λ times those of the judge."""
        found = self.people.copy()
        for t, coefficients in zip(self.judge, values, strict=True):
            found -= coefficients[self.numbers] * t
        return found


def tune(design: Design, cells: JudgeCells, rules: VarianceRequest) -> Coefficients:
    """Choose the coefficients with the least estimated variance, and shrink them.

    They are C⁻¹c, C and c the covariances of the judge's estimates among each other and with
    people's by the formula of the design, times s = max(0, 1 - 1/F). F is the statistic of the
    hypothesis that all are 0, so a judge that isn't related to the labels costs nothing (James and
    Stein 1961). The variance of the residuals is multiplied by d/(d - p), d the degrees of freedom
    and p the columns, and by 1 + s²T²/d, T² = DᵀC⁻¹D with the deviations D: the variance of a
    regression's prediction.
    """
    errors, correlations, of_people = _correlations(design, cells, rules)
    labelled = cells.labelled
    degrees = design.degrees_of_freedom(
        cells.rows[labelled], cells.numbers[labelled], cells.count, of_people.of_rounds
    )
    found = Coefficients.none(len(cells.judge), of_people.variances)
    for cell in range(cells.count):
        if errors[-1, cell] > 0:
            _solve(found, cell, cells, errors[:, cell], correlations[cell], int(degrees[cell]))
    used = _has_enough_carriers(design, cells, found, rules)[cells.domains]
    return Coefficients(
        np.where(used, found.values, 0.0),
        found.correlation,
        np.where(used, found.factors, 1.0),
        np.where(used, found.lost, 0),
        found.variances,
    )


def _correlations(
    design: Design, cells: JudgeCells, rules: VarianceRequest
) -> tuple[Floats, Floats, Measured]:
    """Standard errors of the judge's columns and of people, and the correlations of all.

    The shapes are (columns + 1, cells) and (cells, columns + 1, columns + 1). A covariance is that
    of the design, by a quarter of V(a + b) - V(a - b).
    """

    def measured(t: Floats) -> Measured:
        found = design.variances(cells.rows, cells.numbers, t, cells.count, rules)
        is_noise = found.variances <= NOISE**2 * sums_by(cells.numbers, t * t, cells.count)
        return replace(found, variances=np.where(is_noise, 0.0, found.variances))

    of_people = measured(cells.people)
    sums = [*cells.judge, cells.people]
    errors = np.sqrt([*(measured(t).variances for t in cells.judge), of_people.variances])
    scaled = []
    for t, own in zip(sums, errors, strict=True):
        usable = np.where(own > 0, own, np.inf)
        scaled.append(t / usable[cells.numbers])
    correlations = np.zeros((cells.count, len(sums), len(sums)))
    for i, first in enumerate(scaled):
        correlations[:, i, i] = 1.0
        for j, second in enumerate(scaled[:i]):
            both = measured(first + second).variances - measured(first - second).variances
            correlations[:, i, j] = correlations[:, j, i] = both / 4.0
    return errors, correlations, of_people


def _solve(
    found: Coefficients,
    cell: int,
    cells: JudgeCells,
    errors: Floats,
    correlations: Floats,
    degrees: int,
) -> None:
    """Enter the coefficients of a cell; they stay 0 where people alone are as good."""
    varied = np.flatnonzero(errors[:-1] > 0)
    if not len(varied) or not np.isfinite(correlations).all():
        return
    of_people = correlations[-1, varied]
    inverse, dependent = inverse_of(correlations[np.ix_(varied, varied)])
    used = int((~dependent).sum())
    slopes = (inverse * of_people).sum(axis=1)
    share = min(max(float((of_people * slopes).sum()), 0.0), 1.0)
    sign = np.sign(of_people[0]) if len(cells.judge) == 1 else 1.0
    found.correlation[cell] = sign * np.sqrt(share)
    left = degrees - used
    if left < LEAST_DEGREES or share * left <= used * (1.0 - share):
        return
    shrinkage = 1.0 - used * (1.0 - share) / (share * left)
    deviations = cells.deviations[varied, cell] / errors[varied]
    if not np.isfinite(deviations).all():
        return
    distance = max(float((deviations * (inverse * deviations).sum(axis=1)).sum()), 0.0)
    found.values[varied, cell] = shrinkage * slopes * errors[-1] / errors[varied]
    found.factors[cell] = degrees / left * (1.0 + shrinkage**2 * distance / degrees)
    found.lost[cell] = used


def _has_enough_carriers(
    design: Design, cells: JudgeCells, found: Coefficients, rules: VarianceRequest
) -> Booleans:
    """The domains whose residuals show their variance; shape (domains,)."""
    domains, count = cells.domains[cells.numbers], int(cells.domains.max(initial=-1)) + 1
    residuals = cells.residuals(found.values)
    left = design.variances(cells.rows, domains, residuals, count, rules).variances
    whole = design.variances(cells.rows, domains, cells.people, count, rules).variances
    units, carriers = carriers_of(design, cells.rows, domains, count, residuals)
    few = (carriers < LEAST_CARRIERS) & (carriers * UNITS_BY_CARRIER < units)
    enough: Booleans = ~few & (left > AGREES * whole)
    return enough


def carriers_of(
    design: Design, rows: Ints, numbers: Ints, count: int, t: Floats
) -> tuple[Ints, Floats]:
    """Units left to chance in each cell, and (Σe²)²/Σe⁴ of their sums of t about their means."""
    chance = design.weights[rows] > 1.0
    numbers, rows = numbers[chance], rows[chance]
    width = int(design.unit_numbers.max(initial=0)) + 1
    units, places = np.unique(numbers * width + design.unit_numbers[rows], return_inverse=True)
    sums, of_unit = sums_by(places, t[chance], len(units)), units // width
    groups = of_unit
    if design.group_kind == "strata":
        stratum = np.zeros(len(units), dtype=np.int64)
        stratum[places] = design.groups[rows]
        groups = np.unique(of_unit * len(design.group_rows) + stratum, return_inverse=True)[1]
    width = int(groups.max(initial=0)) + 1
    sizes = np.maximum(np.bincount(groups, minlength=width), 1)
    differences = sums - (sums_by(groups, sums, width) / sizes)[groups]
    squares = np.where(np.abs(differences) > NOISE * np.abs(sums), differences, 0.0) ** 2
    largest = float(squares.max(initial=0.0)) or 1.0
    squares = squares / largest
    second, fourth = (sums_by(of_unit, squares**power, count) for power in (1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        carriers = np.nan_to_num(second**2 / fourth)
    return np.bincount(of_unit, minlength=count), carriers
