"""Sizes of audit samples: published tables, and what the smallest size means."""

from __future__ import annotations

import pytest
from scipy.stats import beta, gamma, hypergeom

from contract.words import Likelihood
from domain_errors import DomainError
from estimation_engine.audit import AuditGoal, size_for_materiality
from tests.support.published_tables import table


def size(
    materiality: float,
    expected: float = 0.0,
    confidence: float = 0.95,
    likelihood: Likelihood = "poisson",
    population: int | None = None,
) -> int:
    goal = AuditGoal(
        materiality=materiality,
        expected=expected,
        confidence=confidence,
        likelihood=likelihood,
        population=population,
    )
    return size_for_materiality(goal).size


@pytest.mark.parametrize(
    ("materiality", "expected", "confidence", "published"),
    [
        (0.03, 0.01, 0.95, 220),
        (0.03, 0.01, 0.90, 158),
    ],
)
def test_published_poisson_sizes(
    materiality: float, expected: float, confidence: float, published: int
) -> None:
    assert size(materiality, expected, confidence) == published


def test_a_published_binomial_size() -> None:
    assert size(0.03, 0.01, likelihood="binomial") == 257


def test_one_row_less_than_a_published_hypergeometric_size_is_not_enough() -> None:
    for number in table("touw_hoogduin", "Page 123").numbers:
        errors, rows, found = number.inputs["expected"], 1200, int(number.published)
        wrong = rows // 20
        assert hypergeom.cdf(errors, rows, wrong, found) < 0.10
        assert hypergeom.cdf(errors, rows, wrong, found - 1) >= 0.10


@pytest.mark.parametrize("likelihood", ["poisson", "binomial"])
@pytest.mark.parametrize(("materiality", "expected"), [(0.03, 0.0), (0.04, 0.013), (0.2, 0.07)])
def test_one_item_less_is_not_enough(
    likelihood: Likelihood, materiality: float, expected: float
) -> None:
    found = size_for_materiality(
        AuditGoal(materiality=materiality, expected=expected, likelihood=likelihood)
    )
    assert found.upper_limit < materiality
    assert found.limit_of_one_less is not None
    assert found.limit_of_one_less >= materiality
    n, x = found.size, found.tolerated_errors
    by_scipy = (
        gamma.ppf(0.95, 1 + x) / n if likelihood == "poisson" else beta.ppf(0.95, 1 + x, n - x)
    )
    assert found.upper_limit == pytest.approx(by_scipy)
    assert found.interval_share == 1 / n


def test_the_limit_of_a_hypergeometric_size_is_below_the_materiality() -> None:
    found = size_for_materiality(
        AuditGoal(
            materiality=0.05,
            expected=0,
            confidence=0.9,
            likelihood="hypergeometric",
            population=1200,
        )
    )
    assert found.upper_limit == 58 / 1200
    assert found.limit_of_one_less == 60 / 1200


@pytest.mark.parametrize(
    ("goal", "place", "message"),
    [
        (AuditGoal(materiality=0.0), "materiality", "above 0 and below 1"),
        (AuditGoal(materiality=1.0), "materiality", "above 0 and below 1"),
        (AuditGoal(materiality=0.05, expected=0.05), "expected", "must be below the materiality"),
        (AuditGoal(materiality=0.05, expected=-0.01), "expected", "a share below 1"),
        (AuditGoal(materiality=0.05, expected=1.5), "expected", "a whole number of errors"),
        (AuditGoal(materiality=0.05, confidence=0.49), "confidence", "from 0.5"),
        (
            AuditGoal(materiality=0.05, likelihood="hypergeometric"),
            "likelihood",
            "needs a population",
        ),
        (AuditGoal(materiality=0.05, expected=0.0499), "expected", "expect fewer errors"),
        (AuditGoal(materiality=0.05, expected=3, population=20), "expected", "examine all rows"),
    ],
)
def test_goals_out_of_range_are_refused(goal: AuditGoal, place: str, message: str) -> None:
    with pytest.raises(DomainError, match=message) as caught:
        size_for_materiality(goal)
    assert (caught.value.code, caught.value.loc) == ("invalid_goal", ("goal", place))
