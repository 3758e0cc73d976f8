"""Sum, mean, standard deviation and skewness from sums of integers.

Owns: how a number becomes the integers that are summed. Invariant: the figures don't depend on the
rows' order, on threads or on the layout of files. Of whole and decimal numbers the sum is exact and
the mean is the nearest double to the exact one.

A value counts as its distance from the middle of the column's range. The distances are summed as
they are, where they are integers, and squared or cubed only after being rounded to so many bits
that no sum overflows the 128 bits of a HUGEINT for fewer than 2**36 rows: 44 for squares, 29 for
cubes. Distances of floating-point numbers are rounded to 44 bits for the sum, too: by 2**-45 of
half the range at most, or by 2**-1001 if that is more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import frexp, ldexp
from typing import Any

from profiling_engine.aggregates import Aggregate, total
from profiling_engine.kinds import WIDE, Axis, Number

SQUARED_BITS = 44
CUBED_BITS = 29
PLAIN_BITS = 90
"""Distances of more bits are summed in two halves."""
HALF_BITS = 64
LARGEST_FACTOR_BITS = 1000


@dataclass(frozen=True)
class Distances:
    """The integers that stand for the values of a column of numbers.

    Parameters
    ----------
    low, high : number
        The smallest and the largest ``x``.
    """

    axis: Axis
    low: Number
    high: Number

    @property
    def centre(self) -> Number:
        """What distances are measured from."""
        if self.axis.is_float:
            return self.low / 2 + self.high / 2
        return (int(self.low) + int(self.high)) // 2

    @property
    def bits(self) -> int:
        """Of the largest distance of an integer axis."""
        return (int(self.high) - int(self.centre)).bit_length()

    def factor(self, bits: int) -> float:
        """A power of two that makes floating-point distances integers of so many bits."""
        half = float(self.high) / 2 - float(self.low) / 2
        return ldexp(1.0, min(bits - frexp(half)[1], LARGEST_FACTOR_BITS)) if half else 1.0

    def sql(self, bits: int | None = None) -> str:
        """The distance of ``x`` as an integer, rounded to ``bits`` if it would have more."""
        if self.axis.is_float:
            factor = self.factor(SQUARED_BITS if bits is None else bits)
            centre = f"CAST({self.centre!r} AS DOUBLE)"
            return f"CAST((x - {centre}) * CAST({factor!r} AS DOUBLE) AS BIGINT)"
        wide = self.axis.type == "HUGEINT" or self.bits >= 62
        distance = f"({'CAST(x AS HUGEINT)' if wide else 'x'} - ({self.centre}))"
        shift = self._shift(bits)
        if shift:
            distance = f"(({distance} + {1 << (shift - 1)}) >> {shift})"
        return f"CAST({distance} AS BIGINT)" if wide and self._fits(shift) else distance

    def _shift(self, bits: int | None) -> int:
        return max(self.bits - bits, 0) if bits is not None else 0

    def _fits(self, shift: int) -> bool:
        return self.bits - shift < 62

    def unit(self, bits: int | None = None) -> float:
        """What an integer of :meth:`sql` is worth on the axis."""
        if self.axis.is_float:
            return 1 / self.factor(SQUARED_BITS if bits is None else bits)
        return float(1 << self._shift(bits))

    def names(self) -> dict[str, str]:
        """The distances that the aggregates speak of: as they are, to be squared, to be cubed."""
        return {
            "plain": self.sql(),
            "squared": self.sql(SQUARED_BITS),
            "cubed": self.sql(CUBED_BITS),
        }

    def aggregates(self) -> dict[str, Aggregate]:
        """What a pass has to sum."""
        found = {
            "squared_1": total("squared"),
            "squared_2": total("CAST(squared AS HUGEINT) * squared"),
            "cubed_1": total("cubed"),
            "cubed_2": total("CAST(cubed AS HUGEINT) * cubed"),
            "cubed_3": total("CAST(cubed AS HUGEINT) * cubed * cubed"),
        }
        if not self.axis.is_float and self.bits > PLAIN_BITS:
            low = (1 << HALF_BITS) - 1
            halves = {"high": f"plain >> {HALF_BITS}", "low": f"plain & {low}"}
            return {**{f"plain_{half}": total(sql) for half, sql in halves.items()}, **found}
        return {"plain": total("plain"), **found}

    def distance_sum(self, sums: Mapping[str, Any]) -> Any:
        """The sum of the distances, in units of :meth:`sql`."""
        if "plain" in sums:
            return sums["plain"]
        return sums["plain_high"] * (1 << HALF_BITS) + sums["plain_low"]

    def mean(self, sums: Mapping[str, Any]) -> Any:
        """The mean of the column's values as a double; ``count`` is the number of values."""
        count, distances = sums["count"], self.distance_sum(sums)
        if self.axis.is_float:
            return self.centre + distances / count * self.unit()
        return (self.centre * count + distances) / (count * 10**self.axis.decimals)

    def sum(self, sums: Mapping[str, Any]) -> int | float | Decimal:
        """The sum of the column's values: exact unless they are floating-point numbers."""
        if self.axis.is_float:
            return float(self.mean(sums) * sums["count"])
        whole = int(self.centre) * sums["count"] + self.distance_sum(sums)
        decimals = self.axis.decimals
        return Decimal(whole).scaleb(-decimals, WIDE) if decimals else whole

    def deviation(self, sums: Mapping[str, Any]) -> Any:
        """The standard deviation of the values (divided by count - 1)."""
        count, first, second = sums["count"], sums["squared_1"], sums["squared_2"]
        variance = (count * second - first * first) / (count * (count - 1))
        # A sample's floating-point sums may give a variance just below 0.
        return abs(variance) ** 0.5 * (self.unit(SQUARED_BITS) / 10**self.axis.decimals)

    def vary(self, sums: Mapping[str, Any]) -> bool:
        """Whether the values differ by more than what they are rounded to."""
        return bool(sums["count"] * sums["cubed_2"] > sums["cubed_1"] ** 2)

    def skewness(self, sums: Mapping[str, Any]) -> Any:
        """The third central moment by the standard deviation's cube (both divided by count)."""
        count, first = sums["count"], sums["cubed_1"]
        second, third = sums["cubed_2"], sums["cubed_3"]
        spread = (count * second - first * first) / count**2
        cubed = (count**2 * third - 3 * count * first * second + 2 * first**3) / count**3
        return cubed / abs(spread) ** 1.5
