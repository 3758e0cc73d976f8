"""How often Stringer's and Gaffke's limits hold for units at random, of one stratum and of three.

Units are selected as the engine selects them. The rows' amounts are lognormal and below the
interval; errors are of several kinds. With three strata the first has half of the money, the others
less, and all have as many units, so that their intervals differ.

    python -m benchmarks.coverage monetary_bounds [--draws 1000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from contract.words import Bound
from estimation_engine.arrays import Floats, Ints
from estimation_engine.audit import AuditedItem, evaluate_monetary, gaffke_limit
from sampling_engine.methods.monetary_unit.selection import UnitSelection

ROWS, SIZE, CONFIDENCE = 600, 60, 0.95
PARTS = {"one stratum": (1.0,), "three strata": (0.5, 0.3, 0.2)}
BOUNDS: tuple[Bound, ...] = ("stringer", "gaffke")
Kind = Literal["whole", "small", "half", "any", "nearly whole"]
TAINTS: dict[Kind, tuple[float, Callable[[np.random.Generator, int], Floats]]] = {
    "whole": (0.03, lambda rng, count: np.ones(count)),
    "small": (0.30, lambda rng, count: rng.uniform(0.0, 0.1, count)),
    "half": (0.10, lambda rng, count: np.full(count, 0.5)),
    "any": (0.10, lambda rng, count: rng.random(count)),
    "nearly whole": (0.20, lambda rng, count: rng.beta(8.0, 1.0, count)),
}
"""Kinds of errors: the share of rows that has one, and its taint."""


@dataclass(frozen=True)
class Ledger:
    """The rows of a population in minor units, and the stratum of each."""

    books: Ints
    audits: Ints
    strata: Ints

    @property
    def error(self) -> int:
        """The true overstatement."""
        return int((self.books - self.audits).sum())


def ledger(kind: Kind, shares: Sequence[float], seed: int = 17) -> Ledger:
    """A population with errors of a kind; the first stratum has the first share of the money."""
    rng = np.random.default_rng(seed)
    books = np.ceil(100 * np.exp(rng.normal(4.0, 0.6, ROWS))).astype(np.int64)
    books = np.minimum(books, int(books.sum() // (4 * SIZE)))
    ends = np.cumsum(shares) * books.sum()
    strata = np.minimum(np.searchsorted(ends, np.cumsum(books)), len(shares) - 1)
    share, taints = TAINTS[kind]
    wrong = np.where(rng.random(ROWS) < share, taints(rng, ROWS), 0.0)
    return Ledger(books, books - np.round(books * wrong).astype(np.int64), strata)


def items(given: Ledger, strata: int, seed: int) -> list[AuditedItem]:
    """The rows of the selected units, as many in each stratum."""
    found = []
    for stratum in range(strata):
        rows = np.flatnonzero(given.strata == stratum)
        ends, size = np.cumsum(given.books[rows]), SIZE // strata
        total = int(ends[-1])
        points = UnitSelection("random", total, total, size, f"{seed}/{stratum}").points()
        drawn, hits = np.unique(np.searchsorted(ends, points, side="right"), return_counts=True)
        found += [
            AuditedItem(int(given.books[row]), int(given.audits[row]), int(count), stratum=stratum)
            for row, count in zip(rows[drawn], hits, strict=True)
        ]
    return found


def gaffke(drawn: Sequence[AuditedItem], values: Sequence[int]) -> float:
    """The limit of an evaluation by Gaffke's bound, without the lines of its arithmetic."""
    confidence = 1.0 - (1.0 - CONFIDENCE) / len(values)
    return sum(
        value
        * gaffke_limit(
            [
                float(item.taint)
                for item in drawn
                if item.stratum == at and item.taint > 0
                for _ in range(item.hits)
            ],
            SIZE // len(values),
            confidence,
        )
        for at, value in enumerate(values)
    )


def measure(kind: Kind, shares: Sequence[float], draws: int) -> dict[Bound, tuple[float, float]]:
    """Of each bound the share of the draws in which it holds, and its mean by the true error."""
    given = ledger(kind, shares)
    values = [int(given.books[given.strata == at].sum()) for at in range(len(shares))]
    limits: dict[Bound, list[float]] = {bound: [] for bound in BOUNDS}
    for seed in range(draws):
        drawn = items(given, len(shares), seed)
        found = evaluate_monetary(drawn, values, confidence=CONFIDENCE)
        limits["stringer"].append(found.overstatement.upper_limit)
        limits["gaffke"].append(gaffke(drawn, values))
    return {
        bound: (float(np.mean(np.array(found) >= given.error)), float(np.mean(found)) / given.error)
        for bound, found in limits.items()
    }


def main() -> None:
    """Print a line for each kind of errors and number of strata."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    draws = parser.parse_args().draws
    print("| errors | strata | Stringer holds | Gaffke holds | limits by the true error |")
    print("| --- | --- | --- | --- | --- |")
    for name, shares in PARTS.items():
        for kind in TAINTS:
            found = measure(kind, shares, draws)
            (often, size), (proved, other) = found["stringer"], found["gaffke"]
            print(
                f"| {kind} | {name} | {100 * often:.1f} % | {100 * proved:.1f} % "
                f"| {size:.2f}, {other:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
