"""Coverage and width of estimates with a judge: ``python -m benchmarks.judge [draws]``.

Judges that are good (a correlation of 0.9) or useless, values that are rare, usual or normal, and
random and stratified samples. The population is fixed; each draw is one of its samples. "Width" is
the mean width of the interval of both by that of people alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import numpy as np

from contract.words import StatisticName
from estimation_engine import (
    Design,
    Domains,
    EstimateSettings,
    Judge,
    JudgeColumn,
    Values,
    estimate,
    random_design,
    stratified_design,
)
from estimation_engine.arrays import Floats, Ints
from lazy_dataclasses import dataclass

ROWS = 20_000
STRATA = 4
DRAWS = 10_000
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
    """Draw samples, and count the intervals that hold the truth."""
    found, random = population(case), np.random.default_rng(seed)
    truth, held, held_by_people, used = float(found.y.mean()), 0, 0, 0
    widths = np.zeros(2)
    inside = [np.flatnonzero(found.strata == stratum) for stratum in range(STRATA)]
    sizes = np.array([len(rows) for rows in inside])
    for _ in range(draws):
        if case.is_stratified:
            each = case.size // STRATA
            rows = np.sort(
                np.concatenate([random.choice(own, each, replace=False) for own in inside])
            )
            design: Design = stratified_design(found.strata[rows], sizes)
        else:
            rows = np.sort(random.choice(ROWS, case.size, replace=False))
            design = random_design(case.size, ROWS)
        people, both = _intervals(case, design, found, rows, inside)
        held_by_people += people[0] <= truth <= people[1]
        held += both[0] <= truth <= both[1]
        used += people != both
        widths += (people[1] - people[0], both[1] - both[0])
    return Result(held / draws, held_by_people / draws, widths[1] / widths[0], used / draws)


def _intervals(
    case: Case, design: Design, found: Population, rows: Ints, inside: Sequence[Ints]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The interval of people alone, and that of both."""
    n = len(rows)
    present, groups = np.ones(n, dtype=np.bool_), np.zeros(n, dtype=np.int64)
    everything = Domains(present, groups, 1)
    totals = np.array([[found.judge[own].sum() for own in inside]])
    counts = np.array([[float(len(own)) for own in inside]])
    column = JudgeColumn(
        "judge",
        *("mean", found.judge[rows], present, None, np.array([found.judge.mean()])),
        *((totals, counts) if case.is_stratified else (None, None)),
    )
    strata = (found.strata[rows], np.ones(STRATA, dtype=np.bool_)) if case.is_stratified else ()
    values = Values(case.statistic, found.y[rows], present)
    (people,) = estimate(design, values, everything, SETTINGS)
    (both,) = estimate(design, values, everything, SETTINGS, Judge([column], *strata))
    assert people.low is not None and people.high is not None  # noqa: PT018 - for mypy
    assert both.low is not None and both.high is not None  # noqa: PT018
    return (people.low, people.high), (both.low, both.high)


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
