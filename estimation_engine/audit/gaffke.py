"""Gaffke's upper limit of the mean of taints from 0 to 1, by one integral and without simulation.

Gaffke 2005, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a
nonnegative variable"; Vlassis and Thomas 2026.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from estimation_engine.arrays import Floats

NODES = 169
REACH = 14.0
"""The points of the integral lie on a hyperbola, at v from 0 to REACH."""

BEND, SMALL = 0.3, 0.1


def gaffke_limit(taints: Sequence[float], size: int, confidence: float) -> float:
    """The upper limit of the mean of ``size`` taints; those that aren't given are 0.

    It is the quantile of D₀ + Σ tᵢ·Dᵢ with D uniform on the simplex of ``size`` + 1 parts. Where
    all taints are 0 or 1 it equals Clopper and Pearson's limit.

    Parameters
    ----------
    taints : sequence of float
        From 0 to 1; a taint may occur several times.

    Examples
    --------
    >>> round(gaffke_limit([], 145, 0.95), 7), round(gaffke_limit([1.0], 145, 0.95), 7)
    (0.0204483, 0.032297)
    """
    from scipy.optimize import brentq

    values, repeats = np.unique([1.0, *taints, *[0.0] * (size - len(taints))], return_counts=True)
    counts = repeats.astype(np.float64)
    low = float(values[0])
    if low == 1.0:
        return 1.0
    scaled = (values - low) / (1.0 - low)
    share = brentq(
        lambda x: _tail(scaled - x, counts) - (1.0 - confidence),
        1e-12,
        1.0 - 1e-12,
        xtol=1e-14,
        rtol=1e-12,
    )
    return low + (1.0 - low) * float(share)


def _tail(weights: Floats, counts: Floats) -> float:
    """P(Σ wⱼ·Gⱼ > 0) with G of gamma distributions of the shapes ``counts``; signs of w differ.

    D is a vector of exponentials by their sum, so this is P(Σ vⱼ·Dⱼ > x) for w = v − x. It is the
    integral of M(s)/s on a hyperbola through its saddle point, M the moments' generating function
    (Lugannani and Rice 1980). Equal taints are powers of a factor of M, and don't make it unstable.
    """
    from scipy.optimize import brentq

    pole = 1.0 / float(weights[-1])

    def slope(share: float) -> float:
        point = share * pole
        return float((counts * weights / (1.0 - weights * point)).sum()) - 1.0 / point

    saddle = pole * float(brentq(slope, 1e-15, 1.0 - 1e-15, xtol=1e-16, rtol=1e-3))
    inside = 1.0 - weights * saddle
    reach = weights / inside
    scale = float((counts * reach**2).sum() + saddle**-2) ** -0.5
    bend = _bend(counts, scale * reach, scale / saddle)
    steps = np.linspace(0.0, REACH, NODES)
    moved = scale * (bend * (np.cosh(steps) - 1.0) + 1j * np.sinh(steps))
    slopes = scale * (bend * np.sinh(steps) + 1j * np.cosh(steps))
    across, along = (np.multiply.outer(part, reach) for part in (moved.real, moved.imag))
    sizes, angles = np.log((1.0 - across) ** 2 + along**2), np.arctan2(-along, 1.0 - across)
    logs = (counts * sizes).sum(axis=1) / 2.0 + 1j * (counts * angles).sum(axis=1)
    parts = (np.exp(-logs - (counts * np.log(inside)).sum()) / (saddle + moved) * slopes).imag
    # The integrand at -v is the conjugate of that at v.
    parts[0] /= 2.0
    return float(parts.sum() * steps[1] / np.pi)


def _bend(counts: Floats, reaches: Floats, pole: float) -> float:
    """How much the hyperbola bends to the right, around the poles there; below 0 to the left.

    Many small weights make a factor like an exponential function, which must vanish. Without one
    the path is curved as that of the steepest descent.
    """
    is_small = np.abs(reaches) < SMALL
    exponent = float((counts * reaches)[is_small].sum())
    if abs(exponent) > 0.5:
        return -BEND if exponent > 0 else BEND
    return 2.0 / 3.0 * float((counts * reaches**3).sum() - pole**3)
