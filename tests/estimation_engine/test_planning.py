"""Sizes for a precision: published numbers, optimality, and the variances of each design."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from statistics import NormalDist
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimation_engine.planning.allocation import (
    Strata,
    integer_sizes,
    optimal_sizes,
    sizes_for_budget,
    spent_sizes,
)
from estimation_engine.planning.bands import (
    BandHistogram,
    band_breaks,
    geometric_breaks,
    round_breaks,
)
from estimation_engine.planning.designs import (
    ClusterPlan,
    ClusterStagesPlan,
    RandomPlan,
    StratifiedPlan,
    WeightedPlan,
    smallest_size,
)
from estimation_engine.planning.frame import CellSums, frame_statistic
from estimation_engine.planning.goals import Goal, random_size, wilson_trials
from tests.support.published_tables import table

Z = NormalDist().inv_cdf(0.975)
HOSPITALS = np.array([215.0, 65.0, 252.0, 50.0, 149.0, 144.0])
DEVIATIONS = np.array([26787207.0, 10645109.0, 6909676.0, 11085034.0, 9817762.0, 44553355.0])
PUBLISHED = Strata(HOSPITALS, DEVIATIONS[None, :] ** 2, np.ones(6), np.zeros(6))


def test_a_small_population_needs_fewer_rows() -> None:
    square = 500 / 499 * 0.25
    assert random_size(square, (0.05 / Z) ** 2, 500) == pytest.approx(217.49, abs=0.005)


@pytest.mark.parametrize(("share", "margin", "rows"), [(0.04, 0.01, 1492.15), (0.5, 0.03, 1063.23)])
def test_wilson_intervals_need_the_published_rows(share: float, margin: float, rows: float) -> None:
    assert wilson_trials(share, margin, Z) == pytest.approx(rows, abs=0.005)
    goal = Goal(0.95, kind="margin", limit=margin, value=share, interval="wilson")
    found = goal.precision(goal.wanted(np.inf), np.inf)
    assert found.half_width == pytest.approx(margin)


def test_neyman_divides_as_published() -> None:
    allocation, _ = sizes_for_budget(PUBLISHED, 100.0, np.ones(1))
    published = [float(each.published) for each in table("sizes", "Neyman").numbers]
    assert allocation.sizes == pytest.approx(published, abs=5e-7)
    whole = spent_sizes(PUBLISHED, 100.0, allocation)
    assert whole.sum() == 100
    assert np.abs(whole - allocation.sizes).max() < 1


def test_a_fixed_cv_needs_the_published_strata() -> None:
    """PracTools, strAlloc: least cost for a coefficient of variation of 5 %."""
    costs = np.array([1400.0, 200.0, 300.0, 600.0, 450.0, 1000.0])
    strata = Strata(HOSPITALS, PUBLISHED.squares, costs, np.zeros(6))
    wanted = np.array([(0.05 * 11664181.0 * HOSPITALS.sum()) ** 2])
    allocation = optimal_sizes(strata, wanted)
    assert allocation.sizes == pytest.approx(
        [104.54922, 33.23283, 68.28362, 15.36917, 46.83941, 137.80400], abs=5e-6
    )
    whole = integer_sizes(strata, wanted, allocation)
    assert (strata.variances(whole) <= wanted).all()
    assert costs @ whole <= costs @ np.ceil(allocation.sizes)
    assert (strata.variances(whole - (whole == whole.max())) > wanted).all()


@st.composite
def problems(draw: st.DrawFn) -> tuple[Strata, np.ndarray]:
    """Strata with goals of very different kinds."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    strata, goals = draw(st.integers(1, 30)), draw(st.integers(1, 5))
    rows = np.floor(random.lognormal(5, 2, strata)) + 1
    squares = random.lognormal(0, 2, (goals, strata)) * (random.random((goals, strata)) < 0.8)
    costs = random.lognormal(0, 1, strata)
    problem = Strata(rows, squares, costs, np.minimum(rows, 2.0))
    whole = (rows**2 * squares).sum(axis=1)
    return problem, np.maximum(whole, 1.0) * 10.0 ** random.uniform(-6, -0.5, goals)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_an_optimal_allocation_meets_the_kkt_conditions(
    problem: tuple[Strata, np.ndarray],
) -> None:
    """Feasible, complementary, and of sizes where no row could be moved to save cost."""
    strata, wanted = problem
    found = optimal_sizes(strata, wanted)
    variances, sizes = strata.variances(found.sizes), found.sizes
    assert (variances <= wanted * (1 + 1e-6)).all()
    assert (found.multipliers >= 0).all()
    slack = 1 - (variances + strata.whole) / (wanted + strata.whole)
    shares = strata.parts / (wanted + strata.whole)[:, None]
    cost = found.cost(strata)
    assert np.abs(found.multipliers * slack).max() <= 1e-6 * cost
    gradient = strata.costs - (found.multipliers @ shares) / sizes**2
    inside = (sizes > strata.least * (1 + 1e-9)) & (sizes < strata.rows * (1 - 1e-9))
    assert (np.abs(gradient[inside]) <= 1e-6 * strata.costs[inside]).all()
    at_least, at_most = sizes <= strata.least * (1 + 1e-9), sizes >= strata.rows * (1 - 1e-9)
    assert (gradient[at_least & ~at_most] >= -1e-6 * strata.costs[at_least & ~at_most]).all()
    assert (gradient[at_most & ~at_least] <= 1e-6 * strata.costs[at_most & ~at_least]).all()
    whole = integer_sizes(strata, wanted, found)
    assert (strata.variances(whole) <= wanted * (1 + 1e-6)).all()
    assert ((whole >= strata.least) & (whole <= strata.rows)).all()
    assert strata.costs @ whole <= cost + strata.costs.sum() * (1 + 1e-6)


@pytest.mark.parametrize("seed", [150, 476, 1054])
def test_a_goal_is_reached_where_most_strata_are_at_a_bound(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = np.floor(random.lognormal(1, 2, 120)) + 1
    squares = random.lognormal(0, 3, (1, 120)) * (random.random(120) < 0.4)
    strata = Strata(rows, squares, random.lognormal(0, 1, 120), np.minimum(rows, 2.0))
    for power in (-6.0, -3.0, -1.0, -0.3):
        wanted = strata.parts.sum(axis=1) * 10.0**power
        found = optimal_sizes(strata, wanted)
        reached = strata.variances(found.sizes)
        assert (reached <= wanted * (1 + 1e-9)).all()
        assert found.multipliers[0] * (reached - wanted)[0] == pytest.approx(
            0, abs=1e-9 * wanted[0] * max(found.multipliers[0], 1.0)
        )


@settings(max_examples=8, deadline=None)
@given(problems(), st.floats(0.01, 0.9))
def test_a_budget_is_spent_for_the_best_precision(
    problem: tuple[Strata, np.ndarray], share: float
) -> None:
    strata, wanted = problem
    least = float(strata.costs @ strata.least)
    budget = least + share * (float(strata.costs @ strata.rows) - least)
    allocation, _ = sizes_for_budget(strata, budget, wanted)
    whole = spent_sizes(strata, budget, allocation)
    assert strata.costs @ whole <= budget * (1 + 1e-6)
    affordable = (whole < strata.rows) & (strata.costs <= (budget - strata.costs @ whole) * 0.999)
    assert not affordable.any()


def cells_of(
    y: np.ndarray, groups: np.ndarray, domains: np.ndarray, has_value: np.ndarray
) -> CellSums:
    """The sums of integers, as a scan gives them."""
    count = int(groups.max()) + 1
    keys = sorted(set(zip(groups.tolist(), domains.tolist(), strict=True)))
    parts = [y[(groups == g) & (domains == d) & has_value].tolist() for g, d in keys]
    return CellSums(
        np.array([g for g, _ in keys]),
        np.array([d for _, d in keys]),
        np.array([len(part) for part in parts]),
        np.array([sum(part) for part in parts], dtype=object),
        np.array([sum(v * v for v in part) for part in parts], dtype=object),
        3,
        Fraction(1, 4),
        np.bincount(groups, minlength=count),
        int(domains.max()) + 1,
    )


def linearised(
    statistic: str, y: np.ndarray, domains: np.ndarray, has_value: np.ndarray, domain: int
) -> np.ndarray:
    inside = (domains == domain) & has_value
    values = (y + 3) / 4
    if statistic == "total":
        return np.where(inside, values, 0.0)
    return np.where(inside, (values - values[inside].mean()) / inside.sum(), 0.0)


@pytest.mark.parametrize("statistic", ["mean", "total"])
def test_frame_facts_are_those_of_the_rows(statistic: str) -> None:
    random = np.random.default_rng(5)
    y, groups = random.integers(-50, 90, 400), random.integers(0, 7, 400)
    domains, has_value = random.integers(0, 3, 400), random.random(400) < 0.9
    facts = frame_statistic(statistic, cells_of(y, groups, domains, has_value))  # type: ignore[arg-type]
    sizes = np.bincount(groups)
    for domain in range(3):
        z = linearised(statistic, y, domains, has_value, domain)
        assert facts.squares[domain] == pytest.approx(z.var(ddof=1))
        by_group = [z[groups == group] for group in range(7)]
        assert facts.group_squares[domain] == pytest.approx([one.var(ddof=1) for one in by_group])
        totals = np.array([one.sum() for one in by_group])
        assert facts.group_sums[domain] == pytest.approx(totals, abs=1e-12)
        assert facts.group_sums_of_squares[domain] == pytest.approx(
            [(one**2).sum() for one in by_group]
        )
        assert facts.total_squares[domain] == pytest.approx(totals.var(ddof=1))
        inside = sum((len(one) - 1) * one.var(ddof=1) for one in by_group) / (400 - 7)
        assert facts.homogeneity[domain] == pytest.approx(1 - inside / z.var(ddof=1))
    deviations = [((y + 3) / 4)[(groups == g) & has_value].std(ddof=1) for g in range(7)]
    assert facts.cells.deviations() == pytest.approx(deviations)
    assert sizes.tolist() == facts.cells.group_rows.tolist()


Y = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
GROUPS = np.array([0, 0, 0, 1, 1, 1, 2, 2])


def variance_of_totals(samples: list[np.ndarray], weight: float) -> float:
    return float(np.var([weight * Y[rows].sum() for rows in samples]))


def test_a_random_plan_has_the_variance_of_all_samples() -> None:
    samples = [np.array(rows) for rows in combinations(range(8), 3)]
    plan = RandomPlan(8, np.array([Y.var(ddof=1)]), np.array([8.0]))
    assert plan.variances(3)[0] == pytest.approx(variance_of_totals(samples, 8 / 3))
    assert plan.variances(8)[0] == 0


def test_a_cluster_plan_has_the_variance_of_all_samples() -> None:
    totals = np.bincount(GROUPS, Y)
    plan = ClusterPlan(3, np.array([totals.var(ddof=1)]), np.zeros(1), np.array([3.0]))
    samples = [np.flatnonzero(np.isin(GROUPS, chosen)) for chosen in combinations(range(3), 2)]
    assert plan.variances(2)[0] == pytest.approx(variance_of_totals(samples, 3 / 2))


def test_a_two_stage_plan_has_the_variance_of_all_samples() -> None:
    """Two of three clusters, two rows of each."""
    sizes = np.bincount(GROUPS)
    squares = np.array([Y[g == GROUPS].var(ddof=1) for g in range(3)])
    totals = np.bincount(GROUPS, Y)
    within = float((sizes * (sizes / 2 - 1) * squares).sum())
    plan = ClusterPlan(3, np.array([totals.var(ddof=1)]), np.array([within]), np.array([3.0]))
    estimates = []
    for chosen in combinations(range(3), 2):
        parts = [
            [size / 2 * sum(pair) for pair in combinations(Y[g == GROUPS].tolist(), 2)]
            for g, size in zip(chosen, sizes[list(chosen)], strict=True)
        ]
        weights = [1 / (len(parts[0]) * len(parts[1]))] * (len(parts[0]) * len(parts[1]))
        sums = [one + two for one in parts[0] for two in parts[1]]
        estimates += list(zip([1.5 * one for one in sums], weights, strict=True))
    values = np.array([value for value, _ in estimates])
    weights_of = np.array([weight for _, weight in estimates])
    mean = np.average(values, weights=weights_of)
    assert plan.variances(2)[0] == pytest.approx(
        np.average((values - mean) ** 2, weights=weights_of)
    )


def test_a_weighted_plan_takes_large_rows_whole() -> None:
    rows, weights = np.array([2.0, 100.0]), np.array([500.0, 1.0])
    plan = WeightedPlan(rows, weights, np.zeros((1, 2)), np.array([[50.0, 100.0]]), rows[None])
    assert plan.probabilities(12) == pytest.approx([1.0, 0.1])
    assert plan.degrees(12) == pytest.approx([9])
    assert plan.variances(12)[0] == pytest.approx(900.0)
    assert plan.variances(102)[0] == 0
    assert plan.most == 102


def test_proportional_weights_leave_no_variance() -> None:
    """Where a value is in proportion to the weight, each sample of n rows has the same total."""
    weights = np.array([8.0, 4.0, 2.0, 1.0])
    rows = np.array([3.0, 10.0, 30.0, 50.0])
    y = 2 * weights
    plan = WeightedPlan(rows, weights, (rows * y)[None], (rows * y**2)[None], rows[None])
    assert plan.variances(10)[0] == pytest.approx(0, abs=1e-9 * float((rows * y**2).sum()))


def test_the_smallest_size_is_found_though_rounding_moves_it() -> None:
    rows = np.array([500.0, 300.0, 200.0])
    strata = Strata(rows, np.array([[4.0, 1.0, 9.0]]), np.ones(3), np.ones(3))

    def allocate(size: int) -> np.ndarray:
        return np.maximum((size * rows / rows.sum()).astype(np.int64), 1)

    plan = StratifiedPlan(strata, allocate, rows[None])
    wanted = plan.variances(137)[0]
    size = smallest_size(plan, lambda n: bool(plan.variances(n)[0] <= wanted))
    assert plan.variances(size)[0] <= wanted
    assert size <= 137
    assert all(plan.variances(n)[0] > wanted for n in range(size - 3, size))


def test_geometric_breaks_are_as_published() -> None:
    assert geometric_breaks(1.0, 10_000.0, 4) == pytest.approx([10.0, 100.0, 1000.0])


def skewed(rows: int = 20_000) -> tuple[np.ndarray, BandHistogram]:
    y = np.random.default_rng(11).lognormal(4, 1.6, rows)
    edges = np.concatenate([[0.0], np.geomspace(y.min() * 0.999, y.max() * 1.001, 3000)])
    return y, BandHistogram(edges, np.histogram(y, edges)[0].astype(np.float64))


def neyman_variance(y: np.ndarray, breaks: np.ndarray, size: int, *, takes_last: bool) -> float:
    parts = [y[np.digitize(y, breaks) == at] for at in range(len(breaks) + 1)]
    left = size - (len(parts[-1]) if takes_last else 0)
    parts = parts[:-1] if takes_last else parts
    n = np.array([len(part) for part in parts])
    s = np.array([part.std(ddof=1) for part in parts])
    return float((n * s).sum() ** 2 / left - (n * s * s).sum())


@pytest.mark.parametrize("rule", ["cumulative_root", "geometric"])
def test_bands_make_samples_of_skewed_amounts_precise(rule: str) -> None:
    y, histogram = skewed()
    given: dict[str, Any] = {"bands": 5, "rule": rule, "size": 400}
    breaks, takes_last = band_breaks(histogram, **given, take_all=True)
    without, _ = band_breaks(histogram, **given, take_all=False)
    assert len(breaks) == len(without) == 4
    found = neyman_variance(y, breaks, 400, takes_last=takes_last)
    assert found <= neyman_variance(y, without, 400, takes_last=False)
    assert found < 0.1 * len(y) ** 2 * y.var() / 400
    if rule == "cumulative_root":
        assert takes_last
        assert 10 < (y >= breaks[-1]).sum() < 390


def test_breaks_are_round_and_stay_apart() -> None:
    found = round_breaks(np.array([0.0123, 1234.5, 1236.0, 5678.9]), 0.0, 1e4)
    assert found == [0.012, 1200.0, 1240.0, 5700.0]


@pytest.mark.parametrize("by_size", [False, True])
def test_a_plan_of_clusters_adds_up_its_strata(by_size: bool) -> None:
    """M²(1/m - 1/M)S² of each stratum, and by size Hájek's; two of the clusters can't be drawn."""
    random = np.random.default_rng(4)
    strata = np.sort(random.integers(0, 5, 40))
    pi = random.uniform(0.2, 0.9, 40) if by_size else np.array([0.5, 0.25, 1.0, 0.2, 0.4])[strata]
    pi[[3, 30]] = 0.0
    totals, none = random.normal(10.0, 3.0, (2, 40)), np.zeros((2, 40))
    plan = ClusterStagesPlan(40, lambda size: pi, by_size, strata, totals, none, none, none[0])
    expected = np.zeros(2)
    for stratum in range(5):
        own = (strata == stratum) & (pi > 0)
        t, p = totals[:, own], pi[own]
        if by_size:
            expected += ((1 - p) * t**2 / p).sum(axis=1)
            expected -= ((1 - p) * t).sum(axis=1) ** 2 / (p * (1 - p)).sum()
        else:
            whole = int(own.sum())
            expected += whole * (1 / p[0] - 1) * t.var(axis=1, ddof=1)
    assert plan.variances(9) == pytest.approx(expected)


@pytest.mark.parametrize("by_size", [False, True])
def test_a_plan_has_no_correction_where_a_later_stage_draws_one_unit(by_size: bool) -> None:
    """M²S²/m of a stratum with such a cluster; by size Hansen and Hurwitz's variance."""
    random = np.random.default_rng(4)
    strata = np.repeat([0, 1], 20)
    pi = random.uniform(0.2, 0.9, 40) if by_size else np.full(40, 0.25)
    totals, none = random.normal(10.0, 3.0, (2, 40)), np.zeros((2, 40))
    single = np.arange(40) == 7
    plans = [
        ClusterStagesPlan(40, lambda size: pi, by_size, strata, totals, none, none, none[0], each)
        for each in (None, single)
    ]
    t, p = totals[:, :20], pi[:20]
    expected = 20**2 * t.var(axis=1, ddof=1) / 5
    lost = 20**2 * t.var(axis=1, ddof=1) / 20
    if by_size:
        expected = (t**2 / p).sum(axis=1) - t.sum(axis=1) ** 2 / p.sum()
        lost = expected - ((1 - p) * t**2 / p).sum(axis=1)
        lost += ((1 - p) * t).sum(axis=1) ** 2 / (p * (1 - p)).sum()
    assert plans[1].variances(9) - plans[0].variances(9) == pytest.approx(lost)
    plain = ClusterPlan(20, t.var(axis=1, ddof=1), np.ones(2), np.full(2, 20.0), has_single=True)
    if not by_size:
        assert plain.variances(5) == pytest.approx(expected + 4)


def test_a_plan_of_many_strata_goes_through_the_clusters_once() -> None:
    whole = 200_000
    strata, ones = np.arange(whole) // 2, np.ones((1, whole))
    pi = np.full(whole, 0.5)
    plan = ClusterStagesPlan(whole, lambda size: pi, False, strata, ones, ones, ones, ones[0])
    started = perf_counter()
    assert plan.variances(1)[0] == pytest.approx(2 * whole)
    assert perf_counter() - started < 5
