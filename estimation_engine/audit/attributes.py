"""The evaluation of attributes: an upper limit of the share of rows with an exception."""

from __future__ import annotations

from dataclasses import dataclass

from estimation_engine.audit.conclusion import Conclusion, conclude
from estimation_engine.audit.limits import (
    FORMULAS,
    SOURCES,
    Likelihood,
    at_most,
    binomial_limit,
    hypergeometric_limit,
    poisson_factor,
)
from estimation_engine.errors import InvalidFindings


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
    """

    examined: int
    exceptions: int
    population: int
    confidence: float
    likelihood: Likelihood
    share: float
    upper_limit: float
    upper_rows: int
    arithmetic: tuple[ArithmeticRow, ...]
    formula: str
    source: str
    conclusion: Conclusion | None


def evaluate_attributes(
    examined: int,
    exceptions: int,
    population: int,
    *,
    confidence: float = 0.95,
    likelihood: Likelihood = "hypergeometric",
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
    limit, rows = _limit(examined, exceptions, population, confidence, likelihood)
    found = None
    if tolerable is not None:
        found = conclude(limit, tolerable, share, confidence, scope=scope)
    return AttributesEvaluation(
        examined,
        exceptions,
        population,
        confidence,
        likelihood,
        share,
        limit,
        int(limit * population + 1e-9),
        (ArithmeticRow("Most likely share", f"{exceptions} / {examined}", share), *rows),
        FORMULAS[likelihood],
        SOURCES[likelihood],
        found,
    )


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


def _limit(
    examined: int, exceptions: int, population: int, confidence: float, likelihood: Likelihood
) -> tuple[float, list[ArithmeticRow]]:
    """The upper limit of the share, and its lines."""
    match likelihood:
        case "hypergeometric":
            return _hypergeometric(examined, exceptions, population, confidence)
        case "binomial":
            limit = binomial_limit(exceptions, examined, confidence)
            formula = f"Beta⁻¹({confidence:g}; {exceptions} + 1, {examined} − {exceptions})"
            return limit, [ArithmeticRow("Upper limit", formula, limit)]
        case "poisson":
            factor = poisson_factor(exceptions, confidence)
            limit = min(factor / examined, 1.0)
            return limit, [
                ArithmeticRow("Factor", f"Γ⁻¹({confidence:g}; {exceptions} + 1)", factor),
                ArithmeticRow("Upper limit", f"{factor:.4f} / {examined}", limit),
            ]


def _hypergeometric(
    examined: int, exceptions: int, population: int, confidence: float
) -> tuple[float, list[ArithmeticRow]]:
    wrong = hypergeometric_limit(exceptions, examined, population, confidence)
    limit = wrong / population
    rows = [
        ArithmeticRow(
            f"P(X ≤ {exceptions}) if {count} rows are wrong",
            f"Hypergeometric({exceptions}; {population}, {count}, {examined})",
            at_most(exceptions, population, count, examined),
        )
        for count in (wrong, wrong + 1)
        if count <= population - (examined - exceptions)
    ]
    return limit, [*rows, ArithmeticRow("Upper limit", f"{wrong} / {population}", limit)]
