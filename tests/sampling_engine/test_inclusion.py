"""True inclusion probabilities of Pareto draws against other ways to them."""

from __future__ import annotations

from fractions import Fraction
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from parquet_tables.progress import ignore_progress
from sampling_engine import Round, WeightedMethod
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.weighted.inclusion import (
    LARGE_VARIANCE,
    MAX_INTEGRATED,
    SizeGroups,
    expit,
    ratios_to_targets,
)
from sampling_engine.methods.weighted.round import WeightedRound
from sampling_engine.rounds import prepare_round
from tests.sampling_engine import plain_draw
from tests.sampling_engine.conftest import Workshop

Floats = NDArray[np.float64]

SIZES = st.integers(1, 9) | st.sampled_from([100, 10_000, 10**6])


@given(
    sizes=st.lists(SIZES, min_size=2, max_size=9),
    count=st.integers(1, 8),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_stated_probabilities_are_those_of_the_plain_integral(
    workshop: Workshop, sizes: list[int], count: int, seed: int
) -> None:
    table = workshop.table({"w": ("BIGINT", sizes)})
    method = WeightedMethod(sample_size=count, weight_column="w")
    sample = workshop.draw(table, Round(round_number=1, method=method, seed=seed))
    count = min(count, len(sizes))
    by_row = plain_draw.pareto_targets({at: Fraction(w) for at, w in enumerate(sizes)}, count)
    targets = [by_row[at] for at in range(len(sizes))]
    stated = workshop.rows(sample.table, "_inclusion_probability")
    for at, (probability,) in zip(workshop.ordinals(sample), stated, strict=True):
        expected = plain_draw.pareto_probability(targets, count, at)
        assert probability == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("larger", [2, 3, 10, 1_000, 10**6, 10**12, 2**61])
def test_one_of_two_rows_has_the_closed_form(larger: int) -> None:
    """The probability that a difference of two logistic variables is below the log odds ratio."""
    log_odds = np.array([-log(larger), log(larger)])
    groups = SizeGroups(1, np.ones(2), log_odds)
    found = ratios_to_targets(groups, log_odds) * expit(log_odds)
    odds = larger**-2.0
    expected = odds * (odds - 1 + 2 * log(larger)) / (odds - 1) ** 2
    assert found[0] == pytest.approx(expected, rel=1e-10)
    assert found.sum() == pytest.approx(1.0, rel=1e-12)


def tilted(rows: Floats, log_odds: Floats) -> SizeGroups:
    """The groups with odds so multiplied that the targets add up to a whole number."""
    count = max(round(float((rows * expit(log_odds)).sum())), 1)
    count = min(count, int(rows.sum()) - 1)
    low, high = -30.0, 30.0
    for _ in range(100):
        middle = (low + high) / 2
        if (rows * expit(log_odds + middle)).sum() < count:
            low = middle
        else:
            high = middle
    return SizeGroups(count, rows, log_odds + low)


def random_groups(generator: np.random.Generator, variance: float) -> SizeGroups:
    log_odds = np.sort(generator.uniform(-7, 7, generator.integers(2, 6)))
    shares = generator.dirichlet(np.ones(len(log_odds)))
    rows = np.maximum(np.round(shares * variance / (expit(log_odds) * expit(-log_odds))), 1.0)
    return tilted(rows, log_odds)


def variance_of(groups: SizeGroups) -> float:
    return float((groups.rows * expit(groups.log_odds) * expit(-groups.log_odds)).sum())


@pytest.mark.parametrize("variance", [0.01, 0.3, 2.0, 10.0, 25.0, 200.0])
def test_probabilities_add_up_to_the_sample_size(variance: float) -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        groups = random_groups(generator, variance)
        found = ratios_to_targets(groups, groups.log_odds) * expit(groups.log_odds)
        assert (groups.rows * found).sum() == pytest.approx(groups.size, rel=1e-8)


def test_the_targets_are_exact_enough_from_a_variance_of_25() -> None:
    """The formula's derivation is with LARGE_VARIANCE; the last population is near the worst."""
    generator = np.random.default_rng(2)
    worst = tilted(np.array([5_000.0, 2_000.0, 40.0]), np.array([-6.0, 5.2, -2.1]))
    populations = [random_groups(generator, 40.0) for _ in range(150)] + [worst]
    largest = 0.0
    for groups in populations:
        d = variance_of(groups)
        if d < LARGE_VARIANCE:
            continue
        errors = ratios_to_targets(groups, groups.log_odds) - 1
        assert abs(errors).max() < 0.0003
        assert abs(errors).max() * d**2 < 0.163
        p, w = expit(groups.log_odds), groups.rows * expit(groups.log_odds)
        w = w * (1 - p) / d
        mean = (w * p).sum()
        g = p * (1 - p) * (p - mean) + p * (w * (p - mean) ** 2).sum()
        expected = (1 - p) * (g - (w * g).sum()) / d**2
        assert abs(errors - expected).max() * d**3 < 1.0
        largest = max(largest, abs(errors).max() * d**2)
    assert largest > 0.1


def test_the_targets_are_exact_enough_where_all_are_small() -> None:
    generator = np.random.default_rng(4)
    for _ in range(100):
        count, largest = int(generator.integers(1, 20)), 10 ** generator.uniform(-2.5, -0.5)
        p = largest * np.append(10 ** np.sort(generator.uniform(-2, 0, 2)), 1.0)
        rows = np.maximum(np.round(generator.dirichlet(np.ones(3)) * count / p), 1.0)
        p *= count / (rows * p).sum()
        if p.max() > 0.5:
            continue
        groups = SizeGroups(count, rows, np.log(p / (1 - p)))
        errors = ratios_to_targets(groups, groups.log_odds) - 1
        assert abs(errors).max() < 1.1 * (p.max() / variance_of(groups)) ** 2 + 1e-9


def test_usual_draws_state_their_targets(workshop: Workshop) -> None:
    """Neither many rows nor a few of many need the sizes of all rows."""
    table = workshop.table_of("SELECT 1 + i % 50 AS w FROM range(20000) AS r(i)")
    with workshop.database.cursor() as cursor:
        state = DrawState(cursor, table)
        for count in (1, 10, 100, 5_000):
            method = WeightedMethod(sample_size=count, weight_column="w")
            draw = prepare_round(
                state, Round(round_number=1, method=method, seed=1), ignore_progress
            )
            assert isinstance(draw, WeightedRound)
            assert draw.groups is None


def test_many_different_targets_are_interpolated() -> None:
    generator = np.random.default_rng(3)
    count = MAX_INTEGRATED + 500
    log_odds = np.sort(
        np.concatenate([generator.uniform(7, 9, 500), generator.normal(-8, 1, 2_048)])
    )
    groups = tilted(np.ones(count), log_odds)
    some = np.arange(0, count, 97)
    found = ratios_to_targets(groups, groups.log_odds)[some]
    assert abs(found - 1).max() > 0.005
    assert found == pytest.approx(ratios_to_targets(groups, groups.log_odds[some]), rel=2e-5)


def test_groups_of_similar_sizes_state_what_single_rows_would(workshop: Workshop) -> None:
    """20,000 different sizes, take-all rows, rows just below them, and a second round."""
    table = workshop.table_of(
        "SELECT CASE WHEN i < 30 THEN 10000000 + i * 10 WHEN i < 33 THEN 50000000 + i "
        "ELSE 1 + i * 7919 % 30011 / 3000.0 END AS w FROM range(20000) AS r(i)"
    )
    method = WeightedMethod(sample_size=33, weight_column="w")
    taken = np.arange(100, 200)
    with workshop.database.cursor() as cursor:
        state = DrawState(cursor, table)
        state.take(taken)
        one = Round(round_number=1, method=method, seed=1)
        draw = prepare_round(state, one, ignore_progress)
        assert isinstance(draw, WeightedRound)
        assert draw.groups is not None
        assert len(draw.groups.rows) < 600
        values = np.array([row[0] for row in workshop.rows(table, "w")])
        sizes = np.delete(values, taken)
        sizes = sizes[sizes < 5e7]
        assert draw.groups.rows.sum() == len(sizes)
        targets = 30 * sizes / sizes.sum()
        assert (targets * (1 - targets)).sum() < LARGE_VARIANCE
        assert draw.take_all.size == 30
        log_odds = np.log(30 * sizes) - np.log(sizes.sum() - 30 * sizes)
        exact = SizeGroups(30, np.ones(len(sizes)), np.sort(log_odds))
        some = np.argsort(sizes)[::397]
        units = np.round(sizes[some] * draw.weights.units.factor).astype(np.int64)
        found = draw.inclusion_probabilities(units) / targets[some]
        expected = ratios_to_targets(exact, log_odds[some])
        assert abs(expected - 1).max() > 0.1
        assert found == pytest.approx(expected, rel=1e-5)
