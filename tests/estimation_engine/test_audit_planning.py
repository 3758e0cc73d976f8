"""Sizes of audit samples: published tables, and what the smallest size means."""

from __future__ import annotations

import pytest
from scipy.stats import beta, gamma, hypergeom

from contract.words import Likelihood
from domain_errors import DomainError
from estimation_engine.audit import AuditGoal, size_for_materiality
from estimation_engine.audit.limits import poisson_factor


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
    ("confidence", "factors"),
    [(0.95, [3.00, 4.74, 6.30, 7.75, 9.15, 10.51]), (0.90, [2.30, 3.89, 5.32])],
)
def test_published_factors(confidence: float, factors: list[float]) -> None:
    found = [round(poisson_factor(errors, confidence), 2) for errors in range(len(factors))]
    assert found == factors


@pytest.mark.parametrize(
    ("materiality", "expected", "confidence", "published"),
    [
        (0.03, 0, 0.95, 100),
        (0.03, 0.01, 0.95, 220),
        (0.05, 0.025, 0.95, 231),
        (0.05, 0.01, 0.95, 93),
        (0.01, 0, 0.95, 300),
        (0.03, 0.01, 0.90, 158),
    ],
)
def test_published_poisson_sizes(
    materiality: float, expected: float, confidence: float, published: int
) -> None:
    assert size(materiality, expected, confidence) == published


@pytest.mark.parametrize(
    ("materiality", "expected", "published"),
    [(0.03, 0.01, 257), (0.05, 0.025, 234), (0.01, 0, 299)],
)
def test_published_binomial_sizes(materiality: float, expected: float, published: int) -> None:
    assert size(materiality, expected, likelihood="binomial") == published


@pytest.mark.parametrize(
    ("confidence", "published"), [(0.95, [59, 93, 124, 153]), (0.90, [45, 77, 105, 132])]
)
def test_published_binomial_sizes_by_errors(confidence: float, published: list[int]) -> None:
    found = [size(0.05, errors, confidence, "binomial") for errors in range(4)]
    assert found == published


AICPA_5 = [59, 93, 93, 93, 93, 124, 124, 153, 181, 208, 234, 286, 361, 458, 624, 877, 1348]
AICPA_2 = [149, 236, 313, 386, 590, 1030]


@pytest.mark.parametrize(("materiality", "published"), [(0.05, AICPA_5), (0.02, AICPA_2)])
def test_aicpa_table_a_1(materiality: float, published: list[int]) -> None:
    """5 % risk; the expected rate rises by a quarter of a percent."""
    rates = [step / 400 for step in range(len(published))]
    assert [size(materiality, rate, likelihood="binomial") for rate in rates] == published


@pytest.mark.parametrize(
    ("ratio", "first", "last"), [(0, 30, 300), (0.2, 47, 463), (0.5, 116, 1154)]
)
def test_aicpa_table_c_1(ratio: float, first: int, last: int) -> None:
    """Monetary units, 5 % risk, tolerable 10 % and 1 %."""
    assert [size(tolerable, ratio * tolerable) for tolerable in (0.10, 0.01)] == [first, last]


@pytest.mark.parametrize(
    ("population", "errors", "published"),
    [(1200, 0, 45), (1200, 2, 102), (1000, 0, 57), (1000, 2, 119)],
)
def test_published_hypergeometric_sizes(population: int, errors: int, published: int) -> None:
    confidence = 0.90 if population == 1200 else 0.95
    found = size(0.05, errors, confidence, "hypergeometric", population)
    wrong = population // 20
    assert hypergeom.cdf(errors, population, wrong, found) < 1 - confidence
    assert hypergeom.cdf(errors, population, wrong, found - 1) >= 1 - confidence
    assert found == published


EZ_QUANT = {
    (500, 0.90): [27, 36, 54, 102],
    (1000, 0.90): [28, 37, 55, 108],
    (5000, 0.90): [28, 38, 57, 113],
    (500, 0.95): [35, 47, 69, 129],
    (1000, 0.95): [36, 48, 71, 138],
    (5000, 0.95): [36, 49, 73, 147],
}


@pytest.mark.parametrize(("given", "published"), EZ_QUANT.items())
def test_ez_quant_discovery_sizes(given: tuple[int, float], published: list[int]) -> None:
    population, confidence = given
    found = [
        size(tolerable, 0, confidence, "hypergeometric", population)
        for tolerable in (0.08, 0.06, 0.04, 0.02)
    ]
    assert found == published


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
