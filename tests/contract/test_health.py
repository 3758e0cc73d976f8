"""GET /health, and what an all but full disk does to imports."""

from __future__ import annotations

from pathlib import Path

import composition_root
from job_runner.settings import Settings
from tests.contract.problems import assert_problem
from tests.live_server import LiveServer


def test_health_is_told_to_everyone(server: LiveServer) -> None:
    answer = server.client(None).get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_disk_that_is_all_but_full_is_told_and_imports_are_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, memory_mb=256, min_free_mb=10**9)
    with (
        composition_root.serving_in_background(settings, "tests") as here,
        LiveServer(here) as live,
    ):
        health = assert_problem(live.client(None).get("/health"), 503, "disk_full", "MiB free")
        assert str(tmp_path) not in health["detail"]
        dataset = live.new_dataset()
        path = f"/api/datasets/{dataset}/refs/main/import"
        files = {"file": ("a.csv", b"x\n1\n")}
        refused = live.admin.post(path, files=files)
        assert_problem(refused, 503, "disk_full", "make room")
        assert refused.headers["Retry-After"] == "60"
        assert not list(live.service.directory.uploads_dir.iterdir())
        assert_problem(live.client(None).post(path, files=files), 401, "unauthorized")
        assert live.admin.get("/api/jobs").json()["total"] == 0
