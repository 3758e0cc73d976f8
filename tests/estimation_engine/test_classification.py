"""Figures of a flag against the truth: R's figures, small examples by hand, and coverage."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from application.validation.samples import api_clusters, api_random, api_strata
from benchmarks.coverage.classification import coverage_of
from contract.words import ClassificationFigure
from estimation_engine import (
    Design,
    Domains,
    EstimateSettings,
    Values,
    random_design,
    stratified_design,
)
from estimation_engine.arrays import Booleans
from estimation_engine.classification import (
    Classification,
    JudgedRows,
    KnownFlags,
    classify,
    classify_classes,
)

SETTINGS = EstimateSettings()
DESIGNS = {"srs": api_random, "strat": api_strata, "clus1": api_clusters}
KNOWN = KnownFlags(np.array([2500.0]), np.array([3694.0]))


@cache
def survey() -> dict[str, Any]:
    path = Path(__file__).parent / "golden" / "classification.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def judged(bad: Any, flagged: Any, **more: Any) -> JudgedRows:
    bad, flagged = np.asarray(bad, dtype=np.bool_), np.asarray(flagged, dtype=np.bool_)
    ones = np.ones(len(bad), dtype=np.bool_)
    return replace(JudgedRows(bad, ones, flagged, ones), **more)


def one_domain(rows: int) -> Domains:
    return Domains(np.ones(rows, dtype=np.bool_), np.zeros(rows, dtype=np.int64), 1)


def of_school(name: str) -> JudgedRows:
    """Schools below 620 in 2000 are bad, and those below 600 in 1999 are flagged."""
    columns = survey()[name]
    present = np.ones(len(columns["bad"]), dtype=np.bool_)
    amounts = Values("mean", np.array(columns["stu"], dtype=np.float64), present)
    return judged(columns["bad"], columns["flagged"], amounts=amounts)


def assert_as_r(found: Classification, golden: dict[str, Any], *without: str) -> None:
    for name, (value, error) in golden.items():
        if name == "missed_amount":
            assert found.missed_amount is not None
            pair = found.missed_amount.value, found.missed_amount.error
        elif name not in without:
            figure = found.figures[name]  # type: ignore[index]
            pair = figure.value, figure.error
        else:
            continue
        assert pair == pytest.approx((value, error), rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize("name", DESIGNS)
def test_figures_by_the_sample_equal_r(name: str) -> None:
    rows = of_school(name)
    (found,) = classify(DESIGNS[name](), rows, one_domain(len(rows.bad)), SETTINGS)
    # Its 183 schools stand for 9,235 by their weights, and for the 6,194 of the table here.
    without = ("missed_rows",) if name == "clus1" else ()
    assert_as_r(found, survey()[f"{name}_sample"], *without)


@pytest.mark.parametrize("name", DESIGNS)
def test_poststratified_figures_equal_r(name: str) -> None:
    rows = of_school(name)
    (found,) = classify(DESIGNS[name](), rows, one_domain(len(rows.bad)), SETTINGS, KNOWN)
    assert_as_r(found, survey()[f"{name}_known"])
    assert found.figures["flagged_share"].value == 2500 / 6194
    assert found.figures["flagged_share"].error == 0.0


def test_groups_equal_r() -> None:
    rows, wide = of_school("strat"), np.array(survey()["strat"]["wide"], dtype=np.int64)
    domains = Domains(np.ones(len(wide), dtype=np.bool_), wide, 2)
    known = KnownFlags(np.array([500.0, 2000.0]), np.array([600.0, 3094.0]))
    narrow, broad = classify(api_strata(), rows, domains, SETTINGS)
    assert_as_r(narrow, survey()["strat_narrow_sample"])
    assert_as_r(broad, survey()["strat_wide_sample"])
    narrow, broad = classify(api_strata(), rows, domains, SETTINGS, known)
    assert_as_r(narrow, survey()["strat_narrow_known"])
    assert_as_r(broad, survey()["strat_wide_known"])


def by_flag(hits: int, flagged: int, missed: int, others: int) -> tuple[Design, JudgedRows]:
    """A sample of strata by the flag, of 200 flagged and 9,800 other rows."""
    bad = np.r_[np.arange(flagged) < hits, np.arange(others) < missed]
    flags = np.r_[np.ones(flagged, dtype=np.bool_), np.zeros(others, dtype=np.bool_)]
    design = stratified_design((~flags).astype(np.int64), np.array([200, 9800]))
    return design, judged(bad, flags)


OF_TABLE = KnownFlags(np.array([200.0]), np.array([9800.0]))


def test_figures_by_hand() -> None:
    # 40 of 50 flagged rows and 2 of 100 others are bad: 160 and 196 rows of the table.
    design, rows = by_flag(40, 50, 2, 100)
    (found,) = classify(design, rows, one_domain(150), SETTINGS, OF_TABLE)
    expected: dict[ClassificationFigure, float] = {
        "prevalence": 356 / 10_000,
        "flagged_share": 0.02,
        "precision": 0.8,
        "recall": 160 / 356,
        "f1": 2 * 160 / (200 + 356),
        "specificity": 9604 / 9644,
        "accuracy": 9764 / 10_000,
        "elusion": 0.02,
        "missed_rows": 196,
    }
    for name, value in expected.items():
        assert found.figures[name].value == pytest.approx(value), name
    counts = {cell: each.count.value for cell, each in found.cells.items()}
    assert counts == pytest.approx(
        {(True, True): 160, (False, True): 40, (True, False): 196, (False, False): 9604}
    )
    assert found.cells[True, False].rows == 2


def test_limits_of_recall_are_movers_closed_form() -> None:
    design, rows = by_flag(40, 50, 2, 100)
    (found,) = classify(design, rows, one_domain(150), SETTINGS, OF_TABLE)
    x, y = found.figures["precision"], found.figures["elusion"]
    # Donner and Zou 2012 for the ratio of x to y, both limits by l and u of independent shares.
    values = [each or 0.0 for each in (x.value, x.low, x.high, y.value, y.low, y.high)]
    p, l1, u1, q, l2, u2 = values
    least = (p * q - ((p * q) ** 2 - l1 * u2 * (2 * p - l1) * (2 * q - u2)) ** 0.5) / (
        u2 * (2 * q - u2)
    )
    most = (p * q + ((p * q) ** 2 - u1 * l2 * (2 * p - u1) * (2 * q - l2)) ** 0.5) / (
        l2 * (2 * q - l2)
    )
    ends = [200 * ratio / (200 * ratio + 9800) for ratio in (least, most)]
    recall = found.figures["recall"]
    assert (recall.low, recall.high) == pytest.approx(ends, rel=1e-9)


def test_no_missed_row_leaves_recall_open() -> None:
    design, rows = by_flag(40, 50, 0, 100)
    (found,) = classify(design, rows, one_domain(150), SETTINGS, OF_TABLE)
    recall = found.figures["recall"]
    assert (recall.value, recall.high) == (1.0, 1.0)
    # Up to 3.6 % of 9,800 rows may be missed, beside 160 flagged ones.
    assert recall.low == pytest.approx(160 / (160 + 355), abs=0.03)
    assert found.figures["missed_rows"].high == pytest.approx(9800 * (1 - 0.025 ** (1 / 100)))


def test_no_bad_row_at_all_says_nothing_of_recall() -> None:
    design, rows = by_flag(0, 50, 0, 100)
    (found,) = classify(design, rows, one_domain(150), SETTINGS, OF_TABLE)
    recall = found.figures["recall"]
    assert (recall.value, recall.low, recall.high) == (None, 0.0, 1.0)


def test_heavy_rows_without_a_hit_widen_the_interval() -> None:
    """One bad row in a band that was drawn whole doesn't bound those of a band drawn thinly."""
    bands = np.repeat([0, 1, 2], [20, 50, 100])
    design = stratified_design(bands, np.array([20, 50, 9930]))
    flags = bands == 0
    rows = judged(np.r_[np.ones(20), np.arange(50) < 1, np.zeros(100)], flags)
    known = KnownFlags(np.array([20.0]), np.array([9980.0]))
    (found,) = classify(design, rows, one_domain(170), SETTINGS, known)
    high = found.figures["missed_rows"].high
    assert high is not None
    assert high > 0.9 * 9930 * (1 - 0.025 ** (1 / 100))


def test_flagged_rows_that_are_all_drawn_are_known() -> None:
    flags = np.r_[np.ones(30, dtype=np.bool_), np.zeros(100, dtype=np.bool_)]
    design = stratified_design((~flags).astype(np.int64), np.array([30, 970]))
    rows = judged(np.r_[np.ones(30), np.arange(100) < 3], flags)
    known = KnownFlags(np.array([30.0]), np.array([970.0]))
    (found,) = classify(design, rows, one_domain(130), SETTINGS, known)
    precision = found.figures["precision"]
    assert (precision.low, precision.high, precision.interval) == (1.0, 1.0, "known")


def test_rows_without_truth_or_flag_are_counted() -> None:
    design = random_design(100, 1000)
    answered, has_flag = np.arange(100) % 10 != 0, np.arange(100) % 4 != 1
    flags: Booleans = (np.arange(100) < 30) & has_flag
    rows = judged((np.arange(100) < 20) & answered, flags, answered=answered, has_flag=has_flag)
    (found,) = classify(design, rows, one_domain(100), SETTINGS)
    assert found.rows == int((answered & has_flag).sum())
    assert found.unanswered == int((~answered & has_flag).sum())
    assert found.without_flag == int((~has_flag).sum())


def test_no_missed_amount_has_no_interval() -> None:
    design, rows = by_flag(40, 50, 0, 100)
    amounts = Values("mean", np.full(150, 10.0), np.ones(150, dtype=np.bool_))
    rows = replace(rows, amounts=amounts)
    (found,) = classify(design, rows, one_domain(150), SETTINGS, OF_TABLE)
    assert found.missed_amount is not None
    assert (found.missed_amount.value, found.missed_amount.low) == (0.0, None)


def test_two_classes_are_both_sides_of_one_flag() -> None:
    random = np.random.default_rng(6)
    truth, flag = random.integers(0, 2, 200), random.integers(0, 2, 200)
    design = random_design(200, 5000)
    known = [KnownFlags(np.array([n]), np.array([5000.0 - n])) for n in (2400.0, 2600.0)]
    classes = [judged(truth == k, flag == k) for k in (0, 1)]
    (found,) = classify_classes(design, classes, one_domain(200), SETTINGS, known)
    first, second = found.classes
    assert first.figures["recall"].value == pytest.approx(second.figures["specificity"].value)
    recalls = [each.figures["recall"].value or 0.0 for each in found.classes]
    average = found.averages["recall"]
    assert average.value == pytest.approx(np.mean(recalls))
    assert average.error is not None
    low, high = average.low, average.high
    assert low is not None
    assert high is not None
    assert low < np.mean(recalls) < high
    counts = [cell.count.value or 0.0 for line in found.counts for cell in line]
    assert sum(counts) == pytest.approx(5000)


def test_the_error_of_an_average_has_the_covariance_of_classes() -> None:
    """That of the mean over draws, since errors of both recalls are related."""
    random = np.random.default_rng(7)
    truth = random.random(4000) < 0.4
    flag = random.random(4000) < np.where(truth, 0.8, 0.25)
    known = [
        KnownFlags(np.array([float(n)]), np.array([4000.0 - n]))
        for n in ((~flag).sum(), flag.sum())
    ]
    values, errors = [], []
    for _ in range(200):
        rows = np.sort(random.choice(4000, 300, replace=False))
        classes = [judged(truth[rows] == k, flag[rows] == k) for k in (False, True)]
        design = random_design(300, 4000)
        (found,) = classify_classes(design, classes, one_domain(300), SETTINGS, known)
        values.append(found.averages["recall"].value or 0.0)
        errors.append(found.averages["recall"].error or 0.0)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.1)


@pytest.mark.parametrize("design", ["random", "flag", "score"])
@pytest.mark.parametrize("prevalence", [0.001, 0.01, 0.05, 0.2])
def test_intervals_hold_for_few_cases(design: str, prevalence: float) -> None:
    found = coverage_of(design, prevalence, draws=2_000)
    for name in ("recall", "elusion"):
        assert found.held(name) >= 0.93, (name, found.held(name))


def test_normal_intervals_fail_for_few_cases() -> None:
    found = coverage_of("random", 0.01, draws=2_000)
    assert found.held("normal recall") < 0.9
    assert found.held("normal elusion") < 0.9


def test_a_missed_amount_isnt_below_0() -> None:
    design, rows = by_flag(40, 50, 2, 100)
    for least, is_cut in ((1.0, True), (-1.0, False)):
        amounts = np.full(150, 5.0)
        amounts[0] = least
        amounts[50] = 400.0
        values = Values("mean", amounts, np.ones(150, dtype=np.bool_))
        (found,) = classify(
            design, replace(rows, amounts=values), one_domain(150), SETTINGS, OF_TABLE
        )
        assert found.missed_amount is not None
        low = found.missed_amount.low
        assert low == 0.0 if is_cut else low is not None and low < 0.0
