"""Patterns of missing values, and the rows that a report shows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from parquet_tables.tables import TableFiles
from profiling_engine.tables.report_parts import MissingPatterns, example_rows, missing_patterns
from tests.profiling_engine.conftest import Studio


def with_gaps(studio: Studio, rows: int = 1000) -> TableFiles:
    return studio.table_of(
        "SELECT i AS id, CASE WHEN i % 3 > 0 THEN i END AS a, "
        'CASE WHEN i % 3 > 0 AND i % 5 > 0 THEN \'x\' END AS "b""c", '
        "CASE WHEN i % 7 > 0 THEN [i] END AS d "
        f"FROM range({rows}) t(i)",
        splits=(1, 600),
    )


def patterns(studio: Studio, table: TableFiles, columns: list[str]) -> MissingPatterns:
    found = missing_patterns(studio.database, table, columns)
    assert found is not None
    return found


def test_patterns_need_the_time_budget(studio: Studio) -> None:
    assert missing_patterns(studio.database, with_gaps(studio), ["a"], budget_s=0.0) is None


def test_patterns_use_all_rows(studio: Studio) -> None:
    found = patterns(studio, with_gaps(studio), ["a", 'b"c', "d"])
    expected = Counter(
        tuple(
            name
            for name, missing in (
                ("a", i % 3 == 0),
                ('b"c', i % 3 == 0 or i % 5 == 0),
                ("d", i % 7 == 0),
            )
            if missing
        )
        for i in range(1000)
    )
    assert {one.columns: one.rows for one in found.most_frequent} == expected
    assert found.patterns == len(expected)
    rows = [one.rows for one in found.most_frequent]
    assert rows == sorted(rows, reverse=True)


def test_masked_rows_have_no_pattern(studio: Studio) -> None:
    table = with_gaps(studio)
    masked_rows = np.arange(0, 1000, 3)
    masked = TableFiles(table.columns, table.files, masked_rows)
    found = patterns(studio, masked, ["a"])
    assert [(one.columns, one.rows) for one in found.most_frequent] == [((), 666)]


def test_patterns_and_their_columns_are_limited(studio: Studio) -> None:
    names = ", ".join(f"CASE WHEN (i + {at}) % 70 > 0 THEN 1 END AS c{at}" for at in range(62))
    table = studio.table_of(f"SELECT {names} FROM range(70) t(i)")
    found = patterns(studio, table, [f"c{at}" for at in range(62)])
    assert (len(found.most_frequent), found.patterns) == (20, 61)
    assert found.most_frequent[0].rows == 10
    assert found.left_out == ("c60", "c61")
    assert found.as_json()["most_frequent"][0]["columns"] == []


def test_empty_table_has_no_pattern(studio: Studio) -> None:
    table = studio.table_of("SELECT 1 AS a LIMIT 0")
    assert patterns(studio, table, ["a"]).patterns == 0
    assert patterns(studio, table, []).columns == ()
    assert example_rows(studio.database, table, seed=1).head.rows == ()


def test_first_last_and_random_rows_are_shown(studio: Studio) -> None:
    found = example_rows(studio.database, with_gaps(studio), seed="x")
    assert found.columns == ("id", "a", 'b"c', "d")
    assert found.head.positions == tuple(range(10))
    assert found.head.rows[1] == (1, 1, "x", "[1]")
    assert found.tail.positions == tuple(range(990, 1000))
    assert [row[0] for row in found.tail.rows] == list(range(990, 1000))
    assert len(set(found.sample.positions)) == 10
    assert [row[0] for row in found.sample.rows] == list(found.sample.positions)
    again = example_rows(studio.database, with_gaps(studio), seed="x")
    assert again.sample == found.sample


@pytest.mark.parametrize(("rows", "tail"), [(4, 0), (10, 0), (13, 3)])
def test_head_and_tail_share_no_row(studio: Studio, rows: int, tail: int) -> None:
    table = studio.table_of(f"SELECT i FROM range({rows}) t(i)")
    found = example_rows(studio.database, table, seed=1)
    assert (len(found.head.rows), len(found.tail.rows)) == (min(rows, 10), tail)
    assert len(found.sample.rows) == min(rows, 10)


def test_long_values_and_many_columns_are_cut(studio: Studio) -> None:
    many = ", ".join(f"{at} AS c{at}" for at in range(250))
    table = studio.table_of(
        "SELECT repeat('ä', 5000) AS t, repeat('x', 5000)::BLOB AS b, range(5000) AS l, "
        f"{{'k': 1}}::JSON AS j, {many}"
    )
    found = example_rows(studio.database, table, seed=1)
    assert len(found.columns) == 200
    (row,) = found.head.rows
    assert row[0] == "ä" * 199 + "…"
    assert all(len(value) <= 200 for value in row[1:3])
    assert row[3] == '{"k":1}'
