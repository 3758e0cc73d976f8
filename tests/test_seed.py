"""The data directory to play with has each kind and state of job, and can be served."""

from __future__ import annotations

from pathlib import Path

from tests.seed import seed
from tests.support.live_server import PASSWORD
from tests.support.server_process import ServerProcess


def test_a_seeded_directory_is_served_with_jobs_of_each_state(tmp_path: Path) -> None:
    admin = seed(tmp_path / "play")
    with ServerProcess(tmp_path / "play", forked=True, memory_mb=256) as server:
        client = server.client()
        login = {"soeid": admin, "password": PASSWORD}
        assert client.post("/api/users/login", json=login).status_code == 200
        jobs = client.get("/api/jobs", params={"limit": 1000}).json()["jobs"]
        assert {job["job_kind"] for job in jobs} >= {
            "sample",
            "import",
            "query",
            "report",
            "profile",
        }
        assert {job["status"] for job in jobs} >= {"completed", "failed"}
        assert server.terminate() == 0
