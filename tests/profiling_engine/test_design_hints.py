"""Hints for the design of a sample: which columns serve, which don't, and what is taken whole."""

from __future__ import annotations

import math

import pytest

from profiling_engine import TableProfile, design_hints
from profiling_engine.advice import cut_off
from profiling_engine.columns.numbers import MAX_COUNTS
from profiling_engine.columns.profile import Largest
from tests.profiling_engine.conftest import Studio

QUERY = """
SELECT range AS id,
    CASE range % 4 WHEN 0 THEN 'north' WHEN 1 THEN 'south' WHEN 2 THEN 'east' ELSE 'west' END
        AS region,
    if(range % 10 < 7, 'a', if(range % 10 < 9, 'b', 'c')) AS grade,
    if(range < 20, 'rare', 'common') AS sparse,
    if(range % 100 = 0, 'x', 'y') AS lopsided,
    'store ' || range % 200 AS store,
    'person ' || range % 15000 AS person,
    CAST(100 * exp(sqrt(-2 * ln((range % 997 + 1) / 998.0)) * cos(range * 0.7) * 1.5)
        AS DECIMAL(12,2)) AS amount,
    CAST(range % 1000 AS INTEGER) AS evenly,
    CAST(60 * sqrt(range % 3600) AS INTEGER) % 3600 AS start_minute,
    2000 + range % 60 * (range % 3) AS model_year,
    CAST((range % 500) * (range % 500) AS INTEGER) - 5 AS balance,
    if(range % 5 = 0, NULL, range % 6) AS often_null
FROM range(20000)"""


@pytest.fixture(scope="module")
def profile(studio: Studio) -> TableProfile:
    return studio.profile(studio.table_of(QUERY))


def test_few_balanced_values_are_strata(profile: TableProfile) -> None:
    hints = {hint.column: hint for hint in design_hints(profile).strata}
    assert list(hints) == ["region", "often_null", "grade", "model_year"]
    assert hints["region"].strata == 4
    assert hints["region"].balance == pytest.approx(1)
    assert hints["region"].reason == (
        "4 strata, the smallest of 5,000 rows, the largest of 25 % of all."
    )
    # NULL is a stratum, as it is in a stratified draw.
    assert hints["often_null"].strata == 7
    assert hints["grade"].smallest_rows == 2000
    assert hints["grade"].balance == pytest.approx(1 / (0.49 + 0.04 + 0.01) / 3)


def test_accounts_of_a_small_ledger_are_strata_and_its_lines_are_not(studio: Studio) -> None:
    query = (
        "SELECT range AS line, 1400 + range % 5 * 100 AS account, "
        "'Invoice ' || range // 2 AS text FROM range(44)"
    )
    hints = design_hints(studio.profile(studio.table_of(query))).strata
    assert [hint.column for hint in hints] == ["account"]


def test_skewed_amounts_are_measures_of_size(profile: TableProfile) -> None:
    (hint,) = design_hints(profile, sample_size=500).sizes
    assert hint.column == "amount"
    assert hint.variation > 1
    assert hint.skewness > 2
    assert "No negative value" in hint.reason


def test_certain_rows_meet_the_definition(studio: Studio) -> None:
    values = [round(10 * math.exp(i % 1000 / 90)) for i in range(5000)]
    table = studio.table({"amount": ("BIGINT", values)})
    profile = studio.profile(table)
    ordered = sorted(values, reverse=True)
    for size in (50, 200, 1000, 3000):
        listed = [k for k in MAX_COUNTS if k < min(size, len(values))]
        certain = [k for k in listed if ordered[k - 1] * (size - k) >= sum(ordered[k:])]
        hint = design_hints(profile, size).sizes[0]
        if not certain:
            assert hint.certain is None
            continue
        assert hint.certain is not None
        k = max(certain)
        assert hint.certain.rows == k
        assert hint.certain.from_value == ordered[k - 1]
        assert hint.certain.share_of_sum == pytest.approx(sum(ordered[:k]) / sum(ordered))
        assert f"The {k:,} largest rows make up" in hint.reason


def test_equal_rows_are_never_certain() -> None:
    even = tuple(Largest(k, 5, k / 1000) for k in MAX_COUNTS if k <= 1000)
    assert cut_off(even, 100) is None
    assert cut_off((), 100) is None


def test_names_of_suitable_groups_are_clusters(profile: TableProfile) -> None:
    clusters = {hint.column: hint for hint in design_hints(profile).clusters}
    assert "store" in clusters
    assert clusters["store"].clusters == 200
    assert clusters["store"].mean_rows == 100
    assert clusters["store"].largest_rows == 100
    assert not {"id", "region", "person", "amount"} & set(clusters)


def test_hints_are_json(profile: TableProfile) -> None:
    hints = design_hints(profile, 100).as_json()
    assert list(hints) == ["sample_size", "strata", "sizes", "clusters"]
    (size,) = hints["sizes"]  # type: ignore[misc]
    assert size["column"] == "amount"


def test_estimated_columns_have_no_hints(studio: Studio) -> None:
    table = studio.table_of(QUERY.replace("range(20000)", "range(100000)"))
    hints = design_hints(studio.profile(table, budget_s=0))
    assert (hints.strata, hints.sizes, hints.clusters) == ((), (), ())
