"""Calibration: published results, what is reproduced, and what is refused."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

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
    Design,
    Difference,
    DomainEstimate,
    Domains,
    EstimateSettings,
    InvalidCalibration,
    Margins,
    Values,
    by_raking,
    by_ratio,
    by_regression,
    by_strata,
    estimate,
    random_design,
    stratified_design,
)
from estimation_engine.arrays import Floats

STYPES = np.array([4421.0, 755.0, 1018.0])  # E, H, M
WIDE = np.array([1072.0, 5122.0])  # No, Yes


def calibrated(
    design: Design, statistic: Any, y: Any, calibration: Calibration | Difference, **settings: Any
) -> DomainEstimate:
    """The estimate for the whole population."""
    rows = len(y)
    values = Values(statistic, np.asarray(y, dtype=np.float64), np.ones(rows, dtype=np.bool_))
    everything = Domains(np.ones(rows, dtype=np.bool_), np.zeros(rows, dtype=np.int64), 1)
    return estimate(design, values, everything, EstimateSettings(**settings), calibration)[0]


def test_a_ratio_to_the_known_enrolment() -> None:
    design = api_strata()
    ratio = by_ratio(design.weights, column("strat", "enroll"), 3811472.0)
    total = calibrated(design, "total", column("strat", "api.stu"), ratio)
    assert total.value == pytest.approx(3190037.74, abs=5e-3)
    assert total.error == pytest.approx(29565.98, abs=5e-3)


def test_poststratified_clusters() -> None:
    # R's weights of the data are 33.847; those of the design differ by a factor without effect.
    design = api_clusters()
    strata = by_strata(design.weights, numbered(data()["clus1"]["stype"]), STYPES)
    mean = calibrated(design, "mean", column("clus1", "api00"), strata)
    assert mean.value == pytest.approx(642.3108, abs=5e-5)
    assert mean.error == pytest.approx(23.9205, abs=5e-5)
    total = calibrated(design, "total", column("clus1", "enroll"), strata)
    assert total.value == pytest.approx(3680892.95, abs=1e-2)
    assert total.error == pytest.approx(406292.6, abs=5e-2)


def clusters_raked() -> Calibration:
    cells = [numbered(data()["clus1"][name]) for name in ("stype", "sch.wide")]
    return by_raking(api_clusters().weights, Margins(cells, [3, 2]), [STYPES, WIDE])


def test_raked_clusters() -> None:
    mean = calibrated(api_clusters(), "mean", column("clus1", "api00"), clusters_raked())
    assert mean.value == pytest.approx(641.23, abs=5e-3)
    assert mean.error == pytest.approx(23.704, abs=5e-4)


def test_raked_weights_have_both_margins() -> None:
    weights = clusters_raked().calibrated_weights
    for name, totals in (("stype", STYPES), ("sch.wide", WIDE)):
        cells = numbered(data()["clus1"][name])
        assert np.bincount(cells, weights) == pytest.approx(totals, rel=1e-10)


GOLDEN = Path(__file__).parent / "golden"
R = json.loads((GOLDEN / "calibration.json").read_text("utf-8"))
"""Results of R's survey 4.4 by ``make_calibration.R``."""
SCHOOLS = 6194
NUMBERS = {"enroll": 3811472.0, "api.stu": 3186000.0}


def of_schools(sample: str, design: Design) -> Calibration:
    """A regression on the two numbers of pupils."""
    x = np.array([column(sample, name) for name in NUMBERS])
    means = np.array(list(NUMBERS.values())) / SCHOOLS
    return by_regression(design.weights, x, means, SCHOOLS, list(NUMBERS))


def assert_as_in_r(name: str, *found: DomainEstimate) -> None:
    """To 1e-8: R inverts the unscaled matrix, which costs it half of its digits."""
    assert [each.value for each in found] == pytest.approx(R[name]["values"], rel=1e-8)
    assert [each.error for each in found] == pytest.approx(R[name]["errors"], rel=1e-8)


def test_regressions_equal_those_of_r() -> None:
    design = api_strata()
    known = of_schools("strat", design)
    y = column("strat", "api00")
    mean = calibrated(design, "mean", y, known)
    assert_as_in_r("strat_regression_mean", mean)
    # By exact fractions.
    assert (mean.value, mean.error) == pytest.approx((660.9274246878348, 9.09563317174732), 1e-13)
    total = calibrated(design, "total", column("strat", "api99"), known)
    assert_as_in_r("strat_regression_total", total)
    everything = np.ones(len(y), dtype=np.bool_)
    domains = Domains(everything, numbered(data()["strat"]["stype"]), 3)
    groups = estimate(design, Values("mean", y, everything), domains, EstimateSettings(), known)
    assert_as_in_r("strat_regression_by_stype", *groups)
    design = api_clusters()
    known = of_schools("clus1", design)
    y, x = column("clus1", "api00"), column("clus1", "enroll")
    assert_as_in_r("clus1_regression_mean", calibrated(design, "mean", y, known))
    values = Values("ratio", y, np.ones(len(y), dtype=np.bool_), x)
    whole = Domains(values.present, np.zeros(len(y), dtype=np.int64), 1)
    assert_as_in_r(
        "clus1_regression_ratio", *estimate(design, values, whole, EstimateSettings(), known)
    )


def test_raking_and_strata_equal_those_of_r() -> None:
    design, y = api_clusters(), column("clus1", "api00")
    assert_as_in_r("clus1_rake_mean", calibrated(design, "mean", y, clusters_raked()))
    total = calibrated(design, "total", column("clus1", "enroll"), clusters_raked())
    assert_as_in_r("clus1_rake_total", total)
    strata = by_strata(design.weights, numbered(data()["clus1"]["stype"]), STYPES)
    assert_as_in_r("clus1_strata_mean", calibrated(design, "mean", y, strata))


def regression(design: Design, *columns: Floats, means: list[float], rows: int) -> Calibration:
    names = [f"x{at}" for at in range(len(columns))]
    return by_regression(design.weights, np.array(columns), np.array(means), rows, names)


def test_a_regression_is_least_squares() -> None:
    random = np.random.default_rng(3)
    x, noise = random.gamma(2.0, 50.0, 80), random.normal(0, 5, 80)
    y = 3.0 + 2.0 * x + noise
    design = random_design(80, 1000)
    found = calibrated(
        design, "mean", y, regression(design, x, x * x, means=[101.0, 15e3], rows=1000)
    )
    matrix = np.column_stack([np.ones(80), x, x * x])
    b, *_ = np.linalg.lstsq(matrix, y, rcond=None)
    assert found.value == pytest.approx(float(np.array([1, 101.0, 15e3]) @ b), rel=1e-9)
    weighted = regression(design, x, x * x, means=[101.0, 15e3], rows=1000).calibrated_weights
    e = weighted * (y - matrix @ b)
    variance = (1 - 80 / 1000) * 80 / 79 * ((e - e.mean()) ** 2).sum() / 1000**2
    assert found.error == pytest.approx(variance**0.5, rel=1e-9)


def test_the_calibrated_variables_are_known_exactly() -> None:
    random = np.random.default_rng(4)
    x = random.gamma(2.0, 50.0, 60)
    strata = np.arange(60) % 3
    design = stratified_design(strata, np.array([100, 200, 300]))
    for name, known in (
        ("ratio", by_ratio(design.weights, x, 61_000.0)),
        ("regression", regression(design, x, means=[61_000 / 600], rows=600)),
        ("difference", Difference(x, np.array([61_000.0]), np.array([600.0]))),
    ):
        total = calibrated(design, "total", x, known)
        assert (total.value, total.error) == (pytest.approx(61_000.0), 0.0), name
    cells = (x > 100).astype(np.int64)
    strata_known = by_strata(design.weights, cells, np.array([350.0, 250.0]))
    share = calibrated(design, "proportion", cells, strata_known)
    assert (share.value, share.error) == (pytest.approx(250 / 600), 0.0)
    assert share.low == share.high == share.value


def test_a_difference_is_unbiased_over_all_samples() -> None:
    y = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
    x = y + np.array([0.5, -1, 2, 0, 1, -0.5, 0, 1])
    inside = np.array([1, 0, 1, 1, 0, 1, 1, 0], dtype=np.bool_)
    present = np.array([1, 1, 0, 1, 1, 1, 1, 1], dtype=np.bool_)
    known = (np.array([x[inside].sum()]), np.array([float(inside.sum())]))
    totals, variances = [], []
    for chosen in combinations(range(8), 5):
        rows = np.array(chosen)
        values = Values("total", y[rows], present[rows])
        domains = Domains(inside[rows], np.zeros(5, dtype=np.int64), 1)
        difference = Difference(x[rows], *known)
        (found,) = estimate(random_design(5, 8), values, domains, EstimateSettings(), difference)
        totals.append(found.value)
        variances.append((found.error or 0.0) ** 2)
    assert np.mean(totals) == pytest.approx(y[inside & present].sum())  # type: ignore[arg-type]
    assert np.mean(variances) == pytest.approx(np.var(totals))  # type: ignore[arg-type]


def test_calibrated_groups_add_up() -> None:
    design = api_clusters()
    known = clusters_raked()
    y = column("clus1", "enroll")
    groups = numbered(data()["clus1"]["stype"])
    values = Values("total", y, np.ones(len(y), dtype=np.bool_))
    domains = Domains(np.ones(len(y), dtype=np.bool_), groups, 3)
    parts = estimate(design, values, domains, EstimateSettings(), known)
    whole = calibrated(design, "total", y, known)
    assert sum(each.value or 0 for each in parts) == pytest.approx(whole.value)
    counts = estimate(
        design, Values("count", np.ones(len(y)), values.present), domains, EstimateSettings(), known
    )
    assert [each.value for each in counts] == pytest.approx(STYPES)
    assert [each.error for each in counts] == [0.0, 0.0, 0.0]


def test_a_calibrated_share_is_worth_more_rows() -> None:
    random = np.random.default_rng(5)
    x = random.uniform(0, 1, 400)
    y = x + random.normal(0, 0.1, 400) > 0.5
    design = random_design(400, 40_000)
    known = regression(design, (x > 0.5).astype(np.float64), means=[0.5], rows=40_000)
    plain = calibrated(
        design,
        "proportion",
        y,
        regression(design, random.normal(0, 1, 400), means=[0.0], rows=40_000),
    )
    better = calibrated(design, "proportion", y, known)
    assert (better.high or 0) - (better.low or 0) < 0.7 * ((plain.high or 0) - (plain.low or 0))
    exact = calibrated(design, "proportion", y, known, proportion="exact")
    assert exact.interval == "clopper_pearson"


def test_a_median_by_calibrated_weights() -> None:
    design = random_design(9, 90)
    cells = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1])
    y = np.arange(1.0, 10.0)
    known = by_strata(design.weights, cells, np.array([60.0, 30.0]))
    assert calibrated(design, "quantile", y, known).value == 3.0
    with pytest.raises(InvalidCalibration, match="not a quantile"):
        calibrated(design, "quantile", y, Difference(y, np.array([1.0]), np.array([90.0])))


def test_collinear_columns_are_refused_by_name() -> None:
    design = random_design(5, 50)
    x = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    for second in (np.full(5, 7.0), 3.0 * x + 1.0):
        with pytest.raises(InvalidCalibration, match='"x1" is constant or a combination'):
            regression(design, x, second, means=[6.0, 8.0], rows=50)


def test_a_ratio_to_nothing_is_refused() -> None:
    with pytest.raises(InvalidCalibration, match="above 0; it is -60"):
        by_ratio(np.full(3, 10.0), np.array([-1.0, -2.0, -3.0]), 5.0)


def test_raking_that_contradicts_itself_is_refused() -> None:
    # No row has both second values, so a margin of 60 and one of 60 of 100 rows can't hold.
    margins = Margins([np.array([0, 0, 1, 1]), np.array([0, 1, 0, 0])], [2, 2])
    totals = [np.array([40.0, 60.0]), np.array([40.0, 60.0])]
    with pytest.raises(InvalidCalibration, match="didn't converge"):
        by_raking(np.full(4, 25.0), margins, totals)


@pytest.mark.parametrize("method", ["regression", "ratio", "strata"])
def test_calibrated_intervals_hold_the_truth_and_are_narrower(method: str) -> None:
    """Of 400 samples at 95 %, three standard errors are 3.3 %."""
    rows, draws, random = 3_000, 400, np.random.default_rng(11)
    x = random.gamma(2.0, 50.0, rows)
    y = 2.0 * x + random.normal(0.0, 30.0, rows)
    cells = np.searchsorted([60.0, 140.0], x)
    design, hits = random_design(150, rows), 0
    found, shares = [], []
    for _ in range(draws):
        chosen = np.sort(random.choice(rows, 150, replace=False))
        match method:
            case "regression":
                means = np.array([x.mean()])
                known = by_regression(design.weights, x[chosen][np.newaxis], means, rows, ["x"])
            case "ratio":
                known = by_ratio(design.weights, x[chosen], x.sum())
            case _:
                counts = np.bincount(cells).astype(np.float64)
                known = by_strata(design.weights, cells[chosen], counts)
        found.append(calibrated(design, "total", y[chosen], known))
        hits += (found[-1].low or 0.0) <= y.sum() <= (found[-1].high or 0.0)
        shares.append((found[-1].error or 0.0) / (one(design, "total", y[chosen]).error or 1.0))
    assert 0.917 <= hits / draws <= 0.983
    assert np.median(shares) < 0.6
    variances = [(each.error or 0.0) ** 2 for each in found]
    true_variance = np.var([each.value or 0.0 for each in found])
    assert np.mean(variances) == pytest.approx(true_variance, rel=0.2)


def test_weights_alone_need_no_inverse() -> None:
    weights, cells = np.ones(4), np.array([0, 0, 1, 1])
    calibration = by_raking(weights, Margins([cells], [2]), [np.array([3.0, 5.0])])
    assert calibration.calibrated_weights.tolist() == [1.5, 1.5, 2.5, 2.5]
    assert "inverse" not in vars(calibration)
    assert calibration.inverse.tolist() == [[0.5, 0.0], [0.0, 0.5]]
