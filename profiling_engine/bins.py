"""Where the bins of a histogram of numbers begin and end.

Owns: the edges. Invariant: edges are round numbers, 1, 2 or 5 times a power of ten apart; they
cover every finite value; there are 40 bins at most. A bin holds the values from its lower edge up
to, not including, its upper one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from math import floor, isfinite, log10
from typing import Literal

from profiling_engine.kinds import Axis, Number

MOST_BINS = 40
STEPS = (1, 2, 5)
CROWDED = 20
"""Logarithmic from here on: three quarters of the rows lie in the first twentieth of the range."""


@dataclass(frozen=True)
class Edges:
    """The edges of bins, each bin's upper one being the next one's lower one.

    Parameters
    ----------
    at : tuple of number
        On the axis, ascending; one more than bins.
    """

    scale: Literal["linear", "logarithmic", "calendar"]
    at: tuple[Number, ...]
    unit: str | None = None
    step: int | None = None


def is_crowded(low: Number, upper_quartile: Number, high: Number) -> bool:
    """Whether bins of one width would show next to nothing of the rows."""
    return low >= 0 and upper_quartile * CROWDED < high


def linear_edges(axis: Axis, low: Number, high: Number) -> Edges:
    """Bins of one width, the narrowest that needs no more than 40.

    >>> linear_edges(Axis("BIGINT", "INTEGER"), 3, 17).at[:3]
    (3, 4, 5)
    """
    if axis.is_float:
        return Edges("linear", _float_edges(float(low), float(high)))
    low, high = int(low), int(high)
    for width in _whole_widths(low, high):
        first, last = low // width, high // width
        if last - first < MOST_BINS:
            return Edges("linear", tuple(i * width for i in range(first, last + 2)))
    raise AssertionError  # pragma: no cover - the widths have no end


def _whole_widths(low: int, high: int) -> Iterator[int]:
    power = 10 ** max(len(str((high - low) // MOST_BINS)) - 1, 0)
    for more in count():
        yield from (step * power * 10**more for step in STEPS)


def _float_edges(low: float, high: float) -> tuple[float, ...]:
    start = floor(log10(max(high / MOST_BINS - low / MOST_BINS, 5e-324)))
    for exponent in count(start):
        for step in STEPS:
            width = _place(step, exponent)
            if not width or high / width - low / width > MOST_BINS:
                continue
            first, last = _index(low, step, exponent), _index(high, step, exponent)
            if last - first < MOST_BINS:
                places = (_place(i * step, exponent) for i in range(first, last + 2))
                return tuple(dict.fromkeys(places))
    raise AssertionError  # pragma: no cover - the widths have no end


def _index(x: float, step: int, exponent: int) -> int:
    """The number of the bin that ``x`` is in."""
    i = floor(x / _place(step, exponent))
    while _place(i * step, exponent) > x:
        i -= 1
    while _place((i + 1) * step, exponent) <= x:
        i += 1
    return i


def _place(whole: int, exponent: int) -> float:
    """The double nearest to ``whole`` times ten to a power: 3 tenths are 0.3.

    >>> _place(3, -1)
    0.3
    """
    return float(f"{whole}e{exponent}")


def logarithmic_edges(axis: Axis, least_positive: Number, high: Number) -> Edges:
    """0, then 1, 2, 5, 10, 20, 50 … from below the smallest value above 0 to past the largest.

    With more than 40 bins the first one, from 0, takes up the smallest values.
    """
    places: list[Number] = []
    for place in _falling(axis, high):
        places.append(place)
        if place <= least_positive or len(places) == MOST_BINS:
            break
    return Edges("logarithmic", (0.0 if axis.is_float else 0, *reversed(places)))


def _falling(axis: Axis, high: Number) -> Iterator[Number]:
    """The round numbers from the first above ``high`` downwards."""
    exponent = floor(log10(high)) + 1 if axis.is_float else len(str(high))
    above: Number | None = None
    for power in count(exponent, -1):
        for step in reversed(STEPS):
            if not axis.is_float and power < 0:
                return
            place: Number = _place(step, power) if axis.is_float else step * 10**power
            if place > high:
                above = place
                continue
            if above is not None:
                yield above
                above = None
            if not place or not isfinite(place):
                return
            yield place
