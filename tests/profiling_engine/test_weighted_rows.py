"""Effective sample sizes: Kish's formula, and the variance that draws really have."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from contract.requests.estimate import VarianceRequest
from estimation_engine import cluster_design
from estimation_engine.designs.weighted import monetary_design
from profiling_engine.comparison.compared_table import WeightedRows, tail_factor


def test_equal_weights_have_the_full_size() -> None:
    design = WeightedRows(np.full(400, 2.5))
    assert design.is_simple
    assert design.effective_size == design.tested_size == 400
    assert list(design.share_sizes(np.zeros(400, np.int64), np.array([0.3, 0.7]))) == [400, 400]


def test_unequal_weights_have_kishs_size() -> None:
    weights = np.repeat([1.0, 3.0], 500)
    kish = weights.sum() ** 2 / (weights**2).sum()
    design = WeightedRows(weights)
    assert design.effective_size == pytest.approx(kish)
    assert design.tested_size == pytest.approx(kish, rel=0.05)
    heavy = WeightedRows(np.append(np.ones(99), 1000.0))
    assert heavy.effective_size < 1.3
    assert heavy.tested_size < 0.1


def test_tail_factor_matches_students_t() -> None:
    for degrees in (5, 10, 30, 100):
        for p in (0.01, 0.001):
            factor = (stats.t.isf(p / 2, degrees) / stats.norm.isf(p / 2)) ** 2
            assert tail_factor(degrees) >= factor
    assert tail_factor(1e6) == pytest.approx(1, abs=1e-4)


def test_each_cluster_counts_once() -> None:
    clusters = np.repeat(np.arange(20), 50)
    clustered = WeightedRows(np.ones(1000), clusters)
    assert clustered.effective_size == pytest.approx(20)
    assert clustered.tested_size < 20
    alone = WeightedRows(np.ones(1000), np.arange(1000))
    assert alone.effective_size == pytest.approx(1000)


def test_equal_clusters_count_at_most_their_number() -> None:
    clusters, codes = np.repeat(np.arange(20), 50), np.tile([0, 1], 500)
    design = WeightedRows(np.ones(1000), clusters)
    assert list(design.share_sizes(codes, np.array([0.5, 0.5]))) == [design.tested_size] * 2


def test_cumulative_sizes_match_the_sums() -> None:
    chance = np.random.default_rng(3)
    weights, codes = chance.uniform(1, 9, 300), chance.integers(0, 4, 300)
    shares, clusters = np.array([0.1, 0.2, 0.3, 0.4]), np.repeat(np.arange(60), 5)
    for design in (WeightedRows(weights), WeightedRows(weights, clusters)):
        sums = design.share_sizes(codes, np.cumsum(shares), cumulative=True)
        for at in range(3):
            below = (codes <= at).astype(np.int64)
            share = shares[: at + 1].sum()
            alone = design.share_sizes(below, np.array([1 - share, share]))
            assert sums[at] == pytest.approx(alone[1], rel=0.1)


def test_category_that_fills_the_sample_has_full_size() -> None:
    """The variance is that of the population's share, not of the sample's."""
    design = WeightedRows(np.repeat([1.0, 2.0], 50))
    sizes = design.share_sizes(np.ones(100, np.int64), np.array([0.98, 0.02]))
    assert sizes[1] == pytest.approx(design.effective_size, rel=0.01)


def test_variance_matches_many_draws() -> None:
    """Equal allocation to strata of unequal size, for a value that only the largest has."""
    chance = np.random.default_rng(5)
    strata = np.repeat(np.arange(4), [7000, 2000, 800, 200])
    has = (strata == 0) & (chance.random(10_000) < 0.1)
    shares = np.array([1 - has.mean(), has.mean()])
    estimates, sizes = [], []
    for _ in range(400):
        parts = [chance.choice(np.flatnonzero(strata == at), 100, replace=False) for at in range(4)]
        rows = np.concatenate(parts)
        weights = np.repeat([70.0, 20.0, 8.0, 2.0], 100)
        estimates.append(weights[has[rows]].sum() / weights.sum())
        design = WeightedRows(weights)
        sizes.append(design.share_sizes(has[rows].astype(np.int64), shares)[1])
    true = shares.prod() / float(np.var(estimates))
    assert 0.75 * true < np.mean(sizes) <= true
    assert true < 0.9 * design.effective_size, "Kish's size alone is too large"


def test_selected_rows_have_their_clusters() -> None:
    design = WeightedRows(np.arange(1.0, 7.0), np.array([0, 0, 1, 1, 2, 2]))
    part = design.of(np.array([True, False, False, False, True, True]))
    assert list(part.cluster_weights) == [1.0, 11.0]


def test_variances_are_those_of_estimates() -> None:
    """At the sample's own shares, of draws with replacement: only the finite population is left."""
    chance = np.random.default_rng(7)
    weights, codes = chance.uniform(1, 9, 300), chance.integers(0, 4, 300)
    ones, nothing = np.ones(300, dtype=np.int64), np.zeros(300, dtype=np.bool_)
    shares = np.bincount(codes, weights) / weights.sum()
    rows, domains = np.tile(np.arange(300), 4), np.repeat(np.arange(4), 300)
    t = (weights * ((codes == np.arange(4)[:, None]) - shares[:, None]) / weights.sum()).ravel()
    units = monetary_design(weights, ones, nothing, 10_000, with_replacement=True)
    linearised = WeightedRows(weights)._variances(codes, shares, cumulative=False)[0]
    of_estimates = units.variances(rows, domains, t, 4, VarianceRequest()).variances
    assert linearised * 300 / 299 == pytest.approx(of_estimates)

    clusters, size = np.repeat(np.arange(60), 5), np.full(60, 5)
    whole = cluster_design(clusters, size, 10**9, 5 * 10**9)
    shares = np.bincount(codes) / 300
    t = (((codes == np.arange(4)[:, None]) - shares[:, None]) / 300).ravel()
    of_estimates = whole.variances(rows, domains, t, 4, VarianceRequest()).variances
    between = WeightedRows(np.ones(300), clusters)._cluster_shares(codes, 4, cumulative=False)[1]
    assert between == pytest.approx(of_estimates)
