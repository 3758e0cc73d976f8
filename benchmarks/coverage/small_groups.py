"""How often intervals of groups with few rows hold the true value.

Each draw makes a new population of normal values, or of shares, and draws from it by one design.
Degrees of freedom are those of the group: its rows or clusters with a value, less their strata. For
comparison the interval is computed with those of the whole design, too.

    python -m benchmarks.coverage small_groups [--draws 4000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from contract.requests.estimate import MINIMUM_DEGREES
from contract.words import StatisticName
from estimation_engine import (
    Calibration,
    Design,
    Domains,
    EstimateSettings,
    Values,
    by_regression,
    cluster_design,
    estimate,
    random_design,
    stratified_design,
)
from estimation_engine.arrays import Floats, Ints
from estimation_engine.intervals import t_quantile

DRAWN = np.array([2, 3, 5, 10])
ROWS = 60
"""Of each stratum."""
SETTINGS = EstimateSettings()


@dataclass(frozen=True, eq=False)
class Sample:
    """One sample with the group of each row; ``truths`` are the groups' own values."""

    design: Design
    statistic: StatisticName
    y: Floats
    groups: Ints
    truths: Floats
    calibration: Calibration | None = None


@dataclass
class Result:
    """Of one group over many draws.

    ``known`` are the draws with an interval, ``held`` those in which it holds the true value, and
    ``held_by_design`` those of the t interval with the degrees of freedom of the whole design.
    ``shown`` are the intervals that an answer has by default.
    """

    draws: int = 0
    degrees: int = 0
    known: int = 0
    held: int = 0
    held_by_design: int = 0
    shown: int = 0
    shown_held: int = 0


def _normal(random: np.random.Generator) -> tuple[Floats, Ints, Ints]:
    """Four strata of 60 rows of which 2, 3, 5 and 10 are drawn: values, strata, sampled rows."""
    strata = np.repeat(np.arange(4), ROWS)
    y = random.normal(100.0, 20.0, 4 * ROWS) + 50.0 * strata
    rows = [h * ROWS + random.permutation(ROWS)[:n] for h, n in enumerate(DRAWN)]
    return y, strata, np.sort(np.concatenate(rows))


def strata_mean(random: np.random.Generator) -> Sample:
    """The mean of each stratum."""
    y, strata, rows = _normal(random)
    design = stratified_design(strata[rows], np.full(4, ROWS))
    return Sample(design, "mean", y[rows], strata[rows], y.reshape(4, ROWS).mean(axis=1))


def strata_total(random: np.random.Generator) -> Sample:
    """The total of each stratum."""
    found = strata_mean(random)
    return Sample(found.design, "total", found.y, found.groups, found.truths * ROWS)


def groups_mean(random: np.random.Generator) -> Sample:
    """The mean of groups that the design doesn't know: of 2, 4, 10 and 84 % of 100 random rows."""
    y = random.normal(100.0, 20.0, 2_000)
    groups = random.permutation(np.repeat(np.arange(4), [40, 80, 200, 1_680]))
    rows = np.sort(random.permutation(2_000)[:100])
    truths = np.bincount(groups, y) / np.bincount(groups)
    return Sample(random_design(100, 2_000), "mean", y[rows], groups[rows], truths)


def calibrated_mean(random: np.random.Generator) -> Sample:
    """The same groups, calibrated by regression on a related column."""
    y = random.normal(100.0, 20.0, 2_000)
    x = y + random.normal(0.0, 20.0, 2_000)
    groups = random.permutation(np.repeat(np.arange(4), [40, 80, 200, 1_680]))
    rows = np.sort(random.permutation(2_000)[:100])
    design = random_design(100, 2_000)
    known = by_regression(design.weights, x[rows][None], np.array([x.mean()]), 2_000, ["x"])
    truths = np.bincount(groups, y) / np.bincount(groups)
    return Sample(design, "mean", y[rows], groups[rows], truths, known)


def clusters_mean(random: np.random.Generator) -> Sample:
    """Groups of clusters: 20 of 200 clusters of 5 rows, in groups of 10, 20, 50 and 120."""
    of_clusters = random.permutation(np.repeat(np.arange(4), [10, 20, 50, 120]))
    groups, clusters = np.repeat(of_clusters, 5), np.repeat(np.arange(200), 5)
    y = random.normal(100.0, 10.0, 1_000) + np.repeat(random.normal(0.0, 20.0, 200), 5)
    drawn = np.sort(random.permutation(200)[:20])
    rows = np.flatnonzero(np.isin(clusters, drawn))
    design = cluster_design(np.searchsorted(drawn, clusters[rows]), np.full(20, 5), 200, 1_000)
    truths = np.bincount(groups, y) / np.bincount(groups)
    return Sample(design, "mean", y[rows], groups[rows], truths)


def strata_share(random: np.random.Generator) -> Sample:
    """A share of 30 % in each stratum, by Korn and Graubard's interval."""
    y, strata, rows = _normal(random)
    y = (random.random(len(y)) < 0.3).astype(np.float64)
    design = stratified_design(strata[rows], np.full(4, ROWS))
    return Sample(design, "proportion", y[rows], strata[rows], y.reshape(4, ROWS).mean(axis=1))


DESIGNS: dict[str, tuple[Callable[[np.random.Generator], Sample], tuple[str, ...]]] = {
    "strata, mean": (strata_mean, ("2 rows", "3 rows", "5 rows", "10 rows")),
    "strata, total": (strata_total, ("2 rows", "3 rows", "5 rows", "10 rows")),
    "strata, share of 30 %": (strata_share, ("2 rows", "3 rows", "5 rows", "10 rows")),
    "random, mean of groups": (groups_mean, ("2 %", "4 %", "10 %", "84 %")),
    "random, calibrated": (calibrated_mean, ("2 %", "4 %", "10 %", "84 %")),
    "clusters, mean of groups": (clusters_mean, ("5 %", "10 %", "25 %", "60 %")),
}


def measure(name: str, draws: int) -> list[Result]:
    """Draw many samples; the results of each group."""
    make, groups = DESIGNS[name]
    results = [Result() for _ in groups]
    for seed in range(draws):
        sample = make(np.random.default_rng(seed))
        for result, (degrees, is_held, by_design) in zip(results, _held(sample), strict=True):
            result.draws += 1
            result.degrees += degrees
            if is_held is None:
                continue
            result.known += 1
            result.held += is_held
            result.held_by_design += by_design
            if degrees >= MINIMUM_DEGREES:
                result.shown += 1
                result.shown_held += is_held
    return results


def _held(sample: Sample) -> Iterator[tuple[int, bool | None, bool]]:
    """Of each group: degrees of freedom, and whether each kind of interval holds the truth."""
    present = np.ones(len(sample.y), dtype=np.bool_)
    values = Values(sample.statistic, sample.y, present)
    domains = Domains(present, sample.groups, len(sample.truths))
    t = t_quantile(0.975, sample.design.degrees)
    found = estimate(sample.design, values, domains, SETTINGS, sample.calibration)
    for each, truth in zip(found, sample.truths, strict=True):
        if each.low is None or each.high is None or each.value is None:
            yield each.degrees, None, False
            continue
        half = t * (each.error or 0.0)
        yield each.degrees, each.low <= truth <= each.high, abs(each.value - truth) <= half


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4_000, help="of each design (4000)")
    options = parser.parse_args()
    print(f"{options.draws} draws of each design; 95 % intervals of groups")
    print("| design | group | degrees of freedom | with the design's | with the group's | shown |")
    print("|---|---|---|---|---|---|")
    for name, (_, groups) in DESIGNS.items():
        for group, one in zip(groups, measure(name, options.draws), strict=True):
            cells = (
                name,
                group,
                f"{one.degrees / one.draws:.1f}",
                _percent(one.held_by_design, one.known),
                _percent(one.held, one.known),
                f"{_percent(one.shown_held, one.shown)} of {one.shown}",
            )
            print(f"| {' | '.join(cells)} |", flush=True)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
