"""Labels needed with a judge: published effective sizes, and the correlation of a pilot."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from estimation_engine.planning.judge import effective_labels, pooled_correlation


@pytest.mark.parametrize(
    ("labels", "unlabelled", "correlation", "expected"),
    [
        (605, 3345, 0.9, 1926),
        (942, 5210, 0.9, 3000),
        (418, 5398, 0.9751, 3557),
        (3267, 9856, 0.4939, 4000),
    ],
)
def test_published_effective_labels(
    labels: int, unlabelled: int, correlation: float, expected: int
) -> None:
    assert round(effective_labels(labels, unlabelled, correlation)) == expected


def test_the_finite_population_gives_the_same_formula() -> None:
    """S²(1 - ρ²)(1/n - 1/M) with the judge is S²(1/n_eff - 1/M) by people alone."""
    labels, rows, rho = 400, 3_000, 0.7
    effective = effective_labels(labels, rows - labels, rho)
    assert (1 - rho**2) * (1 / labels - 1 / rows) == pytest.approx(1 / effective - 1 / rows)


def correlated(rho: float, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    return rho * x + sqrt(1 - rho**2) * random.normal(size=rows), x


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.8])
def test_the_limits_hold_as_often_as_they_say(rho: float) -> None:
    """In strata of other means and with unequal weights; limits are of the size of ρ."""
    strata = np.repeat([0, 1, 2], [20, 30, 40])
    weights = np.repeat([4.0, 1.0, 2.0], [20, 30, 40])
    hits, values = 0, []
    for seed in range(1_500):
        y, x = correlated(rho, 90, seed)
        found = pooled_correlation(
            y + 5.0 * strata, x - 9.0 * strata, weights, strata, np.ones(90, dtype=bool)
        )
        assert found is not None
        hits += found.low <= abs(rho) <= found.high
        values.append(found.value)
    assert 0.93 <= hits / 1_500 <= 0.98
    if rho:
        assert np.mean(values) == pytest.approx(abs(rho), abs=0.02)


def test_too_little_is_no_correlation() -> None:
    y, x = correlated(0.5, 30, 1)
    every, ones, strata = np.ones(30, dtype=bool), np.ones(30), np.zeros(30, dtype=np.int64)
    assert pooled_correlation(y, np.full(30, 0.3), ones, strata, every) is None
    assert pooled_correlation(np.zeros(30), x, ones, strata, every) is None
    assert pooled_correlation(y, x, ones, strata, np.arange(30) < 9) is None
    assert pooled_correlation(y, x, ones, strata, np.arange(30) < 10) is not None
