"""Samples of two stages: published plans, and exact enumeration of risks and limits."""

from __future__ import annotations

from functools import cache, partial
from itertools import product
from typing import Any

import pytest
from scipy.stats import binom, hypergeom, poisson

from application.validation.published import PublishedNumber
from contract.words import Likelihood
from estimation_engine import audit
from estimation_engine.audit import (
    AuditGoal,
    Stage,
    TwoStageEvaluation,
    TwoStageRule,
    two_stage_limit,
    two_stage_plan,
    two_stage_risk,
)
from estimation_engine.errors import InvalidFindings, InvalidGoal
from tests.support.published_tables import table

SMALL = TwoStageRule(12, 9, 1, 3)
LIKELIHOODS: list[Likelihood] = ["poisson", "binomial", "hypergeometric"]
evaluate_attributes = partial(audit.evaluate_attributes, confidence=0.95)
evaluate_two_stages = partial(audit.evaluate_two_stages, confidence=0.95)


@pytest.mark.parametrize(
    "number",
    [
        *table("touw_hoogduin", "Page 129").numbers,
        *table("acceptance", "Two stages").numbers,
    ],
)
def test_published_sizes(number: PublishedNumber) -> None:
    inputs: dict[str, Any] = dict(number.inputs)
    accept = (inputs.pop("accept_first"), inputs.pop("accept_both"))
    goal, published = AuditGoal(**inputs), int(number.published)
    plan = two_stage_plan(goal, *accept)
    assert (plan.first, plan.second) == (published, published)
    assert plan.risk <= 1 - goal.confidence
    less = TwoStageRule(published - 1, published - 1, *accept)
    assert two_stage_risk(less, goal.materiality, goal.likelihood, 10**6) > 1 - goal.confidence


def chance_of(
    first: int, then: int, likelihood: Likelihood, share: float, population: int
) -> float:
    """The probability of so many exceptions in both stages of SMALL, one after the other."""
    n, m = SMALL.first, SMALL.second
    if likelihood == "hypergeometric":
        wrong = round(share * population)
        before = hypergeom.pmf(first, population, wrong, n)
        return float(before * hypergeom.pmf(then, population - n, max(wrong - first, 0), m))
    if likelihood == "binomial":
        return float(binom.pmf(first, n, share) * binom.pmf(then, m, share))
    return float(poisson.pmf(first, n * share) * poisson.pmf(then, m * share))


def place(first: int, then: int) -> tuple[int, int]:
    """How the rule values a result: the smaller the better."""
    if first <= SMALL.accept_first:
        return 0, first
    return (2, first) if first > SMALL.accept_both else (1, first + then)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_the_risk_is_that_of_all_results(likelihood: Likelihood, share: float) -> None:
    accepted = sum(
        chance_of(first, then, likelihood, share, 40)
        for first, then in product(range(40), range(40))
        if place(first, then) <= (1, SMALL.accept_both)
    )
    assert two_stage_risk(SMALL, share, likelihood, 40) == pytest.approx(accepted)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(
    ("first", "then"), [(0, 0), (1, 0), (2, 0), (2, 1), (3, 4), (4, 0), (7, 0)]
)
def test_the_limit_is_the_share_at_which_worse_results_are_likely(
    likelihood: Likelihood, first: int, then: int
) -> None:
    stage = 2 if SMALL.accept_first < first <= SMALL.accept_both else 1
    limit = two_stage_limit(SMALL, stage, first + then, 0.9, likelihood, 60)

    def as_good(share: float) -> float:
        return sum(
            chance_of(one, other, likelihood, share, 60)
            for one, other in product(range(30), range(30))
            if place(one, other) <= place(first, then)
        )

    if likelihood == "hypergeometric":
        assert as_good(limit) > 0.1 >= as_good(limit + 1 / 60)
    elif limit < 1:
        assert as_good(limit) == pytest.approx(0.1, abs=1e-6)
    else:
        assert as_good(1.0) > 0.1


def test_limits_cover_the_true_share_of_a_small_population() -> None:
    """The results whose limit is at least the truth have a probability of 90 % or more."""
    population = 30
    limit = cache(
        lambda stage, errors: two_stage_limit(
            SMALL, stage, errors, 0.9, "hypergeometric", population
        )
    )
    for wrong in range(0, population + 1, 2):
        covered = 0.0
        for first in range(max(0, wrong - population + SMALL.first), min(SMALL.first, wrong) + 1):
            before = hypergeom.pmf(first, population, wrong, SMALL.first)
            if not SMALL.accept_first < first <= SMALL.accept_both:
                covered += before * (wrong / population <= limit(1, first))
                continue
            for then in range(min(SMALL.second, wrong - first) + 1):
                rest = population - SMALL.first
                chance = before * hypergeom.pmf(then, rest, wrong - first, SMALL.second)
                covered += chance * (wrong / population <= limit(2, first + then))
        assert covered >= 0.9 - 1e-12


def evaluated(first: Stage, second: Stage | None = None) -> TwoStageEvaluation:
    rule = TwoStageRule(105, 105)
    return evaluate_two_stages(rule, first, second, 10_000, tolerable=0.03, likelihood="poisson")


@pytest.mark.parametrize(
    ("first", "second", "decision", "sentence"),
    [
        (0, None, "accept", "The rule accepts after stage 1: 0 exceptions in 105 rows."),
        (1, None, "continue", "Stage 1 has 1 exception in 105 rows, so the rule asks for stage 2"),
        (1, 0, "accept", "The rule accepts after stage 2: 1 exception in 210 rows."),
        (1, 1, "reject", "The rule doesn't accept after stage 2: 2 exceptions in 210 rows are"),
        (2, None, "reject", "The rule doesn't accept after stage 1: 2 exceptions in 105 rows"),
        (0, 5, "accept", "The rule accepts after stage 1: 0 exceptions in 105 rows."),
    ],
)
def test_the_rule_decides(first: int, second: int | None, decision: str, sentence: str) -> None:
    found = evaluated(Stage(105, first), None if second is None else Stage(105, second))
    assert found.decision == decision
    assert found.conclusion.sentence.startswith(sentence)
    assert found.conclusion.is_tolerable == (decision == "accept")
    assert (found.upper_limit is None) == (decision == "continue")
    if found.upper_limit is not None:
        assert (found.upper_limit < 0.03) == (decision == "accept")


def test_the_rule_accepts_but_its_stages_are_too_small() -> None:
    small = evaluate_two_stages(TwoStageRule(50, 50), Stage(50, 0), None, 9_000, tolerable=0.03)
    assert (small.decision, small.conclusion.is_tolerable) == ("accept", False)
    assert "for which these stages are too small" in small.conclusion.sentence


def test_one_sample_of_all_rows_would_accept_what_the_rule_does_not() -> None:
    """The reason for the rule: 2 exceptions in 210 rows have a limit below 3 % as one sample."""
    together = evaluate_attributes(250, 2, 10_000, likelihood="poisson", tolerable=0.03)
    assert together.conclusion is not None
    assert together.conclusion.is_tolerable
    rule = TwoStageRule(125, 125)
    found = evaluate_two_stages(rule, Stage(125, 1), Stage(125, 1), 10_000, tolerable=0.03)
    assert found.decision == "reject"


@pytest.mark.parametrize("accept", [(1, 1), (-1, 0), (2, 1), (0, 101)])
def test_accepted_numbers_that_do_not_fit_are_refused(accept: tuple[int, int]) -> None:
    with pytest.raises(InvalidGoal, match="such as 0 and 1") as caught:
        two_stage_plan(AuditGoal(materiality=0.03), *accept)
    assert caught.value.loc == ("goal", "accept")


def test_more_exceptions_than_rows_are_refused() -> None:
    with pytest.raises(InvalidFindings):
        evaluated(Stage(105, 106))
    with pytest.raises(InvalidFindings):
        evaluated(Stage(105, 1), Stage(105, 106))
