"""How often intervals of precision, recall and what follows hold the true value, for few cases.

A million rows, of which the model finds 70 % of the bad ones and flags 2 % of the others by
mistake. 1,000 rows are drawn at random, half of each flag, or a fourth of each of four bands of a
score; the flagged rows of the table are known. The goal: 95 % intervals hold the true recall and
elusion in 93 % of all draws or more. An interval depends on the counts alone, so each is computed
once.

    python -m benchmarks.coverage classification [--draws 10000] [--prevalence 0.01 ...]
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass

import numpy as np

from estimation_engine import (
    Design,
    Domains,
    EstimateSettings,
    random_design,
    stratified_design,
)
from estimation_engine.classification import JudgedRows, KnownFlags, classify
from estimation_engine.intervals import t_quantile

ROWS, DRAWN = 1_000_000, 1_000
RECALL, FALSE_ALARMS = 0.7, 0.02
DESIGNS = ("random", "flag", "score")
PREVALENCES = (0.001, 0.01, 0.05, 0.2)
FIGURES = ("precision", "recall", "f1", "specificity", "accuracy", "prevalence", "elusion")
NORMAL = ("recall", "elusion")
Counts = tuple[tuple[int, int], ...]
"""Of each band the drawn rows, and the bad ones among them."""


@dataclass(frozen=True)
class ClassificationCoverage:
    """Draws whose intervals hold the true value, by figure; "normal" are estimate ± z·SE."""

    draws: int
    counts: Counter[str]

    def held(self, figure: str) -> float:
        """The share of intervals that hold it."""
        return self.counts[figure] / self.draws


def _bands(prevalence: float) -> tuple[list[int], list[int]]:
    """The rows of four bands of a score and the bad ones; the last two bands are flagged."""
    bad = round(ROWS * prevalence)
    hits = round(bad * RECALL)
    flagged = hits + round((ROWS - bad) * FALSE_ALARMS)
    missed, sure = bad - hits, round(hits * 0.6)
    thin, upper = round((ROWS - flagged) * 0.85), sure + (flagged - hits) // 3
    return (
        [thin, ROWS - flagged - thin, flagged - upper, upper],
        [round(missed * 0.4), missed - round(missed * 0.4), hits - sure, sure],
    )


def _true_figures(rows: list[int], bad: list[int]) -> dict[str, float]:
    flagged, hits, missed = rows[2] + rows[3], bad[2] + bad[3], bad[0] + bad[1]
    false, right = flagged - hits, ROWS - flagged - missed
    return {
        "precision": hits / flagged,
        "recall": hits / (hits + missed),
        "f1": 2 * hits / (flagged + hits + missed),
        "specificity": right / (right + false),
        "accuracy": (hits + right) / ROWS,
        "prevalence": (hits + missed) / ROWS,
        "elusion": missed / (ROWS - flagged),
    }


def _drawn(name: str, rows: list[int], bad: list[int], random: np.random.Generator) -> Counts:
    sizes = np.full(4, DRAWN // 4)
    if name == "random":
        sizes = random.multivariate_hypergeometric(rows, DRAWN)
    if name == "flag":
        sides = [random.multivariate_hypergeometric(rows[at : at + 2], DRAWN // 2) for at in (0, 2)]
        sizes = np.concatenate(sides)
    found = [
        int(random.hypergeometric(wrong, all_ - wrong, size))
        for wrong, all_, size in zip(bad, rows, sizes.tolist(), strict=True)
    ]
    if name == "score":
        return tuple(zip(sizes.tolist(), found, strict=True))
    # The bands of a flag are one.
    return tuple((int(sizes[at : at + 2].sum()), sum(found[at : at + 2])) for at in (0, 2))


def _design(name: str, strata: np.ndarray, rows: list[int]) -> Design:
    if name == "random":
        return random_design(DRAWN, ROWS)
    sizes = rows if name == "score" else [rows[0] + rows[1], rows[2] + rows[3]]
    return stratified_design(strata, np.array(sizes))


def _held(name: str, counts: Counts, rows: list[int], truth: dict[str, float]) -> list[str]:
    """The figures whose intervals hold the true value."""
    strata = np.repeat(np.arange(len(counts)), [size for size, _ in counts])
    bad = np.concatenate([np.arange(size) < wrong for size, wrong in counts])
    flagged = strata >= len(counts) // 2
    whole = np.ones(len(bad), dtype=np.bool_)
    unflagged = float(rows[0] + rows[1])
    (found,) = classify(
        _design(name, strata, rows),
        JudgedRows(bad, whole, flagged, whole),
        Domains(whole, np.zeros(len(bad), dtype=np.int64), 1),
        EstimateSettings(),
        KnownFlags(np.array([ROWS - unflagged]), np.array([unflagged])),
    )
    held = []
    z = t_quantile(0.975, DRAWN)
    for figure in FIGURES:
        each, true = found.figures[figure], truth[figure]  # type: ignore[index]
        if each.low is not None and each.high is not None and each.low <= true <= each.high:
            held.append(figure)
        # Without a bad row there is no normal interval, so it doesn't hold the value.
        has_normal = figure in NORMAL and each.value is not None and each.error is not None
        if has_normal and abs((each.value or 0.0) - true) <= z * (each.error or 0.0):
            held.append(f"normal {figure}")
    return held


def coverage_of(name: str, prevalence: float, draws: int) -> ClassificationCoverage:
    """The coverage of all figures in a design, at a prevalence."""
    random = np.random.default_rng([DESIGNS.index(name), round(1000 * prevalence)])
    rows, bad = _bands(prevalence)
    truth = _true_figures(rows, bad)
    samples = Counter(_drawn(name, rows, bad, random) for _ in range(draws))
    counts: Counter[str] = Counter()
    for sample, times in samples.items():
        for figure in _held(name, sample, rows, truth):
            counts[figure] += times
    return ClassificationCoverage(draws, counts)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--prevalence", nargs="+", type=float, default=list(PREVALENCES))
    options = parser.parse_args()
    names = [*FIGURES, *(f"normal {name}" for name in NORMAL)]
    print(f"| drawn by | bad | {' | '.join(names)} |\n|{'---|' * (len(names) + 2)}")
    for name in DESIGNS:
        for prevalence in options.prevalence:
            found = coverage_of(name, prevalence, options.draws)
            cells = " | ".join(f"{100 * found.held(each):.1f}" for each in names)
            print(f"| {name} | {100 * prevalence:g} % | {cells} |", flush=True)


if __name__ == "__main__":
    main()
