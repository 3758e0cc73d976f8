"""Goals of precision: a margin, a relative margin or a coefficient of variation.

A goal turns into the largest variance that an estimate may have. Cochran 1977, §4.4 to §4.7.
"""

from __future__ import annotations

from math import inf, sqrt

from contract.answers import AtConfidence
from contract.words import GoalInterval, GoalKind
from estimation_engine.intervals import t_quantile, wilson_interval
from lazy_dataclasses import dataclass


def random_size(square: float, wanted: float, population: float = inf) -> float:
    """The rows of a simple random sample for a variance of the mean; not rounded.

    n = S²/(V + S²/N), Cochran 1977, equation 4.4.

    Parameters
    ----------
    square : float
        S², with N - 1 in the denominator. Of a share it is N/(N - 1)·p(1 - p).
    wanted : float
        V, the variance that the mean may have, above 0.

    Examples
    --------
    >>> random_size(0.25, (0.05 / 1.959964) ** 2)
    384.1459...
    """
    return square / (wanted + square / population)


def wilson_trials(share: float, margin: float, z: float) -> float:
    """The independent rows whose Wilson interval of a share has this half-width; not rounded.

    The solution of z²·(p(1-p)/n + z²/4n²) = e²·(1 + z²/n)² for n.

    Parameters
    ----------
    share, margin : float
        p, and e above 0 and below one half.
    z : float
        The quantile of the interval.

    Examples
    --------
    >>> wilson_trials(0.5, 0.03, 1.959964)
    1063.2269...
    """
    spread = share * (1.0 - share) - 2.0 * margin**2
    root = sqrt(spread**2 + margin**2 * (1.0 - 4.0 * margin**2))
    per_trial = (root - spread) / (0.5 - 2.0 * margin**2)
    return z * z / per_trial


@dataclass(frozen=True)
class Precision:
    """The precision of an estimate: its standard error, and the half-width of its interval."""

    error: float
    half_width: float


@dataclass(frozen=True, kw_only=True)
class Goal(AtConfidence):
    """A precision that the estimate of a known true ``value`` is to have.

    Parameters
    ----------
    limit : float
        The margin, the share of the value, or the standard error by the value.
    interval : str
        ``wilson`` is for shares.
    """

    kind: GoalKind
    limit: float
    value: float
    interval: GoalInterval = "t"

    def precision(self, variance: float, degrees: float) -> Precision:
        """The precision at a variance; an infinite half-width without a degree of freedom."""
        if variance <= 0.0:
            return Precision(0.0, 0.0)
        t = t_quantile((1.0 + self.confidence) / 2.0, degrees)
        spread = self.value * (1.0 - self.value)
        if self.interval == "wilson" and spread > 0.0 and t < inf:
            low, high = wilson_interval(self.value, spread / variance, t)
            return Precision(sqrt(variance), (high - low) / 2.0)
        return Precision(sqrt(variance), t * sqrt(variance))

    def ratio(self, found: Precision) -> float:
        """The precision by the goal's: at most 1 if the goal is reached."""
        if self.kind == "cv":
            return found.error / (self.limit * abs(self.value))
        return found.half_width / self.margin

    @property
    def margin(self) -> float:
        """The largest half-width; of a coefficient of variation the normal interval's."""
        if self.kind == "margin":
            return self.limit
        if self.kind == "relative_margin":
            return self.limit * abs(self.value)
        return t_quantile((1.0 + self.confidence) / 2.0, inf) * self.limit * abs(self.value)

    def wanted(self, degrees: float) -> float:
        """The largest variance that reaches the goal."""
        if self.kind == "cv":
            return (self.limit * self.value) ** 2
        t = t_quantile((1.0 + self.confidence) / 2.0, degrees)
        spread = self.value * (1.0 - self.value)
        if self.interval == "wilson" and spread > 0.0 and self.margin < 0.5:
            return spread / wilson_trials(self.value, self.margin, t)
        return (self.margin / t) ** 2
