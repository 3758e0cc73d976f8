"""Benchmarks run: tiny ones, whose figures mean nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("huey", reason="the extra [bench] isn't installed")
pytest.importorskip("psutil", reason="the extra [bench] isn't installed")

from benchmarks import (
    estimates,
    false_alarms,
    load_neighbours,
    load_queues,
    many_files,
    review_queue,
    soak,
)
from benchmarks.coverage import designs
from benchmarks.figures import percentile
from benchmarks.load_polling import measure_clients, measure_wait
from benchmarks.pages import View, print_views
from benchmarks.served import jobsvc_serve
from parquet_tables.database import ParquetDatabase
from parquet_tables.writing import write_parquet
from tests.support.live_server import LiveServer

ROOT = Path(__file__).parents[1]


def test_each_queue_runs_its_jobs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.load_queues", load_queues.OURS, "10"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert float(said) > 0
    assert load_queues.huey(tmp_path, 10, lambda number: {"done": True}, None) > 0


def test_clients_that_poll_complete_jobs_without_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with jobsvc_serve() as served:
        measure_clients(served, seconds=1, clients=3, interval_s=0.1)
        measure_wait(served, jobs=5)
    said = capsys.readouterr().out
    assert "errors: 0.00 errors (goal: at most 0) met" in said
    assert "POST to completed" in said


def test_the_queue_of_a_review_is_measured(
    server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    review_queue.measure(server, rows=100, rounds=2)
    assert "locked" in capsys.readouterr().out


def test_a_soak_has_no_unexpected_answer() -> None:
    samples, tally, log = soak.measured(minutes=0.02, clients=3)
    assert tally.failures == []
    assert tally.statuses[200] > 0
    assert all(one.memory_mb > 0 for one in samples)
    assert "Traceback" not in log


def test_a_page_that_takes_too_long_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    quick, slow = View(5, 80, 120, 10, 40), View(200, 310, 290, 90, 70)
    print_views({"jobs": [quick, quick, slow], "rows": [quick, slow, slow]})
    said = capsys.readouterr().out
    assert "| jobs | 120 ms | 120 ms | 310 ms | 5 ms | 10 ms | 40 ms | met |" in said
    assert "| rows | 120 ms | 310 ms | 310 ms | 200 ms | 90 ms | 70 ms | MISSED |" in said
    assert "1 of 2 pages are there within 300 ms, 2 at best." in said


def test_false_alarms_are_compared_with_their_goals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    designs = ("systematic", "the first 1,000 rows")
    monkeypatch.setattr(sys, "argv", ["false_alarms", "--draws", "1", "--design", *designs])
    false_alarms.main()
    said = capsys.readouterr().out
    assert "systematic, false alarms: 0.00 % (goal: at most 2.5) met" in said
    assert "the first 1,000 rows, missed: 0.00 % (goal: at most 5) met" in said


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3, 1, 2], 0.99) == 3
    assert percentile([1], 0.5) == 1


def test_audit_tests_are_measured() -> None:
    command = [sys.executable, "-m", "benchmarks.audit_tests", "--rows", "10000"]
    said = subprocess.run(
        [*command, "--every", "200", "--runs", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.count("rows found") == 7


def test_row_diffs_are_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.row_diff", "--rows", "1000"]
    said = subprocess.run(
        [*command, "--data", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "0 added, 10 removed, 10 changed" in said
    assert "0 added, 0 removed, 1,000 changed" in said
    assert said.count(" met") == 3


def test_coverage_is_printed_by_design(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["coverage", "--draws", "5", "--design", "random"])
    designs.main()
    said = capsys.readouterr().out
    assert said.count("| random | 300 | ") == 3


def test_estimates_are_measured() -> None:
    found = estimates.in_process(2_000, 2, 5)
    assert min(found.seconds, found.cpu_seconds, found.peak_mib) > 0
    assert 400 < found.mean < 600
    assert 0 < found.error < 30


def test_a_table_in_files_is_drawn_from_and_counted(tmp_path: Path) -> None:
    whole = tmp_path / "lineitem.parquet"
    with ParquetDatabase(tmp_path, tmp_path / "spill") as database:
        with database.cursor() as cursor:
            query = "SELECT i % 50 AS l_quantity, i % 7 AS l_linenumber FROM range(9000) AS r(i)"
            write_parquet(cursor, query, [], whole)
        drawn: list[bytes] = []
        for name in ("filter, 1 files", "filter, 10 files", "last page, 10 files"):
            many_files.prepared(name, database, whole, tmp_path / "out.parquet")()
            drawn.append((tmp_path / "out.parquet").read_bytes())
    assert drawn[0] == drawn[1]
    assert len(list((tmp_path / "lineitem-in-10").iterdir())) == 10


def test_a_version_is_measured_beside_an_earlier_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.against", "HEAD", "--scale", "0.01"]
    only = ["--only", "weighted", "page", "--rounds", "1"]
    done = subprocess.run(
        [*command, *only, "--data", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr  # by whether a goal is met
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines[1:3]] == ["weighted", "page"]
    assert "goal: at most 1.5" in done.stdout
    assert list(tmp_path.iterdir()) != []


def test_a_load_of_another_user_is_compared_with_none(capsys: pytest.CaptureFixture[str]) -> None:
    with jobsvc_serve() as served:
        load_neighbours.measure(served, seconds=0.5, jobs=20, sign_ins=3)
    said = capsys.readouterr().out
    assert "alone: p50" in said
    assert said.count("x alone (goal: at most 3)") == 2
