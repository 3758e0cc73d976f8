"""Following, ending and repeating jobs by commands, and fetching what they drew."""

from __future__ import annotations

import csv
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings
from tests.command_line.conftest import Run
from tests.support.live_server import LiveServer, live_server

ENDLESS = "SELECT sum(a.range) FROM range(1000000) a, range(1000000) b"
ROOT = Path(__file__).parents[2]
MISSING = "00000000-0000-4000-8000-000000000000"
DRAW = {"method": "random", "sample_size": 7, "seed": 3}


@pytest.fixture
def live(run: Run, data_dir: Path) -> Iterator[LiveServer]:
    """A server on the commands' data directory; ``run`` has set its name."""
    settings = Settings(data_dir=data_dir, memory_mb=256, stop_grace_s=0)
    with live_server(settings) as served:
        yield served


def endless_job(live: LiveServer) -> str:
    """A query that runs until it is cancelled."""
    path = f"/api/exploration/datasets/{live.new_table(20)}/jobs"
    job_id: str = live.admin.post(path, json={"sql": ENDLESS}).json()["job_id"]
    end = time.monotonic() + 30
    while live.admin.get(f"/api/jobs/{job_id}").json()["status"] != "running":
        assert time.monotonic() < end
        time.sleep(0.005)
    return job_id


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_job_is_followed_to_its_end(run: Run, live: LiveServer) -> None:
    job = live.draw(live.new_table(20), DRAW)
    shown = run("watch", job["id"]).stdout
    assert f"Job {job['id']} (sample) completed in " in shown
    assert f"ref {job['output_summary']['output_ref']}" in shown
    assert json.loads(run("watch", job["id"], "--json").stdout)["status"] == "completed"


def test_a_job_is_shown_in_a_few_lines_and_by_its_first_digits(run: Run, live: LiveServer) -> None:
    job = live.draw(live.new_table(20), DRAW)
    lines = run("jobs", job["id"][:8]).stdout.splitlines()
    shown = {line[:19].strip(): line[20:] for line in lines[:-1]}
    assert (shown["job"], shown["kind"], shown["state"]) == (job["id"], "sample", "completed")
    assert shown["created"] == f"{job['created_at'][:19]}Z"
    assert shown["ref"] == job["output_summary"]["output_ref"]
    assert (
        json.loads(run("jobs", job["id"], "--json").stdout)
        == live.admin.get(f"/api/jobs/{job['id']}").json()
    )


def test_a_running_job_is_cancelled_and_can_be_done_again(run: Run, live: LiveServer) -> None:
    job_id = endless_job(live)
    assert f"Job {job_id} (query): Cancelled by admin00." in run("cancel", job_id).stdout
    assert "is failed already" in run("cancel", job_id, code=1).stderr
    assert "  cancelled  " in run("jobs").stdout
    assert "Cancelled by admin00" in run("watch", job_id, code=1).stderr
    retried = threading.Thread(target=run, args=("retry", job_id), kwargs={"code": 1})
    retried.start()
    end = time.monotonic() + 30
    again: list[dict[str, Any]] = []
    while not again:
        assert time.monotonic() < end
        running = {"run_type": "exploration", "status": "running"}
        again = live.admin.get("/api/jobs", params=running).json()["jobs"]
    assert json.loads(run("cancel", again[0]["id"], "--json").stdout)["retry_of"] == job_id
    retried.join(30)
    assert not retried.is_alive()


def test_only_a_failed_job_is_done_again(run: Run, live: LiveServer) -> None:
    job = live.draw(live.new_table(20), DRAW)
    assert "completed" in run("retry", job["id"], code=1).stderr


def test_a_log_lists_the_steps(run: Run, live: LiveServer) -> None:
    job = live.draw(live.new_table(20), DRAW)
    lines = run("log", job["id"]).stdout.splitlines()
    assert lines[0].split() == ["at", "message"]
    steps = [line.split("  ")[-1] for line in lines[1:]]
    assert steps[0].startswith("accepted, request ")
    assert (steps[1], steps[-1]) == ("attempt 1 started", "completed")
    entries = json.loads(run("log", job["id"], "--json").stdout)
    assert len(entries) == len(lines) - 1


def test_what_was_drawn_is_fetched_later(run: Run, live: LiveServer, tmp_path: Path) -> None:
    dataset = live.new_table(20)
    job = live.draw(dataset, {**DRAW, "export_residual": True})
    drawn, left = tmp_path / "drawn.csv", tmp_path / "left.csv"
    assert f"Rows written to {drawn}" in run("fetch", job["id"], "--output", str(drawn)).stdout
    run("fetch", job["id"], "--residual", "--output", str(left))
    ids = [{row["id"] for row in rows_of(path)} for path in (drawn, left)]
    assert (len(ids[0]), len(ids[1]), ids[0] & ids[1]) == (7, 13, set())
    query = live.explore(dataset, {"sql": "SELECT 5 AS five"})
    run("fetch", query["id"], "--output", str(drawn))
    assert rows_of(drawn) == [{"five": "5"}]


def test_a_sample_is_fetched_as_of_a_version(run: Run, live: LiveServer, tmp_path: Path) -> None:
    job = live.draw(live.new_table(20), DRAW)
    now = tmp_path / "now.csv"
    how = ("--as-of", "main", "--key", "id", "--output", str(now))
    shown = run("fetch", job["id"], *how).stdout
    assert "As of main by id: 7 unchanged, 0 changed, 0 removed, 0 added." in shown
    rows = rows_of(now)
    assert len(rows) == 7
    assert {row["_change"] for row in rows} == {"unchanged"}
    output = ("--output", str(now))
    assert "--as-of" in run("fetch", job["id"], "--key", "id", *output, code=2).stderr
    failed = run("fetch", job["id"], "--as-of", "main", *output, code=1).stderr
    assert "has no row key. Name the columns that identify a row in --key" in failed


def test_a_job_without_rows_says_so(run: Run, live: LiveServer, tmp_path: Path) -> None:
    output = ("--output", str(tmp_path / "none.csv"))
    live.new_table(20)
    (imported,) = live.admin.get("/api/jobs?run_type=import").json()["jobs"]
    assert "has no rows" in run("fetch", imported["id"], *output, code=1).stderr
    assert "no residual" in run("fetch", imported["id"], "--residual", *output, code=1).stderr
    assert "ending must be one of" in run("fetch", MISSING, "--output", "x.doc", code=2).stderr
    assert "--output" in run("fetch", MISSING, code=2).stderr
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize("command", ["watch", "cancel", "retry", "log", "jobs"])
def test_an_unknown_job_is_reported(run: Run, live: LiveServer, command: str) -> None:
    assert f'Job "{MISSING}" not found.' in run(command, MISSING, code=1).stderr
    assert "neither a job id" in run(command, "../users", code=2).stderr


def test_ctrl_c_prints_the_next_commands(
    run: Run, live: LiveServer, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = endless_job(live)
    waiting = threading.Event()

    def seen(request: logging.LogRecord) -> bool:
        if vars(request)["path"] == f"/api/jobs/{job_id}":  # the command waits for the job
            waiting.set()
        return True

    access = logging.getLogger("jobsvc.access")
    access.addFilter(seen)
    options = ("watch", job_id[:8], "--data-dir", str(data_dir))
    command = [sys.executable, "-m", "jobsvc", *options]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    try:
        with (
            caplog.at_level(logging.INFO, logger=access.name),
            subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables) as process,
        ):
            assert waiting.wait(60)
            process.send_signal(signal.SIGINT)
            _, output = process.communicate(timeout=60)
    finally:
        access.removeFilter(seen)
    assert process.returncode == 130
    assert f"jobsvc watch {job_id[:8]} --data-dir {data_dir}\n" in output
    assert f"jobsvc cancel {job_id[:8]} --data-dir {data_dir}\n" in output
    assert live.admin.get(f"/api/jobs/{job_id}").json()["status"] == "running"
    run("cancel", job_id)


def test_a_failure_is_dismissed_and_listed_again(run: Run, live: LiveServer) -> None:
    failed = live.import_text(live.new_dataset(), "a,b\n1,2\n3,4,5\n")["id"]
    assert failed[:8] in run("jobs", "--unresolved").stdout
    run("dismiss", failed)
    assert "0 of 0 jobs." in run("jobs", "--unresolved").stdout
    run("dismiss", failed[:8], "--undo")
    assert "1 of 1 jobs." in run("jobs", "--unresolved").stdout
