"""Estimates of a population by domains, from the rows of a sample and its design.

A statistic is linearised: its variance is that of the sum of t = w·z over the sample. A row without
a value is outside the domain, never 0. Formulas: docs/ESTIMATES.md.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from math import ceil, inf, isinf, isnan, sqrt
from typing import NamedTuple, Protocol

import numpy as np

from contract.answers import AtConfidence
from contract.requests.estimate import VarianceRequest
from contract.words import ProportionInterval, StatisticName
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.calibration import Calibration, Difference
from estimation_engine.designs import Design
from estimation_engine.designs.stages import (
    Measured,
    groups_in,
    squared_differences,
    sums_by,
)
from estimation_engine.errors import InvalidCalibration
from estimation_engine.hypergeometric import risk_of
from estimation_engine.intervals import (
    Confidence,
    Interval,
    beta_interval,
    effective_rows,
    exceeds_share,
    hypergeometric_interval,
    logit_interval,
    reaches_share,
    t_interval,
    t_quantile,
    wilson_interval,
)
from estimation_engine.judge import Adjustment, Judge, JudgeCells, TunedJudge, tune
from lazy_dataclasses import dataclass

DEFAULT_RULES = VarianceRequest()
FEW_DEGREES = 10
"""A standard error of fewer degrees of freedom is itself uncertain by a fourth or more."""
ROWS_BY_SKEWNESS = 25
"""Rows that the normal approximation needs, by the squared skewness of the values.

Cochran 1977, section 2.15: so many rows keep the two-sided error of a 95 % interval below 6 %.
"""
NOISE = 1e-24
"""A variance of a share below this part of p(1 - p) is rounding: the share is known."""


@dataclass(frozen=True)
class EstimateSettings(AtConfidence):
    """The confidence of the interval, and the choices that a design or a share leaves open.

    ``minimum_degrees``: an interval that rests on fewer degrees of freedom isn't given.
    """

    proportion: ProportionInterval = "korn_graubard"
    rules: VarianceRequest = DEFAULT_RULES
    minimum_degrees: int = 0

    def shows(self, degrees: int) -> bool:
        """Whether an interval of so many degrees of freedom is given; without one there is none."""
        return degrees >= max(self.minimum_degrees, 1)


@dataclass(frozen=True, eq=False)
class Values:
    """A statistic's values, each of shape (rows,); ``present`` rows have them.

    ``y`` is 0 or 1 for a proportion, and all 1 for a count; ``x`` a ratio's denominator.
    """

    statistic: StatisticName
    y: Floats
    present: Booleans
    x: Floats | None = None
    q: float = 0.5


@dataclass(frozen=True, eq=False)
class Domains:
    """The rows that count, and the number of each one's group, from 0 to ``count``."""

    included: Booleans
    groups: Ints
    count: int

    @property
    def is_all(self) -> bool:
        """Whether there is one domain, the whole sample."""
        return self.count == 1 and bool(self.included.all())


class ReplicateErrors(Protocol):
    """Variances by replicate weights."""

    def variances(self, values: Values, domains: Domains) -> Floats:
        """The variance of a statistic in each domain, shape (domains,)."""


@dataclass(frozen=True)
class DomainEstimate:
    """An estimate of one domain; None where there is none.

    ``rows`` are the sampled rows with a value, ``missing`` those without, ``units`` the rows or
    clusters with a value. ``degrees`` are those of the domain, and ``interval`` names its formula.
    ``normal_units`` are the units that the normal approximation needs, by their skewness; None for
    intervals that don't rest on it. ``effective_degrees`` are Satterthwaite's of strata, infinite
    for other designs. ``is_constant``: the error is 0 only since the sampled values are equal, and
    rows that weren't drawn may differ. ``tuned`` are the coefficients of a judge, of all domains.
    """

    value: float | None
    error: float | None
    low: float | None
    high: float | None
    degrees: int
    design_effect: float | None
    rows: int
    missing: int
    units: int
    interval: str
    normal_units: int | None
    is_constant: bool
    effective_degrees: float = inf
    tuned: TunedJudge | None = field(default=None, compare=False)


@dataclass(frozen=True, eq=False)
class Linearised:
    """Estimates by domain, shape (domains,), and z of the ``rows`` of the domains."""

    values: Floats
    rows: Ints
    domains: Ints
    z: Floats
    tuned: TunedJudge | None = None


def estimate(
    design: Design,
    values: Values,
    domains: Domains,
    settings: EstimateSettings,
    calibration: Adjustment | None = None,
    replicated: ReplicateErrors | None = None,
) -> list[DomainEstimate]:
    """Estimate a statistic for each domain; its variance is linearised, or by replicates.

    Raises
    ------
    LonelyStratum
        A stratum with several rows has one drawn row, and the rules refuse that.
    InvalidCalibration
        A difference doesn't estimate this statistic.
    """
    count = domains.count
    has_value = domains.included & values.present
    rows = np.flatnonzero(has_value)
    groups = domains.groups[rows]
    weights = calibration if isinstance(calibration, Calibration) else None
    cells = _Cells(design, rows, groups, count, weights)
    missing = np.bincount(domains.groups[domains.included & ~values.present], minlength=count)
    counts = _Counts.of(design, cells)
    if isinstance(calibration, Judge) and values.statistic in ("count", "quantile"):
        raise InvalidCalibration(
            "A judge estimates means, totals, shares and ratios, not a {statistic}.",
            statistic=values.statistic,
        )
    if isinstance(calibration, Difference) and values.statistic not in ("mean", "total"):
        raise InvalidCalibration(
            "A difference estimates means and totals, not a {statistic}: choose another `method`.",
            statistic=values.statistic,
        )
    by_replicates = None if replicated is None else replicated.variances(values, domains)
    if values.statistic == "quantile":
        found = _quantiles(design, values, cells, counts, settings)
    else:
        found = _of_linear(
            design, values, domains, cells, counts, settings, calibration, by_replicates
        )
    left = cells.left > ROUNDING
    if values.statistic in AVERAGES:
        # Alone, a unit doesn't vary about its own mean; that says nothing about the other units.
        found = [
            each._replace(error=np.nan) if alone and each.error == 0.0 else each
            for each, alone in zip(found, (counts.units == 1) & left, strict=True)
        ]
    may_vary = np.zeros(count, dtype=np.bool_)
    is_plain = calibration is None or isinstance(calibration, Judge)
    if is_plain and values.statistic in ("mean", "total", "ratio"):
        may_vary = left & ~_knows_by_weights(design, cells, values.y[rows])
    return [
        _as_estimate(
            found[at],
            int(counts.rows[at]),
            int(missing[at]),
            int(counts.units[at]),
            bool(may_vary[at]),
        )
        for at in range(count)
    ]


def _knows_by_weights(design: Design, cells: _Cells, y: Floats) -> Booleans:
    """The domains whose values differ with unequal weights, which may know their total."""
    if not design.has_unequal_weights:
        return np.zeros(cells.count, dtype=np.bool_)
    first = np.zeros(cells.count)
    first[cells.groups[::-1]] = y[::-1]
    return np.bincount(cells.groups, y != first[cells.groups], cells.count) > 0


@dataclass(frozen=True, eq=False)
class _Counts:
    """Of each domain, shape (domains,): rows and units with a value.

    ``trials`` are the independent rows that they are worth by their weights, for tests of a share
    that all or none of them have. Each cluster may hold equal rows, so clusters count there.
    """

    rows: Ints
    units: Ints
    trials: Floats

    @classmethod
    def of(cls, design: Design, cells: _Cells) -> _Counts:
        count, groups = cells.count, cells.groups
        rows = np.bincount(groups, minlength=count)
        w = design.weights[cells.rows]
        units = rows
        if design.units != design.rows:
            units = groups_in(design.unit_numbers[cells.rows], groups, count)
        with np.errstate(divide="ignore", invalid="ignore"):
            # 1 + cv² of the weights: the design effect of unequal weights.
            kish = rows * sums_by(groups, w * w, count) / sums_by(groups, w, count) ** 2
            trials = units / (kish if design.clusters is None else 1.0)
        return cls(rows, units, trials)


def _of_linear(
    design: Design,
    values: Values,
    domains: Domains,
    cells: _Cells,
    counts: _Counts,
    settings: EstimateSettings,
    calibration: Adjustment | None,
    by_replicates: Floats | None,
) -> list[_Found]:
    """The estimates of a statistic that is linearised, with their errors."""
    linear = _linearised(design, values, domains, cells, calibration, settings.rules)
    with_skewness = values.statistic != "proportion"
    measured = _measured(
        design, linear, cells.count, cells.calibration, settings, with_skewness=with_skewness
    )
    if by_replicates is not None:
        measured = replace(measured, variances=by_replicates)
    degrees = degrees_of_freedom(
        design, cells.rows, cells.groups, cells.count, measured.of_rounds, cells.calibration
    )
    if linear.tuned is not None:
        degrees = degrees - linear.tuned.lost
    with np.errstate(invalid="ignore"):
        is_noise = measured.variances <= (ROUNDING * linear.values) ** 2
    known = np.where(is_noise, 0.0, measured.variances)
    effects = _design_effects(design, linear, known, cells.count)
    needed = ROWS_BY_SKEWNESS * measured.skewness**2 * counts.units
    is_whole = design.is_hypergeometric and domains.is_all and bool(values.present.all())
    found = []
    for at, (value, variance) in enumerate(
        zip(linear.values.tolist(), known.tolist(), strict=True)
    ):
        confidence = Confidence(settings.confidence, int(degrees[at]))
        error = sqrt(variance) if variance >= 0 else np.nan
        rows = int(counts.rows[at])
        interval: tuple[Interval | None, str]
        if values.statistic == "proportion" and 0.0 <= value <= 1.0 and rows:
            share = _Share(value, variance, rows, float(counts.trials[at]))
            interval = _interval_of_share(
                share,
                confidence,
                settings,
                population=design.population if is_whole else None,
                is_census=design.is_census and not may_not_respond(calibration),
                is_plain=calibration is None,
            )
        else:
            is_shown = error == 0.0 or (not isnan(error) and settings.shows(confidence.degrees))
            interval = (t_interval(value, error, confidence) if is_shown else None), "t"
        found.append(
            _Found(
                value,
                error,
                *interval,
                float(effects[at]),
                int(degrees[at]),
                ceil(needed[at]) if with_skewness and variance > 0 else None,
                float(measured.effective_degrees[at]),
                linear.tuned,
            )
        )
    return found


def _linearised(
    design: Design,
    values: Values,
    domains: Domains,
    cells: _Cells,
    calibration: Adjustment | None,
    rules: VarianceRequest,
) -> Linearised:
    if isinstance(calibration, Difference):
        return _difference(design, values, domains, calibration)
    if isinstance(calibration, Judge):
        return _judged(design, values, domains, cells, calibration, rules)
    return _LINEARISED[values.statistic](cells, values)


def linearise(
    design: Design,
    values: Values,
    domains: Domains,
    calibration: Adjustment | None = None,
    rules: VarianceRequest = DEFAULT_RULES,
) -> Linearised:
    """A statistic of each domain with z of its rows; quantiles have none.

    ``rules`` are those by which the coefficients of a judge are tuned.
    """
    rows = np.flatnonzero(domains.included & values.present)
    weights = calibration if isinstance(calibration, Calibration) else None
    cells = _Cells(design, rows, domains.groups[rows], domains.count, weights)
    return _linearised(design, values, domains, cells, calibration, rules)


def measure_linearised(
    design: Design,
    linear: Linearised,
    count: int,
    settings: EstimateSettings,
    calibration: Adjustment | None = None,
) -> Measured:
    """The variance of each of ``count`` sums of w·z, and its skewness."""
    weights = calibration if isinstance(calibration, Calibration) else None
    return _measured(design, linear, count, weights, settings, with_skewness=True)


AVERAGES = ("mean", "ratio", "quantile")


class _Found(NamedTuple):
    """An estimate before it is checked for what isn't known; NaN is unknown."""

    value: float
    error: float
    ends: Interval | None
    interval: str
    effect: float
    degrees: int
    normal_units: int | None
    effective_degrees: float = inf
    tuned: TunedJudge | None = None


def _as_estimate(
    found: _Found, rows: int, missing: int, units: int, may_vary: bool
) -> DomainEstimate:
    value, error, ends, name, effect, degrees, normal_units, effective, tuned = found
    known = None if rows == 0 or isnan(error) else ends
    return DomainEstimate(
        None if isnan(value) else value,
        None if rows == 0 or isnan(error) else error,
        None if known is None else known[0],
        None if known is None else known[1],
        degrees,
        None if isnan(effect) else effect,
        rows,
        missing,
        units,
        name,
        normal_units,
        may_vary and error == 0.0,
        effective,
        tuned,
    )


class _Cells:
    """The rows of the domains with their weights, and sums by domain."""

    def __init__(
        self,
        design: Design,
        rows: Ints,
        groups: Ints,
        count: int,
        calibration: Calibration | None = None,
    ) -> None:
        self.rows, self.groups, self.count, self.calibration = rows, groups, count, calibration
        weights = design.weights if calibration is None else calibration.calibrated_weights
        self.weights = weights[rows]
        drawn = self.weights if may_not_respond(calibration) else design.weights[rows]
        self.left = sums_by(groups, drawn - 1.0, count)
        """By domain the rows that the sampled ones stand for besides themselves."""

    def sums(self, y: Floats) -> Floats:
        """Σ w·y by domain, in the order of the rows."""
        return sums_by(self.groups, self.weights * y, self.count)

    def linearised(self, values: Floats, z: Floats) -> Linearised:
        return Linearised(values, self.rows, self.groups, z)


def _total(cells: _Cells, values: Values) -> Linearised:
    y = values.y[cells.rows]
    return cells.linearised(cells.sums(y), y)


def _mean(cells: _Cells, values: Values) -> Linearised:
    return _mean_of(cells, values.y[cells.rows])


def _mean_of(cells: _Cells, y: Floats) -> Linearised:
    """Σwy/Σw; NaN where no weight is."""
    sizes = sums_by(cells.groups, cells.weights, cells.count)
    sizes[sizes == 0] = np.nan
    means = cells.sums(y) / sizes
    z = y - means[cells.groups]
    return cells.linearised(means, np.divide(z, sizes[cells.groups], out=z))


def _ratio(cells: _Cells, values: Values) -> Linearised:
    """Σwy/Σwx; NaN where the denominator is 0."""
    assert values.x is not None  # noqa: S101 - a ratio has a denominator
    y, x = values.y[cells.rows], values.x[cells.rows]
    below = cells.sums(x)
    below[below == 0] = np.nan
    ratios = cells.sums(y) / below
    return cells.linearised(ratios, (y - ratios[cells.groups] * x) / below[cells.groups])


_LINEARISED: dict[str, Callable[[_Cells, Values], Linearised]] = {
    "total": _total,
    "count": _total,
    "mean": _mean,
    "proportion": _mean,
    "ratio": _ratio,
}


def _difference(design: Design, values: Values, domains: Domains, known: Difference) -> Linearised:
    """Totals T + Σw(y - x), or means of them: by N + Σw(1 - 1) of rows with and without a value.

    Rows without a value are rows whose y is 0, so the totals of x are those of all rows.
    """
    rows = np.flatnonzero(domains.included)
    groups, count = domains.groups[rows], domains.count
    cells = _Cells(design, rows, groups, count)
    present = values.present[rows].astype(np.float64)
    e = values.y[rows] * present - known.x[rows]
    totals = known.totals + cells.sums(e)
    if values.statistic == "total":
        return cells.linearised(totals, e)
    beyond = present - 1.0
    sizes = known.counts + cells.sums(beyond)
    sizes[sizes <= 0] = np.nan
    means = totals / sizes
    return cells.linearised(means, (e - means[groups] * beyond) / sizes[groups])


def _judged(
    design: Design,
    values: Values,
    domains: Domains,
    cells: _Cells,
    judge: Judge,
    rules: VarianceRequest,
) -> Linearised:
    """People's figure and Σ λ(F - F̂), with z of the residuals.

    z is multiplied by the root of the variance's factor, so that contrasts of figures have it, too.
    """
    people = _LINEARISED[values.statistic](cells, values)
    rows, count = np.flatnonzero(domains.included), domains.count
    groups, w = domains.groups[rows], design.weights[rows]
    labelled = np.searchsorted(rows, cells.rows)
    z = np.zeros(len(rows))
    z[labelled] = people.z
    numbers, of_domain, strata = judge.layout(design, rows, groups, count, w * z, labelled)
    total = max((int(own.max(initial=-1)) for own in of_domain), default=-1) + 1
    t, deviations = np.zeros((len(judge.columns), len(rows))), np.zeros((len(judge.columns), total))
    for at, column in enumerate(judge.columns):
        own = np.flatnonzero(column.present[rows])
        of_judge = _LINEARISED[column.statistic](
            _Cells(design, rows[own], groups[own], count),
            Values(column.statistic, column.y, column.present, column.x),
        )
        t[at, own] = w[own] * of_judge.z
        sums = sums_by(numbers, t[at], total)
        for domain, its in enumerate(of_domain):
            estimated = float(of_judge.values[domain])
            deviations[at, its] = column.deviation(domain, strata[domain], estimated, sums[its])
    cell_domains = np.zeros(total, dtype=np.int64)
    for domain, its in enumerate(of_domain):
        cell_domains[its] = domain
    has_label = np.zeros(len(rows), dtype=np.bool_)
    has_label[labelled] = True
    found = tune(
        design,
        JudgeCells(rows, numbers, total, cell_domains, w * z, t, deviations, has_label),
        rules,
    )
    moved = np.where(found.values != 0, found.values * deviations, 0.0).sum(axis=0)
    residuals = w * z - (found.values[:, numbers] * t).sum(axis=0)
    residuals *= np.sqrt(found.factors)[numbers] / np.where(w > 0, w, 1.0)
    figures = people.values + np.array([moved[its].sum() for its in of_domain])
    return Linearised(figures, rows, groups, residuals, TunedJudge(found, of_domain, strata))


def _measured(
    design: Design,
    linear: Linearised,
    count: int,
    calibration: Calibration | None,
    settings: EstimateSettings,
    *,
    with_skewness: bool = False,
) -> Measured:
    rows, domains, z, rules = linear.rows, linear.domains, linear.z, settings.rules
    if calibration is not None:
        return calibration.measured(
            design, rows, domains, z, count, rules, with_skewness=with_skewness
        )
    t = design.weights[rows] * z
    return design.variances(rows, domains, t, count, rules, with_skewness=with_skewness)


def degrees_of_freedom(
    design: Design,
    rows: Ints,
    domains: Ints,
    count: int,
    of_rounds: Floats,
    calibration: Adjustment | None,
) -> Ints:
    """Those of the rows with a value, also where a calibration or a difference reads others.

    Where rows may not respond, those of strata that were drawn whole count as well.
    """
    degrees = design.degrees_of_freedom(rows, domains, count, of_rounds)
    if may_not_respond(calibration):
        degrees = degrees + design.whole_degrees(rows, domains, count)
    return degrees


def may_not_respond(calibration: Adjustment | None) -> bool:
    """Whether the weights make up for nonresponse, so that a row drawn whole is left to chance."""
    return isinstance(calibration, Calibration) and calibration.response is not None


def _design_effects(design: Design, linear: Linearised, variance: Floats, count: int) -> Floats:
    """V by the variance of a simple random sample of as many rows, without replacement."""
    n = design.rows
    # Summed as a domain's weights are: of all rows no rounding looks like rows outside it.
    whole = float(sums_by(np.zeros(n, dtype=np.int64), design.weights, 1)[0])
    if n < 2 or whole <= n:
        return np.full(count, np.nan)
    w = design.weights[linear.rows]
    means = sums_by(linear.domains, w * linear.z, count) / whole
    squares = squared_differences(linear.z, means[linear.domains])
    inside = sums_by(linear.domains, w * squares, count)
    outside = np.maximum(whole - sums_by(linear.domains, w, count), 0.0) * means**2
    simple = whole * (1.0 - n / whole) * (inside + outside) / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        varies = simple > (ROUNDING * linear.values) ** 2
        return np.where(varies, variance / simple, np.nan)


class _Share(NamedTuple):
    """An estimated share, and the rows with a value, also as many independent ones."""

    value: float
    variance: float
    rows: int
    independent: float


def _interval_of_share(
    share: _Share,
    confidence: Confidence,
    settings: EstimateSettings,
    *,
    population: int | None,
    is_census: bool,
    is_plain: bool,
) -> tuple[Interval | None, str]:
    """The interval and its name; ``population`` is given where all rows of a random sample count.

    ``is_census`` is whether no row was left to chance, by the draw or by the response.
    """
    value, variance, rows, independent = share
    tail = confidence.tail
    is_exact = is_plain and settings.proportion == "exact"
    if is_census or (variance <= NOISE * value * (1.0 - value) and 0 < value < 1):
        return (value, value), "known"
    at_end = value <= 0.0 or value >= 1.0
    if population is not None and (at_end or is_exact):
        risk = risk_of(confidence.level, 2)
        ends = hypergeometric_interval(round(value * rows), rows, population, risk)
        return ends, "hypergeometric"
    if at_end:
        return beta_interval(round(value) * independent, independent, tail), "clopper_pearson"
    name = "clopper_pearson" if settings.proportion == "exact" else settings.proportion
    if isnan(variance) or not settings.shows(confidence.degrees):
        return None, name
    trials = effective_rows(value, variance, rows, confidence)
    match name:
        case "logit":
            return logit_interval(value, sqrt(variance), confidence), name
        case "wilson":
            t = t_quantile(1.0 - tail, rows - 1)
            return wilson_interval(value, trials, t), name
        case "korn_graubard" | "clopper_pearson":
            return beta_interval(value * trials, trials, tail), name


def _quantiles(
    design: Design, values: Values, cells: _Cells, counts: _Counts, settings: EstimateSettings
) -> list[_Found]:
    """The values at which the distribution function isn't significantly below or above q.

    As Woodruff (1952) turns back an interval of the distribution function, so here Clopper and
    Pearson's test of each value's share is, with the effective rows at the quantile: ties and the
    ends of the sample have shares far from q.
    """
    by_domain = np.argsort(cells.groups, kind="stable")
    stops = np.searchsorted(cells.groups[by_domain], np.arange(cells.count + 1))
    parts = [by_domain[stops[at] : stops[at + 1]] for at in range(cells.count)]
    y = values.y[cells.rows]
    curves = [_Distribution.of(y[part], cells.weights[part]) for part in parts]
    quantiles = np.array([curve.inverse(values.q) for curve in curves])
    up_to = y <= quantiles[cells.groups]
    below = _mean_of(cells, up_to.astype(np.float64))
    measured = _measured(design, below, cells.count, cells.calibration, settings)
    degrees = degrees_of_freedom(
        design, cells.rows, cells.groups, cells.count, measured.of_rounds, cells.calibration
    )
    effects = _design_effects(design, below, measured.variances, cells.count)
    before = _mean_of(cells, (y < quantiles[cells.groups]).astype(np.float64))
    others = _measured(design, before, cells.count, cells.calibration, settings)
    left = cells.left
    found: list[_Found] = []
    for at, curve in enumerate(curves):
        confidence = Confidence(settings.confidence, int(degrees[at]))
        shares = [
            (float(below.values[at]), float(measured.variances[at])),
            (float(before.values[at]), float(others.variances[at])),
        ]
        is_left = left[at] > ROUNDING
        trials = inf
        if is_left and confidence.degrees:
            trials = _trials_at(shares, int(counts.rows[at]), float(counts.trials[at]), confidence)
        elif is_left:
            trials = np.nan
        ends = curve.ends(values.q, trials, confidence.tail)
        error = np.nan
        if ends is not None:
            width = ends[1] - ends[0]
            error = width / (2.0 * confidence.quantile) if width else 0.0
        if is_left and not settings.shows(confidence.degrees):
            ends = None
        found.append(
            _Found(
                float(quantiles[at]),
                error,
                ends,
                "woodruff",
                float(effects[at]),
                confidence.degrees,
                None,
            )
        )
    return found


def _trials_at(
    shares: Sequence[tuple[float, float]], rows: int, independent: float, confidence: Confidence
) -> float:
    """The effective rows by the share nearer to one half, of pairs of share and variance.

    Infinite where nothing is left to chance, NaN where the variance isn't known.
    """
    share, variance = max(shares, key=lambda each: each[0] * (1.0 - each[0]))
    if isnan(variance):
        return np.nan
    if not 0.0 < share < 1.0:
        return independent
    if variance <= NOISE * share * (1.0 - share):
        return inf
    return effective_rows(share, variance, rows, confidence)


@dataclass(frozen=True, eq=False)
class _Distribution:
    """A weighted distribution function: sorted values, and the shares up to each."""

    values: Floats
    shares: Floats

    @classmethod
    def of(cls, y: Floats, weights: Floats) -> _Distribution:
        order = np.argsort(y, kind="stable")
        # Calibrated weights may be negative.
        sums = np.maximum.accumulate(np.cumsum(weights[order]))
        return cls(y[order], sums / sums[-1] if len(sums) else sums)

    def inverse(self, share: float) -> float:
        """The smallest value up to which this share of the weights is."""
        if not len(self.values):
            return float("nan")
        # A share that rounding puts just above a step belongs to the step.
        at = int(np.searchsorted(self.shares, share - ROUNDING))
        return float(self.values[min(at, len(self.values) - 1)])

    def ends(self, q: float, trials: float, tail: float) -> Interval | None:
        """The first values whose shares of ``trials`` rows don't lie below, and lie above q.

        None if the sample's smallest or largest value doesn't bound the quantile.
        """
        if isnan(trials) or not len(self.values):
            return None
        if isinf(trials):
            return self.inverse(q), self.inverse(q)
        if reaches_share(0.0, q, trials, tail) or not exceeds_share(1.0, q, trials, tail):
            return None
        places = range(len(self.values))

        def first(test: Callable[[float, float, float, float], bool]) -> float:
            at = bisect_left(
                places, True, key=lambda at: test(float(self.shares[at]), q, trials, tail)
            )
            return float(self.values[min(at, len(self.values) - 1)])

        return first(reaches_share), first(exceeds_share)


ROUNDING = 1e-12
"""A smaller standard error, relative to its figure, is 0: the design knows the figure."""
