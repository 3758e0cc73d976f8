"""An admin sees what takes how much room, and prunes what nothing needs any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings
from storage.maintenance.checking import check
from storage.sqlite.clock import system_clock
from tests.contract.problems import assert_problem
from tests.support.engagement_scene import EngagementScene
from tests.support.live_server import LiveServer, live_server

DRAW = {"rounds": [{"method": "random", "parameters": {"sample_size": 5, "seed": 1}}]}


@dataclass
class Calendar:
    """A clock that can be put forward."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return system_clock() + self.ahead


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def own_server(tmp_path: Path, calendar: Calendar) -> Iterator[LiveServer]:
    """A server with nothing in it, whose clock is the calendar's."""
    settings = Settings(
        data_dir=tmp_path / "data",
        memory_mb=256,
        keep_jobs_days=20,
        keep_unreachable_days=10,
        bin_days=10,
    )
    with live_server(settings, clock=calendar.now) as live:
        yield live


def prune(server: LiveServer, *, dry_run: bool) -> dict[str, Any]:
    answer = server.admin.post("/api/admin/prune", json={"dry_run": dry_run})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def counts(answer: dict[str, Any]) -> dict[str, int]:
    return {kind["kind"]: kind["count"] for kind in answer["kinds"] if kind["count"]}


def test_only_an_admin_sees_or_prunes(server: LiveServer) -> None:
    client, _ = server.new_user()
    assert_problem(client.get("/api/admin/storage"), 403, "forbidden")
    assert_problem(client.post("/api/admin/prune", json={"dry_run": True}), 403, "forbidden")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"dry_run": "no"},
        {"dry_run": True, "yes": True},
        {"dry_run": False, "ahead_days": 7},
        {"dry_run": True, "ahead_days": -1},
    ],
)
def test_whether_it_is_a_dry_run_must_be_said(server: LiveServer, body: dict[str, Any]) -> None:
    assert_problem(server.admin.post("/api/admin/prune", json=body), 422, "invalid_request")


def test_storage_adds_up_by_kind_and_by_dataset(own_server: LiveServer) -> None:
    small, large = own_server.new_table(10), own_server.new_table(5000)
    own_server.draw(large, {**DRAW, "export_residual": True})
    use = own_server.admin.get("/api/admin/storage").json()
    kinds = {kind["kind"]: kind for kind in use["kinds"]}
    directory = own_server.service.directory
    on_disk = [path.stat().st_size for path in directory.files_dir.glob("??/*.parquet")]
    assert kinds["data_files"] == {
        "kind": "data_files",
        "files": len(on_disk),
        "size_bytes": sum(on_disk),
    }
    assert kinds["database"]["size_bytes"] >= directory.database_path.stat().st_size
    assert use["size_bytes"] == sum(kind["size_bytes"] for kind in use["kinds"])
    assert use["free_bytes"] > 0
    assert [one["dataset_id"] for one in use["datasets"]] == [large, small]
    assert [(one["commits"], one["files"]) for one in use["datasets"]] == [(2, 3), (1, 1)]
    assert sum(one["size_bytes"] for one in use["datasets"]) == sum(on_disk)
    page = own_server.admin.get("/api/admin/storage", params={"offset": 1, "limit": 1}).json()
    assert [one["dataset_id"] for one in page["datasets"]] == [small]
    assert (page["total"], page["offset"], page["limit"]) == (2, 1, 1)


def test_a_dry_run_tells_what_can_go_later(own_server: LiveServer) -> None:
    dataset = own_server.new_table(10)
    own_server.admin.delete(f"/api/datasets/{dataset}")
    found = []
    for days in (0, 7, 100):
        body = {"dry_run": True, "ahead_days": days}
        found.append(counts(own_server.admin.post("/api/admin/prune", json=body).json()))
    assert [one.get("datasets", 0) for one in found] == [0, 0, 1]
    assert found[2]["commits"] >= 1
    assert "datasets" not in counts(prune(own_server, dry_run=False))


def test_a_dry_run_tells_what_then_goes_and_what_a_ref_reaches_stays(
    own_server: LiveServer, calendar: Calendar
) -> None:
    dataset_id = own_server.new_table(100)
    retained = own_server.draw(
        dataset_id, {**DRAW, "output_name": "retained", "export_residual": True}
    )
    gone = own_server.draw(dataset_id, {**DRAW, "output_name": "gone", "export_residual": True})
    rows = own_server.rows(retained["id"]), own_server.rows(retained["id"], table_key="residual")
    calendar.ahead = timedelta(days=50)
    own_server.admin.delete(f"/api/datasets/{dataset_id}/refs/smpl-gone")
    assert "commits" not in counts(prune(own_server, dry_run=True))
    calendar.ahead = timedelta(days=61)
    looked = prune(own_server, dry_run=True)
    assert looked["dry_run"] is True
    assert counts(looked)["commits"] == counts(looked)["jobs"] == 1
    # Both samples have the same rows, so the same files: the retained one needs them.
    assert "data_files" not in counts(looked)
    (job,) = next(kind["examples"] for kind in looked["kinds"] if kind["kind"] == "jobs")
    assert job["id"] == gone["id"]
    assert looked["keeps"]["keep_jobs_days"] == 20
    assert prune(own_server, dry_run=False) == {**looked, "dry_run": False}
    assert counts(prune(own_server, dry_run=False)) == {}
    assert_problem(own_server.admin.get(f"/api/jobs/{gone['id']}"), 404, "not_found")
    again = own_server.rows(retained["id"]), own_server.rows(retained["id"], table_key="residual")
    assert again == rows
    jobs = own_server.admin.get("/api/jobs", params={"dataset_id": dataset_id}).json()
    assert jobs["total"] == len(jobs["jobs"]) == 2
    assert own_server.draw(dataset_id, DRAW)["status"] == "completed"
    assert check(own_server.service.directory, lambda done, what: None).faults == ()


def test_a_pruned_sample_of_a_job_is_named_as_pruned(tmp_path: Path, calendar: Calendar) -> None:
    settings = Settings(
        data_dir=tmp_path / "data", memory_mb=256, keep_unreachable_days=10, bin_days=10
    )
    with live_server(settings, clock=calendar.now) as live:
        dataset_id = live.new_table(100)
        first = live.draw(dataset_id, {**DRAW, "output_name": "first"})
        second = live.draw(dataset_id, {**DRAW, "source_ref": "smpl-first", "output_name": "next"})
        for name in ("smpl-first", "smpl-next"):
            live.admin.delete(f"/api/datasets/{dataset_id}/refs/{name}")
        calendar.ahead = timedelta(days=11)
        assert counts(prune(live, dry_run=False))["commits"] == 2
        for job_id, path in (
            (first["id"], "data"),
            (second["id"], "data"),
            (second["id"], "reserves"),
            (second["id"], "rows/primary:1"),
        ):
            answer = live.admin.get(f"/api/sampling/jobs/{job_id}/{path}")
            assert_problem(answer, 404, "pruned", "pruned")
        job = live.admin.get(f"/api/jobs/{second['id']}").json()
        assert (job["status"], job["source_commit_id"]) == ("completed", None)
        log = live.admin.get(f"/api/jobs/{second['id']}/logs").json()["logs"]
        assert sum("pruned" in entry["message"] for entry in log) == 2


def test_the_audit_trail_tells_who_pruned_what_and_stays_itself(
    own_server: LiveServer, calendar: Calendar
) -> None:
    dataset_id = own_server.new_table(10)
    own_server.admin.delete(f"/api/datasets/{dataset_id}")
    before = own_server.admin.get("/api/admin/audit").json()["total"]
    calendar.ahead = timedelta(days=11)
    prune(own_server, dry_run=True)
    done = prune(own_server, dry_run=False)
    assert counts(done)["datasets"] == 1
    trail = own_server.admin.get("/api/admin/audit", params={"action": "pruned"}).json()
    removed, found = (entry["details"] for entry in trail["entries"])
    assert removed["removed"] == counts(done)
    assert removed["size_bytes"] == done["size_bytes"]
    assert found["found"]["datasets"] == 1
    assert trail["entries"][0]["user_soeid"] == "admin00"
    assert own_server.admin.get("/api/admin/audit").json()["total"] == before + 2


def test_imports_and_draws_of_what_a_prune_removes_just_then_are_whole(
    own_server: LiveServer, calendar: Calendar
) -> None:
    def fill() -> int:
        """Make a dataset with a sample, always of the same bytes."""
        dataset_id = own_server.new_table(2000)
        job = own_server.draw(dataset_id, {**DRAW, "output_name": "q1", "export_residual": True})
        assert job["status"] == "completed", job
        return dataset_id

    def drop(dataset_id: int) -> None:
        assert own_server.admin.delete(f"/api/datasets/{dataset_id}").status_code == 200
        calendar.ahead += timedelta(days=11)

    drop(fill())
    over = threading.Event()
    pruned: list[dict[str, int]] = []

    def prune_again_and_again() -> None:
        while not over.is_set():
            pruned.append(counts(prune(own_server, dry_run=False)))

    pruner = threading.Thread(target=prune_again_and_again)
    pruner.start()
    try:
        for _ in range(6):
            dropped, retained = fill(), fill()
            drop(dropped)
            path = f"/api/datasets/{retained}/refs/smpl-q1/tables/residual/data"
            answer = own_server.admin.get(path, params={"format": "csv"})
            assert answer.status_code == 200, answer.text
            assert answer.text.count("\n") == 1996
    finally:
        over.set()
        pruner.join(60)
    pruned.append(counts(prune(own_server, dry_run=False)))
    assert sum(one.get("datasets", 0) for one in pruned) == 7
    findings = check(own_server.service.directory, lambda done, what: None)
    assert findings.faults == ()
    assert findings.commits >= 12


def test_a_deleted_dataset_takes_its_panels_along(
    own_server: LiveServer, calendar: Calendar
) -> None:
    dataset_id = own_server.new_table(100)
    path = f"/api/sampling/datasets/{dataset_id}/panels"
    drawn = {**DRAW["rounds"][0], "order": {"key": ["id"]}}
    body = {"round": drawn, "name": "waves", "rotation": "50%"}
    panel = own_server.admin.post(path, json=body).json()
    wave = own_server.admin.post(f"/api/sampling/panels/{panel['id']}/waves", json={}).json()
    own_server.finished(wave["job_id"])
    own_server.admin.delete(f"/api/datasets/{dataset_id}")
    assert own_server.admin.get(f"/api/sampling/panels/{panel['id']}").status_code == 404
    calendar.ahead = timedelta(days=400)
    pruned = prune(own_server, dry_run=False)
    assert counts(pruned)["datasets"] == 1
    with own_server.service.database.read() as tx:
        assert not tx.execute("SELECT 1 FROM panels").fetchall()


def test_pruned_jobs_and_datasets_leave_their_engagements(
    own_server: LiveServer, calendar: Calendar
) -> None:
    scene = EngagementScene(own_server)
    own_server.admin.delete(f"/api/datasets/{scene.dataset}")
    shown = own_server.admin.get(scene.path).json()
    assert [each["is_deleted"] for each in shown["datasets"]] == [True]
    assert shown["samples"] == 0
    calendar.ahead = timedelta(days=400)
    assert counts(prune(own_server, dry_run=False))["datasets"] == 1
    shown = own_server.admin.get(scene.path).json()
    assert (shown["datasets"], shown["team"][0]["role"]) == ([], "partner")
    assert own_server.admin.get(f"{scene.path}/samples").json()["total"] == 0
