"""The evaluation of attributes: an upper limit of the share of rows with an exception."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from fractions import Fraction
from functools import partial
from math import ceil, log

from contract.words import Likelihood, Sides
from domain_errors import Sentence
from estimation_engine.audit.conclusion import Conclusion, conclude
from estimation_engine.audit.limits import (
    FORMULAS,
    FORMULAS_OF_BOTH,
    SOURCES,
    binomial_limit,
    poisson_factor,
)
from estimation_engine.errors import InvalidFindings
from estimation_engine.hypergeometric import at_most, least_wrong, most_wrong, risk_of
from lazy_dataclasses import dataclass


@dataclass(frozen=True)
class ArithmeticRow:
    """One line of the arithmetic: what it is, its formula with the numbers, and its value."""

    name: str
    formula: str
    value: float


@dataclass(frozen=True)
class AttributesEvaluation:
    """The share of rows with an exception; shares are from 0 to 1.

    Parameters
    ----------
    share : float
        The most likely share, exceptions by examined rows.
    upper_limit, upper_rows : float, int
        The upper limit of the share, and of the rows in the population.
    lower_limit, lower_rows : float, int, optional
        The lower limit, with two ``sides``; the confidence is then that of both limits together.
    """

    examined: int
    exceptions: int
    population: int
    likelihood: Likelihood
    share: float
    upper_limit: float
    upper_rows: int
    sides: Sides
    lower_limit: float | None
    lower_rows: int | None
    arithmetic: tuple[ArithmeticRow, ...]
    formula: str
    source: str
    conclusion: Conclusion | None


def evaluate_attributes(
    examined: int,
    exceptions: int,
    population: int,
    *,
    confidence: float,
    likelihood: Likelihood = "hypergeometric",
    sides: Sides = "one",
    tolerable: float | None = None,
    scope: str | None = None,
) -> AttributesEvaluation:
    """Evaluate a random sample of rows of which some have an exception.

    Parameters
    ----------
    examined, exceptions : int
        Rows; those that can't be examined count as exceptions unless documented otherwise (ISA 530
        ¶11), replaced rows (¶10) aren't among them.
    population : int
        Rows that could be drawn.
    tolerable : float, optional
        The tolerable share, for a conclusion; ``scope`` is the filter that limits it.

    Raises
    ------
    InvalidFindings
        The numbers contradict each other.

    Examples
    --------
    >>> round(evaluate_attributes(102, 1, 1200, confidence=0.90).upper_limit, 7)
    0.0358333
    """
    check_counts(examined, exceptions, population)
    share = exceptions / examined
    risk = risk_of(confidence, 2 if sides == "two" else 1)
    limits = _Limits(examined, exceptions, population, likelihood, risk)
    limit, rows = limits.upper()
    lower, lines = limits.lower() if sides == "two" else (None, [])
    found = None
    if tolerable is not None:
        size = partial(_clean_size, limits, tolerable)
        found = conclude(limit, tolerable, share, confidence, scope=scope, size=size)
    return AttributesEvaluation(
        examined,
        exceptions,
        population,
        likelihood,
        share,
        limit,
        int(limit * population + 1e-9),
        sides,
        lower,
        None if lower is None else ceil(lower * population - 1e-9),
        (ArithmeticRow("Most likely share", f"{exceptions} / {examined}", share), *lines, *rows),
        (FORMULAS if sides == "one" else FORMULAS_OF_BOTH)[likelihood],
        SOURCES[likelihood],
        found,
    )


def _clean_size(given: _Limits, tolerable: float) -> int:
    """The fewest rows whose limit without an exception is below what is tolerable.

    By the Poisson likelihood −ln(risk)/tolerable rows are enough, and so by the others.
    """
    most = min(given.population, int(-log(given.risk) / tolerable + 1e-9) + 1)
    larger = range(given.examined + 1, most)

    def is_enough(size: int) -> bool:
        return replace(given, examined=size).upper()[0] < tolerable

    return given.examined + 1 + bisect_left(larger, True, key=is_enough)


def check_counts(examined: int, exceptions: int, population: int) -> None:
    """Refuse numbers that contradict each other."""
    if not 0 <= exceptions <= examined <= population or not examined:
        raise InvalidFindings(
            "{exceptions} exceptions in {examined} examined rows of {population} contradict each "
            "other.",
            exceptions=exceptions,
            examined=examined,
            population=population,
        )


@dataclass(frozen=True)
class _Limits:
    """Limits of a share, each beyond which the risk is the same, with their lines."""

    examined: int
    exceptions: int
    population: int
    likelihood: Likelihood
    risk: Fraction

    def upper(self) -> tuple[float, list[ArithmeticRow]]:
        """The upper limit of the share."""
        n, k, level = self.examined, self.exceptions, float(1 - self.risk)
        match self.likelihood:
            case "hypergeometric":
                wrong = most_wrong(self.risk, k, n, self.population)
                limit, lines = wrong / self.population, self._rows("≤", wrong, wrong + 1)
                formula = f"{wrong} / {self.population}"
            case "binomial":
                limit, lines = binomial_limit(k, n, level), []
                formula = f"Beta⁻¹({level:g}; {k} + 1, {n} − {k})"
            case "poisson":
                factor = poisson_factor(k, level)
                limit = min(factor / n, 1.0)
                lines = [ArithmeticRow("Factor", f"Γ⁻¹({level:g}; {k} + 1)", factor)]
                formula = f"{factor:.4f} / {n}"
        return limit, [*lines, ArithmeticRow("Upper limit", formula, limit)]

    def lower(self) -> tuple[float, list[ArithmeticRow]]:
        """The lower limit of the share."""
        n, k, level = self.examined, self.exceptions, float(self.risk)
        match self.likelihood:
            case "hypergeometric":
                wrong = least_wrong(self.risk, k, n, self.population)
                limit, lines = wrong / self.population, self._rows("≥", wrong, wrong - 1)
                formula = f"{wrong} / {self.population}"
            case "binomial":
                limit, lines = 1.0 - binomial_limit(n - k, n, 1 - level), []
                formula = f"Beta⁻¹({level:g}; {k}, {n} − {k} + 1)"
            case "poisson":
                factor = poisson_factor(k - 1, level) if k else 0.0
                limit = factor / n
                lines = [ArithmeticRow("Lower factor", f"Γ⁻¹({level:g}; {k})", factor)]
                formula = f"{factor:.4f} / {n}"
        return limit, [*lines, ArithmeticRow("Lower limit", formula, limit)]

    def _rows(self, sign: str, *wrong: int) -> list[ArithmeticRow]:
        """The probabilities at the limit, and of one row beyond it."""
        n, k, rows = self.examined, self.exceptions, self.population
        tails = {
            count: at_most(k, rows, count, n)
            if sign == "≤"
            else at_most(n - k, rows, rows - count, n)
            for count in wrong
            if k <= count <= rows - (n - k)
        }
        return [
            ArithmeticRow(
                Sentence(
                    "P(X {sign} {k}) if {count} {count|row is|rows are} wrong",
                    sign=sign,
                    k=str(k),
                    count=count,
                ),
                f"Hypergeometric({sign if sign == '≥' else ''}{k}; {rows}, {count}, {n})",
                tail,
            )
            for count, tail in tails.items()
        ]
