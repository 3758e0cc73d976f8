"""Gaffke's upper limit of the mean of taints from 0 to 1, by one integral and without simulation.

Gaffke 2005, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a
nonnegative variable"; Vlassis and Thomas 2026.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from estimation_engine.design import Floats

NODES = 201
REACH = 10.0
"""The points of the integral lie at sinh(v), v from 0 to REACH."""


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
    integral of M(s)/s along a line through its saddle point, M the moments' generating function
    (Lugannani and Rice 1980). Equal taints are powers of a factor of M, and don't make it unstable.
    """
    from scipy.optimize import brentq

    pole = 1.0 / float(weights[-1])

    def slope(share: float) -> float:
        point = share * pole
        return float((counts * weights / (1.0 - weights * point)).sum()) - 1.0 / point

    saddle = pole * float(brentq(slope, 1e-15, 1.0 - 1e-15, xtol=1e-16, rtol=1e-10))
    curvature = float((counts * (weights / (1.0 - weights * saddle)) ** 2).sum()) + saddle**-2
    scale, steps = curvature**-0.5, np.linspace(0.0, REACH, NODES)
    points = saddle + 1j * scale * np.sinh(steps)
    logs = np.log1p(-np.multiply.outer(points, weights)) @ counts
    # The integrand at -v is the conjugate of that at v.
    parts = (np.exp(-logs) / points).real * np.cosh(steps)
    parts[0] /= 2.0
    return float(parts.sum() * scale * steps[1] / np.pi)
