"""The change between two samples: all pairs of samples, a hand calculation, and coverage."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.coverage import change as simulation
from benchmarks.coverage import contrasts as of_contrasts
from estimation_engine import (
    Design,
    Domains,
    EstimateSettings,
    Values,
    cluster_design,
    random_design,
    stratified_design,
)
from estimation_engine.arrays import Ints
from estimation_engine.change import (
    CommonRows,
    FigureChange,
    WaveSample,
    can_share_rows,
    changes,
    shared_lengths,
)
from estimation_engine.intervals import difference_interval, wilson_interval

PAGE = Path(__file__).parents[2] / "docs" / "CHANGE.md"
BEFORE = {"A": 20.0, "B": 34.0, "C": 10.0, "D": 26.0, "E": 40.0, "F": 14.0, "G": 30.0, "H": 18.0}
"""The values of two small tables."""
AFTER = {"C": 13.0, "D": 29.0, "E": 41.0, "F": 19.0, "G": 36.0, "H": 20.0, "I": 28.0, "J": 22.0}


def wave(design: Design, y: object, statistic: str = "mean") -> WaveSample:
    values = np.asarray(y, dtype=np.float64)
    whole = np.ones(len(values), dtype=np.bool_)
    domains = Domains(whole, np.zeros(len(values), dtype=np.int64), 1)
    return WaveSample(design, Values(statistic, values, whole), domains)  # type: ignore[arg-type]


def kept(*rows: tuple[int, int, int]) -> Ints:
    return np.array(rows, dtype=np.int64)


def of_keys(first: str, second: str, statistic: str = "mean") -> FigureChange:
    """The change between samples of the small tables."""
    common = sorted(set(first) & set(second))
    shared = CommonRows(
        np.array([first.index(key) for key in common], dtype=np.int64),
        np.array([second.index(key) for key in common], dtype=np.int64),
        kept((0, 0, len(BEFORE.keys() & AFTER.keys()))),
    )
    waves = (
        wave(random_design(len(first), 8), [BEFORE[key] for key in first], statistic),
        wave(random_design(len(second), 8), [AFTER[key] for key in second], statistic),
    )
    settings = EstimateSettings()
    return changes(*waves, [(0, 0)], "common_rows", shared, settings)[0]


def test_the_worked_example_of_the_page() -> None:
    """Six of 40 rows and six of 44, 36 rows in both tables and four in both samples."""
    y = {"A": 52, "B": 31, "C": 44, "D": 60, "E": 38, "F": 27}
    later = {"C": 47, "D": 58, "E": 45, "F": 35, "G": 51, "H": 40}
    waves = (
        wave(random_design(6, 40), list(y.values())),
        wave(random_design(6, 44), list(later.values())),
    )
    shared = CommonRows(np.arange(2, 6), np.arange(4), kept((0, 0, 36)))
    (found,) = changes(*waves, [(0, 0)], "common_rows", shared, EstimateSettings())
    assert found.first is not None
    assert found.second is not None
    text = PAGE.read_text("utf-8")
    for number in (
        found.first.value,
        found.second.value,
        found.value,
        found.first.error,
        found.second.error,
        found.error,
        found.low,
        found.high,
        found.correlation,
    ):
        assert number is not None
        assert f"{number:.4f}" in text, number


def test_all_pairs_of_samples_have_the_variance_given_their_overlap() -> None:
    """Of two samples of one population: all pairs of samples with three common rows of four."""
    keys = "CDEFGH"
    population = len(keys)
    y = np.array([BEFORE[key] for key in keys]), np.array([AFTER[key] for key in keys])
    values, variances = [], []
    samples = list(combinations(range(population), 4))
    for first, second in product(samples, samples):
        common = sorted(set(first) & set(second))
        if len(common) != 3:
            continue
        shared = CommonRows(
            np.array([first.index(row) for row in common]),
            np.array([second.index(row) for row in common]),
            kept((0, 0, population)),
        )
        waves = [
            wave(random_design(4, population), own[list(rows)])
            for own, rows in zip(y, (first, second), strict=True)
        ]
        (found,) = changes(waves[0], waves[1], [(0, 0)], "common_rows", shared, EstimateSettings())
        assert found.value is not None
        assert found.error is not None
        values.append(found.value)
        variances.append(found.error**2)
    assert np.mean(values) == pytest.approx(y[1].mean() - y[0].mean())
    # The divisor of S12 is that of independent pairs, so small populations differ a little.
    assert np.mean(variances) == pytest.approx(np.var(values), rel=0.1)


def test_one_sample_has_the_variance_of_differences() -> None:
    random = np.random.default_rng(2)
    y = random.normal(size=(2, 30))
    rows = np.arange(30)
    for design, cells in (
        (random_design(30, 200), kept((0, 0, 200))),
        (
            stratified_design(rows % 2, np.array([120, 80])),
            kept((0, 0, 120), (1, 1, 80)),
        ),
    ):
        waves = wave(design, y[0]), wave(design, y[1])
        common = CommonRows(rows, rows, cells)
        (found,) = changes(*waves, [(0, 0)], "common_rows", common, EstimateSettings())
        everything = Domains(np.ones(30, dtype=np.bool_), np.zeros(30, dtype=np.int64), 1)
        from estimation_engine import estimate

        values = Values("mean", y[1] - y[0], everything.included)
        (plain,) = estimate(design, values, everything, EstimateSettings())
        assert (found.value, found.error) == pytest.approx((plain.value, plain.error))
        assert found.degrees == plain.degrees


def test_without_common_rows_the_covariance_is_the_least() -> None:
    found = of_keys("ABCD", "EFGH")
    assert found.rule == "no_common_rows"
    assert found.first is not None
    assert found.second is not None
    assert found.first.error is not None
    assert found.second.error is not None
    independent = (found.first.error**2 + found.second.error**2) ** 0.5
    assert found.error is not None
    assert independent < found.error < found.first.error + found.second.error


def test_a_group_of_one_sample_has_no_change() -> None:
    waves = wave(random_design(4, 8), [1, 2, 3, 4]), wave(random_design(4, 8), [2, 3, 4, 5])
    none = CommonRows(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), kept((0, 0, 8)))
    found = changes(*waves, [(0, None), (None, 0)], "common_rows", none, EstimateSettings())
    assert [(each.value, each.error) for each in found] == [(None, None)] * 2


def test_a_census_has_an_exact_change() -> None:
    rows = np.arange(8)
    waves = wave(random_design(8, 8), list(BEFORE.values())), wave(random_design(8, 8), rows)
    common = CommonRows(rows, rows, kept((0, 0, 8)))
    (found,) = changes(*waves, [(0, 0)], "common_rows", common, EstimateSettings())
    assert found.error == 0.0
    assert found.low == found.high == found.value


def test_only_simple_samples_share_rows_by_their_number() -> None:
    simple = random_design(4, 8)
    clusters = cluster_design(np.array([0, 0, 1, 1]), np.array([2, 2]), 5, 10)
    assert can_share_rows(simple, stratified_design(np.zeros(4, dtype=np.int64), np.array([8])))
    assert not can_share_rows(simple, clusters)


@pytest.mark.parametrize(
    ("first", "second", "shift", "length"),
    [
        (0.3, 0.2, 0.0, 0.2),
        (0.3, 0.2, 0.1, 0.2),
        (0.3, 0.2, 0.2, 0.1),
        (0.3, 0.2, 0.5, 0.0),
        (0.3, 0.4, 0.8, 0.2),
        (0.9, 0.9, 0.5, 0.8),
    ],
)
def test_lengths_on_a_circle(first: float, second: float, shift: float, length: float) -> None:
    found = shared_lengths(np.array([first]), np.array([second]), shift)
    assert found[0] == pytest.approx(length)


@pytest.mark.parametrize("shares", [(0.02, 0.02), (0.02, 0.05), (0.05, 0.3)])
def test_differences_of_few_cases_hold_the_change(shares: tuple[float, float]) -> None:
    random, rows, draws = np.random.default_rng(29), 100, 2_000
    counts = [random.binomial(rows, share, draws) for share in shares]
    intervals = [wilson_interval(count / rows, rows, 1.959964) for count in range(rows + 1)]
    held = 0
    for old, new in zip(*counts, strict=True):
        low, high = difference_interval(old / rows, intervals[old], new / rows, intervals[new])
        held += low <= shares[1] - shares[0] <= high
    assert 0.93 <= held / draws <= 0.99


@pytest.mark.parametrize("design", simulation.DESIGNS)
@pytest.mark.parametrize("overlap", simulation.OVERLAPS)
@pytest.mark.parametrize("correlation", simulation.CORRELATIONS)
def test_intervals_hold_the_change(
    design: simulation.Name, overlap: float, correlation: float
) -> None:
    found = simulation.measure(design, overlap, correlation, 150, "total")
    # Three standard errors of 150 draws at 95 % are 5.3 %; of the ratio some 0.35.
    assert found.share >= 0.89
    assert found.ratio == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("design", of_contrasts.DESIGNS)
def test_intervals_hold_the_contrast(design: str) -> None:
    for figure in of_contrasts.FIGURES:
        found = of_contrasts.measure(design, figure, 150)
        assert found.share >= 0.885, figure
