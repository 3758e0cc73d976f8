"""Confidence intervals of means and totals, proportions and their counts."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import exp, hypot, inf, isfinite, log, sqrt

from estimation_engine.hypergeometric import least_wrong, most_wrong
from lazy_dataclasses import dataclass

Interval = tuple[float, float]


@dataclass(frozen=True)
class Confidence:
    """The level, and the degrees of freedom of the domain."""

    level: float
    degrees: int

    @property
    def tail(self) -> float:
        """The probability beyond one end."""
        return (1.0 - self.level) / 2.0

    @property
    def quantile(self) -> float:
        """Of the t distribution; infinite without a degree of freedom."""
        return t_quantile(1.0 - self.tail, self.degrees)


@lru_cache(maxsize=1_000)
def t_quantile(probability: float, degrees: float) -> float:
    """The quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability)) if degrees > 0 else inf


def two_sided_p(t: float, degrees: int) -> float:
    """The probability that Student's t is further from 0."""
    from scipy.special import stdtr

    return min(2.0 * float(stdtr(degrees, -abs(t))), 1.0)


def t_interval(estimate: float, error: float, confidence: Confidence) -> Interval | None:
    """θ ± t·SE; a point where nothing is left to chance, None where no interval is known."""
    if error == 0.0:
        return estimate, estimate
    half = confidence.quantile * error
    return (estimate - half, estimate + half) if isfinite(half) else None


def difference_interval(
    first: float, of_first: Interval, second: float, of_second: Interval
) -> Interval:
    """The interval of second - first of independent estimates, from the interval of each.

    It holds where an interval isn't symmetric, as that of a share of few cases: method 10 of
    Newcombe 1998, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17; of any figure, Zou and Donner 2008, "Construction of confidence
    limits about effect measures", Statistics in Medicine 27, formula 3.

    >>> wilson = wilson_interval(48 / 80, 80, 1.959964), wilson_interval(56 / 70, 70, 1.959964)
    >>> low, high = difference_interval(48 / 80, wilson[0], 56 / 70, wilson[1])
    >>> f"{low:.4f} {high:.4f}"
    '0.0524 0.3339'
    """
    below = hypot(second - of_second[0], of_first[1] - first)
    above = hypot(of_second[1] - second, first - of_first[0])
    return second - first - below, second - first + above


def beta_interval(successes: float, trials: float, tail: float) -> Interval:
    """Clopper and Pearson's interval, also of a fractional number of trials."""
    from scipy.special import betaincinv

    failures = trials - successes
    low = float(betaincinv(successes, failures + 1.0, tail)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1.0, failures, 1.0 - tail)) if failures > 0 else 1.0
    return low, high


def reaches_share(share: float, q: float, trials: float, tail: float) -> bool:
    """Whether Clopper and Pearson's upper limit of a share is q or more."""
    from scipy.special import betainc

    x = min(share, 1.0) * trials
    return x >= trials or float(betainc(x + 1.0, trials - x, q)) <= 1.0 - tail


def exceeds_share(share: float, q: float, trials: float, tail: float) -> bool:
    """Whether Clopper and Pearson's lower limit of a share is q or more."""
    from scipy.special import betainc

    x = min(share, 1.0) * trials
    return x > 0.0 and float(betainc(x, trials - x + 1.0, q)) <= tail


def effective_rows(share: float, variance: float, drawn: int, confidence: Confidence) -> float:
    """n_e = p(1-p)/V, corrected for the degrees of freedom, of ``drawn`` rows with a value.

    It may be larger than ``drawn``: strata and known totals can make a sample worth more rows than
    it has. As R's ``svyciprop(method = "beta")``, which doesn't cap it.
    """
    found = share * (1.0 - share) / variance
    if drawn > 1 and confidence.degrees > 0:
        upper = 1.0 - confidence.tail
        ratio = t_quantile(upper, drawn - 1) / t_quantile(upper, confidence.degrees)
        found *= ratio * ratio
    return found


def logit_interval(share: float, error: float, confidence: Confidence) -> Interval | None:
    """The t interval of log(p/(1-p)), turned back."""
    half = confidence.quantile * error / (share * (1.0 - share))
    if not isfinite(half):
        return None
    centre = log(share / (1.0 - share))
    return tuple(1.0 / (1.0 + exp(-x)) for x in (centre - half, centre + half))  # type: ignore[return-value]


def wilson_interval(share: float, trials: float, z: float) -> Interval:
    """Wilson's score interval."""
    square = z * z / trials
    centre = (share + square / 2.0) / (1.0 + square)
    half = z / (1.0 + square) * sqrt(share * (1.0 - share) / trials + square / (4.0 * trials))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def hypergeometric_interval(
    successes: int, drawn: int, rows: int, tail: float | Fraction
) -> Interval:
    """The exact interval for the share of ``rows`` rows, of which ``drawn`` were drawn.

    Its ends are the smallest and the largest number of successes in the population for which the
    sample's number isn't in a tail of less than ``tail``.
    """
    risk = Fraction(repr(tail)) if isinstance(tail, float) else tail
    low = least_wrong(risk, successes, drawn, rows)
    return low / rows, most_wrong(risk, successes, drawn, rows) / rows
