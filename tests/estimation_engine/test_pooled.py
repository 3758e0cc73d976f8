"""Samples of disjoint populations as strata: equal to a stratified sample, with true intervals."""

from __future__ import annotations

import numpy as np
import pytest

from contract.words import StatisticName
from estimation_engine import (
    Domains,
    EstimateSettings,
    Values,
    estimate,
    random_design,
    stratified_design,
)
from estimation_engine.arrays import Floats
from estimation_engine.designs.pooled import pooled_design
from tests.estimation_engine.test_cluster_stages import staged

SETTINGS = EstimateSettings(0.95)
SIZES = ((400, 25), (90, 12), (1_000, 40))


def whole(rows: int) -> Domains:
    return Domains(np.ones(rows, dtype=np.bool_), np.zeros(rows, dtype=np.int64), 1)


def values_of(name: StatisticName, y: Floats, x: Floats | None = None) -> Values:
    return Values(name, y, np.ones(len(y), dtype=np.bool_), x)


@pytest.mark.parametrize("name", ["mean", "total", "proportion", "ratio"])
def test_pooled_samples_are_a_stratified_sample(name: StatisticName) -> None:
    random = np.random.default_rng(5)
    drawn = [n for _, n in SIZES]
    groups = np.repeat(np.arange(3), drawn)
    y = random.normal(10 + groups, 3)
    if name == "proportion":
        y = (y > 11).astype(float)
    x = random.uniform(1, 2, len(y)) if name == "ratio" else None
    values, rows = values_of(name, y, x), whole(len(y))
    pooled = pooled_design([random_design(n, population) for population, n in SIZES])
    stratified = stratified_design(groups, np.array([population for population, _ in SIZES]))
    (one,) = estimate(pooled, values, rows, SETTINGS)
    (other,) = estimate(stratified, values, rows, SETTINGS)
    assert one.value == pytest.approx(other.value, rel=1e-12)
    assert one.error == pytest.approx(other.error, rel=1e-12)
    assert 0 < one.degrees <= other.degrees == sum(drawn) - 3


def test_scaled_samples_count_alike() -> None:
    """The pooled share is the mean of the shares, with Σ V / R² as its variance."""
    random = np.random.default_rng(6)
    designs = [random_design(n, population) for population, n in SIZES]
    shares = [(random.uniform(size=n) < 0.3).astype(float) for _, n in SIZES]
    found = [
        estimate(design, values_of("proportion", y), whole(len(y)), SETTINGS)[0]
        for design, y in zip(designs, shares, strict=True)
    ]
    scaled = pooled_design(designs, [1 / population for population, _ in SIZES])
    y = np.concatenate(shares)
    (one,) = estimate(scaled, values_of("proportion", y), whole(len(y)), SETTINGS)
    assert one.value == pytest.approx(np.mean([each.value for each in found]), rel=1e-12)
    error = np.sqrt(sum((each.error or 0) ** 2 for each in found)) / 3
    assert one.error == pytest.approx(error, rel=1e-12)
    (none,) = estimate(scaled, values_of("proportion", 0 * y), whole(len(y)), SETTINGS)
    assert none.value == 0.0
    assert none.low == 0.0
    assert none.high is not None
    assert none.high > 0.02


def test_intervals_hold_the_true_mean_of_all_populations() -> None:
    random = np.random.default_rng(7)
    populations = [random.gamma(4, 1 + at, size) for at, (size, _) in enumerate(SIZES)]
    truth = np.concatenate(populations).mean()
    designs = [random_design(n, size) for size, n in SIZES]
    pooled = pooled_design(designs)
    trials, held = 2_000, 0
    for _ in range(trials):
        y = np.concatenate(
            [
                random.choice(population, n, replace=False)
                for population, (_, n) in zip(populations, SIZES, strict=True)
            ]
        )
        (found,) = estimate(pooled, values_of("mean", y), whole(len(y)), SETTINGS)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert 0.93 <= held / trials <= 0.97


def test_subclusters_are_no_units_of_their_own() -> None:
    """4 of 40 clusters with 5 subclusters each, none of whose rows have the value."""
    groups, clusters = np.arange(20), np.arange(200) // 5
    every, none = np.zeros(40, dtype=np.int64), np.zeros(20)
    design = staged(groups, np.ones(200, dtype=np.int64), clusters, every, np.full(40, 0.1))
    pooled = pooled_design([design])
    values, rows = values_of("proportion", none), whole(20)
    (alone,) = estimate(design, values, rows, SETTINGS)
    (found,) = estimate(pooled, values, rows, SETTINGS)
    assert (found.units, found.high) == (alone.units, alone.high)
    assert found.units == 4
