"""Bands of a number for a stratified sample: the cumulative root rule, and geometric breaks.

Dalenius and Hodges 1959, "Minimum variance stratification"; Gunning and Horgan 2004, "A new
algorithm for the construction of stratum boundaries in skewed populations"; for the take-all band
Hidiroglou 1986, "The construction of a self-representing stratum of large units".
"""

from __future__ import annotations

from functools import cached_property
from math import floor, log10

import numpy as np

from contract.words import BandRule
from estimation_engine.arrays import Floats
from lazy_dataclasses import dataclass

MAX_CUTS_TRIED = 60
ROUNDINGS = range(1, 16)


@dataclass(frozen=True, eq=False)
class BandHistogram:
    """Values in bins of any widths.

    Parameters
    ----------
    edges : array, shape (bins + 1,)
        Ascending; a bin begins with its lower edge.
    rows : array, shape (bins,)
    """

    edges: Floats
    rows: Floats

    @cached_property
    def middles(self) -> Floats:
        """The middle of each bin."""
        middles: Floats = (self.edges[1:] + self.edges[:-1]) / 2.0
        return middles

    @cached_property
    def moments(self) -> Floats:
        """Cumulated rows, Σy and Σy² at the edges, shape (3, bins + 1), y from the first edge."""
        y = self.middles - self.edges[0]
        sums = np.cumsum([self.rows, self.rows * y, self.rows * y * y], axis=1)
        moments: Floats = np.concatenate([np.zeros((3, 1)), sums], axis=1)
        return moments

    @cached_property
    def roots(self) -> Floats:
        """The cumulated √(rows · width) at the edges, shape (bins + 1,)."""
        roots: Floats = np.concatenate([[0.0], np.cumsum(np.sqrt(self.rows * np.diff(self.edges)))])
        return roots

    def spreads(self, cuts: Floats) -> tuple[Floats, Floats]:
        """N_h and S_h of the bands between edges of the bins, given by number, ends included."""
        n, first, second = np.diff(self.moments[:, cuts.astype(np.int64)], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            squares = np.where(n > 1, (second - first**2 / n) / (n - 1), 0.0)
        return n, np.sqrt(np.maximum(squares, 0.0))


def geometric_breaks(low: float, high: float, bands: int) -> Floats:
    """Breaks in equal ratios from ``low``, above 0, to ``high``; shape (bands - 1,).

    Examples
    --------
    >>> geometric_breaks(1.0, 10_000.0, 4).round(6).tolist()
    [10.0, 100.0, 1000.0]
    """
    breaks: Floats = low * (high / low) ** (np.arange(1, bands) / bands)
    return breaks


def root_cuts(histogram: BandHistogram, bands: int, stop: int) -> Floats:
    """The numbers of the edges, below ``stop``, nearest to equal parts of the cumulated root."""
    roots = histogram.roots[: stop + 1]
    wanted = roots[-1] * np.arange(1, bands) / bands
    above = np.searchsorted(roots, wanted)
    is_lower = wanted - roots[np.maximum(above - 1, 0)] < roots[above] - wanted
    cuts: Floats = np.where(is_lower, above - 1, above)
    return cuts


def band_breaks(
    histogram: BandHistogram,
    bands: int,
    rule: BandRule,
    *,
    size: int,
    take_all: bool,
) -> tuple[Floats, bool]:
    """The breaks of ``bands`` bands of positive width, the last one taken whole if that pays.

    Parameters
    ----------
    size : int
        The sample's rows: a take-all band leaves fewer for the others. The one is chosen, or none,
        whose variance by Neyman's allocation is smallest.
    take_all : bool
        Whether the last band may be taken whole.

    Returns
    -------
    array, bool
        The breaks, and whether the last band is to be taken whole.
    """
    best, takes_last = _cuts(histogram, bands, rule, len(histogram.rows)), False
    if take_all:
        least = _variance(histogram, best, size, takes_last=False)
        for stop in _last_cuts(histogram, bands, size):
            cuts = np.append(_cuts(histogram, bands - 1, rule, stop), stop)
            found = _variance(histogram, cuts, size, takes_last=True)
            if found < least:
                best, least, takes_last = cuts, found, True
    inner = best[(best > 0) & (best < len(histogram.rows))]
    breaks: Floats = np.unique(histogram.edges[np.unique(inner.astype(np.int64))])
    return breaks, takes_last


def _cuts(histogram: BandHistogram, bands: int, rule: BandRule, stop: int) -> Floats:
    """The numbers of the edges of the breaks, of the values below edge ``stop``."""
    if bands < 2:
        return np.array([])
    if rule == "cumulative_root":
        return root_cuts(histogram, bands, stop)
    filled = np.flatnonzero(histogram.rows[:stop])
    low = next((float(histogram.edges[at]) for at in filled if histogram.edges[at] > 0), 0.0)
    if not low:
        return root_cuts(histogram, bands, stop)
    wanted = geometric_breaks(low, float(histogram.edges[stop]), bands)
    cuts: Floats = np.searchsorted(histogram.edges[: stop + 1], wanted).astype(np.float64)
    return cuts


def _last_cuts(histogram: BandHistogram, bands: int, size: int) -> list[int]:
    """Edges above which at most ``size`` - 2 rows a band are left, with some rows below."""
    above = histogram.moments[0, -1] - histogram.moments[0]
    most = size - 2 * (bands - 1)
    usable = np.flatnonzero((above > 0) & (above <= most))
    usable = usable[usable > 0]
    step = max(len(usable) // MAX_CUTS_TRIED, 1)
    return [int(at) for at in usable[::-1][::step]]


def _variance(histogram: BandHistogram, cuts: Floats, size: int, *, takes_last: bool) -> float:
    """The variance of the total by Neyman's allocation of ``size`` rows."""
    n, spreads = histogram.spreads(np.concatenate([[0], cuts, [len(histogram.rows)]]))
    left = float(size)
    if takes_last:
        left -= float(n[-1])
        n, spreads = n[:-1], spreads[:-1]
    if left <= 0:
        return float("inf")
    return max(float((n * spreads).sum() ** 2 / left - (n * spreads**2).sum()), 0.0)


def round_breaks(breaks: Floats, low: float, high: float, digits: int = 2) -> list[float]:
    """Breaks with few digits, distinct and inside the range; digits are added where two meet.

    Examples
    --------
    >>> round_breaks(np.array([1234.5, 5678.9]), 0.0, 10_000.0)
    [1200.0, 5700.0]
    """
    rounded: list[float] = []
    before = low
    for at, value in enumerate(breaks.tolist()):
        after = float(breaks[at + 1]) if at + 1 < len(breaks) else high
        found = next(
            (
                near
                for each in ROUNDINGS
                if each >= digits and before < (near := _near(value, each)) < after
            ),
            value,
        )
        if found > before:
            rounded.append(found)
            before = found
    return rounded


def _near(value: float, digits: int) -> float:
    """The number of so many significant digits that is nearest."""
    if not value:
        return 0.0
    places = digits - 1 - floor(log10(abs(value)))
    return float(round(value, places))
