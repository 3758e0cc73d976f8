"""What columns have to do with each other, against scipy and plain definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.stats.contingency import association

from profiling_engine.tables.report_parts import (
    Correlations,
    correlate,
    cramers_v,
    pearson,
    ranks_in_order,
    spearman,
)
from tests.profiling_engine.conftest import Studio


def random_columns(rows: int = 500) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Three related columns with ties, two of them with gaps."""
    generator = np.random.default_rng(5)
    columns = generator.normal(size=(rows, 3)).round(1)
    columns[:, 1] += 0.7 * columns[:, 0]
    columns[generator.random(rows) < 0.3, 1] = np.nan
    columns[generator.random(rows) < 0.2, 2] = np.nan
    return columns


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e-9, 1e3), (1e200, 0.0), (1.0, 1.7e9)])
def test_pearson_uses_the_rows_with_both_values(scale: float, shift: float) -> None:
    columns = random_columns() * scale + shift
    found = pearson(columns)
    for one in range(3):
        for two in range(3):
            both = ~np.isnan(columns[:, [one, two]]).any(axis=1)
            expected = stats.pearsonr(random_columns()[both, one], random_columns()[both, two])
            assert found[one, two] == pytest.approx(expected.statistic, abs=1e-4)


def test_spearman_gives_ties_their_mean_rank() -> None:
    columns = random_columns()
    codes = [ranks_in_order(column) for column in columns.T]
    for one in range(3):
        for two in range(3):
            expected = stats.spearmanr(columns[:, one], columns[:, two], nan_policy="omit")
            assert spearman(codes[one], codes[two]) == pytest.approx(expected.statistic, abs=1e-12)


def test_column_constant_in_the_common_rows_has_no_correlation() -> None:
    columns = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, np.nan], [np.nan, 7.0]])
    assert np.isnan(pearson(columns)[0, 1])
    assert pearson(columns)[0, 0] == pytest.approx(1)
    assert np.isnan(spearman(*(ranks_in_order(column) for column in columns.T)))


def bergsma(table: Sequence[Sequence[int]]) -> float:
    """The corrected V from scipy's plain one, step by step as in the paper."""
    counts = np.array(table)
    n, (r, c) = counts.sum(), counts.shape
    plain = association(counts, method="cramer")
    phi_squared = plain**2 * min(r - 1, c - 1)
    corrected = max(0.0, phi_squared - (r - 1) * (c - 1) / (n - 1))
    r_corrected, c_corrected = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return float(np.sqrt(corrected / min(r_corrected - 1, c_corrected - 1)))


@pytest.mark.parametrize(
    "table", [[[20, 5, 3], [4, 30, 6]], [[10, 10], [10, 10]], [[9, 1], [2, 8], [5, 5]]]
)
def test_cramers_v_has_bergsmas_correction(table: list[list[int]]) -> None:
    pairs = [
        (one, two)
        for one, row in enumerate(table)
        for two, times in enumerate(row)
        for _ in range(times)
    ]
    first, second = (np.array(codes) for codes in zip(*pairs, strict=True))
    assert cramers_v(first, second) == pytest.approx(bergsma(table), abs=1e-12)


def test_cramers_v_of_independent_columns_is_about_0() -> None:
    generator = np.random.default_rng(3)
    first, second = generator.integers(0, 40, size=(2, 400))
    counts = np.histogram2d(first, second, bins=40)[0].astype(np.int64)
    assert association(counts, method="cramer") > 0.25
    assert cramers_v(first, second) < 0.1
    assert np.isnan(cramers_v(first, np.zeros(400, dtype=np.int64)))


def related(
    studio: Studio, rows: int, splits: Sequence[int] = (), max_rows: int = 200_000
) -> Correlations:
    table = studio.table_of(
        "SELECT i AS a, CASE WHEN i % 7 > 0 THEN (i * 7919) % 1000 + i / 50.0 END AS b, "
        "DATE '2020-01-01' + (i // 10)::INTEGER AS day, "
        "['x', 'y', NULL, 'z'][i % 4 + 1] AS kind, i % 2 = 0 AS even "
        f"FROM range({rows}) t(i)",
        splits=splits,
    )
    return correlate(
        studio.database,
        table,
        ["a", "b", "day"],
        ["kind", "even"],
        seed="a",
        max_rows=max_rows,
        on_progress=lambda *_: None,
    )


def test_up_to_200_000_rows_are_correlated_exactly(studio: Studio) -> None:
    found = related(studio, 1000, splits=(300,))
    a = np.arange(1000)
    b = np.where(a % 7 > 0, (a * 7919) % 1000 + a / 50, np.nan)
    there = ~np.isnan(b)
    by_measure = {matrix.measure: matrix for matrix in found.matrices}
    assert (found.rows, found.accuracy) == (1000, "exact")
    expected = stats.pearsonr(a[there], b[there]).statistic
    assert by_measure["pearson"].values[0, 1] == pytest.approx(expected)
    expected = stats.spearmanr(a, a // 10).statistic
    assert by_measure["spearman"].values[0, 2] == pytest.approx(expected)
    expected = bergsma([[250, 0], [0, 250], [0, 250]])
    assert by_measure["cramers_v"].values[0, 1] == pytest.approx(expected)
    assert found.as_json()["accuracy"] == "exact"


def test_larger_table_is_correlated_from_a_seeded_sample(
    studio: Studio,
) -> None:
    exact = related(studio, 50_000)
    found = related(studio, 50_000, max_rows=40_000)
    assert (found.rows, found.as_json()["accuracy"]) == (32_768, "estimated")
    again = related(studio, 50_000, splits=(17, 20_000), max_rows=40_000)
    for one, same, whole in zip(found.matrices, again.matrices, exact.matrices, strict=True):
        assert np.allclose(one.values, same.values, equal_nan=True, atol=1e-12)
        assert np.allclose(one.values, whole.values, equal_nan=True, atol=0.05)


def test_at_most_forty_columns_are_correlated(studio: Studio) -> None:
    names = ", ".join(f"(i * {at + 1}) % 11 AS c{at}" for at in range(45))
    table = studio.table_of(f"SELECT {names} FROM range(50) t(i)")
    every = [f"c{at}" for at in range(45)]
    found = correlate(studio.database, table, every, every[:2], seed=1)
    assert found.left_out == ("c40", "c41", "c42", "c43", "c44")
    assert found.matrices[0].values.shape == (40, 40)
    assert len(found.as_json()["matrices"][2]["values"]) == 2


def test_empty_table_has_no_correlations(studio: Studio) -> None:
    table = studio.table_of("SELECT 1 AS a, 2 AS b LIMIT 0")
    (matrix, _) = correlate(studio.database, table, ["a", "b"], [], seed=1).matrices
    assert matrix.as_json()["values"] == [[None, None], [None, None]]
    assert correlate(studio.database, table, ["a"], [], seed=1).matrices == ()


def test_more_than_fifty_values_are_not_categories(studio: Studio) -> None:
    table = studio.table_of("SELECT i AS a, i % 50 AS b, i % 2 AS c FROM range(100) t(i)")
    found = correlate(studio.database, table, [], ["a", "b", "c"], seed=1)
    assert found.left_out == ("a",)
    assert found.matrices[0].columns == ("b", "c")


class Stopped(Exception):
    """What a cancelled job's report raises."""


def test_progress_callback_can_stop_correlations(studio: Studio) -> None:
    table = studio.table_of("SELECT i AS a, -i AS b FROM range(100) t(i)")

    def on_progress(fraction: float, message: str) -> None:
        if message == "ranking columns":
            raise Stopped

    with pytest.raises(Stopped):
        correlate(studio.database, table, ["a", "b"], [], seed=1, on_progress=on_progress)
