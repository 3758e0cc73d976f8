"""True inclusion probabilities of a Pareto draw, by numerical integration.

Rosén 1997, "On sampling with probability proportional to size"; Aires 1999, "Algorithms to find
exact inclusion probabilities"; Fernández and Williams 2010 for the distribution of a count.
"""

from __future__ import annotations

from functools import cached_property
from math import ceil, floor, gcd, log, pi, sqrt

import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback
from sampling_engine.methods.method import EligibleRows
from sampling_engine.methods.weighted.weights import TakeAll, Weights
from sampling_engine.results import Floats
from sampling_engine.sql.passes import SIZE_GROUPS_PER_OCTAVE, UnitGroups


def read_size_groups(
    eligible: EligibleRows, weights: Weights, take_all: TakeAll, on_progress: ProgressCallback
) -> SizeGroups | None:
    """Group the rows that are left to chance, if their true probabilities must be computed.

    The sizes of a group differ by 0.5 % at the most. Since its mean is exact, this moves no
    probability by more than 1e-5 of it. None where the targets are exact enough.
    """
    if not take_all.size or targets_are_exact(take_all):
        return None
    listed: dict[int, tuple[int, int]] = {}
    for units in take_all.listed.tolist():
        octaves = log_odds_of(units, 1, take_all) / log(2.0)
        _add(listed, floor(octaves * SIZE_GROUPS_PER_OCTAVE), 1, units)
    others: dict[int, tuple[int, int]] = {}
    state, row_filter = eligible.state, eligible.round_spec.filter
    for part, sign in state.signed_rows:
        wanted = UnitGroups(weights.units, row_filter, take_all.listed_from, part)
        for group, rows, units in state.run(wanted, on_progress):
            _add(others, group, sign * rows, sign * units)
    groups = sorted(
        (log_odds_of(units, rows, take_all), rows)
        for rows, units in (*listed.values(), *others.values())
        if rows
    )
    counts = np.array([rows for _, rows in groups], dtype=np.float64)
    return SizeGroups(take_all.size, counts, np.array([log_odds for log_odds, _ in groups]))


def targets_are_exact(take_all: TakeAll) -> bool:
    """Whether a lower bound of d = Σp(1-p) shows that π and p differ by less than 0.1 %."""
    listed = take_all.listed.astype(np.float64) * take_all.target_per_unit
    largest = min((take_all.listed_from - 1) * take_all.target_per_unit, 1.0)
    others = max(take_all.size - float(listed.sum()), 0.0)
    variance = float((listed * (1.0 - listed)).sum()) + others * (1.0 - largest)
    most = max(largest, float(listed.max(initial=0.0)))
    return variance >= min(LARGE_VARIANCE, LARGE_QUOTIENT * most)


def log_odds_of(units: int, rows: int, take_all: TakeAll) -> float:
    """log(p/(1-p)) of the mean target p of so many rows with so many units in all.

    From the mean in lowest terms, so that rows of equal size and their group have the same number.
    """
    common = gcd(units, rows)
    drawn = take_all.size * (units // common)
    return log(drawn) - log(rows // common * take_all.total - drawn)


def _add(groups: dict[int, tuple[int, int]], group: int, rows: int, units: int) -> None:
    before = groups.get(group, (0, 0))
    groups[group] = before[0] + rows, before[1] + units


LARGE_VARIANCE, LARGE_QUOTIENT = 25.0, 50.0
"""If d, or d by the largest p, is this large, true probabilities and targets differ by < 0.1 %.

Let μ and V be the mean and the variance of p, each row weighted by p(1-p), and E the mean by these
weights. Then, as d grows,

    π/p - 1 = (1 - p)(g(p) - E g) / d²,   g(p) = p(1 - p)(p - μ) + pV,

up to terms of order 1/d³. Derivation: with odds θ = p/(1-p) a Pareto sample s has the probability
Π(1-p) Π_s θ Σ_s c_k (Bondesson, Traat and Lundqvist 2006, "Pareto sampling versus Sampford and
conditional Poisson sampling", Scand. J. Statist. 33), and with c_k = 1 - p_k it would be
Sampford's, whose inclusion probabilities are the p. Laplace's method gives c_k in proportion to
(1 - p_k)(1 + p_k(p_k - μ)/d); the covariance of the last factor with the inclusion of a row is the
formula. Of all populations, |(1 - p)(g(p) - E g)| is at most 0.163, by numerical maximization, and
by |Cov(p(1-p), p)| ≤ 1/16, V ≤ μ(1 - μ) and μV ≤ 4/27 surely below 0.36. So at d = 25 the
difference is 0.03 % at most. If no p is above m, then -m²/4 ≤ g ≤ m² + m³/4, and the difference is
m²/d² at most, 0.04 %, at d = 50m; since all p are small there, this holds down to n = 1. Tests hold
these figures against the integration.
"""

# The integration leaves out what e^-36 bounds; its error is about the square of the step's.
NEGLIGIBLE_LOG = 36.0
MAX_INTEGRATED = 2_048


@dataclass(frozen=True)
class SizeGroups:
    """The rows that are left to chance, grouped by size.

    ``size`` rows are drawn of them. ``log_odds`` are log(p/(1-p)) of each group's mean target p, in
    ascending order.
    """

    size: int
    rows: Floats
    log_odds: Floats


def ratios_to_targets(groups: SizeGroups, log_odds: Floats) -> Floats:
    """π/p of rows with these log(p/(1-p)), shape (rows,).

    Above 2,048 rows it is interpolated between so many values.
    """
    if len(groups.log_odds) == 1 and (log_odds == groups.log_odds).all():
        return np.ones(len(log_odds))  # Equal sizes have equal probabilities.
    if len(log_odds) <= MAX_INTEGRATED:
        return Integral(groups).probabilities(log_odds) / expit(log_odds)
    grid = np.linspace(log_odds.min(), log_odds.max(), MAX_INTEGRATED)
    return np.interp(log_odds, grid, Integral(groups).probabilities(grid) / expit(grid))


@dataclass(frozen=True)
class Integral:
    """The integral of P(key = t) · P(fewer than n of the others' keys <= t) over t.

    With s = log t, a row's key is t or less with the probability F(s) = expit(x + s), x its log
    odds. Let T be the n-th smallest key of the others, so that the row is drawn if its key is below
    T: π = ∫ F(s) h(s) ds, h the density of log T. The number of keys up to t among the others has a
    Poisson-binomial distribution, and that at s is the one at any other point c tilted:

        P_s(k) = P_c(k) exp(k(s - c) - L(s) + L(c)),   L(s) = Σ log(1 + exp(x + s)),

    so P_c alone is computed, by a discrete Fourier transform at the c where n - 1/2 keys are
    expected, and h(s) = Σ_{k<n} (m(s) - k) P_s(k) = Σ_{k>=n} (k - m(s)) P_s(k), m = L'. To the
    right of c the first sum is taken and to its left the second, whose terms hardly cancel. The
    integrand is analytic for |Im s| < π and decays at both ends, so the trapezoidal rule converges
    exponentially.
    """

    groups: SizeGroups

    def probabilities(self, log_odds: Floats) -> Floats:
        """π of rows with these log odds, shape (rows,)."""
        n, centre = self.groups.size, self._centre
        step = min(0.25, 0.75 / sqrt(max(self._moments(0.0)[1], self._moments(centre)[1])))
        first, last = self._bound(-1.0), self._bound(1.0)
        nodes = first + step * np.arange(ceil((last - first) / step) + 1)
        offsets, counts = self._counts_without(log_odds)
        is_right = nodes >= centre
        sides = np.where(is_right, offsets[:, np.newaxis] < 0, offsets[:, np.newaxis] >= 0)
        exponents = np.where(sides, offsets[:, np.newaxis] * (nodes - centre), -np.inf)
        tilts = np.exp(exponents)
        # einsum without BLAS, whose sums may depend on the number of threads.
        totals = np.einsum("rk,ks->rs", counts, tilts)
        means = np.einsum("rk,ks->rs", counts, tilts * offsets[:, np.newaxis])
        moved = log_odds[:, np.newaxis] + nodes
        others = np.array([self._moments(s)[0] for s in nodes]) - n - expit(moved)
        below = np.logaddexp(0.0, moved) - np.logaddexp(0.0, log_odds + centre)[:, np.newaxis]
        logs = np.array([self._log_tilt(s) for s in nodes]) + below
        density = np.where(is_right, 1.0, -1.0) * (others * totals - means) * np.exp(logs)
        found: Floats = step * (expit(moved) * density).sum(axis=1)
        return np.minimum(found, 1.0)

    @cached_property
    def _centre(self) -> float:
        """The log key below which n - 1/2 keys are expected, by bisection; n are at 0."""
        low, high = -1.0, 0.0
        while self._moments(low)[0] > self.groups.size - 0.5:
            low *= 2.0
        for _ in range(50):
            middle = (low + high) / 2.0
            if self._moments(middle)[0] < self.groups.size - 0.5:
                low = middle
            else:
                high = middle
        return (low + high) / 2.0

    def _moments(self, s: float) -> tuple[float, float]:
        """Mean and variance of the number of keys up to e^s."""
        drawn, left = expit(self.groups.log_odds + s), expit(-self.groups.log_odds - s)
        return float((self.groups.rows * drawn).sum()), float(
            (self.groups.rows * drawn * left).sum()
        )

    def _log_tilt(self, s: float) -> float:
        """n(s - c) - L(s) + L(c), L over all rows; concave, and largest at 0."""
        x = self.groups.log_odds
        logs = np.logaddexp(0.0, x + s) - np.logaddexp(0.0, x + self._centre)
        return self.groups.size * (s - self._centre) - float((self.groups.rows * logs).sum())

    def _bound(self, direction: float) -> float:
        """Beyond this the integrand is negligible."""
        least = self._log_tilt(0.0) - NEGLIGIBLE_LOG
        inner, outer = 0.0, direction
        while self._log_tilt(outer) > least:
            inner, outer = outer, 2.0 * outer
        for _ in range(6):
            middle = (inner + outer) / 2.0
            inner, outer = (middle, outer) if self._log_tilt(middle) > least else (inner, middle)
        return outer

    def _counts_without(self, log_odds: Floats) -> tuple[Floats, Floats]:
        """The distribution of the others' number of keys up to e^c, less n, for each row.

        Returns offsets, shape (counts,), and probabilities, shape (rows, counts).
        """
        variance = self._moments(self._centre)[1]
        # Bernstein's inequality: a count further from its mean than this has less than e^-32.
        reach = ceil(32 / 3 + sqrt((32 / 3) ** 2 + 64 * variance)) + 2
        # An odd number of points leaves -1 out, where a row of probability 1/2 would divide by 0.
        points = 2 * reach + 1
        angles = 2.0 * pi * np.arange(reach + 1) / points
        roots = np.exp(1j * angles)
        drawn = expit(self.groups.log_odds + self._centre)[:, np.newaxis]
        left = expit(-self.groups.log_odds - self._centre)[:, np.newaxis]
        logs = (self.groups.rows[:, np.newaxis] * np.log(left + drawn * roots)).sum(axis=0)
        drawn = expit(log_odds + self._centre)[:, np.newaxis]
        left = expit(-log_odds - self._centre)[:, np.newaxis]
        transformed = np.exp(logs) / (left + drawn * roots)
        transformed[:, 1:] *= 2.0  # Each stands for its conjugate, too.
        offsets = np.arange(-reach, reach + 1)
        numbers = (offsets + self.groups.size) % points
        back = np.exp(-1j * angles[:, np.newaxis] * numbers)
        probabilities: Floats = np.einsum("rp,pk->rk", transformed, back).real / points
        return offsets.astype(np.float64), probabilities


def expit(x: Floats) -> Floats:
    """1/(1 + e^-x)."""
    with np.errstate(over="ignore"):
        found: Floats = 1.0 / (1.0 + np.exp(-x))
    return found
