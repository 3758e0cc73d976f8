"""The change of a figure between two samples, with the covariance that their common rows give.

The variance of θ2 - θ1 is V1 + V2 - 2C. For simple random samples of strata, given the number of
common rows, C = Σ (n_c - N_c·f1·f2)·S12 over pairs of a stratum of each sample: n_c rows in both
samples, N_c in both populations, f the sampling fractions, S12 the covariance of t = w·z of both
samples. For two random samples and means that is (n_c/(n1·n2) - N_c/(N1·N2))·S12: Qualité and
Tillé 2008, "Variance estimation of changes in repeated surveys", Survey Methodology 34; Berger
2004, "Variance estimation for measures of change in probability sampling", Canadian Journal of
Statistics 32.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, sqrt

import numpy as np

from contract.words import ChangeRule
from estimation_engine.arrays import Floats, Ints
from estimation_engine.designs import Design
from estimation_engine.designs.stages import sums_by
from estimation_engine.errors import InvalidEstimate
from estimation_engine.estimates import (
    ROUNDING,
    DomainEstimate,
    Domains,
    EstimateSettings,
    Linearised,
    Values,
    estimate,
    linearise,
)
from estimation_engine.intervals import Confidence, t_interval, two_sided_p
from lazy_dataclasses import dataclass

FEW_COMMON = 2
"""Common rows of two strata below which their covariance is that of all strata's correlation."""


@dataclass(frozen=True, eq=False)
class WaveSample:
    """One of the two samples: its design, the values of a statistic and the domains."""

    design: Design
    values: Values
    domains: Domains


@dataclass(frozen=True, eq=False)
class CommonRows:
    """The rows that both samples have, and those that both populations have.

    Parameters
    ----------
    first, second : array of int, shape (common rows,)
        Their places in the first and in the second sample.
    kept : array of int, shape (pairs, 3)
        For pairs of a stratum of each sample: both numbers, and the rows in both populations.
    starts : pair of float
        Of draws by one sequence of random numbers: where each begins in it.
    """

    first: Ints
    second: Ints
    kept: Ints
    starts: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class FigureChange:
    """A figure of both samples and its change, second less first; None without one.

    ``correlation`` is C/√(V1·V2), and ``p_value`` that of no change, by Student's t. ``rule`` says
    what the standard error rests on.
    """

    first: DomainEstimate | None
    second: DomainEstimate | None
    value: float | None
    error: float | None
    low: float | None
    high: float | None
    degrees: int
    correlation: float | None
    p_value: float | None
    rule: ChangeRule


def can_share_rows(first: Design, second: Design) -> bool:
    """Whether common rows give the covariance: both are simple random samples, also of strata."""
    return first.is_simple and second.is_simple


def can_share_numbers(first: Design, second: Design) -> bool:
    """Whether draws by the same random numbers have known probabilities to share a row."""
    return first.is_by_threshold and second.is_by_threshold


def changes(
    first: WaveSample,
    second: WaveSample,
    pairs: Sequence[tuple[int | None, int | None]],
    rule: ChangeRule,
    common: CommonRows,
    settings: EstimateSettings,
) -> list[FigureChange]:
    """The change of a statistic in each pair of a domain of each sample.

    Parameters
    ----------
    rule : str
        ``common_rows``: C as above. ``shared_numbers``: that of Poisson sampling by one sequence of
        random numbers, (1 - π1·π2/π12)·e1·e2 over the common rows, with e = t - Σ(1 - π)t/Σ(1 - π)
        of Hájek's variance. ``independent``: C is 0, since the draws are independent.
        ``bound``: the largest standard error that any C allows, SE1 + SE2.

    Raises
    ------
    InvalidEstimate
        A quantile has no linearised variable.
    """
    if first.values.statistic == "quantile":
        raise InvalidEstimate(
            "A quantile has no change: choose a mean, total, proportion, count or ratio.",
            loc=("statistics",),
        )
    estimates, linear = [], []
    for wave in (first, second):
        estimates.append(estimate(wave.design, wave.values, wave.domains, settings))
        linear.append(linearise(wave.design, wave.values, wave.domains))
    covariance: _Covariance | _CovarianceByNumbers | None = None
    if rule == "common_rows":
        covariance = _Covariance(first.design, second.design, common)
    elif rule == "shared_numbers":
        covariance = _CovarianceByNumbers(first.design, second.design, common)
    found = []
    for before, after in pairs:
        old = None if before is None else estimates[0][before]
        new = None if after is None else estimates[1][after]
        shared, by = 0.0, rule
        if covariance is not None and before is not None and after is not None:
            centred = _in_strata if rule == "common_rows" else _by_chances
            t = [
                centred(wave.design, _of_domain(wave.design, each, domain))
                for wave, each, domain in zip((first, second), linear, (before, after), strict=True)
            ]
            shared, is_bound = covariance.of(t[0], t[1])
            by = "no_common_rows" if is_bound else rule
        found.append(_change(old, new, shared, by, settings))
    return found


def _of_domain(design: Design, linear: Linearised, domain: int) -> Floats:
    """t = w·z of all rows of the sample, 0 outside of the domain."""
    inside = linear.domains == domain
    rows = linear.rows[inside]
    t = np.zeros(design.rows)
    t[rows] = design.weights[rows] * linear.z[inside]
    return t


def _in_strata(design: Design, t: Floats) -> Floats:
    """t less its mean in the stratum."""
    drawn = np.maximum(design.group_drawn, 1)
    means = sums_by(design.groups, t, len(drawn)) / drawn
    centred: Floats = t - means[design.groups]
    return centred


def _by_chances(design: Design, t: Floats) -> Floats:
    """t less Σ(1 - π)t/Σ(1 - π), with Hájek's factor n/(n - 1) of the variance; 0 if certain."""
    left = ~design.take_all
    c = np.where(left, 1.0 - 1.0 / design.weights, 0.0)
    n = float(left.sum())
    if n < 2 or c.sum() <= 0:
        return np.zeros(len(t))
    centred: Floats = np.where(left, t - (c * t).sum() / c.sum(), 0.0) * sqrt(n / (n - 1.0))
    return centred


class _Covariance:
    """C of two sums of centred t, by pairs of strata."""

    def __init__(self, first: Design, second: Design, common: CommonRows) -> None:
        self._designs, self._common = (first, second), common
        width = len(second.group_rows)
        own = first.groups[common.first] * width + second.groups[common.second]
        kept = common.kept[:, 0] * width + common.kept[:, 1]
        cells = np.unique(np.concatenate([own, kept]))
        self._places = np.searchsorted(cells, own)
        self._strata = cells // width, cells % width
        self._common_rows = np.bincount(self._places, minlength=len(cells)).astype(np.float64)
        rows = np.zeros(len(cells))
        rows[np.searchsorted(cells, kept)] = common.kept[:, 2]
        self._drawn = tuple(
            design.group_drawn[strata].astype(np.float64)
            for design, strata in zip(self._designs, self._strata, strict=True)
        )
        fractions = [
            design.group_drawn[strata] / np.maximum(design.group_rows[strata], 1)
            for design, strata in zip(self._designs, self._strata, strict=True)
        ]
        # A stratum that was drawn whole leaves nothing to chance.
        is_whole = (fractions[0] >= 1.0) | (fractions[1] >= 1.0)
        excess = self._common_rows - rows * fractions[0] * fractions[1]
        self._excess = np.where(is_whole, 0.0, excess)

    def of(self, first: Floats, second: Floats) -> tuple[float, bool]:
        """C, and whether it is only the least that the variances allow, without common rows."""
        if not np.abs(self._excess).any():
            return 0.0, False
        products = first[self._common.first] * second[self._common.second]
        n_c, (n_1, n_2) = self._common_rows, self._drawn
        # The mean of (t1 - mean)(t2 - mean) is S12 less the parts of both means.
        divisors = n_c * (1.0 - 1.0 / np.maximum(n_1, 1) - 1.0 / np.maximum(n_2, 1))
        divisors += n_c * n_c / np.maximum(n_1 * n_2, 1)
        is_own = (n_c >= FEW_COMMON) & (divisors > 0)
        sums = sums_by(self._places, products, len(n_c))
        own = np.divide(sums, divisors, out=np.zeros(len(n_c)), where=is_own)
        widths = self._deviations(0, first) * self._deviations(1, second)
        correlation, is_bound = self._correlation(first, second), False
        if correlation is None:
            others, is_bound = -np.sign(self._excess) * widths, True
        else:
            others = correlation * widths
        return float((self._excess * np.where(is_own, own, others)).sum()), is_bound

    def _deviations(self, side: int, t: Floats) -> Floats:
        """S of t in the stratum of each pair."""
        design, strata = self._designs[side], self._strata[side]
        squares = sums_by(design.groups, t * t, len(design.group_rows))
        deviations: Floats = np.sqrt(squares / np.maximum(design.group_drawn - 1, 1))[strata]
        return deviations

    def _correlation(self, first: Floats, second: Floats) -> float | None:
        """The correlation of the centred t of all common rows; None of fewer than two."""
        x, y = first[self._common.first], second[self._common.second]
        if len(x) < FEW_COMMON:
            return None
        below = float((x * x).sum() * (y * y).sum())
        return float((x * y).sum()) / sqrt(below) if below > 0 else 0.0


class _CovarianceByNumbers:
    """C of two sums of centred t where both draws compare the same numbers with probabilities."""

    def __init__(self, first: Design, second: Design, common: CommonRows) -> None:
        self._common = common
        p = 1.0 / first.weights[common.first], 1.0 / second.weights[common.second]
        joint = shared_lengths(p[0], p[1], (common.starts[1] - common.starts[0]) % 1.0)
        # A row that the approximation never draws twice was drawn twice: it counts as independent.
        joint = np.maximum(joint, p[0] * p[1])
        self._factors = 1.0 - p[0] * p[1] / joint

    def of(self, first: Floats, second: Floats) -> tuple[float, bool]:
        """C; it is never a bound."""
        products = first[self._common.first] * second[self._common.second]
        return float((self._factors * products).sum()), False


def shared_lengths(first: Floats, second: Floats, shift: float) -> Floats:
    """The common length of [0, π1) and [shift, shift + π2) on a circle of length 1.

    So much is the probability that a number is below both probabilities: Ohlsson 1995,
    "Coordination of samples using permanent random numbers".
    """
    ahead = np.minimum(first, shift + second) - shift
    around = np.minimum(first, shift + second - 1.0)
    lengths: Floats = np.maximum(ahead, 0.0) + np.maximum(around, 0.0)
    return lengths


def _change(
    old: DomainEstimate | None,
    new: DomainEstimate | None,
    covariance: float,
    rule: ChangeRule,
    settings: EstimateSettings,
) -> FigureChange:
    if old is None or new is None or old.value is None or new.value is None:
        return FigureChange(old, new, None, None, None, None, 0, None, None, rule)
    value, degrees = new.value - old.value, min(old.degrees, new.degrees)
    if old.error is None or new.error is None:
        return FigureChange(old, new, value, None, None, None, degrees, None, None, rule)
    product = old.error * new.error
    if rule == "bound":
        covariance = -product
    # No covariance is larger than the product of both standard errors.
    covariance = min(max(covariance, -product), product)
    variance = max(old.error**2 + new.error**2 - 2.0 * covariance, 0.0)
    error = sqrt(variance)
    if error <= ROUNDING * max(abs(old.value), abs(new.value)):
        error = 0.0
    # A standard error of 0 has no degrees of freedom to lack.
    if not old.error or not new.error:
        degrees = max(old.degrees, new.degrees)
    ends = None
    if error == 0.0 or settings.shows(degrees):
        ends = t_interval(value, error, Confidence(settings.confidence, degrees))
    low, high = ends or (None, None)
    p_value = two_sided_p(value / error, degrees) if error and degrees > 0 else None
    correlation = covariance / product if product else None
    if isnan(error):
        return FigureChange(old, new, value, None, None, None, degrees, None, None, rule)
    return FigureChange(old, new, value, error, low, high, degrees, correlation, p_value, rule)
