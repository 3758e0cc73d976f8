"""A data directory has one owner, and whoever comes second is told who."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.server_process import ServerProcess


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jobsvc", *arguments], capture_output=True, text=True, check=False
    )


def test_a_second_server_is_told_who_has_the_directory(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir) as server:
        second = run("serve", "--port", "0", "--data-dir", str(data_dir))
        assert second.returncode == 3
        assert "jobsvc serve" in second.stderr
        assert server.url in second.stderr
        assert "Traceback" not in second.stderr


def test_a_port_in_use_is_told_and_the_directory_is_left_alone(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        port = server.url.rpartition(":")[2]
        second = run("serve", "--port", port, "--data-dir", str(tmp_path / "other"))
        assert second.returncode == 3
        assert f"port {port}, is in use" in second.stderr
        assert "Traceback" not in second.stderr
    assert run("jobs", "--data-dir", str(tmp_path / "other")).returncode == 0


def test_a_killed_servers_directory_is_free_again(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir) as server:
        server.kill()
    listed = run("jobs", "--data-dir", str(data_dir))
    assert (listed.returncode, listed.stdout.splitlines()[-1]) == (0, "0 of 0 jobs.")
