"""Hostile queries that are stopped: too much memory or time ends them with a clear error."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from parquet_tables.attached import AttachedFiles
from sql_sandbox.errors import SqlError
from sql_sandbox.request import SourceTable
from sql_sandbox.sandbox import Sandbox
from tests.sql_sandbox.conftest import LIMITS, MAX_MB, OutOfTime, stops_after
from tests.sql_sandbox.sql_errors import (
    FAILED,
    INVALID,
    MEMORY,
    TIMEOUT,
    TOO_LARGE,
    assert_user_message,
    shorten,
)
from tests.support.forked_process import ForkedProcess

HUNGRY = "SELECT list(repeat('x', 1000000)) FROM range(100000)"
BOMBS = [
    ("SELECT " + ",".join(["1"] * 5000), TOO_LARGE, "4,096"),
    ("FROM range(1000000000000)", TOO_LARGE, "200,000 rows"),
    ("SELECT a.range, hash(b.range) FROM range(1000) a, range(100000) b", TOO_LARGE, ""),
    ("SELECT sha256(range::VARCHAR) AS x FROM range(190000)", TOO_LARGE, "4 MiB"),
    ("SELECT repeat('x', 4000000000)", MEMORY, "128 MiB"),
    ("SELECT len(range(400000000))", MEMORY, "128 MiB"),
    ("SELECT printf('%2000000000d', 1)", MEMORY, "128 MiB"),
    ("SELECT list(range) FROM range(100000000)", MEMORY, "128 MiB"),
    ("SELECT DISTINCT md5(range::VARCHAR) FROM range(20000000)", MEMORY, "64 MiB on disk"),
    ("SELECT unnest(range(1000000000))", MEMORY, "128 MiB"),
    (
        "WITH RECURSIVE n(i, s) AS (SELECT 1, 'a' UNION ALL SELECT i + 1, s || s FROM n) "
        "SELECT max(length(s)) FROM n",
        MEMORY,
        "128 MiB",
    ),
    ("SELECT count(*) FROM range(10) t(a) GROUP BY CUBE (" + "a+1," * 20 + "a)", INVALID, "group"),
    ("SELECT repeat('[', 10000000)::JSON", MEMORY, "128 MiB"),
    ("SELECT '((((a{1,1000}){1,1000})' ~ '((((a{1,1000}){1,1000}){1,1000}))'", FAILED, ""),
]
ENDLESS = [
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
    "SELECT sum(a.range) FROM range(1000000) a, range(1000000) b",
    "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))",
]


@pytest.mark.parametrize(("sql", "code", "part"), BOMBS, ids=shorten)
def test_what_grows_without_end_is_stopped(
    sandbox: Sandbox,
    tables: tuple[SourceTable, ...],
    tmp_path: Path,
    sql: str,
    code: str,
    part: str,
) -> None:
    result = tmp_path / "result.parquet"
    with pytest.raises(SqlError) as caught:
        sandbox.write_result(sql, tables, result, stops_after(60))
    assert_user_message(caught.value, code, part, tmp_path)


@pytest.mark.parametrize("sql", ENDLESS, ids=shorten)
def test_what_takes_too_long_is_ended(
    sandbox: Sandbox, tables: tuple[SourceTable, ...], sql: str
) -> None:
    with pytest.raises(SqlError) as caught:
        sandbox.first_rows(sql, tables, 10, timeout_s=0.8)
    assert_user_message(caught.value, TIMEOUT, "0.8 s")


def print_peak(tables: tuple[SourceTable, ...], scratch: Path) -> None:
    """Run a query that exceeds its memory, and print the peak in MiB."""
    with pytest.raises(SqlError) as caught:
        Sandbox(LIMITS, scratch, AttachedFiles()).first_rows(HUNGRY, tables, 1, 20)
    print(caught.value.code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)


def test_no_query_takes_more_memory_than_it_may(
    tables: tuple[SourceTable, ...], tmp_path: Path
) -> None:
    asking = ForkedProcess(print_peak, tables, tmp_path)  # which has no other children
    code, peak_mb = asking.written().split()
    assert code == MEMORY
    assert LIMITS.memory_mb / 2 < int(peak_mb) < MAX_MB
    assert asking.wait(20) == 0


def test_after_all_of_them_a_query_works_as_before(
    sandbox: Sandbox, tables: tuple[SourceTable, ...]
) -> None:
    found = sandbox.first_rows("SELECT count(*) AS n FROM orders", tables, 1, 20)
    assert found.rows == [[2000]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(a.range) FROM range(1000000) a, range(1000000) b",
        "SELECT sum(damerau_levenshtein(repeat('a', 2000), repeat('b' || range, 500))) "
        "FROM range(100000)",
    ],
)
def test_every_query_stops_at_once(
    sandbox: Sandbox, tables: tuple[SourceTable, ...], tmp_path: Path, sql: str
) -> None:
    started = time.monotonic()
    with pytest.raises(OutOfTime):
        sandbox.write_result(sql, tables, tmp_path / "result.parquet", stops_after(1))
    assert time.monotonic() - started < 8  # alone it is 1.1
