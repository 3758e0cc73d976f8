"""Estimates: unbiased over all samples of small populations, and sound at the edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from application.validation.samples import one
from contract.requests.estimate import VarianceRequest
from contract.words import StatisticName
from estimation_engine import (
    Design,
    DomainEstimate,
    Domains,
    EstimateSettings,
    LonelyStratum,
    Values,
    cluster_design,
    estimate,
    random_design,
    stratified_design,
    weighted_design,
)
from estimation_engine.intervals import hypergeometric_interval

Y = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
IN_DOMAIN = np.array([True, False, True, True, False, True, True, False])
STRATA = np.array([0, 0, 0, 0, 1, 1, 1, 1])
CLUSTERS = np.array([0, 0, 1, 1, 1, 2, 2, 2])
NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=40)


def domain_total(design: Design, rows: np.ndarray) -> DomainEstimate:
    """The total of the rows in the domain, from a sample of these rows."""
    values = Values("total", Y[rows], np.ones(len(rows), dtype=np.bool_))
    domains = Domains(IN_DOMAIN[rows], np.zeros(len(rows), dtype=np.int64), 1)
    return estimate(design, values, domains, EstimateSettings())[0]


def assert_unbiased(found: list[DomainEstimate]) -> None:
    """The mean estimate is the truth, and the mean estimated variance is that of the estimates."""
    values = np.array([each.value for each in found])
    errors = np.array([each.error or 0.0 for each in found])
    assert values.mean() == pytest.approx(Y[IN_DOMAIN].sum())
    assert (errors**2).mean() == pytest.approx(values.var())


def test_random_samples_are_unbiased() -> None:
    samples = [np.array(rows) for rows in combinations(range(8), 3)]
    assert_unbiased([domain_total(random_design(3, 8), rows) for rows in samples])


def test_stratified_samples_are_unbiased() -> None:
    parts = (combinations(range(4), 2), combinations(range(4, 8), 3))
    samples = [np.array([*first, *second]) for first, second in product(*parts)]
    sizes = np.array([4, 4])
    assert_unbiased(
        [domain_total(stratified_design(STRATA[rows], sizes), rows) for rows in samples]
    )


def test_samples_of_whole_clusters_are_unbiased() -> None:
    samples = [np.flatnonzero(np.isin(CLUSTERS, pair)) for pair in combinations(range(3), 2)]
    sizes = np.bincount(CLUSTERS)
    assert_unbiased(
        [domain_total(cluster_design(CLUSTERS[rows], sizes, 3, 8), rows) for rows in samples]
    )


def test_samples_of_two_stages_are_unbiased() -> None:
    found = []
    sizes = np.bincount(CLUSTERS)
    for pair in combinations(range(3), 2):
        inside = [list(combinations(np.flatnonzero(each == CLUSTERS), 2)) for each in pair]
        parts = []
        for first, second in product(*inside):
            rows = np.array([*first, *second])
            parts.append(domain_total(cluster_design(CLUSTERS[rows], sizes, 3, 8), rows))
        # A pair with fewer combinations is as likely as one with more: repeat it.
        found += parts * (9 // len(parts))
    assert len(found) == 27
    assert_unbiased(found)


@given(NUMBERS)
def test_equal_probabilities_are_a_random_sample(numbers: list[float]) -> None:
    n = len(numbers)
    by_size = weighted_design(np.full(n, n / 100), np.zeros(n, dtype=np.bool_), 100)
    plain = one(random_design(n, 100), "mean", numbers)
    weighted = one(by_size, "mean", numbers)
    assert (weighted.value, weighted.error) == pytest.approx((plain.value, plain.error))


@given(NUMBERS)
def test_a_whole_population_is_known(numbers: list[float]) -> None:
    n = len(numbers)
    halves = np.arange(n) % 2
    designs = [
        random_design(n, n),
        stratified_design(halves, np.bincount(halves)),
        cluster_design(halves, np.bincount(halves), 2, n),
        weighted_design(np.ones(n), np.ones(n, dtype=np.bool_), n),
    ]
    for design in designs:
        for statistic in ("mean", "total", "proportion"):
            values = np.array(numbers) > 0 if statistic == "proportion" else numbers
            found = one(design, statistic, values)
            assert found.error == 0
            assert found.low == found.high == found.value


@given(NUMBERS, st.integers(1, 4))
def test_totals_of_groups_add_up(numbers: list[float], count: int) -> None:
    n = len(numbers)
    design = random_design(n, 3 * n)
    groups = np.arange(n) % count
    values = Values("total", np.array(numbers), np.ones(n, dtype=np.bool_))
    domains = Domains(np.ones(n, dtype=np.bool_), groups, count)
    found = estimate(design, values, domains, EstimateSettings())
    whole = one(design, "total", numbers)
    assert sum(each.value or 0 for each in found) == pytest.approx(whole.value, abs=1e-3)
    assert sum(each.rows for each in found) == n


def test_a_missing_value_is_outside_the_domain() -> None:
    present = np.array([True, True, False, True, True, True])
    y = [1.0, 2.0, 99.0, 4.0, 5.0, 6.0]
    found = one(random_design(6, 60), "mean", y, present=present)
    assert (found.value, found.rows, found.missing) == (pytest.approx(3.6), 5, 1)
    total = one(random_design(6, 60), "total", y, present=present)
    assert total.value == pytest.approx(180)
    # The zeros of other rows count in the variance of a total.
    as_zero = one(random_design(6, 60), "total", [1.0, 2.0, 0.0, 4.0, 5.0, 6.0])
    assert total.error == pytest.approx(as_zero.error)


def test_a_lonely_stratum_is_refused_or_adjusted() -> None:
    design = stratified_design(np.array([0, 0, 1]), np.array([10, 10]))
    with pytest.raises(LonelyStratum, match="1 stratum has one drawn row"):
        one(design, "mean", [1.0, 2.0, 4.0])
    rules = [VarianceRequest(lonely_stratum="adjust"), VarianceRequest(lonely_stratum="average")]
    errors = [one(design, "mean", [1.0, 2.0, 4.0], rules=rule).error or 0 for rule in rules]
    assert min(errors) > 0
    # A stratum of one row that was drawn is known.
    known = stratified_design(np.array([0, 0, 1]), np.array([10, 1]))
    assert (one(known, "mean", [1.0, 2.0, 4.0]).error or 0) > 0


def test_one_row_has_an_estimate_without_a_margin() -> None:
    found = one(random_design(1, 10), "mean", [4.0])
    assert (found.value, found.error, found.low, found.high) == (4.0, None, None, None)


def test_one_cluster_of_several_has_no_margin() -> None:
    design = cluster_design(np.zeros(6, dtype=np.int64), np.array([6, 0]), 9, 50)
    for statistic in ("mean", "total", "proportion", "quantile"):
        found = one(design, statistic, [1, 0, 1, 1, 0, 1])
        assert found.value is not None
        assert (found.error, found.low, found.high) == (None, None, None)
    # All rows with one value: as one drawn unit, which bounds the share hardly.
    every = one(design, "proportion", [1] * 6)
    assert (every.value, every.error) == (1.0, None)


@pytest.mark.parametrize("statistic", ["mean", "ratio", "quantile"])
def test_one_row_of_a_group_has_no_margin(statistic: StatisticName) -> None:
    """About its own mean one row doesn't vary, whatever the others of its group are."""
    values = Values(statistic, Y[:4], np.ones(4, dtype=np.bool_), np.ones(4))
    domains = Domains(np.ones(4, dtype=np.bool_), np.array([0, 1, 1, 1]), 2)
    alone, several = estimate(random_design(4, 8), values, domains, EstimateSettings())
    assert (alone.value, alone.error, alone.low, alone.high) == (3.0, None, None, None)
    assert several.error is not None or statistic == "quantile"
    known, _ = estimate(random_design(4, 4), values, domains, EstimateSettings())
    assert (known.value, known.error, known.low) == (3.0, 0.0, 3.0)


def test_no_row_of_a_domain_gives_no_mean() -> None:
    nothing = np.zeros(4, dtype=np.bool_)
    mean = one(random_design(4, 10), "mean", [1, 2, 3, 4], present=nothing)
    total = one(random_design(4, 10), "total", [1, 2, 3, 4], present=nothing)
    assert (mean.value, mean.error, mean.rows) == (None, None, 0)
    assert (total.value, total.error, total.low) == (0.0, None, None)


def test_a_ratio_to_nothing_has_no_value() -> None:
    found = one(random_design(3, 9), "ratio", [1, 2, 3], [0, 0, 0])
    assert (found.value, found.error) == (None, None)


def test_take_all_rows_have_no_variance() -> None:
    take_all = np.array([True, False, False, False])
    design = weighted_design(np.array([1.0, 0.3, 0.3, 0.3]), take_all, 12)
    small = one(design, "total", [1.0, 5.0, 6.0, 7.0])
    large = one(design, "total", [1e9, 5.0, 6.0, 7.0])
    assert large.error == pytest.approx(small.error)
    assert small.degrees == 2


def test_no_success_has_the_exact_bound() -> None:
    found = one(random_design(30, 100), "proportion", [0] * 30)
    assert (found.low, found.interval) == (0.0, "hypergeometric")
    assert found.high == 0.09  # C(91, 30)/C(100, 30) = 0.034 > 0.025; C(90, 30) gives 0.023
    clusters = cluster_design(np.arange(30) // 3, np.full(10, 3), 40, 120)
    other = one(clusters, "proportion", [1] * 30)
    assert (other.high, other.interval) == (1.0, "clopper_pearson")
    # Ten clusters, of which each may hold equal rows, count as ten.
    assert other.low == pytest.approx(0.025 ** (1 / 10))


@pytest.mark.parametrize("successes", [0, 1, 7, 11, 12])
def test_the_hypergeometric_interval_is_that_of_all_populations(successes: int) -> None:
    fits = [
        rows
        for rows in range(successes, 40 - (12 - successes) + 1)
        if hypergeom.cdf(successes, 40, rows, 12) > 0.025
        and hypergeom.sf(successes - 1, 40, rows, 12) > 0.025
    ]
    expected = (min(fits) / 40, max(fits) / 40)
    assert hypergeometric_interval(successes, 12, 40, 0.025) == expected


def test_a_quantile_of_a_population() -> None:
    y = np.arange(1.0, 101.0)
    found = one(random_design(100, 10_000), "quantile", y)
    assert (found.value, found.interval) == (50.0, "woodruff")
    # Of 100 independent rows the 40th and the 61st: P(Bin(100, 1/2) < 40) = 0.0176.
    assert (found.low, found.high) == (40.0, 61.0)


@pytest.mark.parametrize(("shares", "q"), [((51, 39, 10), 0.5), ((25, 25, 50), 0.5)])
def test_intervals_of_quantiles_hold_where_values_tie(shares: Sequence[int], q: float) -> None:
    """The sample's own quantile may be the next value, on the other side of a large step."""
    population = np.repeat([1.0, 2.0, 3.0], 20 * np.array(shares))
    true = population[int(np.ceil(q * len(population))) - 1]
    random = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        y = random.choice(population, 100, replace=False)
        found = one(random_design(100, len(population)), "quantile", y, q=q)
        held += found.low <= true <= found.high
    assert held >= 186


def test_a_quantile_beyond_the_sample_has_no_margin() -> None:
    """Of 100 rows all may lie below the quantile 0.99: 0.99^100 is 0.37."""
    y = np.arange(1.0, 101.0)
    for q in (0.01, 0.99):
        found = one(random_design(100, 10_000), "quantile", y, q=q)
        assert (found.error, found.low, found.high) == (None, None, None)
    assert one(random_design(100, 100), "quantile", y, q=0.99).high == 99.0


@pytest.mark.parametrize("seed", range(4))
def test_the_total_of_the_weights_has_no_error_by_rounding(seed: int) -> None:
    sizes = np.random.default_rng(seed).lognormal(9.0, 1.0, 250).round(2)
    design = weighted_design(sizes / 2e6, np.zeros(250, dtype=np.bool_), 12645)
    everything = np.ones(250, dtype=np.bool_)
    domains = Domains(everything, np.zeros(250, dtype=np.int64), 1)
    (total,) = estimate(design, Values("total", sizes, everything), domains, EstimateSettings())
    assert (total.error, total.normal_units) == (0.0, None)
    ones = Values("total", np.ones(250), everything)
    (count,) = estimate(design, ones, domains, EstimateSettings())
    # A simple random sample knows the number of rows.
    assert count.error is not None
    assert count.error > 0
    assert count.design_effect is None
