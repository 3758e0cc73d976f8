"""Figures corrected by second readings: R's survey, the definition, and simulations."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.readers import Case, measure
from contract.words import StatisticName
from estimation_engine import (
    Design,
    Domains,
    EstimateSettings,
    Values,
    by_regression,
    estimate,
    random_design,
    stratified_design,
    weighted_design,
)
from estimation_engine.arrays import Floats, Ints
from estimation_engine.two_phase import CorrectedEstimate, SecondPhase, correct

GOLDEN = Path(__file__).parent / "golden" / "two_phase.json"
"""Totals of y and of y - x with the variances of both phases, by R's survey 4.4.

``WRITE_R_FIGURES=1 pytest -n 0 tests/estimation_engine/test_two_phase.py`` writes them.
"""
SIZES, DRAWN = np.array([900, 800, 300]), np.array([60, 40, 20])
ROWS, READ = 120, 40
SETTINGS = EstimateSettings()


def sampled() -> tuple[Ints, Floats, Floats]:
    """Strata, first answers and true ones of 120 rows, the first 40 of which have both.

    R's ``twophase`` reads the sizes of strata by place, so phase 2 must come first.
    """
    random = np.random.default_rng(5)
    strata = random.permutation(np.repeat(np.arange(3), DRAWN))
    x = np.round(random.normal(5, 9, ROWS), 3)
    wrong = random.random(ROWS) < 0.3
    return strata, x, x + np.where(wrong, np.round(random.normal(0, 5, ROWS), 3), 0.0)


def designs() -> dict[str, Design]:
    strata = sampled()[0]
    return {
        "random": random_design(ROWS, int(SIZES.sum())),
        "stratified": stratified_design(strata, SIZES),
    }


def one(
    design: Design,
    statistic: StatisticName,
    first: Floats,
    truth: Floats,
    rows: Ints | None = None,
    calibration: Any = None,
) -> CorrectedEstimate:
    """The corrected figure of all rows; by default the first rows have second readings."""
    whole = np.ones(len(first), dtype=np.bool_)
    domains = Domains(whole, np.zeros(len(first), dtype=np.int64), 1)
    second = SecondPhase(np.arange(len(truth)) if rows is None else rows, truth)
    return correct(design, Values(statistic, first, whole), domains, second, SETTINGS, calibration)[
        0
    ]


R_CODE = """
library(survey)
d <- read.csv("rows.csv")
figures <- list()
for (name in c("random", "stratified")) {
  strata <- if (name == "random") list(NULL, NULL) else list(~h, NULL)
  fpc <- if (name == "random") list(~N, NULL) else list(~Nh, NULL)
  design <- twophase(id = list(~1, ~1), strata = strata, fpc = fpc, subset = ~twice, data = d)
  total <- svytotal(~y + e, design)
  phases <- attr(vcov(total), "phases")
  cat(name, format(c(coef(total), diag(phases$phase1)["y"], diag(phases$phase2)), digits = 15),
      sep = "\\t")
  cat("\\n")
}
"""


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R isn't installed")
def test_r_repeats_the_figures(tmp_path: Path) -> None:
    strata, x, y = sampled()
    lines = ["N,h,Nh,twice,y,e"]
    for at in range(ROWS):
        h = int(strata[at])
        twice = str(at < READ).upper()
        lines.append(f"{SIZES.sum()},{h},{SIZES[h]},{twice},{y[at]},{y[at] - x[at]}")
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (tmp_path / "run.R").write_text(R_CODE, "utf-8")
    run = subprocess.run(
        ["Rscript", "run.R"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    parts = [line.split("\t") for line in run.stdout.splitlines()]
    found = {name: list(map(float, figures)) for name, *figures in parts}
    if os.environ.get("WRITE_R_FIGURES"):
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    golden = json.loads(GOLDEN.read_text("utf-8"))
    assert found.keys() == golden.keys()
    for name, figures in found.items():
        assert figures == pytest.approx(golden[name], rel=1e-9), name


@pytest.mark.parametrize("name", ["random", "stratified"])
def test_figures_are_those_of_r(name: str) -> None:
    total, correction, phase_1, phase_2, of_correction = json.loads(GOLDEN.read_text("utf-8"))[name]
    design, (_, x, y) = designs()[name], sampled()
    alone = one(design, "total", np.zeros(ROWS), y[:READ])
    assert alone.value == pytest.approx(total, rel=1e-9)
    assert alone.parts == pytest.approx((phase_1, phase_2), rel=1e-9)
    found = one(design, "total", x, y[:READ])
    assert found.correction == pytest.approx(correction, rel=1e-9)
    assert found.value == pytest.approx(float((design.weights * x).sum()) + correction, rel=1e-12)
    assert found.parts[1] == pytest.approx(of_correction, rel=1e-9)


def test_the_variance_of_the_first_phase_is_unbiased() -> None:
    """Over all second phases of three of six rows, of a sample with unequal weights."""
    p = np.array([0.2, 0.3, 0.5, 0.4, 0.6, 0.25])
    design = weighted_design(p, np.zeros(6, dtype=np.bool_), 20)
    x, y = np.array([1.0, 0, 4, 2, 7, 3]), np.array([1.0, 0.3, 4, 2.5, 7, 2.9])
    whole = np.ones(6, dtype=np.bool_)
    domains = Domains(whole, np.zeros(6, dtype=np.int64), 1)
    (full,) = estimate(design, Values("total", y, whole), domains, SETTINGS)
    assert full.error is not None
    found = []
    for i in range(6):
        for j in range(i + 1, 6):
            for k in range(j + 1, 6):
                rows = np.array([i, j, k])
                found.append(one(design, "total", x, y[rows], rows))
    assert np.mean([each.value for each in found]) == pytest.approx(full.value, rel=1e-12)
    values = [each.value or 0.0 for each in found]
    assert np.mean([each.parts[1] for each in found]) == pytest.approx(np.var(values), rel=1e-9)
    assert min(each.parts[0] for each in found) > 0
    assert np.mean([each.parts[0] for each in found]) == pytest.approx(full.error**2, rel=1e-9)


def test_readings_of_all_rows_give_the_estimate_of_the_truth() -> None:
    _, x, y = sampled()
    for design in designs().values():
        whole = np.ones(ROWS, dtype=np.bool_)
        domains = Domains(whole, np.zeros(ROWS, dtype=np.int64), 1)
        (full,) = estimate(design, Values("mean", y, whole), domains, SETTINGS)
        found = one(design, "mean", x, y)
        assert (found.value, found.error) == pytest.approx((full.value, full.error), rel=1e-9)
        assert (found.low, found.high) == pytest.approx((full.low, full.high), rel=1e-9)


def test_large_first_answers_leave_no_digits_of_theirs() -> None:
    x = np.full(12, 1e38)
    found = one(random_design(12, 100), "mean", x, np.ones(12))
    assert (found.value, found.error, found.differing) == (1.0, 0.0, 12)
    total = one(random_design(12, 100), "total", x, np.arange(12.0))
    assert total.value == pytest.approx(550)


def test_no_difference_widens_the_interval() -> None:
    first = (np.arange(300) % 20 == 0).astype(np.float64)
    found = one(random_design(300, 100_000), "proportion", first, first[:30])
    assert (found.differing, found.correction) == (0, 0.0)
    assert found.value == pytest.approx(0.05)
    # Half a differing row in each direction, of 32.
    assert found.correction_error == pytest.approx(sqrt(0.9) / 32, rel=1e-9)
    assert (found.low, found.high) == (0.0, pytest.approx(0.1151, abs=5e-5))
    mean = one(random_design(300, 100_000), "mean", first * 100, first[:30] * 100)
    assert mean.correction_error == pytest.approx(
        100 * sqrt(0.9) / 32 * sqrt(2) * float(np.std(first, ddof=1)), rel=1e-9
    )


def test_a_share_beyond_0_is_cut() -> None:
    first = (np.arange(300) < 5).astype(np.float64)
    found = one(random_design(300, 100_000), "proportion", first, np.zeros(30))
    assert found.is_cut
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.correction == pytest.approx(-5 / 30)


def test_groups_are_corrected_by_their_own_readings() -> None:
    first = (np.arange(200) % 4 == 0).astype(np.float64)
    groups = (np.arange(200) >= 100).astype(np.int64)
    rows = np.arange(0, 200, 4)
    truth = np.where(rows < 40, 0.0, first[rows])
    whole = np.ones(200, dtype=np.bool_)
    design = random_design(200, 5_000)
    domains, second = Domains(whole, groups, 2), SecondPhase(rows, truth)
    left, right = correct(design, Values("proportion", first, whole), domains, second, SETTINGS)
    assert (left.readings, left.differing, right.differing) == (25, 10, 0)
    # 10 of 50 second readings differ: 40 of the 200 rows, all in the group of 100.
    assert left.correction == pytest.approx(-0.4)
    assert right.correction == 0.0
    totals = correct(design, Values("total", first, whole), domains, second, SETTINGS)
    assert sum(each.correction or 0.0 for each in totals) == pytest.approx(-40 * 25)
    none = SecondPhase(rows[:25], truth[:25])
    assert correct(design, Values("total", first, whole), domains, none, SETTINGS)[1].value is None


def test_a_calibration_corrects_the_calibrated_figure() -> None:
    _, x, y = sampled()
    random = np.random.default_rng(2)
    judge = y + random.normal(0, 3, ROWS)
    design = designs()["random"]
    calibration = by_regression(design.weights, judge[np.newaxis], np.array([5.5]), 2_000, ["j"])
    whole = np.ones(ROWS, dtype=np.bool_)
    domains = Domains(whole, np.zeros(ROWS, dtype=np.int64), 1)
    (plain,) = estimate(design, Values("mean", x, whole), domains, SETTINGS, calibration)
    found = one(design, "mean", x, y[:READ], calibration=calibration)
    w = calibration.calibrated_weights
    correction = 3 * float((w * (y - x))[:READ].sum()) / 2_000
    assert plain.value is not None
    assert found.value == pytest.approx(plain.value + correction, rel=1e-12)
    assert (found.error or 1) < (one(design, "mean", x, y[:READ]).error or 0)
    (full,) = estimate(design, Values("mean", y, whole), domains, SETTINGS, calibration)
    again = one(design, "mean", x, y, calibration=calibration)
    assert (again.value, again.error) == pytest.approx((full.value, full.error), rel=1e-9)


@pytest.mark.parametrize(
    ("case", "draws", "most"),
    [
        (Case(), 2_000, 0.97),
        (Case("stratified"), 500, 0.975),
        # Few differing rows: 1.5 of 30 are expected.
        (Case(drawn=300), 500, 1.0),
    ],
)
def test_corrected_intervals_hold_the_truth(case: Case, draws: int, most: float) -> None:
    found = measure(case, draws)
    assert 0.93 <= found.corrected <= most
    assert found.first < 0.3
