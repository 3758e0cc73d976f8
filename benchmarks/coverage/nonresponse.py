"""How often intervals hold the true value when rows that didn't respond are made up for.

One population of 3,000 rows of three classes, which respond with different probabilities; a draw
takes 300 rows, which respond anew. The last case has a response that depends on the value itself,
which no step can see.

    python -m benchmarks.coverage nonresponse [--draws 2000]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from math import sqrt

import numpy as np

from estimation_engine import Domains, EstimateSettings, Values, estimate
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.calibration import Calibration, by_strata
from estimation_engine.designs import Design
from estimation_engine.designs.random import random_design
from estimation_engine.designs.stratified import stratified_design
from estimation_engine.weighting import ResponseModel, WeightSteps

ROWS, DRAWN = 3_000, 300
RATES = np.array([0.8, 0.5, 0.25])
CASES = (
    "complete cases",
    "classes",
    "classes, strata",
    "classes, half of the table",
    "classes, then post-stratified",
    "regression",
    "known totals alone",
    "classes, not at random",
)


@dataclass(frozen=True, eq=False)
class Population:
    """Values, a related column and the class of each row."""

    y: Floats
    x: Floats
    classes: Ints


@dataclass(frozen=True)
class Coverage:
    """Of many draws: bias by the true mean, coverage, and the estimated by the true variance."""

    bias: float
    held: float
    ratio: float


def population() -> Population:
    """Classes of 900, 1,200 and 900 rows whose means differ."""
    random = np.random.default_rng(1)
    classes = random.permutation(np.repeat(np.arange(3), [900, 1_200, 900]))
    x = random.normal(50.0, 10.0, ROWS) + 10.0 * classes
    return Population(x + random.normal(0.0, 12.0, ROWS) + 15.0 * classes, x, classes)


def measure(case: str, draws: int) -> Coverage:
    """Draw many samples with fixed seeds, and estimate the mean of each."""
    everything = population()
    truth = float(everything.y.mean())
    estimates, variances, held = [], [], 0
    for seed in range(draws):
        random = np.random.default_rng(seed)
        design, rows = _drawn(case, random, everything)
        y = everything.y[rows]
        chance = RATES[everything.classes[rows]]
        if case == "regression":
            chance = 1.0 / (1.0 + (everything.x[rows] / 60.0) ** 2)
        if case == "classes, not at random":
            chance = np.where(y > truth, 0.3, 0.7)
        responded = random.random(len(rows)) < chance
        steps = _steps(case, design, everything, rows, responded)
        domains = Domains(responded, np.zeros(len(rows), dtype=np.int64), 1)
        values = Values("mean", y, np.ones(len(rows), dtype=np.bool_))
        weights: Calibration | None = steps.calibration(design.weights)
        (found,) = estimate(design, values, domains, EstimateSettings(), weights)
        if found.value is None or found.error is None or found.low is None or found.high is None:
            raise SystemExit(f"{case}, draw {seed}: no interval")
        estimates.append(found.value)
        variances.append(found.error**2)
        held += found.low <= truth <= found.high
    true_variance = float(np.var(estimates, ddof=1))
    bias = float(np.mean(estimates)) / truth - 1.0
    return Coverage(bias, held / draws, float(np.mean(variances)) / true_variance)


def _drawn(case: str, random: np.random.Generator, everything: Population) -> tuple[Design, Ints]:
    if case == "classes, strata":
        sizes = np.bincount(everything.classes)
        parts = [
            random.permutation(np.flatnonzero(everything.classes == at))[: DRAWN // 3]
            for at in range(3)
        ]
        rows = np.sort(np.concatenate(parts))
        return stratified_design(everything.classes[rows], sizes), rows
    count = ROWS // 2 if case == "classes, half of the table" else DRAWN
    rows = np.sort(random.permutation(ROWS)[:count])
    return random_design(count, ROWS), rows


def _steps(
    case: str, design: Design, everything: Population, rows: Ints, responded: Booleans
) -> WeightSteps:
    classes = everything.classes[rows]
    halves = (everything.x > 60.0).astype(np.int64)

    def to_totals(weights: Floats) -> Calibration:
        of_rows = halves if case == "classes, then post-stratified" else everything.classes
        totals = np.bincount(of_rows).astype(np.float64)
        return by_strata(weights, of_rows[rows], totals)

    match case:
        case "complete cases":
            return WeightSteps()
        case "regression":
            x = everything.x[rows][None]
            return WeightSteps(ResponseModel("regression", responded, x=x, names=["x"]))
        case "known totals alone":
            return WeightSteps(ResponseModel("known_totals", responded), to_totals)
        case "classes, then post-stratified":
            model = ResponseModel("classes", responded, [classes], [3])
            return WeightSteps(model, to_totals)
        case _:
            return WeightSteps(ResponseModel("classes", responded, [classes], [3]))


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2_000, help="of each case (2000)")
    options = parser.parse_args()
    error = 100 * sqrt(0.95 * 0.05 / options.draws)
    print(f"{options.draws} draws of each case; the coverage has a standard error of {error:.1f} %")
    print("| case | bias | coverage | estimated by true variance |")
    print("|---|---|---|---|")
    for case in CASES:
        found = measure(case, options.draws)
        cells = (f"{100 * found.bias:+.1f} %", f"{100 * found.held:.1f} %", f"{found.ratio:.2f}")
        print(f"| {case} | {' | '.join(cells)} |", flush=True)
