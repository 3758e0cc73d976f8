"""Contrasts of two figures of one sample: their difference or ratio, with its standard error.

Both figures are linearised, and the variance of the contrast is that of one sum of both z, so it
has their covariance: Särndal, Swensson and Wretman 1992, section 5.5; R's ``svycontrast`` of
``svyby(covmat = TRUE)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, isnan, nan, sqrt

import numpy as np

from contract.words import ContrastMeasure
from estimation_engine.arrays import Floats, Ints
from estimation_engine.designs import Design
from estimation_engine.designs.stages import groups_in, sums_by
from estimation_engine.errors import InvalidEstimate
from estimation_engine.estimates import (
    ROUNDING,
    ROWS_BY_SKEWNESS,
    DomainEstimate,
    Domains,
    EstimateSettings,
    Linearised,
    Values,
    degrees_of_freedom,
    estimate,
    linearise,
    measure_linearised,
)
from estimation_engine.intervals import Confidence, t_interval, two_sided_p
from estimation_engine.judge import Adjustment
from lazy_dataclasses import dataclass


@dataclass(frozen=True)
class FigureContrast:
    """A contrast of two figures, both of them, and the contrast as an estimate.

    ``p_value`` is that of the hypothesis that both are equal, by Student's t; None where the
    standard error is 0 or unknown.
    """

    first: DomainEstimate
    second: DomainEstimate
    contrast: DomainEstimate
    p_value: float | None


def contrasts(
    design: Design,
    values: tuple[Values, Values],
    domains: Domains,
    pairs: Sequence[tuple[int, int]],
    settings: EstimateSettings,
    measure: ContrastMeasure,
    calibration: Adjustment | None = None,
) -> list[FigureContrast]:
    """Contrast the first figure of each pair's first domain with the second of its second.

    Parameters
    ----------
    values : pair of Values
        Of both figures; the same for two groups of one column. Figures of one domain are of the
        rows that have both.

    Raises
    ------
    InvalidEstimate
        A quantile has no linearised variable.
    """
    if "quantile" in (values[0].statistic, values[1].statistic):
        raise InvalidEstimate(
            "A quantile has no contrast: choose a mean, total, proportion, count or ratio.",
            loc=("contrast",),
        )
    is_paired = values[0] is not values[1]
    if is_paired:
        both = values[0].present & values[1].present
        values = replace(values[0], present=both), replace(values[1], present=both)
    figures = [estimate(design, values[0], domains, settings, calibration)]
    linear = [linearise(design, values[0], domains, calibration, settings.rules)]
    if is_paired:
        figures.append(estimate(design, values[1], domains, settings, calibration))
        linear.append(linearise(design, values[1], domains, calibration, settings.rules))
    combined = _combined(linear[0], linear[-1], pairs, measure)
    measured = measure_linearised(design, combined, len(pairs), settings, calibration)
    rows, places = _rows_of(domains, values[0], pairs)
    degrees = degrees_of_freedom(design, rows, places, len(pairs), measured.of_rounds, calibration)
    units = groups_in(design.unit_numbers[rows], places, len(pairs))
    found = []
    for at, (first, second) in enumerate(pairs):
        sides = figures[0][first], figures[-1][second]
        own = int(degrees[at]) if is_paired else _degrees_of_groups(sides, int(degrees[at]))
        variance, needed = float(measured.variances[at]), 0
        if measured.skewness[at]:
            needed = ceil(ROWS_BY_SKEWNESS * measured.skewness[at] ** 2 * units[at])
        contrast = _contrast(sides, float(combined.values[at]), variance, own, settings, is_paired)
        contrast = replace(
            contrast,
            units=int(units[at]),
            normal_units=needed,
            effective_degrees=float(measured.effective_degrees[at]),
        )
        p_value = None
        if contrast.value is not None and contrast.error and own > 0:
            null = 1.0 if measure == "ratio" else 0.0
            p_value = two_sided_p((contrast.value - null) / contrast.error, own)
        found.append(FigureContrast(*sides, contrast, p_value))
    return found


def _combined(
    first: Linearised, second: Linearised, pairs: Sequence[tuple[int, int]], measure: str
) -> Linearised:
    """The contrasts with z of each, a row of both figures once: z1 - z2, or (z1 - R z2)/θ2."""
    left = first.values[[pair[0] for pair in pairs]]
    right = second.values[[pair[1] for pair in pairs]]
    count = len(pairs)
    if measure == "ratio":
        below = np.where(right == 0.0, nan, right)
        values = left / below
        factors = 1.0 / below, -values / below
    else:
        values = left - right
        factors = np.ones(count), -np.ones(count)
    numbers: list[Ints] = []
    parts: list[Floats] = []
    width = max(int(each.rows.max(initial=0)) for each in (first, second)) + 1
    for side, (linear, factor) in enumerate(zip((first, second), factors, strict=True)):
        place = np.full(len(linear.values), -1)
        place[[pair[side] for pair in pairs]] = np.arange(count)
        at = place[linear.domains]
        counts = at >= 0
        numbers.append(at[counts] * width + linear.rows[counts])
        parts.append(linear.z[counts] * factor[at[counts]])
    cells, places = np.unique(np.concatenate(numbers), return_inverse=True)
    z = sums_by(places, np.concatenate(parts), len(cells))
    return Linearised(values, cells % width, cells // width, z)


def _rows_of(
    domains: Domains, values: Values, pairs: Sequence[tuple[int, int]]
) -> tuple[Ints, Ints]:
    """The rows with a value of both domains of each pair, and the pair's place."""
    place = np.full(domains.count, -1)
    for at, pair in enumerate(pairs):
        place[list(pair)] = at
    rows = np.flatnonzero(domains.included & values.present)
    places = place[domains.groups[rows]]
    rows, places = rows[places >= 0], places[places >= 0]
    order = np.argsort(places, kind="stable")
    return rows[order], places[order]


def _degrees_of_groups(sides: tuple[DomainEstimate, DomainEstimate], most: int) -> int:
    """Satterthwaite's of two groups, at most those of their rows together.

    So the standard error of a small group with a large variance isn't that of many degrees.
    Welch 1938; Satterthwaite 1946.
    """
    variances = [(each.error or 0.0) ** 2 for each in sides]
    largest = max(variances)
    if not largest:
        return most
    parts = [each / largest for each in variances]
    below = sum(
        part**2 / side.degrees if side.degrees else (np.inf if part else 0.0)
        for part, side in zip(parts, sides, strict=True)
    )
    return min(int(sum(parts) ** 2 / below), most) if below else most


def _contrast(
    sides: tuple[DomainEstimate, DomainEstimate],
    value: float,
    variance: float,
    degrees: int,
    settings: EstimateSettings,
    is_paired: bool,
) -> DomainEstimate:
    first, second = sides
    has_sides = all(each.value is not None and each.error is not None for each in sides)
    error = sqrt(variance) if has_sides and variance >= 0 and not isnan(value) else nan
    scale = max(abs(first.value or 0.0), abs(second.value or 0.0), abs(value))
    if error <= ROUNDING * scale:
        error = 0.0
    ends = None
    if error == 0.0 or (not isnan(error) and settings.shows(degrees)):
        ends = t_interval(value, error, Confidence(settings.confidence, degrees))
    low, high = ends or (None, None)
    both = (first.rows, first.missing) if is_paired else _added(sides)
    return DomainEstimate(
        value=None if isnan(value) or not has_sides else value,
        error=None if isnan(error) else error,
        low=low,
        high=high,
        degrees=degrees,
        design_effect=None,
        rows=both[0],
        missing=both[1],
        units=0,
        interval="t",
        normal_units=None,
        is_constant=error == 0.0 and (first.is_constant or second.is_constant),
    )


def _added(sides: tuple[DomainEstimate, DomainEstimate]) -> tuple[int, int]:
    return sides[0].rows + sides[1].rows, sides[0].missing + sides[1].missing
