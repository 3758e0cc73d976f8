"""The figures of columns of numbers, dates and times.

Sums, means, deviations and skewness come from sums of integers, so they don't depend on the order
of rows, threads or files. NaN and infinite values are counted and excluded from other figures.

A value is replaced by its distance from the middle of the column's range. Distances are summed as
integers; for squares and cubes they are rounded to 44 and 29 bits, so that a HUGEINT can't overflow
for fewer than 2**36 rows. Floating-point numbers are summed from 0, rounded to 61 bits of the
largest. If the rounding may change the first 12 digits of a sum, the figure is approximate.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import frexp
from typing import Any

import numpy as np

from lazy_dataclasses import dataclass
from profiling_engine.columns.axis import (
    AxisFigures,
    Extent,
    histogram_of,
    nearest_double,
    places_of,
    quartiles_of,
    read_axis,
    ticks_a_day,
)
from profiling_engine.columns.kinds import WIDE, Axis, Number
from profiling_engine.columns.passes import (
    Aggregate,
    ColumnScan,
    FirstPass,
    PassTotals,
    greatest,
    least,
    rows,
    total,
    value_formatter,
)
from profiling_engine.columns.profile import (
    CERTAIN,
    EXACT,
    Accuracy,
    Figure,
    KindFigures,
    Largest,
    MomentFigures,
    NumberFigures,
)

SUMMED_BITS = 61
SQUARED_BITS = 44
CUBED_BITS = 29
PLAIN_BITS = 90
HALF_BITS = 64
MAX_EXPONENT = 1000
"""The largest exponent of a factor; two factors reach the smallest double, 2**-1074."""
EXACT_SHARE = Fraction(1, 10**12)
METHOD = "sum of floating-point numbers rounded to 61 bits of the largest"


@dataclass(frozen=True)
class Distances:
    """Integer distances of the values from a centre, between the smallest and the largest ``x``."""

    axis: Axis
    low: Number
    high: Number

    @property
    def centre(self) -> Number:
        """The origin of the distances of an integer axis, and of all squares and cubes."""
        if self.axis.is_float:
            return self.low / 2 + self.high / 2
        return (int(self.low) + int(self.high)) // 2

    @property
    def bits(self) -> int:
        return (int(self.high) - int(self.centre)).bit_length()

    def exponent(self, bits: int | None = None) -> int:
        """The power of two that scales floating-point distances to integers of ``bits``."""
        if bits is None:
            return SUMMED_BITS - frexp(max(abs(self.low), abs(self.high)))[1]
        return bits - frexp(max(self.high - self.centre, self.centre - self.low))[1]

    def sql(self, bits: int | None = None) -> str:
        """The SQL of the distance of ``x`` as an integer, rounded to at most ``bits``."""
        if self.axis.is_float:
            return f"CAST({self._product(bits)} AS BIGINT)"
        wide = self.axis.type == "HUGEINT" or self.bits >= 62
        distance = f"({'CAST(x AS HUGEINT)' if wide else 'x'} - ({self.centre}))"
        shift = self._shift(bits)
        if shift:
            distance = f"(({distance} + {1 << (shift - 1)}) >> {shift})"
        return f"CAST({distance} AS BIGINT)" if wide and self.bits - shift < 62 else distance

    def _product(self, bits: int | None) -> str:
        exponent = self.exponent(bits)
        first = min(exponent, MAX_EXPONENT)
        factors = [2.0**first, *([2.0 ** (exponent - first)] if exponent > first else [])]
        distance = "x" if bits is None else f"(x - CAST({self.centre!r} AS DOUBLE))"
        return " * ".join([distance, *(f"CAST({factor!r} AS DOUBLE)" for factor in factors)])

    def _shift(self, bits: int | None) -> int:
        return max(self.bits - bits, 0) if bits is not None else 0

    def scaled(self, integers: Any, bits: int | None = None) -> Any:
        """Convert integers of :meth:`sql`, or arrays of them, to distances on the axis."""
        if self.axis.is_float:
            return np.ldexp(np.asarray(integers, np.float64), -self.exponent(bits))
        return integers * float(1 << self._shift(bits))

    def names(self) -> dict[str, str]:
        return {
            "plain": self.sql(),
            "squared": self.sql(SQUARED_BITS),
            "cubed": self.sql(CUBED_BITS),
        }

    def aggregates(self) -> dict[str, Aggregate]:
        found = {
            "squared_1": total("squared"),
            "squared_2": total("CAST(squared AS HUGEINT) * squared"),
            "cubed_1": total("cubed"),
            "cubed_2": total("CAST(cubed AS HUGEINT) * cubed"),
            "cubed_3": total("CAST(cubed AS HUGEINT) * cubed * cubed"),
        }
        if self.axis.is_float:
            found["rounded"] = rows(f"CAST(plain AS DOUBLE) <> {self._product(None)}")
        elif self.bits > PLAIN_BITS:
            low = (1 << HALF_BITS) - 1
            halves = {"high": f"plain >> {HALF_BITS}", "low": f"plain & {low}"}
            return {**{f"plain_{half}": total(sql) for half, sql in halves.items()}, **found}
        return {"plain": total("plain"), **found}

    def distance_sum(self, sums: Mapping[str, Any]) -> Any:
        if "plain" in sums:
            return sums["plain"]
        return sums["plain_high"] * (1 << HALF_BITS) + sums["plain_low"]

    def mean(self, sums: Mapping[str, Any]) -> Any:
        count, distances = sums["count"], self.distance_sum(sums)
        if self.axis.is_float:
            if isinstance(distances, int):
                return nearest_double(self._float_sum(distances) / count)
            return self.scaled(distances / count)
        return (self.centre * count + distances) / (count * 10**self.axis.decimals)

    def exact_sum_and_mean(self, sums: Mapping[str, Any]) -> tuple[Figure, Figure]:
        if self.axis.is_float:
            return self._rounded(sums, 1), self._rounded(sums, sums["count"])
        whole = int(self.centre) * sums["count"] + self.distance_sum(sums)
        decimals = self.axis.decimals
        summed = Decimal(whole).scaleb(-decimals, WIDE) if decimals else whole
        return Figure(summed), Figure(self.mean(sums))

    def _float_sum(self, distances: int) -> Fraction:
        return distances / Fraction(2) ** self.exponent()

    def _rounded(self, sums: Mapping[str, Any], divisor: int) -> Figure:
        """The sum by a divisor; rounding changed each rounded value by at most half a unit."""
        value = self._float_sum(self.distance_sum(sums)) / divisor
        half = self._float_sum(sums["rounded"]) / 2 / divisor
        if half <= EXACT_SHARE * abs(value):
            return Figure(nearest_double(value), EXACT)
        low, high = nearest_double(value - half), nearest_double(value + half)
        return Figure(nearest_double(value), Accuracy("approximate", METHOD, low, high, CERTAIN))

    def deviation(self, sums: Mapping[str, Any]) -> Any:
        """The standard deviation of the values (divided by count - 1)."""
        count, first, second = sums["count"], sums["squared_1"], sums["squared_2"]
        variance = (count * second - first * first) / (count * (count - 1))
        # A sample's floating-point sums may give a variance just below 0.
        deviation = self.scaled(abs(variance) ** 0.5, SQUARED_BITS) / 10**self.axis.decimals
        return float(deviation) if np.ndim(deviation) == 0 else deviation

    def vary(self, sums: Mapping[str, Any]) -> bool:
        return bool(sums["count"] * sums["cubed_2"] > sums["cubed_1"] ** 2)

    def skewness(self, sums: Mapping[str, Any]) -> Any:
        """The third central moment by the standard deviation's cube (both divided by count)."""
        count, first = sums["count"], sums["cubed_1"]
        second, third = sums["cubed_2"], sums["cubed_3"]
        variance = (count * second - first * first) / count**2
        cubed = (count**2 * third - 3 * count * first * second + 2 * first**3) / count**3
        return cubed / abs(variance) ** 1.5


ZERO = Figure(0)
MAX_COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


def read_axis_profile(scan: ColumnScan, first_pass: FirstPass | None) -> KindFigures:
    """The fields of the profile of a column of numbers or times.

    Without a first pass only a sample was read, whose extremes are bounds of the table's.
    """
    if first_pass:
        low, high = first_pass.low, first_pass.high
    else:
        extremes = scan.measure({"low": least("x"), "high": greatest("x")}).values
        low, high = extremes["low"], extremes["high"]
    is_number = scan.kind.kind == "number"
    distances = None if low is None or high is None else Distances(scan.axis, low, high)
    if is_number:
        names = distances.names() if distances else None
        totals = scan.measure(number_aggregates(scan.axis, distances), names)
    else:
        totals = scan.measure(time_aggregates(scan.axis))
    on_axis = None
    if distances and totals.values["count"]:
        least_positive = totals.values.get("least_positive")
        extent = Extent(totals.values["count"], distances.low, distances.high, least_positive)
        counts = _counts_of_largest(scan, distances, extent)
        on_axis = read_axis(scan, extent, counts, distances.sql() if counts else "0")
    midnight = totals.count("midnight") if "midnight" in totals.values else None
    show = value_formatter(scan, [low, high, *(places_of(on_axis) if on_axis else [])])
    bounds = (EXACT, EXACT)
    if first_pass is None:
        bounds = (totals.accuracy(None, show(low)), totals.accuracy(show(high), None))
    return {
        "minimum": Figure(show(low), bounds[0]),
        "maximum": Figure(show(high), bounds[1]),
        "quartiles": quartiles_of(on_axis, show) if on_axis else None,
        "histogram": histogram_of(on_axis, show) if on_axis else None,
        "number": _number(scan, totals, distances, on_axis) if is_number else None,
        "moment": None if is_number else MomentFigures(totals.count("infinite"), midnight),
    }


def number_aggregates(axis: Axis, distances: Distances | None) -> dict[str, Aggregate]:
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


def time_aggregates(axis: Axis) -> dict[str, Aggregate]:
    wanted = {"count": rows("x IS NOT NULL"), "infinite": rows("v IS NOT NULL AND x IS NULL")}
    if axis.column_type not in ("DATE", "TIME"):
        wanted["midnight"] = rows(f"x % {ticks_a_day(axis)} = 0")
    return wanted


def _number(
    scan: ColumnScan, totals: PassTotals, distances: Distances | None, on_axis: AxisFigures | None
) -> NumberFigures:
    special = {
        name: totals.count(name) if name in totals.values else ZERO
        for name in ("nan", "positive_infinity", "negative_infinity")
    }
    nothing = Figure(None)
    if distances is None or on_axis is None:
        summed = mean = deviation = skewness = nothing
    else:
        summed, mean = _sum_and_mean(totals, distances)
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
        largest=_largest(scan.axis, totals, distances, on_axis) if distances else None,
    )


def _sum_and_mean(totals: PassTotals, distances: Distances) -> tuple[Figure, Figure]:
    if totals.sample is None:
        return distances.exact_sum_and_mean(totals.values)
    of_rows = totals.sample.size.of_rows

    def scaled(sums: Mapping[str, Any]) -> Any:
        return distances.mean(sums) * sums["count"] / sums["rows"] * of_rows

    return totals.derive(scaled), totals.derive(distances.mean)


def _counts_of_largest(scan: ColumnScan, distances: Distances, extent: Extent) -> list[int]:
    """The numbers of largest values to sum; empty unless sums are exact and not negative."""
    few_bits = scan.axis.is_float or distances.bits <= PLAIN_BITS
    if not (scan.is_exact and scan.kind.kind == "number" and few_bits and extent.low >= 0):
        return []
    return [k for k in MAX_COUNTS if k <= extent.count and extent.high > 0]


def _largest(
    axis: Axis, totals: PassTotals, distances: Distances, on_axis: AxisFigures | None
) -> tuple[Largest, ...] | None:
    if on_axis is None or not on_axis.largest:
        return None
    count = totals.values["count"]
    mean = distances.mean(totals.values) * 10**axis.decimals
    if not mean:
        return None  # every value is 0, or the mean is smaller than the smallest double
    largest = []
    for k, kth in zip(MAX_COUNTS, on_axis.largest, strict=False):
        # Divide by the count first: the sum may overflow a double.
        above = 0.0 if axis.is_float else float(distances.centre) * (kth.rows_above / count)
        above += float(distances.scaled(kth.amount_above / count))
        own = (k - kth.rows_above) / count * float(kth.x)
        largest.append(Largest(k, axis.value(kth.x), min((above + own) / mean, 1.0)))
    return tuple(largest)
