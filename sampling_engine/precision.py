"""How precise a share that is estimated from a draw will be, told before it is drawn.

The figure is the half width of a 95 % confidence interval for the share of rows with some property,
for the share of one half, which is the least favourable. Owns: the formulas. Invariant: a method
whose variance depends on what only the data know (weighted draws, clusters) gets no figure.
Called by the plan.

For simple random sampling the variance is (1 - n/N) · p(1-p)/(n-1); over strata it is the sum of
W² times that, W = N_h/N the stratum's share (Cochran 1977, Sampling Techniques, 3rd ed., §3.2 and
§5.3). A systematic draw is taken as a random one, which holds for rows in no particular order.
"""

from __future__ import annotations

import math

import numpy as np

from sampling_engine.order import Int64s

QUANTILE_95 = 1.959964
WITH_A_FIGURE = ("random", "reservoir", "stratified", "systematic")


def margin_of_error(method: str, targets: Int64s, eligible: Int64s) -> float | None:
    """Half width of the 95 % interval for a share of one half, as a fraction from 0 to 1.

    Parameters
    ----------
    method : str
        As in the round.
    targets, eligible : arrays of int64, shape (strata,)
        Rows to draw and rows there are; one stratum for a draw without strata.

    Returns
    -------
    float or None
        None for a method without a figure, for a draw of no row, and when a stratum that has rows
        gives none, since nothing is then known of its rows.

    Examples
    --------
    >>> round(margin_of_error("random", np.array([1000]), np.array([1_000_000])), 4)
    0.031
    """
    present = eligible > 0
    drawn, rows = targets[present], eligible[present]
    if method not in WITH_A_FIGURE or not len(rows) or not drawn.all():
        return None
    weights = rows / rows.sum()
    # One row tells nothing of the spread in its stratum: it is taken as the widest there is.
    variances = (1 - drawn / rows) * 0.25 / np.maximum(drawn - 1, 1)
    return float(QUANTILE_95 * math.sqrt(float((weights**2 * variances).sum())))
