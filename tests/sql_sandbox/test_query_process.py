"""A query's process: what it loads, what it knows of the server, and that it never outlives it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parquet_tables.child_process import line_of
from sql_sandbox.request import QueryRequest, SourceTable
from sql_sandbox.sandbox import Sandbox
from tests.sql_sandbox.conftest import LIMITS, OutOfTime

ROOT = Path(__file__).parents[2]


def test_a_querys_process_loads_no_numpy() -> None:
    program = "import sys, sql_sandbox.query_process; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_the_processes_know_nothing_of_the_servers_environment(
    sandbox: Sandbox,
    tables: tuple[SourceTable, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JOBSVC_TOKEN", "a secret")
    environments: list[bytes] = []

    def watch(fraction: float, message: str) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            if f"\t{os.getpid()}\n" in _text(process / "status").replace("PPid:", "", 1):
                environments.append((process / "environ").read_bytes())
        if environments:
            raise OutOfTime

    sql = "SELECT sum(a.range) FROM range(1000000) a, range(1000000) b"
    with pytest.raises(OutOfTime):
        sandbox.write_result(sql, tables, tmp_path / "result.parquet", watch)
    assert all(b"secret" not in environment for environment in environments)


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
        "import sys; from parquet_tables.child_process import child_process\n"
        f"with open({str(tmp_path / 'errors')!r}, 'wb') as errors:\n"
        "    with child_process('sql_sandbox.query_process', errors) as process:\n"
        "        process.stdin.write(sys.stdin.buffer.readline()); process.stdin.flush()\n"
        "        print(process.pid, flush=True); process.wait()\n"
    )
    request = QueryRequest("rows", sql, tables, LIMITS, tmp_path, first_rows=1)
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(line_of(request))
        running.stdin.flush()
        child = Path("/proc") / running.stdout.readline().decode().strip()
        end = time.monotonic() + 10
        try:
            while "query_process" not in _text(child / "cmdline"):  # the system may still write it
                assert time.monotonic() < end, "it isn't there"
                time.sleep(0.01)
        finally:
            running.kill()
    while child.exists() and " Z " not in _text(child / "stat"):
        assert time.monotonic() < end, "it goes on alone"
        time.sleep(0.01)
