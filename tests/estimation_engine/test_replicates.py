"""Replicate weights give the design's own variances."""

from __future__ import annotations

import numpy as np
import pytest

from application.validation.samples import one
from estimation_engine import (
    CombinedRound,
    Design,
    Frame,
    LonelyStratum,
    cluster_design,
    combined_design,
    random_design,
    stratified_design,
    systematic_design,
    weighted_design,
)
from estimation_engine.errors import InvalidReplicates
from estimation_engine.replicates import Replicates, bootstrap, jackknife
from tests.estimation_engine.test_cluster_stages import staged

RANDOM = np.random.default_rng(3)
Y = RANDOM.gamma(2.0, 10.0, 60)
X = Y * RANDOM.uniform(0.5, 1.5, 60) + 5.0
THIRDS = np.arange(60) % 3
TENS = np.arange(60) // 6
P = np.concatenate([[1.0, 1.0], RANDOM.uniform(0.1, 0.5, 58)])
EVERY = np.ones(60, dtype=np.bool_)
DESIGNS: dict[str, Design] = {
    "random": random_design(60, 200),
    "stratified": stratified_design(THIRDS, np.array([20, 50, 90])),
    "clusters": cluster_design(TENS, np.full(10, 6), 25, 150),
    "two stages": cluster_design(TENS, np.arange(10, 20), 25, 400),
    "systematic": systematic_design(60, 300),
    "weighted": weighted_design(P, P == 1.0, 500),
    "clusters in strata": staged(
        TENS, np.full(20, 9), np.arange(20), np.arange(20) // 3 % 3, np.full(20, 0.5)
    ),
    "clusters by size": staged(
        TENS,
        np.full(20, 9),
        np.arange(20),
        np.zeros(20, dtype=np.int64),
        np.linspace(0.2, 1.0, 20),
        by_size=True,
    ),
    "three stages": staged(
        TENS * 3 + np.arange(60) % 2,
        np.full(60, 5),
        np.arange(60) // 3,
        np.zeros(20, dtype=np.int64),
        np.full(20, 0.5),
        np.full(60, 2 / 3),
    ),
    "rounds": combined_design(
        [
            CombinedRound(systematic_design(30, 100), np.arange(30), Frame(100, 30, 30, 29), EVERY),
            CombinedRound(
                cluster_design(TENS[30:] - 5, np.full(5, 9), 9, 81),
                np.arange(30, 60),
                Frame(92, 30, 5, 4),
                EVERY & (np.arange(60) > 10),
            ),
        ],
        60,
        120,
    ),
}


def variance_of(design: Design, made: Replicates, y: np.ndarray, x: np.ndarray | None) -> float:
    """The variance of a total, or of a ratio, by its replicates."""
    weights = design.weights[:, np.newaxis] * made.factors
    whole, replicates = design.weights @ y, weights.T @ y
    if x is not None:
        whole, replicates = whole / (design.weights @ x), replicates / (weights.T @ x)
    return float(made.scale * ((replicates - whole) ** 2).sum())


@pytest.mark.parametrize("name", DESIGNS)
def test_the_jackknife_of_a_total_is_its_linearised_variance(name: str) -> None:
    design = DESIGNS[name]
    made = jackknife(design)
    assert made.factors.min() >= 0
    total = one(design, "total", Y).error or 0.0
    assert variance_of(design, made, Y, None) == pytest.approx(total**2, rel=1e-10)
    ratio = one(design, "ratio", Y, X).error or 0.0
    assert variance_of(design, made, Y, X) == pytest.approx(ratio**2, rel=0.1)


def test_without_a_correction_it_is_jk1() -> None:
    design = random_design(60, 10**12)
    made = jackknife(design)
    deleted = np.array([np.delete(Y, at).mean() for at in range(60)])
    expected = 59 / 60 * ((deleted - Y.mean()) ** 2).sum()
    assert variance_of(design, made, Y, np.ones(60)) == pytest.approx(expected, rel=1e-6)
    # And a replicate is the sample without one row.
    assert made.factors.argmin(axis=0).tolist() == list(range(60))
    assert made.factors.min(axis=0) == pytest.approx(1 - (59 / 60) ** 0.5)


@pytest.mark.parametrize("name", DESIGNS)
def test_the_bootstrap_is_right_on_average(name: str) -> None:
    design = DESIGNS[name]
    made = bootstrap(design, 2000, seed=11)
    assert made.factors.min() >= 0
    total = one(design, "total", Y).error or 0.0
    # Its relative standard error with 2,000 replicates is about 3 %.
    assert variance_of(design, made, Y, None) == pytest.approx(total**2, rel=0.12)


def test_a_seed_repeats_the_bootstrap() -> None:
    design = DESIGNS["stratified"]
    first, again, other = (bootstrap(design, 20, seed) for seed in (5, 5, 6))
    assert np.array_equal(first.factors, again.factors)
    assert not np.array_equal(first.factors, other.factors)
    # Rows of a stratum that was drawn whole never vary.
    assert (first.factors[THIRDS == 0] == 1.0).all()


def test_what_has_no_variance_has_no_replicates() -> None:
    with pytest.raises(LonelyStratum):
        jackknife(stratified_design(np.array([0, 0, 1]), np.array([10, 10])))
    with pytest.raises(InvalidReplicates, match="alone has no variance"):
        bootstrap(random_design(1, 9), 100, 1)
    with pytest.raises(InvalidReplicates, match="bootstrap with up to 2,500 replicates"):
        jackknife(random_design(4000, 10_000))
    with pytest.raises(InvalidReplicates, match="2 to 5,000 replicates"):
        bootstrap(random_design(5, 10), 1, 1)


def test_a_census_has_replicates_that_never_vary() -> None:
    made = bootstrap(random_design(6, 6), 10, 1)
    assert (made.factors == 1.0).all()
    assert jackknife(random_design(6, 6)).factors.shape == (6, 0)
