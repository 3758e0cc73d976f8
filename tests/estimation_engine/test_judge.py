"""A judge as a tuned control variate: published figures, R's calibration, and coverage."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.judge import CASES, measure
from estimation_engine import (
    Adjustment,
    Design,
    Domains,
    EstimateSettings,
    Judge,
    JudgeColumn,
    Values,
    contrasts,
    estimate,
    random_design,
    stratified_design,
)
from estimation_engine.arrays import Floats
from estimation_engine.designs.cluster import cluster_design
from estimation_engine.estimates import DomainEstimate, linearise
from estimation_engine.intervals import t_quantile
from estimation_engine.judge import TunedJudge

DRAWS = 2_000


def values_of(y: Any) -> Values:
    return Values("mean", np.asarray(y, dtype=np.float64), np.ones(len(y), dtype=np.bool_))


def everything(rows: int) -> Domains:
    return Domains(np.ones(rows, dtype=np.bool_), np.zeros(rows, dtype=np.int64), 1)


def column_of(judge: Any, known: float, **by_strata: Floats) -> JudgeColumn:
    own = values_of(judge)
    return JudgeColumn("judge", "mean", own.y, own.present, None, np.array([known]), **by_strata)


def figures(design: Design, y: Any, judge: Judge) -> tuple[DomainEstimate, DomainEstimate]:
    """People alone, and both."""
    both: Adjustment = judge
    settings, domains = EstimateSettings(), everything(len(y))
    (people,) = estimate(design, values_of(y), domains, settings)
    (corrected,) = estimate(design, values_of(y), domains, settings, both)
    return people, corrected


def tuned(design: Design, y: Any, judge: Judge) -> TunedJudge:
    found = linearise(design, values_of(y), everything(len(y)), judge).tuned
    assert found is not None
    return found


def published(y: Floats, judge: Floats, others: Floats) -> tuple[float, float, float]:
    """λ, the mean and its variance by PPI++, of labelled rows and others of a superpopulation.

    λ is Cov(y, f)/((1 + n/N)·Var f), the covariance of the n labelled rows and the variance of all
    n + N, both with n - 1. Angelopoulos, Duchi and Zrnic 2023, "PPI++", section 6.
    """
    n, unlabelled = len(y), len(others)
    covariance = float(np.cov(y, judge, ddof=1)[0, 1])
    spread = float(np.var(np.concatenate([judge, others]), ddof=1))
    slope = covariance / ((1 + n / unlabelled) * spread)
    mean = slope * others.mean() + (y - slope * judge).mean()
    of_others = slope**2 * np.var(others, ddof=1) / unlabelled
    return slope, float(mean), float(of_others + np.var(y - slope * judge, ddof=1) / n)


STRATIFIED = {
    "labels 1 2 4 5": (
        ([1, 2], [1.1, 2.2], [1.5, 1.8]),
        ([4, 5], [3.9, 5.1], [4.5, 4.8]),
    ),
    "labels 5 6 5 6": (([5, 6], [4.9, 6.1], [5.2, 6.1]), ([5, 6], [4.9, 6.1], [5.2, 6.1])),
}
PUBLISHED: dict[str, tuple[tuple[float, float], tuple[float, float, float], float]] = {
    "labels 1 2 4 5": ((1.269, 1.143), (3.086, 2.720, 3.452), 0.187),
    "labels 5 6 5 6": ((0.784, 0.784), (5.618, 5.127, 6.108), 0.250),
}


@pytest.mark.parametrize("name", STRATIFIED)
def test_published_figures_follow_from_a_coefficient_by_stratum(name: str) -> None:
    slopes, (mean, low, high), error = PUBLISHED[name]
    parts = [published(*map(np.array, part)) for part in STRATIFIED[name]]
    assert [round(slope, 3) for slope, _, _ in parts] == list(slopes)
    found = sum(each for _, each, _ in parts) / 2
    own_error = (sum(variance for _, _, variance in parts) / 4) ** 0.5
    half = t_quantile(0.975, 1e9) * own_error
    assert round(own_error, 3) == error
    assert [round(each, 3) for each in (found, found - half, found + half)] == [mean, low, high]


@pytest.mark.parametrize("name", STRATIFIED)
def test_published_means_are_those_of_the_table_with_their_coefficients(name: str) -> None:
    """λ(F - f̄) of all rows is λN/(n + N) of the unlabelled ones: so λ is (1 + n/N) times PPI's."""
    total = 0.0
    for part in STRATIFIED[name]:
        y, judge, others = map(np.array, part)
        slope = published(y, judge, others)[0] * (1 + len(y) / len(others))
        whole = np.concatenate([judge, others]).mean()
        total += float(y.mean() + slope * (whole - judge.mean())) / 2
    assert round(total, 3) == PUBLISHED[name][1][0]


def test_two_labels_of_a_stratum_leave_no_degree_of_freedom_for_a_coefficient() -> None:
    y, judge, strata = [1, 2, 4, 5], [1.1, 2.2, 3.9, 5.1], np.array([0, 0, 1, 1])
    design = stratified_design(strata, np.array([4, 4]))
    people, both = figures(design, y, Judge([column_of(judge, 3.1125)]))
    assert both == people


ROWS, KNOWN = 1_000, 5.2
AT = np.arange(40)
JUDGED = AT * 37 % 101 / 10
LABELS = JUDGED * 1.2 + AT * 53 % 17 / 5
R_CODE = """library(survey)
i <- 0:39
d <- data.frame(f = (i * 37) %% 101 / 10, fpc = 1000)
d$y <- d$f * 1.2 + (i * 53) %% 17 / 5
design <- svydesign(ids = ~1, fpc = ~fpc, data = d)
both <- svymean(~y, calibrate(design, ~f, c(1000, 5200)))
cat(sprintf("%.10f %.10f", coef(both), SE(both)))
"""
R_FIGURES = (7.7568532251, 0.1502314512)
"""The mean and its standard error by R's survey 4.4."""


def test_of_a_random_sample_both_are_the_calibration_of_r() -> None:
    design, judge = random_design(40, ROWS), Judge([column_of(JUDGED, KNOWN)])
    people, both = figures(design, LABELS, judge)
    slope = float(np.polyfit(JUDGED, LABELS, 1)[0])
    assert LABELS.mean() + slope * (KNOWN - JUDGED.mean()) == pytest.approx(R_FIGURES[0], abs=1e-9)
    share = np.corrcoef(JUDGED, LABELS)[0, 1] ** 2
    shrinkage = 1 - (1 - share) / (share * 38)
    found = tuned(design, LABELS, judge)
    assert found.coefficients.values[0, 0] == pytest.approx(shrinkage * slope)
    assert found.correlation(0) == pytest.approx(share**0.5)
    assert people.value is not None
    assert both.value is not None
    moved = (both.value - people.value) / (R_FIGURES[0] - people.value)
    assert moved == pytest.approx(shrinkage)
    assert shrinkage > 0.998
    # R's weights g make up for the deviation as T² does; it takes no degree of freedom for λ.
    assert both.error == pytest.approx(R_FIGURES[1] * (39 / 38) ** 0.5, rel=0.01)
    assert both.degrees == people.degrees - 1


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R isn't installed")
def test_r_still_gives_these_figures(tmp_path: Path) -> None:
    (tmp_path / "run.R").write_text(R_CODE)
    done = subprocess.run(
        ["Rscript", "run.R"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert tuple(map(float, done.stdout.split())) == pytest.approx(R_FIGURES, abs=1e-9)


def test_a_useless_judge_costs_nothing() -> None:
    noise = AT * 31 % 43 / 10
    assert abs(np.corrcoef(noise, LABELS)[0, 1]) < 0.12
    people, both = figures(random_design(40, ROWS), LABELS, Judge([column_of(noise, 2.0)]))
    assert both == people


def test_a_judge_that_agrees_in_all_sampled_rows_shows_no_error() -> None:
    people, both = figures(random_design(40, ROWS), LABELS, Judge([column_of(LABELS, 7.0)]))
    assert both == people
    constant = Judge([column_of(np.ones(40), 1.0)])
    assert figures(random_design(40, ROWS), LABELS, constant)[1] == people


def test_few_rows_that_differ_show_no_error() -> None:
    y = (np.arange(200) < 20).astype(np.float64)
    judges = {}
    for differing in (4, 8):
        judge = y.copy()
        judge[:differing] = 0.0
        people, both = figures(random_design(200, 10_000), y, Judge([column_of(judge, 0.09)]))
        judges[differing] = both != people
    assert judges == {4: False, 8: True}


def test_several_columns_are_used_together() -> None:
    second = AT * 53 % 17 / 5.0 + AT % 3
    columns = [column_of(JUDGED, KNOWN), column_of(second, 2.6)]
    design = random_design(40, ROWS)
    one = figures(design, LABELS, Judge(columns[:1]))[1]
    two = figures(design, LABELS, Judge(columns))[1]
    assert one.error is not None
    assert two.error is not None
    assert two.error < 0.7 * one.error
    assert figures(design, LABELS, Judge([columns[0], columns[0]]))[1].error == one.error


def test_strata_with_other_slopes_have_coefficients_of_their_own() -> None:
    rows = np.arange(120)
    strata, judge = rows % 2, rows * 37 % 101 / 10
    y = np.where(strata == 0, judge, 3.0 - judge) + rows * 53 % 17 / 10
    design = stratified_design(strata, np.array([500, 500]))
    totals, counts = np.array([[2_400.0, 2_600.0]]), np.array([[500.0, 500.0]])
    column = column_of(judge, 5.0, totals=totals, counts=counts)
    one = figures(design, y, Judge([column_of(judge, 5.0)]))[1]
    own = Judge([column], strata, np.ones(2, dtype=np.bool_))
    both = figures(design, y, own)[1]
    found = tuned(design, y, own)
    assert found.coefficients.values[0] == pytest.approx([1.0, -1.0], abs=0.05)
    assert found.strata[0] is not None
    assert both.error is not None
    assert one.error is not None
    assert both.error < 0.4 * one.error
    means = [
        y[strata == at].mean() + slope * (totals[0, at] / 500 - judge[strata == at].mean())
        for at, slope in enumerate(found.coefficients.values[0])
    ]
    assert both.value == pytest.approx(np.mean(means))


def test_strata_with_few_labels_share_a_coefficient() -> None:
    rows = np.arange(30)
    strata, judge = rows % 2, rows * 37 % 101 / 10
    totals, counts = np.array([[2_400.0, 2_600.0]]), np.array([[500.0, 500.0]])
    column = column_of(judge, 5.0, totals=totals, counts=counts)
    design = stratified_design(strata, np.array([500, 500]))
    y = judge + rows * 53 % 17 / 10
    found = tuned(design, y, Judge([column], strata, np.ones(2, dtype=np.bool_)))
    assert found.strata == [None]
    assert found.coefficients.values.shape == (1, 1)


def test_clusters_are_measured_as_clusters() -> None:
    clusters = np.repeat(np.arange(20), 5)
    judge = clusters * 7 % 20 + np.arange(100) % 5
    y = judge + np.arange(100) * 53 % 17 / 5
    design = cluster_design(clusters, np.full(20, 5), 200, 1_000)
    people, both = figures(design, y, Judge([column_of(judge, 11.0)]))
    assert people.error is not None
    assert both.error is not None
    assert both.error < 0.5 * people.error
    assert both.degrees == people.degrees - 1


def test_a_contrast_of_two_groups_uses_the_judge_in_both() -> None:
    groups = np.arange(40) % 2
    domains = Domains(np.ones(40, dtype=np.bool_), groups, 2)
    column = column_of(JUDGED, KNOWN)
    judge = Judge([JudgeColumn("judge", "mean", column.y, column.present, None, np.full(2, KNOWN))])
    own = values_of(LABELS)
    settings = EstimateSettings()
    (plain,) = contrasts(
        random_design(40, ROWS), (own, own), domains, [(0, 1)], settings, "difference"
    )
    (found,) = contrasts(
        random_design(40, ROWS), (own, own), domains, [(0, 1)], settings, "difference", judge
    )
    first, second = found.first, found.second
    assert found.contrast.value == pytest.approx((first.value or 0) - (second.value or 0))
    assert (found.contrast.error or 9) < 0.4 * (plain.contrast.error or 0)


@pytest.mark.parametrize("name", [each for each in CASES if "rate 1 %" not in each])
def test_intervals_of_both_cover_and_are_no_wider(name: str) -> None:
    found = measure(CASES[name], DRAWS)
    # Three standard errors of 2,000 draws at 95 % are 1.5 %.
    assert 0.93 <= found.both <= 0.975
    assert found.width <= 1.02
    if "good" in name and "rate" not in name:
        assert found.width < 0.75


@pytest.mark.parametrize("name", [each for each in CASES if "rate 1 %" in each])
def test_of_few_cases_the_interval_is_that_of_people(name: str) -> None:
    found = measure(CASES[name], DRAWS // 4)
    assert found.both >= 0.93
    assert found.width <= 1.02
    if ", 300 " in name:
        assert found.used < 0.05
