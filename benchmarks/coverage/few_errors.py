"""How often `variables` accepts a population whose misstatement just isn't tolerable.

Books of 5,000 lognormal amounts, of which a share is in error. The tolerable amount is the true
misstatement, so each conclusion "tolerable" is wrong; at 95 % confidence at most 5 % may be. Of
each cell the first number is the share of audits whose limit is below the tolerable amount, and the
second that which concludes so: the others are withheld. The last table has a tolerable amount of
three times the true one: the share that concludes, and is right.

    python -m benchmarks.coverage few_errors [--audits 600]
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from contract.words import Estimator, Sides
from domain_errors import DomainError
from estimation_engine import Design, random_design, stratified_design
from estimation_engine.arrays import Floats, Ints
from estimation_engine.audit import AuditedAmounts, evaluate_variables

ROWS = 5_000
SIGMA = 1.0
BOOKS = 12
"""Populations of a cell; each is audited as often as the others."""
SIZES = (100, 300)
RATES = (0.01, 0.03, 0.05, 0.1, 0.2, 0.4)
ESTIMATORS: tuple[Estimator, ...] = ("difference", "ratio", "regression", "mean_per_unit")
STRATUM_ENDS = np.array([2_500, 4_000, 4_750, 5_000])
"""Strata by book value, the largest rows in the last one; each gives as many rows."""
GOAL = 0.05
"""Wrong conclusions, as far as so many audits show: within two standard errors."""


@dataclass(frozen=True)
class Case:
    """A kind of errors, and how the sample is drawn and evaluated.

    ``least`` and ``most`` are the ends of uniform taints; ``factor`` times the true misstatement is
    tolerable.
    """

    title: str
    least: float
    most: float
    sides: Sides = "one"
    is_stratified: bool = False
    factor: float = 1.0


CASES = (
    Case("overstated in full", 1.0, 1.0),
    Case("overstated by any part", 0.0, 1.0),
    Case("understated by up to half, overstated by any part", -0.5, 1.0),
    Case("overstated by any part; stratified", 0.0, 1.0, is_stratified=True),
    Case("understated by any part; both sides", -1.0, 0.0, sides="two"),
)
TOLERABLE = (
    Case("overstated by any part", 0.0, 1.0, factor=3.0),
    Case("overstated by any part; stratified", 0.0, 1.0, is_stratified=True, factor=3.0),
)


@dataclass(frozen=True, eq=False)
class Book:
    """The amounts of a population in the order of their size, and their misstatements."""

    amounts: Floats
    errors: Floats

    @classmethod
    def of(cls, rng: np.random.Generator, case: Case, rate: float) -> Book:
        amounts = np.sort(np.exp(rng.normal(6.0, SIGMA, ROWS)))
        errors = np.zeros(ROWS)
        wrong = rng.choice(ROWS, round(rate * ROWS), replace=False)
        errors[wrong] = amounts[wrong] * rng.uniform(case.least, case.most, len(wrong))
        return cls(amounts, errors)

    def draw(self, rng: np.random.Generator, case: Case, rows: int) -> AuditedAmounts:
        """A sample of the book, examined without a mistake."""
        chosen, design = _drawn(rng, case.is_stratified, rows)
        book = self.amounts[chosen]
        audit = book - self.errors[chosen]
        return AuditedAmounts(design, book, audit, ROWS, float(self.amounts.sum()))


def _drawn(rng: np.random.Generator, is_stratified: bool, rows: int) -> tuple[Ints, Design]:
    if not is_stratified:
        return np.sort(rng.choice(ROWS, rows, replace=False)), random_design(rows, ROWS)
    ends = STRATUM_ENDS.tolist()
    starts, each = [0, *ends[:-1]], rows // len(ends)
    chosen = [
        start + np.sort(rng.choice(end - start, each, replace=False))
        for start, end in zip(starts, ends, strict=True)
    ]
    strata = np.repeat(np.arange(len(ends)), each)
    return np.concatenate(chosen), stratified_design(strata, np.diff(STRATUM_ENDS, prepend=0))


@dataclass(frozen=True)
class Shares:
    """Of the audits of a cell: those with a limit below the tolerable amount, and conclusions."""

    below: float
    tolerable: float


def measure(case: Case, rate: float, rows: int, audits: int) -> dict[Estimator, Shares]:
    """Audit populations of one case, and evaluate each sample by all estimators."""
    below: Counter[Estimator] = Counter()
    concluded: Counter[Estimator] = Counter()
    for number in range(BOOKS):
        rng = np.random.default_rng([number, rows, round(1_000 * rate)])
        book = Book.of(rng, case, rate)
        tolerable = case.factor * abs(float(book.errors.sum()))
        for _ in range(audits // BOOKS):
            given = book.draw(rng, case, rows)
            for estimator in ESTIMATORS:
                try:
                    found = evaluate_variables(
                        given,
                        estimator=estimator,
                        sides=case.sides,
                        confidence=0.95,
                        tolerable=tolerable,
                    )
                except DomainError:
                    continue
                verdict = found.conclusion.is_tolerable if found.conclusion else False
                below[estimator] += verdict is not False
                concluded[estimator] += verdict is True
    done = BOOKS * (audits // BOOKS)
    return {name: Shares(below[name] / done, concluded[name] / done) for name in ESTIMATORS}


def _print_table(cases: Sequence[Case], sizes: Sequence[int], audits: int) -> list[float]:
    """The cells of all cases; returns the shares that conclude."""
    print("| errors | estimator | n |", " | ".join(f"{rate:.0%}" for rate in RATES), "|")
    print("| --- | --- | --- |", " | ".join("---" for _ in RATES), "|", flush=True)
    found = []
    for case in cases:
        for rows in sizes:
            cells = [measure(case, rate, rows, audits) for rate in RATES]
            for name in ESTIMATORS:
                shares = [cell[name] for cell in cells]
                found += [each.tolerable for each in shares]
                text = " | ".join(f"{100 * s.below:.0f} → {100 * s.tolerable:.1f}" for s in shares)
                print(f"| {case.title} | `{name}` | {rows} | {text} |", flush=True)
    return found


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--audits", type=int, default=600, help="of each cell (600)")
    audits = parser.parse_args().audits
    print(f"{audits} audits of each cell; the tolerable amount is the true misstatement")
    worst = max(_print_table(CASES, SIZES, audits))
    is_met = worst <= GOAL + 2.0 * sqrt(GOAL * (1.0 - GOAL) / audits)
    print(f"At most {100 * worst:.1f} % conclude: {'met' if is_met else 'MISSED'}\n")
    print("The tolerable amount is three times the true misstatement")
    _print_table(TOLERABLE, SIZES[1:], audits)
