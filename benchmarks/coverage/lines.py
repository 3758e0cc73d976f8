"""How often intervals hold the true total where rows are taken along a line, by kind of line.

Each draw has new noise and a new start. A trend, a trend with noise, noise alone and a period are
the values along the line. `sd1` are successive differences, `random` is the variance of a random
sample, for points Hájek's.

    python -m benchmarks.coverage lines [--draws 2000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import stats

from contract.requests.estimate import VarianceRequest
from estimation_engine.arrays import Floats, Ints
from estimation_engine.designs.design import Design, whole_table
from estimation_engine.designs.systematic import systematic_design
from estimation_engine.designs.weighted import SystematicWeightedDesign

ROWS, SIZE = 6_000, 100
Rule = Literal["sd1", "random"]
RULES: tuple[Rule, ...] = get_args(Rule)
Noise = np.random.Generator
POSITION = np.arange(ROWS) / ROWS

LINES: dict[str, Callable[[Noise], Floats]] = {
    "trend": lambda noise: 50 + 100 * POSITION + noise.normal(0, 1, ROWS),
    "trend with noise": lambda noise: 50 + 100 * POSITION + noise.normal(0, 20, ROWS),
    "noise": lambda noise: 100 + noise.normal(0, 20, ROWS),
    "period of the interval": lambda noise: (
        100 + 20 * np.sin(2 * np.pi * np.arange(ROWS) * SIZE / ROWS) + noise.normal(0, 5, ROWS)
    ),
    "period of two intervals": lambda noise: (
        100 + 20 * np.sin(np.pi * np.arange(ROWS) * SIZE / ROWS) + noise.normal(0, 5, ROWS)
    ),
}


@dataclass(frozen=True)
class Coverage:
    """The share of intervals that held the total, and the mean variance by the true one."""

    line: str
    by_size: bool
    rule: Rule
    covered: float
    ratio: float


def coverage(line: str, rule: Rule, draws: int, *, by_size: bool = False) -> Coverage:
    """Draw from one kind of line; by size, values are in proportion to sizes of a lognormal."""
    noise = np.random.Generator(np.random.PCG64(20_240_501))
    held, errors, variances = 0, [], []
    for _ in range(draws):
        values = LINES[line](noise)
        sizes = noise.lognormal(0, 0.6, ROWS) if by_size else np.ones(ROWS)
        y = values * sizes
        rows, design = _points(sizes, noise) if by_size else _every(noise)
        t = y[rows] * design.weights
        domains = np.zeros(len(rows), dtype=np.int64)
        found = design.variance(
            np.arange(len(rows)), domains, t, 1, VarianceRequest(systematic=rule)
        )
        error = float(t.sum() - y.sum())
        quantile = float(stats.t.ppf(0.975, len(rows) - 1))
        held += abs(error) <= quantile * float(found[0]) ** 0.5
        errors.append(error**2)
        variances.append(float(found[0]))
    return Coverage(line, by_size, rule, held / draws, float(np.mean(variances) / np.mean(errors)))


def _every(noise: Noise) -> tuple[Ints, Design]:
    """Every k-th row from a random start."""
    step = ROWS // SIZE
    rows = np.arange(int(noise.integers(step)), ROWS, step)
    return rows, systematic_design(len(rows), ROWS)


def _points(sizes: Floats, noise: Noise) -> tuple[Ints, Design]:
    """The rows in which points at equal distances lie."""
    ends = np.cumsum(sizes) * SIZE / sizes.sum()
    rows = np.searchsorted(ends, np.arange(SIZE) + noise.random(), side="right")
    weights = sizes.sum() / (SIZE * sizes[rows])
    along = np.arange(len(rows))
    certain = np.zeros(len(rows), dtype=np.bool_)
    return rows, SystematicWeightedDesign(*whole_table(weights, ROWS), certain, along)


def main(arguments: list[str] | None = None) -> None:
    """Print a line for each kind of line and rule."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draws", type=int, default=2_000)
    draws = parser.parse_args(arguments).draws
    for by_size in (False, True):
        for line in LINES:
            for rule in RULES:
                found = coverage(line, rule, draws, by_size=by_size)
                kind = "by size" if by_size else "every k-th"
                print(
                    f"{kind:10} {line:24} {rule:7} {100 * found.covered:5.1f} % {found.ratio:8.2f}"
                )


if __name__ == "__main__":
    main()
