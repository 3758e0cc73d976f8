"""Coverage and width of estimates with a judge: ``python -m benchmarks.judge [draws]``.

Judges that are good (a correlation of 0.9) or useless, values that are rare, usual or normal, and
random and stratified samples. The population is fixed; each draw is one of its samples. "Width" is
the mean width of the interval of both by that of people alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np

from contract.words import StatisticName
from estimation_engine import (
    Domains,
    EstimateSettings,
    Judge,
    JudgeColumn,
    Values,
    estimate,
    stratified_design,
)
from estimation_engine.arrays import Floats, Ints
from lazy_dataclasses import dataclass

ROWS = 20_000
STRATA = 4
DRAWS = 10_000
BATCH = 500
SETTINGS = EstimateSettings()


@dataclass(frozen=True)
class Case:
    """What is simulated: the rate of the value (None for normal values), a judge, and a size."""

    rate: float | None
    correlation: float
    size: int
    is_stratified: bool

    @property
    def statistic(self) -> StatisticName:
        """A share, or a mean of normal values."""
        return "mean" if self.rate is None else "proportion"


CASES: Mapping[str, Case] = {
    f"{kind}, {judge} judge, {size} {design} rows": Case(rate, correlation, size, is_stratified)
    for kind, rate, sizes in (
        ("normal values", None, (8, 12, 40, 200)),
        ("rate 30 %", 0.3, (100, 400)),
        ("rate 1 %", 0.01, (300, 2_000)),
    )
    for size in sizes
    for judge, correlation in (("good", 0.9), ("useless", 0.0))
    for design, is_stratified in (("random", False), ("stratified", True))
    if size >= 3 * STRATA or not is_stratified
}


@dataclass(frozen=True)
class Result:
    """Of all draws: shares of intervals that hold the truth, and the mean widths' ratio.

    ``used`` is the share of draws in which a coefficient isn't 0.
    """

    both: float
    people: float
    width: float
    used: float


@dataclass(frozen=True, eq=False)
class Population:
    """The labels and the judge's values of all rows, and the strata."""

    y: Floats
    judge: Floats
    strata: Ints


def population(case: Case, seed: int = 1) -> Population:
    """Rows whose strata differ a little in their values, as the judge does in its errors."""
    random = np.random.default_rng(seed)
    strata = np.arange(ROWS) % STRATA
    if case.rate is None:
        y = random.standard_normal(ROWS) + 0.5 * strata
        own = y - 0.5 * strata
        noise = random.standard_normal(ROWS)
        judge = case.correlation * own + np.sqrt(1 - case.correlation**2) * noise
        return Population(y, judge, strata)
    rates = case.rate * (0.5 + strata / (STRATA - 1))
    y = (random.random(ROWS) < rates).astype(np.float64)
    other = (random.random(ROWS) < rates.mean()).astype(np.float64)
    judge = np.where(random.random(ROWS) < case.correlation, y, other)
    return Population(y, judge, strata)


def measure(case: Case, draws: int, seed: int = 2) -> Result:
    """Draw samples, and count the intervals that hold the truth.

    The draws of a batch are strata and groups of one sample, so one call estimates all: strata are
    independent, and the variance and the degrees of freedom of a group are those of its own.
    """
    found, random = population(case), np.random.default_rng(seed)
    truth, held, used, widths = float(found.y.mean()), np.zeros(2), 0, np.zeros(2)
    for start in range(0, draws, BATCH):
        people, both = _intervals(case, found, random, min(BATCH, draws - start))
        for at, ends in enumerate((people, both)):
            held[at] += ((ends[0] <= truth) & (truth <= ends[1])).sum()
            widths[at] += (ends[1] - ends[0]).sum()
        used += int((people != both).any(axis=0).sum())
    return Result(held[1] / draws, held[0] / draws, widths[1] / widths[0], used / draws)


def _intervals(
    case: Case, found: Population, random: np.random.Generator, draws: int
) -> tuple[Floats, Floats]:
    """The ends of the intervals of people alone and of both, each of shape (2, draws)."""
    strata = found.strata if case.is_stratified else np.zeros(ROWS, dtype=np.int64)
    inside = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    width, each = len(inside), case.size // len(inside)
    sizes = np.array([len(own) for own in inside])
    rows = np.concatenate(
        [random.choice(own, each, replace=False) for _ in range(draws) for own in inside]
    )
    groups = np.repeat(np.arange(draws), each * width)
    design = stratified_design(groups * width + strata[rows], np.tile(sizes, draws))
    present = np.ones(len(rows), dtype=np.bool_)
    totals, counts = (
        np.tile([own.sum() for own in parts], (draws, 1)).astype(np.float64)
        for parts in ([found.judge[own] for own in inside], [np.ones(len(own)) for own in inside])
    )
    known = np.full(draws, found.judge.mean())
    column = JudgeColumn("judge", "mean", found.judge[rows], present, None, known, totals, counts)
    judge = Judge([column], strata[rows], np.ones(width, dtype=np.bool_))
    values, domains = (
        Values(case.statistic, found.y[rows], present),
        Domains(present, groups, draws),
    )
    people, both = (
        np.array(
            [(one.low, one.high) for one in estimate(design, values, domains, SETTINGS, used)],
            dtype=np.float64,
        ).T
        for used in (None, judge)
    )
    return people, both


def main() -> None:
    """Print a line for each case."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS
    sys.stdout.write(f"{draws:,} draws of each\n{'':50}    both  people   width    used\n")
    for name, case in CASES.items():
        found = measure(case, draws)
        sys.stdout.write(
            f"{name:50} {found.both:7.1%} {found.people:7.1%} "
            f"{found.width:7.3f} {found.used:7.1%}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
