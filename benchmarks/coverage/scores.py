"""Sequential audits with risk scores: how often intolerable errors are accepted, and the stops.

Each audit examines rows of a ledger one by one, in proportion to their amounts among the rows that
are left, and stops when errors are tolerable. Scores have the given correlation, by amount, with
the taints. The control without scores is the same test of the same rows. At 95 % confidence at most
5 % of the audits may accept where the misstatement is exactly what is tolerable.

    python -m benchmarks.coverage scores [--audits 10000]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimation_engine.audit.sequential import (
    SideInformation,
    bets_on,
    examined_values,
    martingale,
    null_means,
)

Floats = NDArray[np.float64]
ROWS, TOLERABLE, CONFIDENCE, SEED = 2_000, 0.05, 0.95, 2023
CORRELATIONS = (0.0, 0.5, 0.9)
TRUTHS = (0.01, 0.02, 0.03, 0.035)
KINDS = ("whole", "any")
"""Rows in error are so in full, or by any part of their amount."""
FLOOR = 0.3
"""Added to scores that weight amounts."""
BATCH = 250


@dataclass(frozen=True)
class Ledger:
    """Amounts, taints and scores of the rows; arrays of shape (rows,)."""

    amounts: Floats
    taints: Floats
    scores: Floats

    @property
    def share(self) -> float:
        """The share of the amounts in error."""
        return float(self.amounts @ self.taints / self.amounts.sum())


def ledger(kind: str, share: float, correlation: float, rows: int = ROWS) -> Ledger:
    """Lognormal amounts of which exactly a share is in error, and scores of a correlation.

    A score is a·taint + (1 - a)·u², with u uniform: where errors are rare, rows without one have
    scores, too. With correlation 0 it is a permutation of such scores.
    """
    rng = np.random.default_rng(SEED)
    amounts = np.ceil(100 * np.exp(rng.normal(3, 1, rows)))
    sizes = np.ones(rows) if kind == "whole" else rng.random(rows)
    order, taints = rng.permutation(rows), np.zeros(rows)
    left = share * float(amounts.sum())
    for row in order:
        taints[row] = min(sizes[row], left / amounts[row])
        left -= amounts[row] * taints[row]
        if left <= 0:
            break
    noise = rng.random(rows) ** 2
    if correlation == 0:
        return Ledger(amounts, taints, rng.permutation(0.1 * taints + 0.1 * noise))
    low, high = 0.0, 1.0
    for _ in range(60):
        part = (low + high) / 2
        scores = part * taints + (1 - part) * noise
        is_below = _correlation(amounts, taints, scores) < correlation
        low, high = (part, high) if is_below else (low, part)
    return Ledger(amounts, taints, scores)


def _correlation(amounts: Floats, first: Floats, second: Floats) -> float:
    weights = amounts / amounts.sum()
    one, two = first - weights @ first, second - weights @ second
    return float(weights @ (one * two) / np.sqrt((weights @ one**2) * (weights @ two**2)))


def stops(
    book: Ledger,
    audits: int,
    *,
    has_scores: bool = True,
    weights: Floats | None = None,
    tolerable: float = TOLERABLE,
    seed: int = SEED,
) -> Floats:
    """The row after which each audit accepts, infinite if it never does; shape (audits,)."""
    rng, found = np.random.default_rng(seed), []
    chances = book.amounts if weights is None else weights
    total = float(book.amounts.sum())
    for start in range(0, audits, BATCH):
        count = min(BATCH, audits - start)
        keys = rng.exponential(size=(count, len(chances))) / chances
        # Of the last row the mean is known: a null that just holds is rounded there.
        order = np.argsort(keys, axis=1)[:, :-1]
        sizes, taints = book.amounts[order], book.taints[order]
        side = None
        if has_scores or weights is not None:
            scores = book.scores * has_scores
            side = SideInformation(
                scores[order],
                float(book.amounts @ scores),
                chances[order],
                float(chances.sum()),
                float((book.amounts / chances).max()),
            )
        items = examined_values(taints, sizes, int(total), side)
        bets = bets_on(items.values, 1.0 - tolerable, 0.0, items.spans)
        means = null_means(items.right, int(total), 1.0 - tolerable, sizes)
        with np.errstate(over="ignore", invalid="ignore"):
            statistics = martingale(items.values, bets, means, items.spans)
        is_reached = statistics >= 1 / (1 - CONFIDENCE)
        first = np.argmax(is_reached, axis=1) + 1.0
        found.append(np.where(is_reached.any(axis=1), first, np.inf))
    return np.concatenate(found)


def main() -> None:
    """Print the risks at the boundary, and the median stops below it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage scores")
    parser.add_argument("--audits", type=int, default=10_000)
    given = parser.parse_args()
    print("| errors | correlation | no scores | scores | weighted by scores, too |")
    print("| --- | --- | --- | --- | --- |")
    for kind in KINDS:
        for correlation in CORRELATIONS:
            book = ledger(kind, TOLERABLE, correlation)
            accepted = [100 * float(np.isfinite(each).mean()) for each in _ways(book, given.audits)]
            print(f"| {kind} | {correlation} | {' | '.join(f'{x:.2f} %' for x in accepted)} |")
    print()
    print("| errors | share in error | correlation | no scores | scores | weighted, too |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in KINDS:
        for truth in TRUTHS:
            for correlation in CORRELATIONS:
                book = ledger(kind, truth, correlation)
                medians = [float(np.median(each)) for each in _ways(book, given.audits // 10)]
                shown = " | ".join(f"{each:.0f}" for each in medians)
                print(f"| {kind} | {100 * truth:g} % | {correlation} | {shown} |")


def _ways(book: Ledger, audits: int) -> list[Floats]:
    """Without scores, with scores, and with rows drawn by amounts weighted by scores, too."""
    return [
        stops(book, audits, has_scores=False),
        stops(book, audits),
        stops(book, audits, weights=np.ceil(book.amounts * (FLOOR + book.scores))),
    ]


if __name__ == "__main__":
    main()
