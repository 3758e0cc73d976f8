"""Degrees of freedom of domains, intervals that aren't shown, and skewness; R's survey 4.4."""

from __future__ import annotations

import json
import shutil
import subprocess
from math import ceil
from pathlib import Path

import numpy as np
import pytest

from application.validation.samples import (
    api_clusters,
    api_strata,
    column,
    data,
    numbered,
    one,
)
from estimation_engine import (
    Calibration,
    CombinedRound,
    Design,
    Difference,
    DomainEstimate,
    Domains,
    EstimateSettings,
    Frame,
    Values,
    by_regression,
    by_strata,
    cluster_design,
    combined_design,
    estimate,
    random_design,
    stratified_design,
    weighted_design,
)
from estimation_engine.arrays import Booleans, Floats
from estimation_engine.estimates import StatisticName
from estimation_engine.intervals import t_quantile

GOLDEN = Path(__file__).parent / "golden"
R = json.loads((GOLDEN / "calibration.json").read_text("utf-8"))
"""Results of R's survey 4.4 by ``make_calibration.R``."""


def of_domain(
    design: Design,
    statistic: StatisticName,
    y: Floats,
    included: Booleans,
    calibration: Calibration | Difference | None = None,
    **settings: int,
) -> DomainEstimate:
    values = Values(statistic, np.asarray(y, dtype=np.float64), np.ones(len(y), dtype=np.bool_))
    domains = Domains(included, np.zeros(len(y), dtype=np.int64), 1)
    return estimate(design, values, domains, EstimateSettings(**settings), calibration)[0]  # type: ignore[arg-type]


def types(sample: str) -> np.ndarray:
    return np.array(data()[sample]["stype"])


@pytest.mark.parametrize(("sample", "design"), [("strat", api_strata()), ("clus1", api_clusters())])
@pytest.mark.parametrize("statistic", ["mean", "total", "proportion", "quantile", "count"])
def test_degrees_of_a_domain_equal_those_of_r(
    sample: str, design: Design, statistic: StatisticName
) -> None:
    y = column(sample, "api00")
    inside = (types(sample) != "E") & (y > 700)
    values = {"proportion": y > 750, "count": np.ones(len(y))}.get(statistic, y)
    whole = of_domain(design, statistic, values, np.ones(len(y), dtype=np.bool_))
    found = of_domain(design, statistic, values, inside)
    assert [whole.degrees, found.degrees] == R[f"{sample}_degrees"]["values"]


def high(
    design: Design, sample: str, inside: Booleans, known: Calibration | None
) -> DomainEstimate:
    return of_domain(design, "proportion", column(sample, "api00") > 650, inside, known)


SHARES: dict[str, tuple[str, str | None, str | None]] = {
    "strat_share": ("strat", None, None),
    "strat_share_of_group": ("strat", "H", None),
    "strat_share_regression": ("strat", None, "regression"),
    "strat_share_poststratified": ("strat", None, "last"),
    "clus1_share": ("clus1", None, None),
    "clus1_share_of_group": ("clus1", "HM", None),
    "clus1_share_poststratified": ("clus1", None, "stype"),
}


@pytest.mark.parametrize("name", SHARES)
def test_intervals_of_shares_equal_those_of_r(name: str) -> None:
    sample, group, calibration = SHARES[name]
    design = api_strata() if sample == "strat" else api_clusters()
    stype = types(sample)
    known = None
    match calibration:
        case "regression":
            x = np.array([column(sample, each) for each in ("enroll", "api.stu")])
            means = np.array([3811472.0, 3186000.0]) / 6194
            known = by_regression(design.weights, x, means, 6194, ["enroll", "api.stu"])
        case "last":
            is_low = (column(sample, "api99") <= 630).astype(np.int64)
            known = by_strata(design.weights, is_low, np.array([3000.0, 3194.0]))
        case "stype":
            known = by_strata(design.weights, numbered(stype), np.array([4421.0, 755.0, 1018.0]))
    inside = np.isin(stype, list(group or "EHM"))
    found = high(design, sample, inside, known)
    expected = R[name]
    assert found.interval == "korn_graubard"
    assert [found.value] == pytest.approx(expected["values"], rel=1e-8)
    assert [found.error] == pytest.approx(expected["errors"], rel=1e-8)
    assert [found.low, found.high] == pytest.approx(expected["ends"], rel=1e-8)


def test_known_totals_make_a_sample_worth_more_rows_than_it_has() -> None:
    """Without a cap, as R has none, with and without calibration."""
    found = R["strat_share_poststratified"]
    (share,), (error,) = found["values"], found["errors"]
    assert share * (1 - share) / error**2 > 2 * 200


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R isn't installed")
def test_r_gives_the_recorded_figures() -> None:
    run = subprocess.run(
        ["Rscript", "make_calibration.R"],
        cwd=GOLDEN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found.keys() == R.keys()
    for name, figures in found.items():
        for part, numbers in figures.items():
            assert numbers == pytest.approx(R[name][part], rel=1e-9), name


STRATA = np.repeat([0, 1, 2, 3], [2, 3, 5, 10])
OF_SIXTY = stratified_design(STRATA, np.full(4, 60))


def test_each_stratum_has_its_own_degrees() -> None:
    y = np.arange(20.0) ** 2 % 7
    values = Values("mean", y, np.ones(20, dtype=np.bool_))
    domains = Domains(np.ones(20, dtype=np.bool_), STRATA, 4)
    shown = estimate(OF_SIXTY, values, domains, EstimateSettings())
    assert [each.degrees for each in shown] == [1, 2, 4, 9]
    for each in shown:
        half = t_quantile(0.975, each.degrees) * (each.error or 0)
        assert (each.low, each.high) == pytest.approx(
            ((each.value or 0) - half, (each.value or 0) + half)
        )
    hidden = estimate(OF_SIXTY, values, domains, EstimateSettings(minimum_degrees=3))
    assert [each.low is None for each in hidden] == [True, True, False, False]
    assert [each.error for each in hidden] == [each.error for each in shown]
    assert hidden[2:] == shown[2:]


def test_a_row_without_a_value_is_no_degree_of_freedom() -> None:
    present = np.arange(20) % 4 > 0
    found = one(random_design(20, 400), "mean", np.arange(20.0), present=present)
    assert found.degrees == 14
    strata = one(OF_SIXTY, "mean", np.arange(20.0), present=STRATA > 1)
    assert strata.degrees == 15 - 2


def test_strata_drawn_whole_have_no_degrees() -> None:
    design = stratified_design(STRATA, np.array([2, 60, 60, 60]))
    everything = np.ones(20, dtype=np.bool_)
    assert of_domain(design, "mean", np.arange(20.0), everything).degrees == 18 - 3
    whole = of_domain(design, "total", np.arange(20.0), STRATA == 0, minimum_degrees=3)
    assert (whole.degrees, whole.error, whole.low, whole.high) == (0, 0.0, 1.0, 1.0)


def test_one_row_in_each_stratum_leaves_no_degree() -> None:
    strata = np.repeat(np.arange(10), 3)
    design = stratified_design(strata, np.full(10, 60))
    inside = np.arange(30) % 3 == 0
    for statistic in ("mean", "total", "quantile", "proportion"):
        y = np.arange(30.0) % 2 if statistic == "proportion" else np.arange(30.0)
        found = of_domain(design, statistic, y, inside)  # type: ignore[arg-type]
        assert (found.degrees, found.low, found.high) == (0, None, None)
        assert found.error is None or found.error > 0


@pytest.mark.parametrize("statistic", ["mean", "total"])
def test_calibration_leaves_the_degrees_of_a_domain(statistic: StatisticName) -> None:
    """The residuals of a calibrated total are those of all rows; its domain has few."""
    design = random_design(40, 800)
    x = np.arange(40.0)
    y, inside = x + np.sin(x), x < 6
    regression = by_regression(design.weights, x[None], np.array([20.0]), 800, ["x"])
    difference = Difference(x, np.array([300.0]), np.array([120.0]))
    for known in (None, regression, difference):
        assert of_domain(design, statistic, y, inside, known).degrees == 5


def test_take_all_rows_and_hits_count_as_in_the_design() -> None:
    take_all = np.arange(12) < 4
    p = np.where(take_all, 1.0, 0.2)
    design = weighted_design(p, take_all, 100)
    y = np.arange(12.0)
    assert one(design, "total", y).degrees == 7
    assert of_domain(design, "total", y, np.arange(12) < 7).degrees == 2
    assert of_domain(design, "total", y, take_all).error == 0.0


def test_a_domain_of_clusters_counts_clusters() -> None:
    clusters = np.repeat(np.arange(12), 5)
    design = cluster_design(clusters, np.full(12, 5), 60, 300)
    inside = clusters < 4
    y = (np.arange(60) % 5 > 1).astype(float)
    assert of_domain(design, "mean", np.arange(60.0), inside).degrees == 3
    # A share of 1 in four clusters is that of four, and not of twelve, or of twenty rows.
    every = of_domain(design, "proportion", np.ones(60), inside)
    assert every.low == pytest.approx(0.025 ** (1 / 4))
    assert of_domain(design, "proportion", y, inside).degrees == 3


def test_rounds_have_the_degrees_of_their_domain() -> None:
    rows, everything = np.arange(50), np.ones(50, dtype=np.bool_)
    weighted = weighted_design(np.full(30, 0.1), np.zeros(30, np.bool_), 380)
    parts = [
        CombinedRound(random_design(20, 400), rows[:20], Frame(400, 20, 20, 19), everything),
        CombinedRound(weighted, rows[20:], Frame(400, 30, 30, 29), everything),
    ]
    design = combined_design(parts, 50, 400)
    y = np.random.default_rng(4).normal(10, 2, 50)
    whole = one(design, "mean", y)
    assert 29 <= whole.degrees <= 19 + 29
    inside = (rows < 5) | (rows >= 46)
    assert 3 <= of_domain(design, "mean", y, inside).degrees <= 4 + 3
    alone = of_domain(design, "mean", y, rows < 5)
    assert alone.degrees == 4


def test_a_share_that_no_row_has_needs_no_degrees() -> None:
    """Its interval is that of independent rows, and rests on no standard error."""
    found = of_domain(
        random_design(60, 600), "proportion", np.zeros(60), np.arange(60) < 2, minimum_degrees=3
    )
    assert (found.degrees, found.low, found.interval) == (1, 0.0, "clopper_pearson")
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 2))


def test_normal_units_are_25_times_the_squared_skewness() -> None:
    y = np.random.default_rng(1).lognormal(0, 1, 80)
    distances = y - y.mean()
    skewness = (distances**3).mean() / (distances**2).mean() ** 1.5
    for statistic in ("mean", "total"):
        found = one(random_design(80, 8_000), statistic, y)
        assert found.normal_units == ceil(25 * skewness**2)
    weights = np.full(80, 0.01)
    by_size = one(weighted_design(weights, np.zeros(80, np.bool_), 8_000), "mean", y)
    assert by_size.normal_units == ceil(25 * skewness**2)
    assert one(random_design(80, 8_000), "mean", 1e-130 * y).normal_units == found.normal_units
    assert one(random_design(80, 8_000), "quantile", y).normal_units is None


def test_weights_in_proportion_to_a_skewed_value_need_no_more_rows() -> None:
    random = np.random.default_rng(2)
    y = random.lognormal(0, 2, 100)
    p = np.minimum(y / y.max(), 0.9)
    noisy = y * random.normal(1, 0.1, 100)
    plain = one(random_design(100, 10_000), "total", noisy).normal_units or 0
    by_size = one(weighted_design(p, np.zeros(100, np.bool_), 10_000), "total", noisy)
    assert plain > 500
    assert by_size.normal_units is not None
    assert by_size.normal_units < 100


def test_strata_of_a_skewed_value_need_fewer_rows() -> None:
    y = np.sort(np.random.default_rng(3).lognormal(0, 1.5, 120))
    strata = np.repeat(np.arange(6), 20)
    banded = one(stratified_design(strata, np.array([900, 700, 500, 300, 100, 20])), "total", y)
    plain = one(random_design(120, 2_520), "total", y)
    assert (banded.normal_units or 0) < (plain.normal_units or 0) / 3


def test_equal_values_are_no_certainty() -> None:
    zeros = np.zeros(20)
    for statistic in ("mean", "total"):
        found = one(random_design(20, 400), statistic, zeros)
        assert (found.error, found.is_constant) == (0.0, True)
        assert not one(random_design(20, 20), statistic, zeros).is_constant
    by_stratum = one(OF_SIXTY, "total", STRATA.astype(float))
    assert (by_stratum.error, by_stratum.is_constant) == (0.0, True)
    assert not one(OF_SIXTY, "count", np.ones(20)).is_constant
    # Values in proportion to their probabilities have a known total.
    p = np.linspace(0.1, 0.5, 20)
    design = weighted_design(p, np.zeros(20, np.bool_), 100)
    assert not one(design, "total", 7 * p).is_constant
    assert one(design, "total", zeros).is_constant


def test_strata_with_few_rows_have_few_effective_degrees() -> None:
    groups = np.repeat([0, 1], [100, 2])
    design = stratified_design(groups, np.array([1800, 200]))
    rng = np.random.default_rng(2)
    y = np.where(groups == 0, rng.normal(100, 10, 102), rng.normal(10_000, 2_000, 102))
    uneven = one(design, "total", y)
    assert (uneven.degrees, round(uneven.effective_degrees, 2)) == (100, 1.0)
    even = one(design, "total", rng.normal(100, 10, 102) / (1.0 + 9.0 * groups))
    assert even.effective_degrees > 30
    assert one(random_design(102, 2_000), "total", y).effective_degrees == np.inf
