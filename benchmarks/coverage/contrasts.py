"""How often intervals of a contrast of two groups hold it, and how often they leave out 0.

Each draw has a new population of 3,000 rows, of which the sample has 300. The groups of the rows
are unknown to the design, or are its strata; clusters of 15 rows have a level of their own. The
goal: 95 % intervals hold the true contrast in 93 to 97 % of all draws.

    python -m benchmarks.coverage contrasts [--draws 4000] [--design NAME ...]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from contract.words import ContrastMeasure, StatisticName
from estimation_engine import (
    Design,
    Domains,
    EstimateSettings,
    Values,
    cluster_design,
    contrasts,
    random_design,
    stratified_design,
    weighted_design,
)
from estimation_engine.arrays import Floats, Ints

ROWS, DRAWN, CLUSTER = 3_000, 300, 15
DESIGNS = ("random", "small group", "strata", "groups are strata", "clusters", "weighted", "paired")
FIGURES: dict[str, tuple[StatisticName, ContrastMeasure]] = {
    "mean": ("mean", "difference"),
    "share": ("proportion", "difference"),
    "total": ("total", "difference"),
    "ratio of means": ("mean", "ratio"),
}


@dataclass(frozen=True)
class ContrastCoverage:
    """Draws with an interval, and how many of them hold the true contrast."""

    draws: int
    held: int

    @property
    def share(self) -> float:
        """The share of intervals that hold the contrast."""
        return self.held / self.draws


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A sample's rows with its design."""

    rows: Ints
    design: Design


def _drawn(name: str, groups: Ints, sizes: Floats, random: np.random.Generator) -> _Drawn:
    if name == "clusters":
        chosen = np.sort(random.choice(ROWS // CLUSTER, DRAWN // CLUSTER, replace=False))
        rows = np.flatnonzero(np.isin(np.arange(ROWS) // CLUSTER, chosen))
        numbers = np.searchsorted(chosen, rows // CLUSTER)
        counts = np.full(len(chosen), CLUSTER)
        return _Drawn(rows, cluster_design(numbers, counts, ROWS // CLUSTER, ROWS))
    if name == "weighted":
        p = DRAWN * sizes / sizes.sum()
        u = random.random(ROWS)
        rows = np.sort(np.argsort(u / (1.0 - u) * (1.0 - p) / p)[:DRAWN])
        return _Drawn(rows, weighted_design(p[rows], np.zeros(DRAWN, dtype=np.bool_), ROWS))
    if name in ("strata", "groups are strata"):
        strata = groups if name == "groups are strata" else np.arange(ROWS) % 5
        count = int(strata.max()) + 1
        parts = [
            random.choice(np.flatnonzero(strata == stratum), DRAWN // count, replace=False)
            for stratum in range(count)
        ]
        rows = np.sort(np.concatenate(parts))
        return _Drawn(rows, stratified_design(strata[rows], np.bincount(strata)))
    rows = np.sort(random.choice(ROWS, DRAWN, replace=False))
    return _Drawn(rows, random_design(DRAWN, ROWS))


def measure(name: str, figure: str, draws: int) -> ContrastCoverage:
    """The coverage of a figure's contrast in a design."""
    random = np.random.default_rng([DESIGNS.index(name), list(FIGURES).index(figure)])
    statistic, measure_ = FIGURES[figure]
    share = 0.04 if name == "small group" else 0.4
    held = known = 0
    for _ in range(draws):
        groups = (random.random(ROWS) < share).astype(np.int64)
        sizes = random.lognormal(0.0, 0.4, ROWS)
        levels = np.repeat(random.normal(0, 0.5, ROWS // CLUSTER), CLUSTER)
        y = 6.0 + groups + random.normal(0, 1 + groups, ROWS) + sizes
        y += levels if name == "clusters" else np.arange(ROWS) % 5
        other = y - 0.3 + random.normal(0, 0.5, ROWS)
        if statistic == "proportion":
            y, other = (y > 9.0).astype(np.float64), (other > 9.0).astype(np.float64)
        drawn = _drawn(name, groups, sizes, random)
        rows, whole = drawn.rows, np.ones(len(drawn.rows), dtype=np.bool_)
        values = Values(statistic, y[rows], whole)
        if name == "paired":
            pair = values, Values(statistic, other[rows], whole)
            domains, places = Domains(whole, np.zeros(len(rows), dtype=np.int64), 1), (0, 0)
            sides = y, other
        else:
            pair = values, values
            domains, places = Domains(whole, groups[rows], 2), (1, 0)
            sides = y[groups == 1], y[groups == 0]
        (found,) = contrasts(drawn.design, pair, domains, [places], EstimateSettings(), measure_)
        low, high = found.contrast.low, found.contrast.high
        if low is None or high is None:
            continue
        one, two = (float(each.sum() if statistic == "total" else each.mean()) for each in sides)
        known += 1
        held += low <= (one / two if measure_ == "ratio" else one - two) <= high
    return ContrastCoverage(known, held)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4_000)
    parser.add_argument("--design", nargs="+", choices=DESIGNS, default=list(DESIGNS))
    options = parser.parse_args()
    print(f"| design | {' | '.join(FIGURES)} |\n|{'---|' * (len(FIGURES) + 1)}")
    for name in options.design:
        found = [measure(name, figure, options.draws) for figure in FIGURES]
        cells = " | ".join(f"{100 * each.share:.1f} %" for each in found)
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
