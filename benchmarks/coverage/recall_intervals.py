"""How often seven other intervals of recall hold it, beside the one that jobsvc has.

1,000 rows of a million are drawn at random or half of each flag; the flagged rows of the table are
known. 2 % of the good rows are flagged, and recall is 50, 70 or 90 %. The width is that at a
prevalence of 1 % and a recall of 70 %, half of each flag. Samples without a bad row are left out.

    python -m benchmarks.coverage recall_intervals [--draws 4000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from scipy.special import betaincinv

from estimation_engine.arrays import Floats, Ints

ROWS, DRAWN, FALSE_ALARMS = 1_000_000, 1_000, 0.02
PREVALENCES, RECALLS = (0.001, 0.01, 0.05, 0.2), (0.5, 0.7, 0.9)
TAIL, Z = 0.025, 1.959964
BETA_DRAWS = 1_000
Limits = tuple[Floats, Floats]
NAMES = {
    "normal": "normal, linearised",
    "logit": "logit of recall",
    "domain": "Korn and Graubard's, as a share of bad rows",
    "wilson": "MOVER of Wilson's",
    "jeffreys": "MOVER of Jeffreys'",
    "half": "two beta distributions with Jeffreys' prior (Webber 2013)",
    "exact": "MOVER of Clopper and Pearson's",
    "corner": "both limits of Clopper and Pearson's at once",
}


def _beta(x: Floats, n: Floats, prior: float) -> Limits:
    """Quantiles of beta distributions: 0 is Clopper and Pearson's, 0.5 Jeffreys'."""
    rest = 1.0 - prior
    low = betaincinv(np.maximum(x, 1e-9) + prior, n - x + rest, TAIL)
    high = betaincinv(x + rest, np.maximum(n - x, 1e-9) + prior, 1.0 - TAIL)
    return np.where(x > 0, low, 0.0), np.where(x < n, high, 1.0)


def _wilson(x: Floats, n: Floats) -> Limits:
    p, s = x / n, Z * Z / n
    middle, half = (p + s / 2) / (1 + s), Z / (1 + s) * np.sqrt(p * (1 - p) / n + s / (4 * n))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def _mover(hits: Floats, missed: Floats, of_hits: Limits, of_missed: Limits) -> Limits:
    """Limits of hits / (hits + missed) by halving, of independent totals."""

    def end(below: Floats, above: Floats, side: int) -> Floats:
        low, high = np.zeros_like(hits), np.ones_like(hits)
        for _ in range(50):
            r = (low + high) / 2
            value = (1 - r) * hits - r * missed + side * np.hypot((1 - r) * below, r * above)
            low, high = np.where(value > 0, r, low), np.where(value > 0, high, r)
        return np.asarray((low + high) / 2)

    lower = end(hits - of_hits[0], of_missed[1] - missed, -1)
    return lower, end(of_hits[1] - hits, missed - of_missed[0], 1)


def _half(x: Ints, n: Ints, rows: float, random: np.random.Generator) -> Floats:
    shape = (len(x), BETA_DRAWS)
    return rows * random.beta(x[:, None] + 0.5, (n - x)[:, None] + 0.5, shape)


def _intervals(
    x: tuple[Ints, Ints], n: tuple[Ints, Ints], rows: tuple[int, int], random: np.random.Generator
) -> dict[str, Limits]:
    """All intervals, by the bad and the drawn rows of both flags, and the rows of the table."""
    sizes = [np.maximum(each, 1).astype(np.float64) for each in n]
    p = [wrong / size for wrong, size in zip(x, sizes, strict=True)]
    hits, missed = rows[0] * p[0], rows[1] * p[1]
    recall = hits / (hits + missed)
    first, second = (
        total**2 * q * (1 - q) / size for total, q, size in zip(rows, p, sizes, strict=True)
    )
    error = np.sqrt(missed**2 * first + hits**2 * second) / (hits + missed) ** 2
    half = Z * error / (recall * (1 - recall))
    odds = np.log(recall / (1 - recall))
    at_end = (recall <= 0) | (recall >= 1)
    logit = tuple(
        np.where(at_end, recall, 1 / (1 + np.exp(-each))) for each in (odds - half, odds + half)
    )
    effective = np.where(error > 0, recall * (1 - recall) / error**2, x[0] + x[1])

    def scaled(limits: Callable[[Floats, Floats], Limits]) -> list[Limits]:
        found = [limits(each.astype(np.float64), size) for each, size in zip(x, sizes, strict=True)]
        return [(total * a, total * b) for total, (a, b) in zip(rows, found, strict=True)]

    exact = scaled(lambda a, b: _beta(a, b, 0.0))
    drawn = [_half(each, size, total, random) for each, size, total in zip(x, n, rows, strict=True)]
    low, high = np.quantile(drawn[0] / (drawn[0] + drawn[1]), [TAIL, 1 - TAIL], axis=1)
    return {
        "normal": (recall - Z * error, recall + Z * error),
        "logit": (logit[0], logit[1]),
        "domain": _beta(recall * effective, effective, 0.0),
        "wilson": _mover(hits, missed, *scaled(_wilson)),
        "jeffreys": _mover(hits, missed, *scaled(lambda a, b: _beta(a, b, 0.5))),
        "half": (np.where(x[0] == 0, 0.0, low), np.where(x[1] == 0, 1.0, high)),
        "exact": _mover(hits, missed, *exact),
        "corner": (
            exact[0][0] / (exact[0][0] + exact[1][1]),
            exact[0][1] / (exact[0][1] + exact[1][0]),
        ),
    }


def measure(
    design: str, prevalence: float, recall: float, draws: int
) -> dict[str, tuple[float, float]]:
    """The coverage and the mean width of each interval."""
    random = np.random.default_rng([len(design), round(1000 * prevalence), round(10 * recall)])
    bad = round(ROWS * prevalence)
    hits = round(bad * recall)
    flagged = hits + round((ROWS - bad) * FALSE_ALARMS)
    first = np.full(draws, DRAWN // 2)
    if design == "random":
        first = random.hypergeometric(flagged, ROWS - flagged, DRAWN, draws)
    second = DRAWN - first
    x = (
        random.hypergeometric(hits, flagged - hits, first),
        random.hypergeometric(bad - hits, ROWS - flagged - bad + hits, second),
    )
    with np.errstate(all="ignore"):
        found = _intervals(x, (first, second), (flagged, ROWS - flagged), random)
        known = x[0] + x[1] > 0
        true = hits / bad
        return {
            name: (
                float(np.mean(((low <= true) & (true <= high))[known])),
                float(np.mean((high - low)[known])),
            )
            for name, (low, high) in found.items()
        }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4_000)
    options = parser.parse_args()
    cells = {
        (design, prevalence, recall): measure(design, prevalence, recall, options.draws)
        for design in ("random", "flag")
        for prevalence in PREVALENCES
        for recall in RECALLS
    }
    print("| interval of recall | least coverage | width |\n| --- | --- | --- |")
    for name, title in NAMES.items():
        least = min(each[name][0] for each in cells.values())
        width = cells["flag", 0.01, 0.7][name][1]
        print(f"| {title} | {100 * least:.1f} % | {width:.2f} |")


if __name__ == "__main__":
    main()
