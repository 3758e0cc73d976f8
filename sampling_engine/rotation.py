"""Rotation of a keyed order: where the next wave of a panel begins.

A wave draws the first rows of the order from its start. The next start lies further by the rotation
times the sampling fraction, so that this share of the drawn rows lies before it. The starts depend
on sizes alone, never on ranks. So the ranks from a start are as random as those from 0, and each
wave has the probabilities of a draw of its own (Ohlsson 1995, "Coordination of samples using
permanent random numbers"; Nordberg 2000, "On variance estimation for measures of change when
samples are coordinated by the use of permanent random numbers").
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from sampling_engine.results import Floats

START_DIGITS = 18
"""Decimals of a start; a step is less than a tenth of the distance of two rows among 10^17."""


def next_start(start: Fraction, rotation: Fraction, drawn: int, rows: int) -> Fraction:
    """The start of the next wave, rounded down to :data:`START_DIGITS` decimals.

    Parameters
    ----------
    start : Fraction
        The start of the wave before, from 0 to below 1.
    rotation : Fraction
        The share of the sample that leaves, from 0 to 1.
    drawn, rows : int
        The rows that the wave before drew, of so many; clusters, if it drew clusters.

    Examples
    --------
    >>> str(next_start(Fraction(0), Fraction(1, 4), 80, 1000))
    '1/50'
    """
    if not rows:
        return start
    moved = (start + rotation * Fraction(drawn, rows)) % 1
    scale = 10**START_DIGITS
    return Fraction(moved.numerator * scale // moved.denominator, scale)


def kept_share(before: Floats, after: Floats, moved: Floats) -> Floats:
    """The part of all ranks in which both of two waves draw, nearly, as a share of the first's.

    Parameters
    ----------
    before, after : array of float
        The probabilities of rows in both waves: sampling fractions, if all are alike. Those of the
        first wave are above 0.
    moved : array of float
        How far the start has moved.

    Examples
    --------
    >>> before, moved = np.array([0.08, 0.9]), np.array([0.02, 0.2])
    >>> kept_share(before, before, moved).round(6).tolist()
    [0.75, 0.888889]
    """
    common = np.maximum(0.0, np.minimum(before, moved + after) - moved)
    around = np.maximum(0.0, np.minimum(before, moved + after - 1.0))
    return (common + around) / before
