"""Distances, tests and groups of a comparison are those of the field's libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from profiling_engine.comparison.significance import (
    chi_square_p,
    expected_shares,
    groups_of_categories,
    holm,
    joint_size,
    kolmogorov_distance,
    kolmogorov_p,
    weighted_mean_and_deviation,
)


def test_distances_and_tails_match_scipy() -> None:
    chance = np.random.default_rng(7)
    one, two = chance.normal(size=400), chance.normal(0.3, 1.2, size=300)
    equal = np.ones(400), np.ones(300)
    distance = kolmogorov_distance(one, equal[0], two, equal[1])
    reference = stats.ks_2samp(one, two)
    assert distance == pytest.approx(reference.statistic)
    size = 400 * 300 / 700
    assert kolmogorov_p(distance, size) == pytest.approx(reference.pvalue, rel=0.15)
    shares, seen = np.array([0.5, 0.3, 0.2]), np.array([0.45, 0.33, 0.22])
    expected = stats.chisquare(seen * 500, shares * 500)
    assert chi_square_p(shares, seen, shares, 500) == pytest.approx(expected.pvalue)


def test_rare_categories_are_merged_before_the_test() -> None:
    shares = np.array([0.9, 0.09, 0.004, 0.003, 0.003])
    assert list(groups_of_categories(shares, 1000)) == [0, 1, 2, 2, 2]
    assert list(groups_of_categories(shares, 400)) == [0, 1, 1, 1, 1]
    assert list(groups_of_categories(shares, np.inf)) == [0, 1, 2, 3, 4]
    assert list(groups_of_categories(np.array([0.0, 1.0]), np.inf)) == [0, 0]


def test_two_samples_match_a_contingency_table() -> None:
    one, two = np.array([40, 30, 30]), np.array([70, 30, 100])
    shares = one / one.sum(), two / two.sum()
    expected = expected_shares(*shares, 100, 200)
    p_value = chi_square_p(*shares, expected, joint_size(100, 200))
    reference = stats.chi2_contingency([one, two], correction=False)
    assert p_value == pytest.approx(reference.pvalue)
    whole = expected_shares(*shares, np.inf, 200)
    assert list(whole) == list(shares[0])


def test_holm_stops_at_the_first_insignificant_test() -> None:
    assert holm([0.001, 0.2, 0.006, 0.0001], 0.01) == [True, False, False, True]
    assert holm([], 0.01) == []


def test_means_of_the_largest_numbers_are_finite() -> None:
    values = np.array([1e308, -1e308, 1e308, -1e308])
    assert weighted_mean_and_deviation(values, np.ones(4)) == (0.0, pytest.approx(1e308))
    plain = np.array([1.5, 2.25, 9.0])
    assert weighted_mean_and_deviation(plain, np.ones(3)) == (plain.mean(), plain.std())
