"""Hypergeometric tails against whole numbers, and results that reach a risk exactly."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from estimation_engine.audit import (
    AuditGoal,
    TwoStageRule,
    evaluate_attributes,
    size_for_materiality,
    two_stage_limit,
    two_stage_plan,
)
from estimation_engine.audit.planning import wrong_rows
from estimation_engine.hypergeometric import are_below, at_most, least_wrong, most_wrong, risk_of
from estimation_engine.intervals import hypergeometric_interval


def exactly(errors: int, population: int, wrong: int, size: int) -> Fraction:
    ways = sum(
        comb(wrong, k) * comb(population - wrong, size - k) for k in range(min(errors, size) + 1)
    )
    return Fraction(ways, comb(population, size))


@pytest.mark.parametrize("population", [1, 2, 7, 20])
def test_tails_of_all_small_samples(population: int) -> None:
    for wrong in range(population + 1):
        for size in range(1, population + 1):
            for errors in range(size + 1):
                tail = exactly(errors, population, wrong, size)
                found = at_most(errors, population, wrong, size)
                assert found == pytest.approx(float(tail), rel=1e-12)


@pytest.mark.parametrize(
    ("errors", "population", "wrong", "size"),
    [
        (1, 10**9, 94_396_283, 103),
        (5, 10**9, 53_233_138, 217),
        (0, 80_000, 2_400, 1_000),
        (40, 80_000, 2_400, 2_000),
        (2_990, 80_000, 2_400, 79_900),
    ],
)
def test_tails_of_large_populations(errors: int, population: int, wrong: int, size: int) -> None:
    tail = float(exactly(errors, population, wrong, size))
    assert at_most(errors, population, wrong, size) == pytest.approx(tail, rel=1e-11)


@pytest.mark.parametrize(
    ("confidence", "size"), [(0.90, 91), (0.95, 96), (0.8, 81), (0.99, 100), (0.5, 51), (0.7, 71)]
)
def test_ties_do_not_follow_the_rounding_of_a_risk(confidence: float, size: int) -> None:
    """1 wrong row of 100: P(X = 0) is (100 − n)/100, which is to be below the risk."""
    goal = AuditGoal(
        materiality=0.01,
        expected=0,
        confidence=confidence,
        likelihood="hypergeometric",
        population=100,
    )
    found = size_for_materiality(goal)
    assert found.size == size
    assert (found.upper_limit, found.limit_of_one_less) == (0.0, 0.01)


@pytest.mark.parametrize("confidence", [step / 100 for step in range(50, 100)])
def test_a_planned_size_is_the_smallest_that_is_evaluated_as_tolerable(confidence: float) -> None:
    for population, materiality in ((100, 0.01), (40, 0.05), (1000, 0.002)):
        goal = AuditGoal(
            materiality=materiality,
            expected=0,
            confidence=confidence,
            likelihood="hypergeometric",
            population=population,
        )
        size = size_for_materiality(goal).size
        for examined, is_tolerable in ((size, True), (size - 1, False)):
            found = evaluate_attributes(
                examined, 0, population, confidence=confidence, tolerable=materiality
            )
            assert found.conclusion is not None
            assert found.conclusion.is_tolerable is is_tolerable


def test_ties_of_two_stages_are_exact() -> None:
    """1 wrong row of 100: both stages accept 1 exception, so stages that miss it don't matter."""
    for confidence in (0.5, 0.7, 0.75):
        risk = risk_of(confidence)
        for population in (20, 40, 100):
            goal = AuditGoal(
                materiality=2 / population,
                expected=0,
                confidence=confidence,
                likelihood="hypergeometric",
                population=population,
            )
            first = two_stage_plan(goal).first
            # Accepted: no exception in stage 1, or one there and none in stage 2.
            ways = [
                Fraction(comb(population - n, 2), comb(population, 2))
                + Fraction(n * (population - 2 * n), comb(population, 2))
                for n in (first, first - 1)
            ]
            assert ways[0] < risk <= ways[1]


def test_a_two_stage_limit_keeps_a_share_that_reaches_the_risk() -> None:
    """No exception in 10 of 20 rows has a probability of one half with 1 wrong row."""
    assert two_stage_limit(TwoStageRule(10, 5), 1, 0, 0.5, "hypergeometric", 20) == 1 / 20
    assert two_stage_limit(TwoStageRule(11, 5), 1, 0, 0.5, "hypergeometric", 20) == 0.0


def test_limits_are_those_of_all_populations() -> None:
    population, size = 30, 11
    for confidence in (0.5, 0.9, 0.95):
        risk = risk_of(confidence)
        for errors in range(size + 1):
            levels = range(errors, population - (size - errors) + 1)
            most = max(k for k in levels if exactly(errors, population, k, size) >= risk)
            assert most_wrong(risk, errors, size, population) == most
            least = min(
                k
                for k in levels
                if exactly(size - errors, population, population - k, size) >= risk
            )
            assert least_wrong(risk, errors, size, population) == least


@pytest.mark.parametrize("likelihood", ["hypergeometric", "binomial", "poisson"])
def test_two_sides_bound_the_share_from_below(likelihood: str) -> None:
    both = evaluate_attributes(
        60,
        3,
        1_000,
        confidence=0.9,
        likelihood=likelihood,
        sides="two",  # type: ignore[arg-type]
    )
    one = evaluate_attributes(60, 3, 1_000, confidence=0.95, likelihood=likelihood)  # type: ignore[arg-type]
    assert both.upper_limit == pytest.approx(one.upper_limit)
    assert one.lower_limit is None
    assert both.lower_limit is not None
    assert 0 < both.lower_limit < both.share < both.upper_limit
    if likelihood == "hypergeometric":
        assert (both.lower_limit, both.upper_limit) == hypergeometric_interval(3, 60, 1_000, 0.05)
    elif likelihood == "binomial":
        assert both.lower_limit == pytest.approx(0.0137651576)
    names = [row.name for row in both.arithmetic]
    assert names.index("Lower limit") < names.index("Upper limit")


def test_no_exception_has_a_lower_limit_of_none() -> None:
    for likelihood in ("hypergeometric", "binomial", "poisson"):
        found = evaluate_attributes(20, 0, 100, confidence=0.95, likelihood=likelihood, sides="two")  # type: ignore[arg-type]
        assert (found.lower_limit, found.lower_rows) == (0.0, 0)


def test_sizes_are_decided_at_once() -> None:
    sizes = np.arange(1, 101)
    alone = [bool(are_below(risk_of(0.95), 0, 100, 1, n)[0]) for n in range(1, 101)]
    assert are_below(risk_of(0.95), np.zeros(100, int), 100, 1, sizes).tolist() == alone


def test_a_number_of_rows_as_a_share_is_that_number() -> None:
    """Rounded up as a float, 13 of 49 rows would else be 14."""
    for population in (49, 83, 997, 80_021):
        for rows in range(1, 40):
            assert (
                wrong_rows(AuditGoal(materiality=rows / population, population=population)) == rows
            )
