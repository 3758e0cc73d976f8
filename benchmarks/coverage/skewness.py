"""How often t intervals of skewed values hold the true value, and how many of them get a note.

The note is that of :mod:`application.estimation.figures`: 25 times the squared skewness
(Cochran 1977, section 2.15) is more than the rows that were drawn.

    python -m benchmarks.coverage skewness [--draws 4000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from application.estimation.figures import is_skewed
from estimation_engine import Domains, EstimateSettings, Values, estimate, random_design
from estimation_engine.arrays import Floats

ROWS = 50_000
SIZES = (10, 20, 50, 100, 300, 1_000)
SETTINGS = EstimateSettings()


def _quantiles() -> Floats:
    return (np.arange(ROWS) + 0.5) / ROWS


def _lognormal(sigma: float) -> Floats:
    from scipy.special import ndtri

    return np.asarray(np.exp(sigma * ndtri(_quantiles())))


def _normal() -> Floats:
    from scipy.special import ndtri

    return np.asarray(ndtri(_quantiles()))


def _few_errors() -> Floats:
    """2 % of the rows differ from 0, by lognormal amounts."""
    y = np.zeros(ROWS)
    y[: ROWS // 50] = _lognormal(1.0)[::50]
    return y


POPULATIONS: dict[str, Callable[[], Floats]] = {
    "normal": _normal,
    "exponential": lambda: -np.log(_quantiles()),
    "lognormal, σ = 0.5": lambda: _lognormal(0.5),
    "lognormal, σ = 1": lambda: _lognormal(1.0),
    "lognormal, σ = 1.5": lambda: _lognormal(1.5),
    "lognormal, σ = 2": lambda: _lognormal(2.0),
    "98 % zeros": _few_errors,
}


@dataclass
class Result:
    """Of one population and size: intervals that hold the mean, and those with a note."""

    draws: int = 0
    held: int = 0
    noted: int = 0
    plain: int = 0
    plain_held: int = 0
    too_low: int = 0

    @property
    def coverage(self) -> float:
        """The share of all intervals that hold the mean."""
        return self.held / self.draws


def measure(name: str, size: int, draws: int) -> Result:
    """Draw many random samples of one size and estimate the mean."""
    y = POPULATIONS[name]()
    truth, result = float(y.mean()), Result()
    everything = np.ones(size, dtype=np.bool_)
    domains = Domains(everything, np.zeros(size, dtype=np.int64), 1)
    design = random_design(size, ROWS)
    for seed in range(draws):
        rows = np.random.default_rng(seed).choice(ROWS, size, replace=False)
        (found,) = estimate(design, Values("mean", y[rows], everything), domains, SETTINGS)
        low, high = found.low or 0.0, found.high or 0.0
        is_held, is_noted = low <= truth <= high, is_skewed(found)
        result.draws += 1
        result.held += is_held
        result.noted += is_noted
        result.too_low += high < truth
        if not is_noted:
            result.plain += 1
            result.plain_held += is_held
    return result


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4_000, help="of each size (4000)")
    options = parser.parse_args()
    print(f"{options.draws} random samples of {ROWS} rows; 95 % intervals of the mean")
    print("| values | rows | coverage | too low | with the note | coverage without it |")
    print("|---|---|---|---|---|---|")
    for name in POPULATIONS:
        for size in SIZES:
            one = measure(name, size, options.draws)
            plain = f"{100 * one.plain_held / one.plain:.1f} %" if one.plain else "–"
            print(
                f"| {name} | {size} | {100 * one.coverage:.1f} % "
                f"| {100 * one.too_low / one.draws:.1f} % | {100 * one.noted / one.draws:.0f} % "
                f"| {plain} |",
                flush=True,
            )
