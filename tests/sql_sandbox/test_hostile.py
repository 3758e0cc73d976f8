"""Hostile statements: each is refused or stopped, told plainly, and harms nothing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parquet_tables.progress import Report, no_report
from sql_sandbox import Sandbox, SourceTable
from sql_sandbox.errors import SqlError
from sql_sandbox.query_work import run
from sql_sandbox.request import Request
from tests.forked_process import ForkedProcess
from tests.sql_sandbox.conftest import LIMITS, MOST_MB

ROOT = Path(__file__).parents[2]

REFUSED = "sql_refused"
INVALID = "invalid_sql"
TOO_LARGE = "sql_too_large"
MEMORY = "sql_out_of_memory"
TIMEOUT = "sql_timeout"
FAILED = "sql_failed"

HUNGRY = "SELECT list(repeat('x', 1000000)) FROM range(100000)"

FILE = "{file}"
"""Stands for the path of a data file in the statements below."""

WRITES = [
    ("COPY (SELECT 1) TO '{file}'", REFUSED, "COPY"),
    ("WITH a AS (COPY (SELECT 1) TO '{file}') SELECT * FROM a", REFUSED, "COPY"),
    ("WITH a AS (INSERT INTO orders VALUES (1) RETURNING *) FROM a", REFUSED, "INSERT"),
    ("WITH a AS (DELETE FROM orders RETURNING *) FROM a", REFUSED, "DELETE"),
    ("WITH a AS (UPDATE orders SET id = 1 RETURNING *) FROM a", REFUSED, "UPDATE"),
    ("CREATE TABLE t AS SELECT 1", REFUSED, "CREATE"),
    ("CREATE MACRO f(x) AS TABLE SELECT * FROM read_csv(x)", REFUSED, "CREATE"),
    ("DROP VIEW orders", REFUSED, "DROP"),
    ("ATTACH '{file}' AS other", REFUSED, "ATTACH"),
    ("DETACH memory", REFUSED, "DETACH"),
    ("EXPORT DATABASE '{file}.d'", REFUSED, "EXPORT"),
    ("IMPORT DATABASE '{file}.d'", REFUSED, "PRAGMA"),
    ("INSTALL httpfs", REFUSED, "LOAD"),
    ("LOAD '{file}'", REFUSED, "LOAD"),
    ("CALL pragma_version()", REFUSED, "CALL"),
    ("PRAGMA database_list", REFUSED, "PRAGMA"),
    ("SET threads = 64", REFUSED, "SET"),
    ("RESET memory_limit", REFUSED, "SET"),
    ("SET VARIABLE x = 1", REFUSED, "SET"),
    ("CHECKPOINT", REFUSED, "CALL"),
    ("VACUUM", REFUSED, "VACUUM"),
    ("BEGIN", REFUSED, "TRANSACTION"),
    ("USE memory", REFUSED, "SET"),
    ("PREPARE p AS SELECT 1", REFUSED, "PREPARE"),
    ("EXPLAIN ANALYZE SELECT 1", REFUSED, "EXPLAIN"),
    ("COMMENT ON VIEW orders IS 'x'", REFUSED, "ALTER"),
]
READS = [
    ("SELECT * FROM '{file}'", INVALID, "no table"),
    ('SELECT * FROM "{file}"', INVALID, "no table"),
    ("SELECT * FROM '/etc/passwd'", INVALID, "no table"),
    ("FROM (WITH \"{file}\" AS (SELECT 1) SELECT 1), '{file}'", INVALID, "no table"),
    ("SELECT * FROM read_parquet('{file}')", REFUSED, "read_parquet"),
    ("SELECT * FROM parquet_metadata('{file}')", REFUSED, "parquet_metadata"),
    ("SELECT * FROM read_csv('/etc/passwd')", REFUSED, "read_csv"),
    ("SELECT * FROM READ_TEXT('/etc/passwd')", REFUSED, "read_text"),
    ("SELECT * FROM system.main.read_blob('/etc/passwd')", REFUSED, "read_blob"),
    ("SELECT * FROM read_json_auto('https://example.com/x.json')", REFUSED, "read_json_auto"),
    ("SELECT * FROM glob('/*')", REFUSED, "glob"),
    ("SELECT * FROM sniff_csv('/etc/passwd')", REFUSED, "sniff_csv"),
    ("SELECT * FROM query('SELECT 1')", REFUSED, "query"),
    ("SELECT * FROM query_table('orders')", REFUSED, "query_table"),
    ("SELECT * FROM json_execute_serialized_sql('{}')", REFUSED, "json_execute"),
    ("SELECT json_serialize_plan('FROM orders')", REFUSED, "json_serialize_plan"),
    ("SELECT * FROM duckdb_settings()", REFUSED, "duckdb_settings"),
    ("SELECT * FROM duckdb_secrets()", REFUSED, "duckdb_secrets"),
    ("SELECT * FROM duckdb_views()", REFUSED, "duckdb_views"),
    ("SELECT * FROM duckdb_variables()", REFUSED, "duckdb_variables"),
    ("SELECT * FROM duckdb_logs", INVALID, "no table"),
    ("SELECT * FROM pragma_database_size()", REFUSED, "pragma_database_size"),
    ("SELECT * FROM histogram('orders', id)", REFUSED, "histogram"),
    ("SELECT * FROM information_schema.tables", REFUSED, "key alone"),
    ("SELECT * FROM sqlite_master", INVALID, "no table"),
    ("SELECT * FROM pg_catalog.pg_settings", REFUSED, "key alone"),
    ("SELECT getenv('HOME')", REFUSED, "getenv"),
    ("SELECT h.getenv() FROM (SELECT 'HOME' AS h)", REFUSED, "getenv"),
    ("SELECT current_setting('temp_directory')", REFUSED, "current_setting"),
    ("SELECT getvariable('files_0')", REFUSED, "getvariable"),
    ("SELECT current_query()", REFUSED, "current_query"),
    ("SELECT write_log('x')", REFUSED, "write_log"),
    ("SELECT list_transform([1], lambda x: sleep_ms(x * 100000))", REFUSED, "sleep_ms"),
    ("SELECT filename FROM orders", INVALID, "filename"),
    ("SELECT * FROM orders WHERE EXISTS (FROM glob('*'))", REFUSED, "glob"),
    ("SELECT * FROM (SHOW ALL TABLES)", REFUSED, "SHOW"),
    ("SHOW TABLES", REFUSED, "SHOW"),
    ("FROM orders AT (VERSION => 1)", REFUSED, "source_ref"),
]
TRICKS = [
    ("", INVALID, "empty"),
    ("  -- nothing", INVALID, "empty"),
    ("SELECT 1; SELECT 2", REFUSED, "2 statements"),
    ("SELECT 1; COPY orders TO '{file}'", REFUSED, "2 statements"),
    ("SELECT 1) TO '{file}' --", INVALID, "Line 1, column 9"),
    ("SELECT * FROM (SELECT 1", INVALID, "syntax error"),
    ("SELECT 1 /* open", INVALID, "unterminated"),
    ("SELECT 'open", INVALID, "unterminated"),
    ("SEL\u200bECT 1", INVALID, "Line 1, column 1"),
    ("SELECT\u00a0*\u2003FROM read_csv('/etc/passwd')", REFUSED, "read_csv"),
    ("/**/SELECT/**/*/**/FROM/*'*/glob('/*')--", REFUSED, "glob"),
    ("SELECT $1", REFUSED, "parameters"),
    ("SELECT * FROM orders LIMIT ?", REFUSED, "parameters"),
    ("SELECT random()", REFUSED, "sampling job"),
    ("SELECT * FROM orders TABLESAMPLE 1%", REFUSED, "sampling job"),
    ("SELECT * FROM orders USING SAMPLE 10", REFUSED, "sampling job"),
    ("PIVOT orders ON customer USING sum(amount)", REFUSED, "IN ("),
    ("SELECT 1 AS x\0", INVALID, "U+0000"),
]
DEPTHS = [
    ("SELECT " + "(" * 5000 + "1" + ")" * 5000, REFUSED, "deep"),
    ("SELECT " + "NOT " * 20_000 + "true", REFUSED, "deep"),
    ("SELECT " + "1+" * 10_000 + "1", REFUSED, "deep"),
    ("SELECT " + "[" * 3000 + "1" + "]" * 3000, REFUSED, "deep"),
    ("SELECT " + "CASE WHEN true THEN " * 2000 + "1" + " END" * 2000, REFUSED, "deep"),
    ("FROM " + "(FROM " * 2000 + "(SELECT 1)" + ")" * 2000, REFUSED, "deep"),
]
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


def shortly(value: object) -> str:
    return str(value)[:50]


class OutOfTime(Exception):
    """The time of a test's query is up."""


def stops_after(limit_s: float) -> Report:
    end = time.monotonic() + limit_s

    def report(fraction: float, message: str) -> None:
        if time.monotonic() > end:
            raise OutOfTime

    return report


def assert_told(error: SqlError, code: str, part: str, *secrets: object) -> None:
    """Check what a user is told: plainly, and nothing of ours."""
    assert (error.code, part in error.message) == (code, True), error.message
    assert error.message[0].isupper()
    assert error.message.endswith((".", "…"))
    for secret in (*secrets, "AS result", "getvariable(", "SELECT * FROM (\n"):
        assert str(secret) not in error.message


@pytest.mark.parametrize(("sql", "code", "part"), [*WRITES, *READS, *TRICKS, *DEPTHS], ids=shortly)
def test_what_is_not_one_plain_select_is_refused_before_anything_runs(
    data_dir: Path, tables: tuple[SourceTable, ...], tmp_path: Path, sql: str, code: str, part: str
) -> None:
    file = tables[0].files[0].path
    before = file.read_bytes(), sorted(data_dir.iterdir())
    request = Request("check", sql.replace(FILE, str(file)), tables, LIMITS, tmp_path)
    with pytest.raises(SqlError) as caught:
        run(request, no_report)
    assert_told(caught.value, code, part, tmp_path)
    assert (file.read_bytes(), sorted(data_dir.iterdir())) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("sql", "code", "part"), BOMBS, ids=shortly)
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
    assert_told(caught.value, code, part, tmp_path)


@pytest.mark.parametrize("sql", ENDLESS, ids=shortly)
def test_what_takes_too_long_is_ended(
    sandbox: Sandbox, tables: tuple[SourceTable, ...], sql: str
) -> None:
    with pytest.raises(SqlError) as caught:
        sandbox.first_rows(sql, tables, 10, timeout_s=0.8)
    assert_told(caught.value, TIMEOUT, "0.8 s")


def tell_peak(tables: tuple[SourceTable, ...], scratch: Path) -> None:
    """Ask for more memory than there is, and write how much the query took, in MiB."""
    with pytest.raises(SqlError) as caught:
        Sandbox(LIMITS, scratch).first_rows(HUNGRY, tables, 1, 20)
    print(caught.value.code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)


def test_no_query_takes_more_memory_than_it_may(
    tables: tuple[SourceTable, ...], tmp_path: Path
) -> None:
    asking = ForkedProcess(tell_peak, tables, tmp_path)  # which has no other children
    code, peak_mb = asking.written().split()
    assert code == MEMORY
    assert LIMITS.memory_mb / 2 < int(peak_mb) < MOST_MB
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
def test_a_query_stops_within_half_a_second_whatever_it_does(
    sandbox: Sandbox, tables: tuple[SourceTable, ...], tmp_path: Path, sql: str
) -> None:
    began = time.monotonic()
    with pytest.raises(OutOfTime):
        sandbox.write_result(sql, tables, tmp_path / "result.parquet", stops_after(1))
    assert time.monotonic() - began < 1.5


def test_the_processes_know_nothing_of_the_servers_environment(
    sandbox: Sandbox,
    tables: tuple[SourceTable, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JOBSVC_TOKEN", "a secret")
    seen: list[bytes] = []

    def look(fraction: float, message: str) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            if f"\t{os.getpid()}\n" in _text(process / "status").replace("PPid:", "", 1):
                seen.append((process / "environ").read_bytes())
        if seen:
            raise OutOfTime

    sql = "SELECT sum(a.range) FROM range(1000000) a, range(1000000) b"
    with pytest.raises(OutOfTime):
        sandbox.write_result(sql, tables, tmp_path / "result.parquet", look)
    assert all(b"secret" not in environment for environment in seen)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def test_a_querys_process_ends_when_its_parent_is_gone(
    tables: tuple[SourceTable, ...], tmp_path: Path
) -> None:
    sql = "SELECT sum(damerau_levenshtein(repeat('a', 2000), repeat('b' || range, 500))) " + (
        "FROM range(100000)"
    )
    parent = (
        "import sys, subprocess; from pathlib import Path; from sql_sandbox import watching\n"
        f"with open({str(tmp_path / 'errors')!r}, 'wb') as errors:\n"
        "    with watching.query_process(errors) as process:\n"
        "        process.stdin.write(sys.stdin.buffer.readline()); process.stdin.flush()\n"
        "        print(process.pid, flush=True); process.wait()\n"
    )
    request = Request("rows", sql, tables, LIMITS, tmp_path, first_rows=1)
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(request.to_line())
        running.stdin.flush()
        child = Path("/proc") / running.stdout.readline().decode().strip()
        assert b"query_process" in (child / "cmdline").read_bytes()
        running.kill()
    end = time.monotonic() + 10
    while child.exists() and " Z " not in _text(child / "stat"):
        assert time.monotonic() < end, "it goes on alone"
        time.sleep(0.01)
