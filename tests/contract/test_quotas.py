"""Quotas of disk: shown, checked at submission, while files are written, and at the commit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from service.settings import Settings
from storage.accounts.datasets import put_permission
from storage.maintenance.quotas import MIB, QuotaExceeded, Quotas
from storage.versions.data_files import StoredFile
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer, live_server


def large_file(path: Path, size_mb: float) -> bytes:
    """A Parquet file of random bytes, which no codec makes smaller."""
    values = [os.urandom(512).hex() for _ in range(int(size_mb * 2048))]
    pq.write_table(pa.table({"x": values}), path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def two_mib(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return large_file(tmp_path_factory.mktemp("large") / "t.parquet", 2.2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("quotas"), memory_mb=256, compare_samples=False
    )
    with live_server(settings) as live:
        yield live


def use(client: httpx.Client, path: str) -> dict[str, Any]:
    answer = client.get(f"/api/{path}/quota")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def limited(server: LiveServer, path: str, size_mb: int | None) -> dict[str, Any]:
    answer = server.admin.put(f"/api/{path}/quota", json={"size_mb": size_mb})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def stored_bytes(server: LiveServer) -> int:
    return sum(path.stat().st_size for path in server.service.directory.files_dir.glob("??/*"))


def test_use_is_the_size_of_the_files(server: LiveServer, two_mib: bytes) -> None:
    client, user = server.new_user()
    dataset = server.new_dataset(client)
    before = stored_bytes(server)
    server.import_text(dataset, two_mib, "t.parquet", client=client)
    stored = stored_bytes(server) - before
    assert stored > 2 * MIB
    expected = {"used_bytes": stored, "limit_bytes": None, "own_mb": None, "is_full": False}
    assert use(client, f"datasets/{dataset}") == expected
    assert use(client, f"users/{user['id']}") == expected
    copy = server.new_dataset(client)
    server.import_text(copy, two_mib, "t.parquet", client=client)
    assert use(client, f"datasets/{copy}")["used_bytes"] == stored
    assert use(client, f"users/{user['id']}")["used_bytes"] == stored  # one file on the disk


def test_a_file_counts_for_the_user_who_stored_it_first(server: LiveServer, tmp_path: Path) -> None:
    first, owner = server.new_user()
    dataset = server.new_dataset(first)
    server.import_text(dataset, large_file(tmp_path / "a.parquet", 0.5), "t.parquet", client=first)
    second, user = server.new_user()
    with server.service.database.write() as tx:
        put_permission(tx, dataset, user["id"], "write")
    body = {"method": "random", "sample_size": 2}
    answer = second.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
    assert server.finished(answer.json()["job_id"])["status"] == "completed"
    whole = use(first, f"datasets/{dataset}")["used_bytes"]
    own = use(second, f"users/{user['id']}")["used_bytes"]
    assert 0 < own < 100_000
    assert use(first, f"users/{owner['id']}")["used_bytes"] == whole - own


@pytest.mark.parametrize("whose", ["datasets", "users"])
def test_an_import_beyond_a_quota_fails_with_its_figures(
    server: LiveServer, two_mib: bytes, tmp_path: Path, whose: str
) -> None:
    client, user = server.new_user()
    dataset = server.new_dataset(client)
    path = f"datasets/{dataset}" if whose == "datasets" else f"users/{user['id']}"
    assert limited(server, path, 1)["limit_bytes"] == MIB
    other = large_file(tmp_path / "o.parquet", 2)
    job = server.import_text(dataset, other, "t.parquet", client=client)
    assert (job["status"], job["error_code"]) == ("failed", "quota_exceeded")
    assert "0.0 MiB of a quota of 1.0 MiB" in job["error_message"]
    assert use(client, f"datasets/{dataset}")["used_bytes"] == 0
    limited(server, path, 0)
    assert server.import_text(dataset, other, "t.parquet", client=client)["status"] == "completed"


def sheets_of(path: Path, count: int) -> bytes:
    """A workbook of sheets with random texts, each of about 0.4 MiB."""
    book = Workbook(write_only=True)
    for _ in range(count):
        sheet = book.create_sheet()
        sheet.append(["x"])
        for _ in range(800):
            sheet.append([os.urandom(256).hex()])
    book.save(path)
    return path.read_bytes()


def test_a_job_that_fails_for_its_quota_leaves_no_file(server: LiveServer, tmp_path: Path) -> None:
    client, user = server.new_user()
    dataset = server.new_dataset(client)
    limited(server, f"users/{user['id']}", 1)
    content, before = sheets_of(tmp_path / "b.xlsx", 6), stored_bytes(server)
    job = server.import_text(dataset, content, "b.xlsx", client=client)
    assert (job["status"], job["error_code"]) == ("failed", "quota_exceeded"), job
    assert stored_bytes(server) == before
    limited(server, f"users/{user['id']}", 0)
    job = server.import_text(dataset, content, "b.xlsx", client=client)
    assert job["status"] == "completed", job
    stored = stored_bytes(server) - before
    assert stored == use(client, f"users/{user['id']}")["used_bytes"] > MIB


def test_what_left_the_bin_frees_room_at_the_next_prune(
    server: LiveServer, two_mib: bytes, tmp_path: Path
) -> None:
    client, user = server.new_user()
    dataset = server.new_dataset(client)
    server.import_text(dataset, large_file(tmp_path / "p.parquet", 1.5), "t.parquet", client=client)
    limited(server, f"users/{user['id']}", 1)
    sql = {"sql": "SELECT 1 AS x"}
    answer = client.post(f"/api/exploration/datasets/{dataset}/jobs", json=sql)
    assert_problem(answer, 409, "quota_exceeded", "delete them from the bin, too, and let an admin")
    client.delete(f"/api/datasets/{dataset}").raise_for_status()
    server.admin.post("/api/admin/prune", json={"dry_run": False}).raise_for_status()
    assert use(client, f"users/{user['id']}")["is_full"]
    (entry,) = client.get("/api/bin").json()["entries"]
    client.delete(f"/api/bin/{entry['id']}").raise_for_status()
    server.admin.post("/api/admin/prune", json={"dry_run": False}).raise_for_status()
    assert use(client, f"users/{user['id']}")["used_bytes"] == 0


def test_a_full_quota_refuses_jobs_at_once(server: LiveServer, two_mib: bytes) -> None:
    client, _ = server.new_user()
    dataset = server.new_dataset(client)
    server.import_text(dataset, two_mib, "t.parquet", client=client)
    full = limited(server, f"datasets/{dataset}", 2)
    assert full["is_full"]
    body = {"method": "random", "parameters": {"sample_size": 2}}
    path = f"/api/sampling/datasets/{dataset}"
    assert_problem(client.post(f"{path}/jobs", json=body), 409, "quota_exceeded", "2.0 MiB")
    sql = {"sql": "SELECT 1 AS x"}
    answer = client.post(f"/api/exploration/datasets/{dataset}/jobs", json=sql)
    assert_problem(answer, 409, "quota_exceeded")
    assert client.post(f"{path}/plan", json=body).status_code == 200
    profile = client.post(f"/api/profiling/datasets/{dataset}/jobs", json={})
    assert profile.status_code == 200, profile.text
    again = limited(server, f"datasets/{dataset}", None)
    assert (again["limit_bytes"], again["own_mb"]) == (None, None)
    assert client.post(f"{path}/jobs", json=body).status_code == 200


def test_two_jobs_cannot_share_the_same_room(server: LiveServer) -> None:
    client, user = server.new_user()
    dataset = server.new_dataset(client)
    limited(server, f"datasets/{dataset}", 1)
    quotas = server.service.quotas
    with server.service.database.read() as tx:
        room = quotas.room(tx, dataset, user["id"])
    adopt = room.within(lambda path, rows: StoredFile("0" * 64, rows, MIB - 10))
    written = server.service.directory.scratch_dir / "part"
    written.write_bytes(b"x" * 100)
    adopt(written, 1)
    written.unlink()
    server.import_text(dataset, "id\n1\n", client=client)  # another job was quicker
    with server.service.database.read() as tx, pytest.raises(QuotaExceeded, match="would be"):
        room.check(tx)


def test_settings_are_the_quotas_of_all(tmp_path: Path, two_mib: bytes) -> None:
    settings = Settings(data_dir=tmp_path, memory_mb=256, user_quota_mb=1, dataset_quota_mb=3)
    with live_server(settings) as live:
        client, user = live.new_user()
        dataset = live.new_dataset(client)
        assert use(client, f"datasets/{dataset}")["limit_bytes"] == 3 * MIB
        job = live.import_text(dataset, two_mib, "t.parquet", client=client)
        assert job["error_code"] == "quota_exceeded"
        limited(live, f"users/{user['id']}", 0)
        job = live.import_text(dataset, two_mib, "t.parquet", client=client)
        assert job["status"] == "completed", job


def test_files_are_measured_before_the_write_of_a_job(
    server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no other write waits for the disk."""
    client, user = server.new_user()
    dataset = server.new_dataset(client)
    content = large_file(tmp_path / "m.parquet", 0.5)
    server.import_text(dataset, content, "t.parquet", client=client)
    limited(server, f"users/{user['id']}", 100)
    monkeypatch.setattr(server.service.data_files, "_sizes", {})
    measured = []

    def require_room(quotas: Quotas, *given: Any) -> None:
        before = dict(quotas.data_files._sizes)
        require(quotas, *given)
        measured.append((before, dict(quotas.data_files._sizes)))

    require = Quotas.require_room
    monkeypatch.setattr(Quotas, "require_room", require_room)
    body = {"method": "random", "parameters": {"sample_size": 2}}
    answer = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
    assert answer.status_code == 200, answer.text
    before, after = measured[0]
    assert before == after != {}
    server.finished(answer.json()["job_id"])
