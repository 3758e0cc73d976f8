"""Agreement of two readers who answered the same rows independently.

The figures are those of the drawn rows that have both answers, each counted once. Where rows were
drawn with unequal probabilities, readers may agree more or less often over the whole table.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from estimation_engine.arrays import Floats, Ints
from estimation_engine.intervals import Confidence, beta_interval, t_interval
from lazy_dataclasses import dataclass

FEW_PAIRS = 100
"""With fewer pairs, intervals of κ and α hold the figure less often than they say."""
FEW_DIFFERENT = 5
"""So they do with fewer pairs that differ."""
MANY = 10**9
"""Degrees of freedom of Student's t where it is the normal distribution."""


@dataclass(frozen=True)
class AgreementFigure:
    """A figure of agreement with its standard error and interval; None where there is none."""

    value: float | None = None
    error: float | None = None
    low: float | None = None
    high: float | None = None


UNKNOWN = AgreementFigure()


@dataclass(frozen=True)
class Agreement:
    """The agreement of both answers of each row.

    Parameters
    ----------
    pairs, equal : int
        Rows with two answers, and those with two equal ones.
    share, kappa, alpha : AgreementFigure
        ``equal / pairs``; Cohen's κ, which numbers don't have; Krippendorff's α, of numbers by
        squared differences.
    cautions : tuple of str
        Why a figure is lacking or its interval is doubtful.
    """

    pairs: int
    equal: int
    share: AgreementFigure
    kappa: AgreementFigure
    alpha: AgreementFigure
    cautions: tuple[str, ...]


def agreement_of_choices(counts: Ints, confidence: float) -> Agreement:
    """The agreement of answers that are one of several values.

    Parameters
    ----------
    counts : array of int, shape (values, values)
        The rows by first and second answer.
    confidence : float
        That of each interval, from 0 to 1.
    """
    times = counts.ravel()
    first, second = (np.repeat(each.ravel(), times) for each in np.indices(counts.shape))
    both = counts.sum(axis=0) + counts.sum(axis=1)
    pairs, equal = len(first), int(np.trace(counts))
    alpha = _alpha(
        (first != second).astype(np.float64),
        (both.sum() - both[first]) + (both.sum() - both[second]),
        float(both.sum() ** 2 - (both**2).sum()) / 2.0,
        confidence,
    )
    return _agreement(pairs, equal, _kappa(counts, confidence), alpha, confidence)


def agreement_of_numbers(first: Floats, second: Floats, confidence: float) -> Agreement:
    """The agreement of answers that are numbers, shape (pairs,); equal ones are exactly equal."""
    pairs, equal = len(first), int((first == second).sum())
    whole = np.concatenate([first, second])
    whole = whole - (whole.mean() if pairs else 0.0)
    squares, n = float((whole**2).sum()), 2.0 * pairs
    # Σ (v - v_j)² over all j is n·v² + Σ v_j², since the v_j add up to 0.
    to_all = n * whole**2 + squares
    between = n * squares
    alpha = _alpha((first - second) ** 2, to_all[:pairs] + to_all[pairs:], between, confidence)
    return _agreement(pairs, equal, UNKNOWN, alpha, confidence)


def _agreement(
    pairs: int, equal: int, kappa: AgreementFigure, alpha: AgreementFigure, confidence: float
) -> Agreement:
    share = UNKNOWN
    cautions = []
    if pairs:
        low, high = beta_interval(equal, pairs, (1.0 - confidence) / 2.0)
        value = equal / pairs
        share = AgreementFigure(value, sqrt(value * (1.0 - value) / pairs), low, high)
    differing = pairs - equal
    names = "α has" if kappa is UNKNOWN and alpha.value is not None else "κ and α have"
    if pairs and alpha.value is None:
        cautions.append(
            "All answers are the same value, so κ and α aren't defined: nothing shows whether "
            "readers agree by more than chance."
        )
    elif pairs and not differing:
        cautions.append(
            f"All pairs are equal, so {names} no interval. That of the share says how often "
            "readers may differ in other rows."
        )
    elif pairs and (pairs < FEW_PAIRS or differing < FEW_DIFFERENT):
        cautions.append(
            f"The pairs are few: {pairs:,}, of which {differing:,} differ. Here {names} "
            "a doubtful interval, since it is one for many pairs. Rely on that of the share."
        )
    return Agreement(pairs, equal, share, kappa, alpha, tuple(cautions))


def _kappa(counts: Ints, confidence: float) -> AgreementFigure:
    """Cohen's κ with the standard error of Fleiss, Cohen and Everitt 1969, equation 13."""
    n = int(counts.sum())
    if not n:
        return UNKNOWN
    p = counts / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    observed, expected = float(np.trace(p)), float((rows * columns).sum())
    if expected >= 1.0:
        return UNKNOWN
    kappa = (observed - expected) / (1.0 - expected)
    apart = 1.0 - kappa
    of_equal = np.diag(p) * (1.0 - (rows + columns) * apart) ** 2
    of_all = p * (columns[:, np.newaxis] + rows[np.newaxis, :]) ** 2
    of_others = apart**2 * float(of_all.sum() - np.trace(of_all))
    variance = float(of_equal.sum()) + of_others - (kappa - expected * apart) ** 2
    error = sqrt(max(variance, 0.0) / n) / (1.0 - expected)
    return _figure(kappa, error, Confidence(confidence, MANY))


def _alpha(apart: Floats, to_all: Floats, between: float, confidence: float) -> AgreementFigure:
    """Krippendorff's α of pairs, 1 - (n - 1)·Σ δ(a, b) / Σ δ(v_i, v_j), n = 2·pairs.

    Parameters
    ----------
    apart : array, shape (pairs,)
        δ of both answers of each row.
    to_all : array, shape (pairs,)
        The sum of δ from both answers of a row to all n answers.
    between : float
        The sum of δ over all pairs of the n answers.
    """
    pairs, n = len(apart), 2.0 * len(apart)
    within = float(apart.sum())
    if between <= 0.0:
        return UNKNOWN
    alpha = 1.0 - (n - 1.0) * within / between
    left = between - to_all + apart
    if pairs < 2 or (left <= 0.0).any():
        return AgreementFigure(alpha)
    without = 1.0 - (n - 3.0) * (within - apart) / left
    variance = (pairs - 1.0) / pairs * float(((without - without.mean()) ** 2).sum())
    return _figure(alpha, sqrt(variance), Confidence(confidence, pairs - 1))


def _figure(value: float, error: float, confidence: Confidence) -> AgreementFigure:
    """A coefficient of at most 1; without a standard error it has no interval."""
    ends = t_interval(value, error, confidence) if error > 0.0 else None
    if ends is None:
        return AgreementFigure(value)
    return AgreementFigure(value, error, max(ends[0], -1.0), min(ends[1], 1.0))
