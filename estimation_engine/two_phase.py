"""Figures that second readings correct: a difference estimator of two phases.

Phase 1 is the rows with a first answer x, phase 2 a simple random sample of m of these n rows,
whose resolved answer y counts as the truth. A total is Σ w·x + (n/m)·Σ w·(y - x), the sums over
phase 1 and phase 2: Särndal, Swensson and Wretman 1992, *Model Assisted Survey Sampling*, section
9.7. Its variance is that of Σ w·y over phase 1 under the design, plus that of the correction given
phase 1, n²·(1 - m/n)·S²/m, with S² of w·(y - x) over phase 2.

The first part is estimated without bias from x of all rows and y - x of phase 2, so that it doesn't
rest on the few rows of phase 2 alone. With x = 0 both parts are those of R's ``twophase``.
"""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan, sqrt

import numpy as np

from estimation_engine.arrays import Floats, Ints
from estimation_engine.calibration import Calibration
from estimation_engine.designs import Design
from estimation_engine.designs.stages import sums_by
from estimation_engine.estimates import (
    DomainEstimate,
    Domains,
    EstimateSettings,
    Linearised,
    Values,
    estimate,
    linearise,
    measure_linearised,
)
from estimation_engine.intervals import Confidence, t_interval
from estimation_engine.judge import Adjustment, Judge
from lazy_dataclasses import dataclass

CORRECTED = ("mean", "total", "proportion")
"""The statistics that are corrected."""
LEAST_READINGS = 2
"""Second readings of a group without which nothing is corrected."""
ADDED, UNSEEN = 2.0, 1.0
"""Rows, and differing ones among them, that the variance of a correction counts besides phase 2.

Half a row in each cell of first by resolved answer: Agresti and Min 2005, "Simple improved
confidence intervals for comparing matched proportions", Statistics in Medicine 24. So a correction
is uncertain, too, if few or no rows differ.
"""


@dataclass(frozen=True, eq=False)
class SecondPhase:
    """The rows with second readings, with their resolved answers.

    Parameters
    ----------
    rows : array of int, shape (rows of phase 2,)
        Their places in the sample.
    truth : array, shape (rows of phase 2,)
        The answer that both readers gave, or the decision where they differ; 0 or 1 for a
        proportion.
    """

    rows: Ints
    truth: Floats


@dataclass(frozen=True)
class CorrectedEstimate:
    """An estimate of one domain that second readings correct; None where there is none.

    Parameters
    ----------
    readings, differing : int
        Second readings of the domain, and those whose resolved answer isn't the first one.
    first, correction, correction_error : float
        The figure of the first answers, what second readings add to it, and the standard error of
        that given the first answers, in which differences that weren't seen count.
    is_cut : bool
        Whether a share was beyond 0 or 1, and is set to it.
    parts : (float, float)
        The estimated variance of each phase, that of phase 2 without unseen differences.
    """

    readings: int
    differing: int
    value: float | None = None
    error: float | None = None
    low: float | None = None
    high: float | None = None
    degrees: int = 0
    first: float | None = None
    correction: float | None = None
    correction_error: float | None = None
    is_cut: bool = False
    parts: tuple[float, float] = (nan, nan)


def correct(
    design: Design,
    values: Values,
    domains: Domains,
    second: SecondPhase,
    settings: EstimateSettings,
    calibration: Adjustment | None = None,
) -> list[CorrectedEstimate]:
    """Correct a figure of first answers by the second readings, in each domain.

    The resolved answers count as the truth: an error that both readers make is not seen. The
    interval is by Student's t with Satterthwaite's degrees of freedom of both phases. A difference
    that wasn't seen is one of 1 for a share, and for a number of √2 standard deviations of the
    first answers, which is that of two rows' answers.

    Parameters
    ----------
    values : Values
        The first answers, with a statistic of ``CORRECTED``.

    Raises
    ------
    LonelyStratum
        As for the estimate of the first answers.
    """
    first = estimate(design, values, domains, settings, calibration)
    phases = _Phases.of(design, values, domains, second, settings, calibration)
    if phases.n == phases.m and not isinstance(calibration, Judge):
        # The estimate of the resolved answers, without a sum in which large first answers cancel.
        y = values.y.copy()
        y[second.rows] = np.where(values.present[second.rows], second.truth, y[second.rows])
        resolved = estimate(design, replace(values, y=y), domains, settings, calibration)
        return [
            phases.corrected(at, each, (whole.error or 0.0) ** 2, settings, whole.value)
            for at, (each, whole) in enumerate(zip(first, resolved, strict=True))
        ]
    of_first = phases.first_variances(design, settings, calibration).tolist()
    return [
        phases.corrected(at, each, variance, settings)
        for at, (each, variance) in enumerate(zip(first, of_first, strict=True))
    ]


@dataclass(frozen=True, eq=False)
class _Phases:
    """Both phases of a figure.

    Parameters
    ----------
    linear : Linearised
        The figure of the first answers.
    rows, groups, z : arrays, shape (rows of phase 2 in a domain,)
        Their places in the sample, their domains, and y - x, by the domain's size for averages.
    t : array, shape (rows of phase 2 in a domain,)
        w·z.
    n, m : int
        The rows of phase 1 and of phase 2.
    centres : array, shape (domains,)
        What the correction moves z of the first answers by: 0 for a total.
    unseen : array, shape (domains,)
        t of a difference that wasn't seen.
    """

    linear: Linearised
    rows: Ints
    groups: Ints
    z: Floats
    t: Floats
    n: int
    m: int
    corrections: Floats
    centres: Floats
    unseen: Floats
    is_share: bool

    @classmethod
    def of(
        cls,
        design: Design,
        values: Values,
        domains: Domains,
        second: SecondPhase,
        settings: EstimateSettings,
        calibration: Adjustment | None,
    ) -> _Phases:
        linear = linearise(design, values, domains, calibration, settings.rules)
        count = domains.count
        weights = design.weights
        if isinstance(calibration, Calibration):
            weights = calibration.calibrated_weights
        answered = np.flatnonzero(domains.included & values.present)
        w, x, of_row = weights[answered], values.y[answered], domains.groups[answered]
        factors = np.ones(count)
        if values.statistic != "total":
            sizes = sums_by(of_row, w, count)
            factors = np.divide(1.0, sizes, out=np.full(count, nan), where=sizes != 0)
        inside = (domains.included & values.present)[second.rows]
        rows = second.rows[inside]
        groups = domains.groups[rows]
        z = (second.truth[inside] - values.y[rows]) * factors[groups]
        t = weights[rows] * z
        n, m = int(values.present.sum()), int(values.present[second.rows].sum())
        corrections = sums_by(groups, t, count) * (n / m if m else nan)
        drawn = np.bincount(of_row, minlength=count)
        unseen = np.sqrt(sums_by(of_row, w * w, count) / np.maximum(drawn, 1)) * factors
        if values.statistic != "proportion":
            means = sums_by(of_row, x, count) / np.maximum(drawn, 1)
            squares = sums_by(of_row, (x - means[of_row]) ** 2, count)
            unseen *= np.sqrt(2.0 * squares / np.maximum(drawn - 1, 1))
        return cls(
            linear,
            rows,
            groups,
            z,
            t,
            n,
            m,
            corrections,
            np.zeros(count) if values.statistic == "total" else corrections * factors,
            unseen,
            values.statistic == "proportion",
        )

    def first_variances(
        self,
        design: Design,
        settings: EstimateSettings,
        calibration: Adjustment | None,
    ) -> Floats:
        """An unbiased estimate of the variance of Σ w·y over phase 1, shape (domains,).

        The variance is a quadratic form Q. With z of y = u + e, e = y - x of phase 2, squares of
        one row are expanded by a = n/m, products of two by b = n(n - 1)/(m(m - 1)), and products
        with u by a: Q(u + a·e) - (a² - b)·Q(e) + (a - b)·Σ Q(e of one row).
        """
        count = len(self.corrections)
        if self.m < LEAST_READINGS:
            return np.full(count, nan)
        a = self.n / self.m
        b = a * (self.n - 1.0) / (self.m - 1.0)
        differs = np.flatnonzero(self.z)
        linear, single = self.linear, np.arange(len(differs))
        u = linear.z - self.centres[linear.domains]
        places = np.full(design.rows, -1)
        places[linear.rows] = np.arange(len(linear.rows))
        u[places[self.rows]] += a * self.z
        rows = [linear.rows, self.rows[differs], self.rows[differs]]
        groups = [linear.domains, count + self.groups[differs], 2 * count + single]
        z = [u, self.z[differs], self.z[differs]]
        total = 2 * count + len(differs)
        parts = Linearised(
            np.zeros(total), np.concatenate(rows), np.concatenate(groups), np.concatenate(z)
        )
        q = measure_linearised(design, parts, total, settings, calibration).variances
        alone = sums_by(self.groups[differs], q[2 * count :], count)
        variances: Floats = q[:count] - (a * a - b) * q[count : 2 * count] + (a - b) * alone
        # The expansion of few rows may be below 0.
        return np.maximum(variances, 0.0)

    def second_variance(self, at: int, *, with_unseen: bool) -> float:
        """The variance of a domain's correction, given the first answers."""
        t, left = self.t[self.groups == at], self.n * (self.n - self.m)
        total, squares = float(t.sum()), float((t * t).sum())
        if not with_unseen:
            return left / self.m * (squares - total**2 / self.m) / (self.m - 1.0)
        squares += UNSEEN * float(self.unseen[at]) ** 2
        rows = self.m + ADDED
        return left / rows * (squares / rows - (total / rows) ** 2)

    def corrected(
        self,
        at: int,
        first: DomainEstimate,
        of_first: float,
        settings: EstimateSettings,
        resolved: float | None = None,
    ) -> CorrectedEstimate:
        """The corrected estimate of one domain; ``resolved`` if all rows are of phase 2."""
        own = self.groups == at
        readings, differing = int(own.sum()), int(np.count_nonzero(self.z[own]))
        if readings < LEAST_READINGS or first.value is None:
            return CorrectedEstimate(readings, differing)
        correction = float(self.corrections[at])
        of_second = self.second_variance(at, with_unseen=True)
        variance = of_first + of_second
        value = first.value + correction if resolved is None else resolved
        parts = of_first, self.second_variance(at, with_unseen=False)
        error = None if isnan(variance) or first.error is None else sqrt(variance)
        degrees = first.degrees
        if of_second > 0:
            below = of_second**2 / (self.m - 1.0)
            below += of_first**2 / first.degrees if first.degrees else 0.0
            degrees = int(variance**2 / below)
        ends = None
        is_known = self.n == self.m and not of_first
        if error is not None and (is_known or (error > 0 and settings.shows(degrees))):
            ends = t_interval(value, error, Confidence(settings.confidence, degrees))
        low, high = ends or (None, None)
        is_cut = self.is_share and not 0.0 <= value <= 1.0
        return CorrectedEstimate(
            readings,
            differing,
            self._within(value),
            error,
            self._within(low),
            self._within(high),
            degrees,
            first.value,
            correction,
            sqrt(of_second),
            is_cut,
            parts,
        )

    def _within(self, value: float | None) -> float | None:
        """A share from 0 to 1."""
        return value if value is None or not self.is_share else min(max(value, 0.0), 1.0)
