"""Contrasts: the figures of R's svycontrast, and what is known without it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from application.validation.samples import (
    api_clusters,
    api_strata,
    column,
    data,
)
from contract.words import ContrastMeasure
from estimation_engine import (
    Calibration,
    Design,
    Domains,
    EstimateSettings,
    FigureContrast,
    InvalidEstimate,
    Values,
    by_regression,
    contrasts,
    estimate,
    random_design,
    stratified_design,
    weighted_design,
)
from estimation_engine.arrays import Booleans

MEASURES: tuple[ContrastMeasure, ...] = get_args(ContrastMeasure)


@cache
def survey() -> dict[str, Any]:
    path = Path(__file__).parent / "golden" / "contrasts.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def values_of(statistic: Any, y: Any, x: Any = None, present: Booleans | None = None) -> Values:
    y = np.asarray(y, dtype=np.float64)
    if present is None:
        present = np.ones(len(y), dtype=np.bool_)
    return Values(statistic, y, present, x)


def of_groups(
    design: Design,
    values: Values,
    is_first: Any,
    is_second: Any,
    measure: ContrastMeasure = "difference",
    calibration: Calibration | None = None,
    **settings: Any,
) -> FigureContrast:
    domains = Domains(is_first | is_second, is_second.astype(np.int64), 2)
    chosen = EstimateSettings(**settings)
    return contrasts(design, (values, values), domains, [(0, 1)], chosen, measure, calibration)[0]


def of_columns(
    design: Design, first: Values, second: Values, measure: ContrastMeasure = "difference"
) -> FigureContrast:
    rows = design.rows
    domains = Domains(np.ones(rows, dtype=np.bool_), np.zeros(rows, dtype=np.int64), 1)
    pairs = [(0, 0)]
    return contrasts(design, (first, second), domains, pairs, EstimateSettings(), measure)[0]


def assert_as_r(found: FigureContrast, name: str, measure: str) -> None:
    golden = survey()[name][measure]
    assert found.contrast.value == pytest.approx(golden["value"], rel=1e-9)
    assert found.contrast.error == pytest.approx(golden["error"], rel=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
def test_groups_in_strata_equal_r(measure: ContrastMeasure) -> None:
    design = api_strata()
    is_high = column("strat", "api99") > 630
    stype = np.array(data()["strat"]["stype"])
    api = column("strat", "api00")
    cases = {
        "strat_mean": (values_of("mean", api), is_high, ~is_high),
        "strat_strata": (values_of("mean", api), stype == "H", stype == "M"),
        "strat_total": (values_of("total", column("strat", "enroll")), is_high, ~is_high),
        "strat_share": (values_of("proportion", api > 700), is_high, ~is_high),
        "strat_ratio": (
            values_of("ratio", column("strat", "api.stu"), column("strat", "enroll")),
            is_high,
            ~is_high,
        ),
    }
    for name, (values, first, second) in cases.items():
        assert_as_r(of_groups(design, values, first, second, measure), name, measure)


@pytest.mark.parametrize("measure", MEASURES)
def test_groups_in_clusters_equal_r(measure: ContrastMeasure) -> None:
    is_wide = np.array(data()["clus1"]["sch.wide"]) == "Yes"
    api = column("clus1", "api00")
    cases = {
        "clus1_mean": values_of("mean", api),
        "clus1_total": values_of("total", column("clus1", "enroll")),
        "clus1_share": values_of("proportion", api > 650),
    }
    for name, values in cases.items():
        found = of_groups(api_clusters(), values, is_wide, ~is_wide, measure)
        assert_as_r(found, name, measure)


@pytest.mark.parametrize("measure", MEASURES)
def test_columns_equal_r(measure: ContrastMeasure) -> None:
    pairs = {
        "strat_columns": ("mean", "api00", "api99"),
        "strat_totals": ("total", "api.stu", "enroll"),
    }
    for name, (statistic, *names) in pairs.items():
        first, second = (values_of(statistic, column("strat", one)) for one in names)
        assert_as_r(of_columns(api_strata(), first, second, measure), name, measure)


@pytest.mark.parametrize("measure", MEASURES)
def test_calibrated_groups_equal_r(measure: ContrastMeasure) -> None:
    design = api_strata()
    x = np.array([column("strat", "enroll"), column("strat", "api.stu")])
    known = by_regression(
        design.weights, x, np.array([3811472.0, 3186000.0]) / 6194, 6194, ["enroll", "api.stu"]
    )
    is_high = column("strat", "api99") > 630
    values = values_of("mean", column("strat", "api00"))
    found = of_groups(design, values, is_high, ~is_high, measure, known)
    assert_as_r(found, "strat_calibrated", measure)


def test_a_paired_difference_is_the_mean_difference() -> None:
    random = np.random.default_rng(5)
    first, second = random.normal(size=(2, 40))
    p = random.uniform(0.1, 0.6, 40)
    for design in (
        random_design(40, 300),
        stratified_design(np.arange(40) % 3, np.array([100, 90, 80])),
        weighted_design(p, np.zeros(40, dtype=np.bool_), 300),
    ):
        found = of_columns(design, values_of("mean", first), values_of("mean", second)).contrast
        domains = Domains(np.ones(40, dtype=np.bool_), np.zeros(40, dtype=np.int64), 1)
        plain = estimate(design, values_of("mean", first - second), domains, EstimateSettings())[0]
        assert (found.value, found.error) == pytest.approx((plain.value, plain.error))
        assert (found.low, found.high, found.degrees) == pytest.approx(
            (plain.low, plain.high, plain.degrees)
        )


def test_two_random_groups_are_welchs_test() -> None:
    """Of many rows without replacement from many more: Welch's t of two groups."""
    from scipy.stats import ttest_ind

    random = np.random.default_rng(6)
    y = np.concatenate([random.normal(0, 1, 400), random.normal(0.2, 3, 300)])
    is_first = np.arange(700) < 400
    found = of_groups(random_design(700, 10**9), values_of("mean", y), is_first, ~is_first)
    welch = ttest_ind(y[:400], y[400:], equal_var=False)
    assert found.contrast.degrees == pytest.approx(welch.df, abs=2)
    assert found.p_value == pytest.approx(welch.pvalue, rel=0.02)


def test_a_small_group_limits_the_degrees() -> None:
    y = np.concatenate([[1.0, 9.0, 5.0], np.linspace(0, 1, 200)])
    is_first = np.arange(203) < 3
    found = of_groups(random_design(203, 1000), values_of("mean", y), is_first, ~is_first)
    assert found.first.degrees == 2
    assert found.contrast.degrees == 2


def test_a_row_without_both_values_is_in_no_pair() -> None:
    present = np.array([True] * 9 + [False])
    first = values_of("mean", np.arange(10.0), present=present)
    second = values_of("mean", np.arange(10.0) * 2, present=present[::-1])
    found = of_columns(random_design(10, 50), first, second)
    assert (found.contrast.rows, found.contrast.missing) == (8, 2)
    assert found.first.value == pytest.approx(4.5)


def test_a_group_without_a_row_has_no_contrast() -> None:
    none = np.zeros(10, dtype=np.bool_)
    found = of_groups(random_design(10, 50), values_of("mean", np.arange(10.0)), ~none, none)
    assert (found.contrast.value, found.contrast.error, found.p_value) == (None, None, None)


def test_a_ratio_by_zero_is_unknown() -> None:
    y = np.concatenate([np.ones(5), np.zeros(5)])
    is_first = y > 0
    found = of_groups(random_design(10, 50), values_of("total", y), is_first, ~is_first, "ratio")
    assert (found.contrast.value, found.contrast.low) == (None, None)


def test_quantiles_have_no_contrast() -> None:
    values = values_of("quantile", np.arange(10.0))
    with pytest.raises(InvalidEstimate, match="quantile has no contrast"):
        of_groups(random_design(10, 50), values, np.arange(10) < 5, np.arange(10) > 4)
