"""Nonresponse as a second phase: the variance in many draws, exact cases, and replicates of it."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.coverage.nonresponse import measure
from estimation_engine import (
    Domains,
    EstimateSettings,
    Values,
    by_strata,
    contrasts,
    estimate,
    stratified_design,
    weighted_design,
)
from estimation_engine.designs.random import random_design
from estimation_engine.errors import InvalidReplicates
from estimation_engine.replicates import Replicates, bootstrap, jackknife
from estimation_engine.weighting import ResponseModel, WeightSteps, replicate_weights

DRAWN, ROWS = 200, 1_000
RANDOM = np.random.default_rng(3)
Y = RANDOM.normal(50.0, 10.0, DRAWN)
CLASSES = np.arange(DRAWN) % 3
RESPONDED = RANDOM.random(DRAWN) < np.array([0.9, 0.6, 0.4])[CLASSES]
WHOLE = Domains(RESPONDED, np.zeros(DRAWN, dtype=np.int64), 1)
PRESENT = np.ones(DRAWN, dtype=np.bool_)


@pytest.mark.parametrize("case", ["classes", "classes, strata", "classes, half of the table"])
def test_variances_are_those_of_many_draws(case: str) -> None:
    found = measure(case, 400)
    assert abs(found.bias) < 0.004
    assert found.ratio == pytest.approx(1.0, abs=0.2)
    assert 0.92 < found.held < 0.98


def test_one_class_is_a_random_sample_of_the_respondents() -> None:
    """Of r of N rows, but for a factor of about 1 - 1/r."""
    one = np.zeros(DRAWN, dtype=np.int64)
    steps = WeightSteps(ResponseModel("classes", RESPONDED, [one], [1]))
    design = random_design(DRAWN, ROWS)
    values = Values("mean", Y, PRESENT)
    (found,) = estimate(
        design, values, WHOLE, EstimateSettings(), steps.calibration(design.weights)
    )
    r = int(RESPONDED.sum())
    expected = (1 - r / ROWS) / r * Y[RESPONDED].var(ddof=1)
    assert found.value == pytest.approx(Y[RESPONDED].mean())
    assert found.error is not None
    assert found.error**2 == pytest.approx(expected, rel=1.5 / r)


def test_without_nonresponse_nothing_changes() -> None:
    design, values = random_design(DRAWN, ROWS), Values("total", Y, PRESENT)
    everything = Domains(PRESENT, np.zeros(DRAWN, dtype=np.int64), 1)
    totals = np.bincount(CLASSES, minlength=3) * 5.0
    (plain,) = estimate(design, values, everything, EstimateSettings())
    steps = WeightSteps(ResponseModel("classes", PRESENT, [CLASSES], [3]))
    (found,) = estimate(
        design, values, everything, EstimateSettings(), steps.calibration(design.weights)
    )
    assert (found.value, found.error) == pytest.approx((plain.value, plain.error))
    both = WeightSteps(steps.response, lambda weights: by_strata(weights, CLASSES, totals))
    alone = by_strata(design.weights, CLASSES, totals)
    (first,) = estimate(
        design, values, everything, EstimateSettings(), both.calibration(design.weights)
    )
    (second,) = estimate(design, values, everything, EstimateSettings(), alone)
    assert (first.value, first.error) == pytest.approx((second.value, second.error))


@pytest.mark.parametrize("kind", ["jackknife", "bootstrap"])
def test_replicates_have_both_parts_of_the_variance(kind: str) -> None:
    design, values = random_design(DRAWN, ROWS), Values("total", Y, PRESENT)
    steps = WeightSteps(ResponseModel("classes", RESPONDED, [CLASSES], [3]))
    calibration = steps.calibration(design.weights)
    (linear,) = estimate(design, values, WHOLE, EstimateSettings(), calibration)
    made = jackknife(design) if kind == "jackknife" else bootstrap(design, 2_000, 1)
    found = replicate_weights(
        design.weights, steps, made, "jackknife" if kind == "jackknife" else "bootstrap", 1
    )
    (by_them,) = estimate(design, values, WHOLE, EstimateSettings(), calibration, found)
    assert by_them.value == linear.value
    assert by_them.error == pytest.approx(linear.error, rel=0.1)
    if kind == "jackknife":
        assert len(found.weights) == DRAWN + int(RESPONDED.sum())


def test_a_replicate_without_a_row_in_a_group_is_refused() -> None:
    design = random_design(6, 60)
    cells = np.array([0, 1, 1, 1, 1, 1])
    totals = np.array([10.0, 50.0])
    steps = WeightSteps(None, lambda weights: by_strata(weights, cells, totals))
    factors = np.ones((6, 2))
    factors[0, 1] = 0.0
    with pytest.raises(InvalidReplicates, match="Replicate 2 can't be weighted"):
        replicate_weights(design.weights, steps, Replicates(factors, 0.5), "bootstrap", 1)


def test_a_census_with_nonresponse_is_left_to_chance() -> None:
    y, answers = np.arange(100) % 3 == 0, np.arange(100) % 5 < 3
    one, here = np.zeros(100, dtype=np.int64), Domains(answers, np.zeros(100, dtype=np.int64), 1)
    steps = WeightSteps(ResponseModel("classes", answers, [one], [1]))
    numbers = np.arange(100.0)
    present = np.ones(100, dtype=np.bool_)
    strata = np.arange(100) % 2
    for design in (
        random_design(100, 100),
        stratified_design(strata, np.array([50, 50])),
        weighted_design(np.ones(100), present, 100),
    ):
        weights = steps.calibration(design.weights)
        share, none, median, mean = (
            estimate(design, Values(kind, values, present), here, EstimateSettings(), weights)[0]
            for kind, values in (
                ("proportion", y.astype(np.float64)),
                ("proportion", np.zeros(100)),
                ("quantile", numbers),
                ("mean", numbers),
            )
        )
        for found in (share, median, mean):
            assert found.error
            assert found.low < found.value < found.high
            assert found.degrees >= 58
        assert share.interval == "korn_graubard"
        assert (none.low, none.interval) == (0.0, "clopper_pearson")
        assert none.high > 0.02
        (contrast,) = contrasts(
            design,
            (Values("mean", numbers, present),) * 2,
            Domains(answers, strata, 2),
            [(0, 1)],
            EstimateSettings(),
            "difference",
            weights,
        )
        assert contrast.contrast.degrees >= 50
        assert contrast.contrast.low < contrast.contrast.high
