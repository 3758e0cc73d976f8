"""The figures of columns of numbers, and of dates and times.

Owns: their passes. Invariant: NaN and the infinite are counted and left out of all other figures;
from all rows every figure is exact, but that sums and means of floating-point numbers are rounded
as :mod:`profiling_engine.moments_of_numbers` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from profiling_engine.accuracy import EXACT, Figure
from profiling_engine.aggregates import Aggregate, greatest, least, rows
from profiling_engine.axis_figures import (
    Extent,
    OnAxis,
    histogram_of,
    places_of,
    quartiles_of,
    read_axis,
)
from profiling_engine.calendar_bins import ticks_a_day
from profiling_engine.kind_parts import Largest, MomentFigures, NumberFigures
from profiling_engine.kinds import Axis, Number
from profiling_engine.look import Look, shower
from profiling_engine.moments_of_numbers import PLAIN_BITS, Distances
from profiling_engine.parts import Histogram, Quartiles
from profiling_engine.survey import Survey
from profiling_engine.totals import Totals

NONE = Figure(0)
LARGEST_COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


@dataclass(frozen=True)
class AxisParts:
    """What a column with an axis has to tell, as the fields of its profile."""

    minimum: Figure
    maximum: Figure
    quartiles: Quartiles | None = None
    histogram: Histogram | None = None
    number: NumberFigures | None = None
    moment: MomentFigures | None = None


def read_axis_parts(look: Look, survey: Survey | None) -> AxisParts:
    """Every figure of a column of numbers or moments.

    Parameters
    ----------
    survey : Survey or None
        What is known of all rows; without one the extremes are the sample's.
    """
    low, high = (survey.low, survey.high) if survey else _extremes(look)
    is_number = look.kind.kind == "number"
    distances = None if low is None or high is None else Distances(look.axis, low, high)
    totals = (
        _number_totals(look, distances) if is_number else look.measure(moment_passes(look.axis))
    )
    on_axis = None
    if distances and totals.values["count"]:
        least_positive = totals.values.get("least_positive")
        extent = Extent(totals.values["count"], distances.low, distances.high, least_positive)
        counts = _counts_of_largest(look, distances, extent)
        on_axis = read_axis(look, extent, counts, distances.sql() if counts else "0")
    show = shower(look, [low, high, *(places_of(on_axis) if on_axis else [])])
    # A sample's extremes bound the table's on one side.
    bounds = (EXACT, EXACT)
    if survey is None:
        bounds = (totals.accuracy(None, show(low)), totals.accuracy(show(high), None))
    return AxisParts(
        minimum=Figure(show(low), bounds[0]),
        maximum=Figure(show(high), bounds[1]),
        quartiles=quartiles_of(on_axis, show) if on_axis else None,
        histogram=histogram_of(on_axis, show) if on_axis else None,
        number=_number(look, totals, distances, on_axis) if is_number else None,
        moment=None if is_number else _moment_figures(totals),
    )


def _extremes(look: Look) -> tuple[Number | None, Number | None]:
    found = look.measure({"low": least("x"), "high": greatest("x")}).values
    return found["low"], found["high"]


def _number_totals(look: Look, distances: Distances | None) -> Totals:
    aggregates = number_passes(look.axis, distances)
    return look.measure(aggregates, distances.names() if distances else None)


def number_passes(axis: Axis, distances: Distances | None) -> dict[str, Aggregate]:
    """What a pass over a column of numbers counts and sums; without distances, it has no number."""
    wanted = {
        "count": rows("x IS NOT NULL"),
        "zeros": rows("x = 0"),
        "negatives": rows("x < 0"),
        "least_positive": least("CASE WHEN x > 0 THEN x END"),
    }
    if axis.is_float:
        wanted |= {
            "nan": rows("isnan(v)"),
            "positive_infinity": rows("isinf(v) AND v > 0"),
            "negative_infinity": rows("isinf(v) AND v < 0"),
        }
    return wanted | (distances.aggregates() if distances else {})


def moment_passes(axis: Axis) -> dict[str, Aggregate]:
    """What a pass over a column of moments counts."""
    wanted = {"count": rows("x IS NOT NULL"), "infinite": rows("v IS NOT NULL AND x IS NULL")}
    if axis.column_type not in ("DATE", "TIME"):
        wanted["midnight"] = rows(f"x % {ticks_a_day(axis)} = 0")
    return wanted


def _moment_figures(totals: Totals) -> MomentFigures:
    midnight = totals.count("midnight") if "midnight" in totals.values else None
    return MomentFigures(totals.count("infinite"), midnight)


def _number(
    look: Look, totals: Totals, distances: Distances | None, on_axis: OnAxis | None
) -> NumberFigures:
    special = {
        name: totals.count(name) if name in totals.values else NONE
        for name in ("nan", "positive_infinity", "negative_infinity")
    }
    nothing = Figure(None)
    if distances is None or on_axis is None:
        summed = mean = deviation = skewness = nothing
    else:
        summed, mean = _sum(totals, distances), _mean(totals, distances)
        several = totals.values["count"] > 1
        varies = several and distances.vary(totals.values)
        deviation = totals.derive(distances.deviation) if several else nothing
        skewness = totals.derive(distances.skewness) if varies else nothing
    fences = on_axis.counted if on_axis and on_axis.fences else None
    return NumberFigures(
        sum=summed,
        mean=mean,
        standard_deviation=deviation,
        skewness=skewness,
        zeros=totals.count("zeros"),
        negatives=totals.count("negatives"),
        **special,
        far_below=fences.count("far_below") if fences else None,
        far_above=fences.count("far_above") if fences else None,
        largest=_largest(look.axis, totals, distances, on_axis) if distances else None,
    )


def _sum(totals: Totals, distances: Distances) -> Figure:
    if totals.size is None:
        return distances.exact_sum(totals.values)
    of_rows = totals.size.of_rows

    def scaled(sums: Mapping[str, Any]) -> Any:
        return distances.mean(sums) * sums["count"] / sums["rows"] * of_rows

    return totals.derive(scaled)


def _mean(totals: Totals, distances: Distances) -> Figure:
    if totals.size is None:
        return distances.exact_mean(totals.values)
    return totals.derive(distances.mean)


def _counts_of_largest(look: Look, distances: Distances, extent: Extent) -> list[int]:
    """How many of the largest values are summed: of exact sums without negative numbers alone."""
    few_bits = look.axis.is_float or distances.bits <= PLAIN_BITS
    if not (look.is_exact and look.kind.kind == "number" and few_bits and extent.low >= 0):
        return []
    return [k for k in LARGEST_COUNTS if k <= extent.count and extent.high > 0]


def _largest(
    axis: Axis, totals: Totals, distances: Distances, on_axis: OnAxis | None
) -> tuple[Largest, ...] | None:
    if on_axis is None or not on_axis.largest:
        return None
    count = totals.values["count"]
    mean = distances.mean(totals.values) * 10**axis.decimals
    if not mean:
        return None  # every value is 0, or their mean is smaller than the smallest double
    told = []
    for k, one in zip(LARGEST_COUNTS, on_axis.largest, strict=False):
        # Divided by the count at once: the sum itself may be beyond a double.
        above = float(distances.sum_centre) * (one.rows_above / count)
        above += float(distances.scaled(one.amount_above / count))
        own = (k - one.rows_above) / count * float(one.x)
        told.append(Largest(k, axis.value(one.x), min((above + own) / mean, 1.0)))
    return tuple(told)
