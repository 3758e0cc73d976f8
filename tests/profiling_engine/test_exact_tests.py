"""Exact tests are scipy's hypergeometric distribution, and no category is too rare for them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from profiling_engine.comparison.significance import (
    UNLIMITED,
    ValueShare,
    count_p,
    share_p,
    upper_tail,
)
from tests.profiling_engine.simulated_samples import Population

FRAUD = np.repeat([0, 1], [9800, 200])


def test_tails_match_scipy() -> None:
    for total, marked, drawn in ((1000, 20, 100), (5000, 2500, 300), (60, 30, 50), (10**6, 3, 900)):
        for found in range(min(marked, drawn, 200) + 2):
            expected = stats.hypergeom.sf(found - 1, total, marked, drawn)
            tail = upper_tail(total, marked, drawn, found)
            assert tail == pytest.approx(expected, rel=1e-6, abs=1e-13)
    binomial = stats.binom.sf(11, 300, 0.02)
    assert upper_tail(UNLIMITED, UNLIMITED // 50, 300, 12) == pytest.approx(binomial, rel=1e-3)


def test_p_values_have_two_sides() -> None:
    for found in (0, 5, 12, 20, 31):
        below = stats.hypergeom.cdf(found, 2000, 200, 120)
        above = stats.hypergeom.sf(found - 1, 2000, 200, 120)
        expected = min(2 * min(below, above), 1)
        assert count_p(2000, 200, 120, found) == pytest.approx(expected)


def test_values_outside_the_population_have_p_0() -> None:
    assert share_p(ValueShare(0.0, math.inf, 500), ValueShare(0.01, 100)) == 0
    assert share_p(ValueShare(0.0, math.inf, 500), ValueShare(0.0, 100)) == 1
    assert share_p(ValueShare(0.5, math.inf, 10), ValueShare(0.5, 10)) == 1


def test_two_samples_match_fishers_test() -> None:
    one, two = ValueShare(3 / 1000, 1000), ValueShare(9 / 100, 100)
    expected = 2 * stats.hypergeom.sf(8, 1100, 12, 100)
    assert share_p(one, two) == pytest.approx(expected)
    assert share_p(two, one) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["category", "number", "missing category", "missing number"])
def test_rare_value_that_fills_a_sample_is_significant(kind: str) -> None:
    """100 rows of fraud, which is 2 % of the population."""
    numbers = np.where(FRAUD == 1, np.nan if kind.startswith("missing") else 1.0, 0.0)
    codes = np.where(FRAUD == 1, -1 if kind.startswith("missing") else 1, 0)
    population = Population({"x": numbers}, {"x": codes})
    for fraud, is_found in ((100, True), (14, True), (4, False)):
        rows = np.append(np.arange(100 - fraud), np.arange(9800, 9800 + fraud))
        if kind.endswith("category"):
            found = population.compare_labels("x", codes[rows])
        else:
            found = population.compare_numbers("x", numbers[rows])
        p_value = found.missing_p_value if kind.startswith("missing") else found.p_value
        assert (p_value < 1e-5) == is_found, (fraud, p_value)


def test_rare_category_of_many_is_significant() -> None:
    base = np.append(np.arange(20_000) % 400, np.full(20, 400))
    population = Population({}, {"x": base})
    even = np.random.default_rng(3).permutation(400)[:200]
    p_values = [
        population.compare_labels("x", np.append(even[40:], np.full(more, 400))).p_value
        for more in (0, 12)
    ]
    assert p_values[0] > 0.01
    assert p_values[1] < 1e-6
