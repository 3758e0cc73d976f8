"""The figures of docs/LARGE_TABLES.md are those of the model, fitted to the recorded measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.model import (
    BYTES,
    CPU,
    FILES,
    LARGE,
    LAYOUTS,
    METHODS,
    Layout,
    check_lines,
    comparisons,
    constant_lines,
    fitted,
    large_lines,
    predicted,
    recorded,
    spark_comparisons,
    spark_constant_lines,
    summary,
    touched,
)

PAGE = (Path(__file__).parents[1] / "docs" / "LARGE_TABLES.md").read_text(encoding="utf-8")
MEASURES = recorded()


def test_the_page_has_the_tables_of_the_model() -> None:
    duckdb = [each for each in comparisons(MEASURES) if not each.is_fitted]
    spark = spark_comparisons(MEASURES)
    tables = [
        constant_lines(MEASURES),
        large_lines(MEASURES),
        check_lines(duckdb, BYTES),
        check_lines(duckdb, CPU),
        check_lines(spark, BYTES),
        spark_constant_lines(MEASURES),
    ]
    for lines in tables:
        assert "\n".join(lines) in PAGE, "python -m benchmarks.model prints the tables"
    for figure in (BYTES, FILES, CPU):
        assert summary(duckdb, figure) in PAGE


def test_bytes_and_files_are_within_the_goal() -> None:
    for each in comparisons(MEASURES):
        assert abs(each.deviation(BYTES)) < 0.2, each
        assert abs(each.deviation(FILES)) < 0.2, each


@pytest.mark.parametrize("method", METHODS)
def test_a_larger_table_costs_no_less(method: str) -> None:
    constants = fitted(MEASURES)
    small = predicted(method, next(iter(LAYOUTS.values())), constants)
    large = predicted(method, LARGE, constants)
    assert all(before <= after for before, after in zip(small, large, strict=True))


def test_random_rows_touch_as_many_places_as_expected() -> None:
    assert touched(1_000, 1_000) == pytest.approx(632.1, abs=0.1)
    constants = fitted(MEASURES)
    assert predicted("random", Layout(10**9, 1, 10**5), constants).files == pytest.approx(1)
