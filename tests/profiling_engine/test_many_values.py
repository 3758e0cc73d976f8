"""Columns of too many values to count one by one; keys; rows that repeat."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiling_engine import Figure
from profiling_engine.columns.distinct import SPARSE
from profiling_engine.columns.passes import ProfileLimits
from tests.profiling_engine.conftest import Studio

ROWS = 60_000
MANY = (
    "SELECT CASE WHEN range % 20 = 0 THEN 'heavy ' || range % 9000 // 1000 "
    f"ELSE 'light ' || range END AS word FROM range({ROWS})"
)


def test_frequent_values_are_found_and_others_bounded(studio: Studio, by_rows: None) -> None:
    (column,) = studio.profile(studio.table_of(MANY)).columns
    frequent = column.most_frequent
    assert frequent is not None
    heavy = [one for one in frequent.values if str(one.value).startswith("heavy")]
    assert len(heavy) == 9
    assert sum(one.rows for one in heavy) == ROWS / 20
    assert frequent.values[: len(heavy)] == tuple(heavy)
    assert frequent.others_at_most is not None
    assert 1 <= frequent.others_at_most < heavy[-1].rows
    # The tenth value has one row, and so may have any other: that it's the tenth isn't sure.
    assert frequent.values[9].rows == 1
    assert not frequent.complete
    assert frequent.accuracy.kind == "approximate"
    assert frequent.accuracy.confidence == 1


def test_frequent_values_of_many_are_complete(studio: Studio, by_rows: None) -> None:
    query = f"SELECT if(range % 2 = 0, range % 20, range) AS x FROM range({ROWS})"
    (column,) = studio.profile(studio.table_of(query)).columns
    frequent = column.most_frequent
    assert frequent is not None
    assert sorted(one.value for one in frequent.values) == list(range(0, 20, 2))
    assert [one.rows for one in frequent.values] == [3001] * 0 + [
        one.rows for one in frequent.values
    ]
    assert frequent.complete
    assert frequent.accuracy.is_exact


@pytest.mark.parametrize(
    ("query", "unique"),
    [
        ("SELECT 'key ' || range AS x FROM range(50000)", True),
        ("SELECT range * 1000003 AS x FROM range(50000)", True),
        ("SELECT 'key ' || if(range = 777, 778, range) AS x FROM range(50000)", False),
        ("SELECT if(range = 777, 778, range) * 1000003 AS x FROM range(50000)", False),
        ("SELECT if(range % 9 = 0, NULL, range * 1.5) AS x FROM range(50000)", True),
        ("SELECT range // 2 AS x FROM range(50000)", False),
    ],
)
def test_nearly_unique_columns_are_not_unique(
    studio: Studio, way: str, query: str, unique: bool
) -> None:
    limits = replace(studio.limits, slice_values=7_000)
    (column,) = studio.profile(studio.table_of(query), limits=limits).columns
    assert column.unique is unique
    codes = [alert.code for alert in column.alerts]
    assert ("candidate_key" in codes) == (unique and column.nulls.value == 0)
    assert ("unique" in codes) == (unique and column.nulls.value > 0)
    if unique:
        assert column.distinct == Figure(column.values)


def test_narrow_ranges_of_integers_are_counted_exactly(studio: Studio, by_rows: None) -> None:
    query = """SELECT CAST(range % 3001 - 1500 AS DECIMAL(9,2)) / 4 AS price,
        DATE '2020-01-01' + CAST(range % 777 AS INTEGER) AS day, 2.5 AS one FROM range(40000)"""
    columns = studio.profile(studio.table_of(query)).columns
    assert [column.distinct for column in columns[1:]] == [Figure(777), Figure(1)]


def test_repeated_rows_are_counted(studio: Studio) -> None:
    query = "SELECT range % 40 AS a, 'x' || (range % 7) AS b, NULL::INTEGER AS c FROM range(1000)"
    profile = studio.profile(studio.table_of(query))
    assert profile.repeated_rows is not None
    assert profile.repeated_rows.value == 1000 - 280
    assert profile.repeated_rows.accuracy.kind == "approximate"
    assert profile.repeated_rows.low == profile.repeated_rows.high
    (alert,) = profile.alerts
    assert alert.code == "duplicate_rows"
    assert alert.sentence == "Rows that repeat another row: 720 (72 %)."


def test_distinct_rows_without_a_key_are_proven(studio: Studio) -> None:
    query = "SELECT range % 40 AS a, range // 40 AS b FROM range(1000)"
    profile = studio.profile(studio.table_of(query))
    assert profile.repeated_rows == Figure(0)
    assert profile.alerts == ()


def test_key_proves_that_no_row_repeats(studio: Studio) -> None:
    asked: list[str] = []
    table = studio.table_of("SELECT range AS id, 1 AS one FROM range(1000)")
    profile = studio.profile(table, on_progress=lambda _, message: asked.append(message))
    assert profile.repeated_rows == Figure(0)


def test_repeated_rows_of_large_tables_are_estimated(
    studio: Studio,
) -> None:
    limits = ProfileLimits(row_hashes=2_000, sampled_hashes=2_000)
    query = "SELECT range % 30000 AS a, 'x' AS b FROM range(40000)"
    repeated = studio.profile(studio.table_of(query), limits=limits).repeated_rows
    assert repeated is not None
    assert repeated.low <= 10_000 <= repeated.high
    assert repeated.high - repeated.low < 4_000
    query = "SELECT range // 2 AS a, range % 2 AS b FROM range(40000)"
    none = studio.profile(studio.table_of(query), limits=limits).repeated_rows
    assert none is not None
    assert (none.value, none.low, none.high) == (0, 0, 60)


def test_groups_have_an_effective_number(studio: Studio) -> None:
    values = ["a"] * 50 + ["b"] * 30 + ["c"] * (SPARSE - 1) + ["d"]
    groups = studio.column("VARCHAR", values).groups
    assert groups is not None
    assert (groups.smallest.value, groups.largest.value) == (1, 50)
    assert (groups.once.value, groups.sparse.value) == (1, 2)
