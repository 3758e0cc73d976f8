"""How often an intolerable population is accepted if a sample is enlarged after each look.

Each audit draws a random sample of a population whose share of exceptions is just not tolerable,
and enlarges it until errors are tolerable or the last size is reached. The fixed way takes each
size as if it had been planned, by the exact hypergeometric limit; the sequential way is that of
samples that continue an examined one. At 95 % confidence at most 5 % may be accepted.

    python -m benchmarks.coverage enlarged [--audits 10000]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from estimation_engine.audit import evaluate_attributes, share_boundary

SIZES = (60, 93, 150, 200, 260, 330, 410, 500)
TOLERABLE, CONFIDENCE, SEED = 0.05, 0.95, 2025
GOOD = 0.01
"""A share of exceptions that is to be accepted."""
POPULATIONS = (1_000, 5_000, 100_000)


@dataclass(frozen=True)
class Risks:
    """Shares of the audits that accept: at each size alone, and at it or at a size before.

    Arrays of shape (sizes,).
    """

    alone: NDArray[np.float64]
    fixed: NDArray[np.float64]
    sequential: NDArray[np.float64]


def risks(population: int, audits: int, share: float = TOLERABLE) -> Risks:
    """Simulate audits that enlarge their samples step by step; ``share`` of the rows are wrong."""
    rng = np.random.default_rng(SEED)
    exceptions = ceil(share * population)
    found = np.zeros((audits, len(SIZES)), dtype=np.int64)
    bad = np.full(audits, exceptions)
    good = np.full(audits, population - exceptions)
    total, before = np.zeros(audits, dtype=np.int64), 0
    for at, size in enumerate(SIZES):
        new = rng.hypergeometric(bad, good, size - before)
        bad, good = bad - new, good - (size - before - new)
        total, before = total + new, size
        found[:, at] = total
    fixed = found <= np.array([_most_accepted(population, size) for size in SIZES])
    boundary = share_boundary(population, TOLERABLE, list(SIZES), confidence=CONFIDENCE)
    sequential = found <= boundary.accept
    return Risks(
        fixed.mean(axis=0),
        np.logical_or.accumulate(fixed, axis=1).mean(axis=0),
        np.logical_or.accumulate(sequential, axis=1).mean(axis=0),
    )


def _most_accepted(population: int, size: int) -> int:
    """The most exceptions with which a sample of a fixed size is accepted; -1 if none."""
    most = -1
    while _limit(population, size, most + 1) < TOLERABLE:
        most += 1
    return most


def _limit(population: int, size: int, exceptions: int) -> float:
    found = evaluate_attributes(
        size,
        exceptions,
        population,
        likelihood="hypergeometric",
        confidence=CONFIDENCE,
        tolerable=TOLERABLE,
    )
    return found.upper_limit


def main() -> None:
    """Print the risks by population and number of looks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage enlarged")
    parser.add_argument("--audits", type=int, default=10_000)
    given = parser.parse_args()
    print("| population | looks | rows | alone | fixed | sequential | sequential at 1 % |")
    print("|---|---|---|---|---|---|---|")
    for population in POPULATIONS:
        found, good = risks(population, given.audits), risks(population, given.audits, GOOD)
        shares = (found.alone, found.fixed, found.sequential, good.sequential)
        for at, size in enumerate(SIZES):
            text = " | ".join(f"{100 * share[at]:.2f} %" for share in shares)
            print(f"| {population:,} | {at + 1} | {size} | {text} |")
