"""GET /health, and what an all but full disk does to imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import Settings
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer, live_server


def test_health_needs_no_token(server: LiveServer) -> None:
    answer = server.client(None).get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_nearly_full_disk_is_reported_and_imports_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, memory_mb=256, min_free_mb=10**9)
    with live_server(settings) as live:
        health = assert_problem(live.client(None).get("/health"), 503, "disk_full", "MiB free")
        assert str(tmp_path) not in health["detail"]
        dataset = live.new_dataset()
        path = f"/api/datasets/{dataset}/refs/main/import"
        files = {"file": ("a.csv", b"x\n1\n")}
        refused = live.admin.post(path, files=files)
        assert_problem(refused, 503, "disk_full", "free disk space")
        assert refused.headers["Retry-After"] == "60"
        assert not list(live.service.directory.uploads_dir.iterdir())
        assert_problem(live.client(None).post(path, files=files), 401, "unauthorized")
        assert live.admin.get("/api/jobs").json()["total"] == 0


@pytest.mark.parametrize("comes_back", [False, True])
def test_health_names_a_data_directory_that_is_gone(tmp_path: Path, comes_back: bool) -> None:
    data_dir, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    settings = Settings(data_dir=data_dir, memory_mb=256)
    with live_server(settings) as live:
        data_dir.rename(elsewhere)
        if comes_back:  # an empty mount point
            data_dir.mkdir()
        answer = live.client(None).get("/health")
        reason = "file is missing" if comes_back else "No such file or directory"
        health = assert_problem(answer, 503, "storage_not_writable", reason)
        assert str(tmp_path) not in health["detail"]
        if not comes_back:
            assert live.admin.get("/api/admin/storage").status_code == 503
            files = {"file": ("a.csv", b"x\n1\n")}
            answer = live.admin.post("/api/datasets/1/refs/main/import", files=files)
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        else:
            data_dir.rmdir()
        elsewhere.rename(data_dir)
        assert live.client(None).get("/health").json() == {"status": "ok"}
