"""Deleted samples, versions and datasets: the bin, restoring, deleting for good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from application.administration.pruning import prune
from service.settings import Settings
from storage.sqlite.clock import system_clock
from tests.support.live_server import LiveServer, live_server

ONE_ROW = {"method": "random", "parameters": {"sample_size": 1}}


def draw_and_delete(server: LiveServer, dataset_id: int, name: str = "q1") -> int:
    """Draw a sample, delete it and return its entry in the bin."""
    body = {**ONE_ROW, "output_name": name, "commit_message": "Review of June"}
    server.draw(dataset_id, body)
    answer = server.admin.delete(f"/api/datasets/{dataset_id}/refs/smpl-{name}")
    return int(answer.json()["bin_id"])


def entries(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    return list(client.get("/api/bin", params=query).json()["entries"])


def test_a_deleted_sample_is_in_the_bin(server: LiveServer) -> None:
    dataset_id = server.new_table(10)
    entry_id = draw_and_delete(server, dataset_id)
    (entry,) = entries(server.admin, dataset_id=dataset_id)
    assert (entry["id"], entry["kind"], entry["name"]) == (entry_id, "sample", "q1")
    assert (entry["purpose"], entry["deleted_by"]) == ("Review of June", "admin00")
    assert entry["may_restore"]
    assert len(server.rows(entry["job_id"])) == 1


def test_a_sample_is_restored(server: LiveServer) -> None:
    dataset_id = server.new_table(10)
    entry_id = draw_and_delete(server, dataset_id)
    answer = server.admin.post(f"/api/bin/{entry_id}/restore", json={})
    assert answer.status_code == 200, answer.text
    ref = server.admin.get(f"/api/datasets/{dataset_id}/refs/smpl-q1")
    assert ref.status_code == 200
    assert entries(server.admin, dataset_id=dataset_id) == []
    assert server.admin.post(f"/api/bin/{entry_id}/restore", json={}).status_code == 404


def test_a_taken_name_is_refused_with_a_suggestion(server: LiveServer) -> None:
    dataset_id = server.new_table(10)
    entry_id = draw_and_delete(server, dataset_id)
    server.draw(dataset_id, {**ONE_ROW, "output_name": "q1"})
    refused = server.admin.post(f"/api/bin/{entry_id}/restore", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "name_taken")
    (error,) = refused.json()["errors"]
    assert error["parameters"] == {"name": "q1", "suggestion": "q1-2"}
    restored = server.admin.post(f"/api/bin/{entry_id}/restore", json={"name": "q1-2"})
    assert restored.status_code == 200
    assert server.admin.get(f"/api/datasets/{dataset_id}/refs/smpl-q1-2").status_code == 200


def test_a_dataset_is_restored_with_its_jobs(server: LiveServer) -> None:
    dataset_id = server.new_table(10)
    job = server.draw(dataset_id, ONE_ROW)
    path = f"/api/datasets/{dataset_id}"
    name = server.admin.get(path).json()["name"]
    entry_id = server.admin.delete(path).json()["bin_id"]
    assert server.admin.get(f"/api/jobs/{job['id']}").status_code == 404
    other = server.admin.post("/api/datasets", json={"name": name}).json()["dataset_id"]
    refused = server.admin.post(f"/api/bin/{entry_id}/restore", json={})
    suggestion = refused.json()["errors"][0]["parameters"]["suggestion"]
    assert suggestion == f"{name} (2)"
    restored = server.admin.post(f"/api/bin/{entry_id}/restore", json={"name": suggestion})
    assert restored.status_code == 200, restored.text
    assert server.admin.get(path).json()["name"] == suggestion
    assert server.admin.get(f"/api/jobs/{job['id']}").status_code == 200
    assert server.admin.get(f"/api/datasets/{other}").status_code == 200


def test_the_bin_shows_what_the_user_may_see(server: LiveServer) -> None:
    reader, user = server.new_user()
    outsider, _ = server.new_user()
    dataset_id = server.new_table(10)
    server.admin.put(
        f"/api/datasets/{dataset_id}/permissions",
        json={"user_id": user["id"], "permission": "read"},
    )
    entry_id = draw_and_delete(server, dataset_id)
    (entry,) = entries(reader, dataset_id=dataset_id)
    assert not entry["may_restore"]
    assert reader.post(f"/api/bin/{entry_id}/restore", json={}).status_code == 403
    assert reader.delete(f"/api/bin/{entry_id}").status_code == 403
    assert entries(outsider, dataset_id=dataset_id) == []
    assert outsider.post(f"/api/bin/{entry_id}/restore", json={}).status_code == 404
    server.admin.delete(f"/api/datasets/{dataset_id}")
    assert entries(reader, dataset_id=dataset_id) == []
    (removed,) = entries(server.admin, dataset_id=dataset_id)
    assert removed["kind"] == "dataset"


class Days:
    """A clock that is set forward."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def __call__(self) -> Any:
        return system_clock() + self.passed


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def pruned(tmp_path: Path, days: Days) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path / "data", memory_mb=256, keep_unreachable_days=1, bin_days=5
    )
    with live_server(settings, clock=days) as live:
        yield live


def prune_of(server: LiveServer) -> dict[str, int]:
    report = prune(server.service, dry_run=False).report
    return {total.kind: total.count for total in report.values() if total.count}


def test_a_prune_retains_the_bin_until_it_expires(pruned: LiveServer, days: Days) -> None:
    dataset_id = pruned.new_table(10)
    draw_and_delete(pruned, dataset_id)
    days.passed = timedelta(days=4)
    assert prune_of(pruned).get("commits", 0) == 0
    assert len(entries(pruned.admin)) == 1
    days.passed = timedelta(days=6)
    assert entries(pruned.admin) == []
    assert prune_of(pruned)["commits"] == 1


def test_a_sample_deleted_for_good_is_pruned_next(pruned: LiveServer) -> None:
    dataset_id = pruned.new_table(10)
    entry_id = draw_and_delete(pruned, dataset_id)
    assert prune_of(pruned).get("commits", 0) == 0
    assert pruned.admin.delete(f"/api/bin/{entry_id}").status_code == 200
    assert entries(pruned.admin) == []
    assert prune_of(pruned)["commits"] == 1
    assert pruned.admin.get(f"/api/datasets/{dataset_id}/refs/main").status_code == 200


def test_a_dataset_deleted_for_good_is_pruned_next(pruned: LiveServer) -> None:
    dataset_id = pruned.new_table(10)
    draw_and_delete(pruned, dataset_id)
    key = pruned.admin.put(f"/api/datasets/{dataset_id}/row-key", json={"columns": ["id"]})
    assert key.status_code == 200
    balance = {"column": "id", "balance": 1, "reference": "GL 1600"}
    entered = pruned.admin.post(f"/api/datasets/{dataset_id}/reconciliations", json=balance)
    assert entered.status_code == 200
    entry_id = pruned.admin.delete(f"/api/datasets/{dataset_id}").json()["bin_id"]
    assert prune_of(pruned).get("datasets", 0) == 0
    assert pruned.admin.delete(f"/api/bin/{entry_id}").status_code == 200
    assert prune_of(pruned)["datasets"] == 1


def test_a_prune_retains_a_dataset_until_it_expires(pruned: LiveServer, days: Days) -> None:
    dataset_id = pruned.new_table(10)
    pruned.admin.delete(f"/api/datasets/{dataset_id}")
    days.passed = timedelta(days=4)
    assert prune_of(pruned).get("datasets", 0) == 0
    days.passed = timedelta(days=6)
    assert prune_of(pruned)["datasets"] == 1
