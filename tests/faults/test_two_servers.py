"""A data directory has one owner; a second server reports the owner."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from storage.maintenance.data_directory import DataDirectory
from tests.faults.asked import CONTENT
from tests.faults.server_state import dataset_of
from tests.support.forked_process import ForkedProcess, jobsvc, run_jobsvc
from tests.support.live_server import finished
from tests.support.server_process import ServerProcess


def test_a_second_server_reports_the_owner_of_the_directory(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True) as server:
        second = subprocess.run(
            [sys.executable, "-m", "jobsvc", "serve", "--port", "0", "--data-dir", str(data_dir)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 3
        assert "jobsvc serve" in second.stderr
        assert server.url in second.stderr
        assert "Traceback" not in second.stderr
        assert server.client().get("/health").status_code == 200


def test_of_servers_that_start_at_once_only_one_serves(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    arguments = ["serve", "--port", "0", "--data-dir", str(data_dir)]
    for _ in range(2):  # into nothing, and over what the one before left
        started = [ForkedProcess(run_jobsvc, arguments) for _ in range(6)]
        winner = serving_one(data_dir, started)
        for one in started:
            if one is not winner:
                output = one.written()
                assert one.wait(60) == 3
                assert "is in use by" in output
                assert "Traceback" not in output
        assert serving_one(data_dir, started) is winner
        winner.kill()
        winner.written()


def serving_one(data_dir: Path, started: list[ForkedProcess]) -> ForkedProcess:
    """Which of some servers has the directory, once one serves."""
    while True:
        owner = DataDirectory(data_dir).owner()
        for one in started:
            if owner is not None and owner.url is not None and owner.pid == one.pid:
                return one
        time.sleep(0.01)


def test_a_second_server_disturbs_no_job_of_the_first(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        path = f"/api/datasets/{dataset_of(client)}/refs/main/import"
        files = {"file": ("table.csv", CONTENT)}
        job_ids = [client.post(path, files=files).json()["job_id"] for _ in range(5)]
        for _ in range(3):
            assert jobsvc("serve", "--port", "0", "--data-dir", str(data_dir)).returncode == 3
        jobs = [finished(client, job_id) for job_id in job_ids]
        assert {(job["status"], job["attempt"]) for job in jobs} == {("completed", 1)}


def test_a_port_in_use_is_reported_and_changes_nothing(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", forked=True) as server:
        port = server.url.rpartition(":")[2]
        second = jobsvc("serve", "--port", port, "--data-dir", str(tmp_path / "other"))
        assert second.returncode == 3
        assert f"port {port}, is in use" in second.output
    assert jobsvc("jobs", "--data-dir", str(tmp_path / "other")).returncode == 0


def test_a_killed_servers_directory_is_free_again(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True) as server:
        server.kill()
    listed = jobsvc("jobs", "--data-dir", str(data_dir))
    assert (listed.returncode, listed.output.splitlines()[-1]) == (0, "0 of 0 jobs.")


def test_the_lock_needs_no_file(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True):
        for path in data_dir.iterdir():
            if path.is_file() and "sqlite3" not in path.name:
                path.unlink()  # the note, too, as somebody might who tidies up
        second = jobsvc("serve", "--port", "0", "--data-dir", str(data_dir))
        assert second.returncode == 3
        assert "is in use by another process" in second.output
