"""A full disk loses nothing: requests are refused clearly, and submitted jobs wait.

Each test fills a disk of its own, and makes room again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from tests.faults.server_state import assert_no_strays, dataset_of, named_by
from tests.faults.small_disk import NoSmallDisk, SmallDisk, run_in_a_namespace, small_disk
from tests.support.forked_process import jobsvc
from tests.support.live_server import finished
from tests.support.server_process import ServerProcess

ROWS = 40_000
_chance = random.Random(1)
CONTENT = "id,kind,text\n" + "".join(
    f"{row},{row % 7},{_chance.randbytes(20).hex()}\n" for row in range(ROWS)
)
"""About 2 MB that don't get much smaller."""
ALL_ROWS: dict[str, Any] = {
    "rounds": [{"method": "random", "parameters": {"sample_size": ROWS, "seed": 1}}]
}
FEW_ROWS: dict[str, Any] = {
    "rounds": [{"method": "random", "parameters": {"sample_size": 100, "seed": 1}}]
}
LITTLE_BYTES = 768 * 1024
"""Enough for the database, and for no table."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        with small_disk(tmp_path) as made:
            yield made
    except NoSmallDisk:
        pytest.skip("runs in a namespace of its own")


def test_these_tests_run_in_a_namespace_without_mounts(tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path):
            return  # they run here
    except NoSmallDisk:
        if not run_in_a_namespace(__file__):
            pytest.skip("no small disk can be had here")


def import_table(client: httpx.Client, key: str = "table") -> httpx.Response:
    return client.post(
        f"/api/datasets/{dataset_of(client)}/refs/main/import",
        files={"file": ("table.csv", CONTENT)},
        headers={"Idempotency-Key": key},
    )


def draw(client: httpx.Client, body: dict[str, Any], key: str) -> httpx.Response:
    return client.post(
        f"/api/sampling/datasets/{dataset_of(client)}/jobs",
        json=body,
        headers={"Idempotency-Key": key},
    )


def serving(data_dir: Path) -> ServerProcess:
    """A server that fills its disk to the last byte."""
    return ServerProcess(data_dir, forked=True, min_free_mb=0)


def with_table(disk: SmallDisk) -> Path:
    """A data directory on the disk, with a table."""
    data_dir = disk.root / "data"
    with serving(data_dir) as server:
        client = server.client()
        job = finished(client, import_table(client).json()["job_id"])
        assert job["status"] == "completed"
        assert server.terminate() == 0
    return data_dir


def wait_for_note(client: httpx.Client, job_id: str, text: str) -> None:
    end = time.monotonic() + 60
    while text not in str(client.get(f"/api/jobs/{job_id}/logs").json()):
        assert time.monotonic() < end, client.get(f"/api/jobs/{job_id}").text
        time.sleep(0.02)


def require_sound(data_dir: Path) -> None:
    with serving(data_dir) as server:
        assert server.terminate() == 0
    directory = DataDirectory(data_dir)
    assert check(directory, lambda done, what: None).faults == ()
    assert_no_strays(directory, named_by(directory))


def test_a_request_on_a_full_disk_fails_and_can_be_repeated(
    disk: SmallDisk,
) -> None:
    data_dir = with_table(disk)
    with serving(data_dir) as server:
        client = server.client()
        disk.fill()
        answers = [draw(client, FEW_ROWS, f"draw-{number}") for number in range(40)]
        refused = [number for number, answer in enumerate(answers) if answer.status_code != 200]
        assert refused
        for number in refused:
            answer = answers[number]
            assert (answer.status_code, answer.json()["code"]) == (503, "disk_full")
            assert "full" in answer.json()["detail"]
            assert int(answer.headers["Retry-After"]) > 0
        assert client.get("/health").status_code == 503
        assert client.get("/api/jobs").status_code == 200
        disk.make_room()
        assert client.get("/health").status_code == 200
        jobs = {draw(client, FEW_ROWS, f"draw-{number}").json()["job_id"] for number in range(40)}
        assert len(jobs) == 40
        assert {finished(client, job)["status"] for job in jobs} == {"completed"}
        assert server.terminate() == 0
    require_sound(data_dir)


def test_an_upload_to_a_full_disk_can_be_repeated(disk: SmallDisk) -> None:
    data_dir = with_table(disk)
    with serving(data_dir) as server:
        client = server.client()
        for leave_bytes in (LITTLE_BYTES, 3 * len(CONTENT) // 2):  # for the first copy, for one
            disk.fill(leave_bytes)
            answer = import_table(client, "again")
            assert (answer.status_code, answer.json()["code"]) == (503, "disk_full")
            assert client.get("/health").status_code == 200
            assert not list((data_dir / "uploads").iterdir())
        disk.make_room()
        job = finished(client, import_table(client, "again").json()["job_id"])
        assert (job["status"], job["attempt"]) == ("completed", 1)
        assert server.terminate() == 0
    require_sound(data_dir)


@pytest.mark.parametrize("work", ["import", "draw"])
def test_a_job_that_finds_the_disk_full_waits_and_gets_on(disk: SmallDisk, work: str) -> None:
    data_dir = with_table(disk)
    with serving(data_dir) as server:
        client = server.client()
        accepted = import_table(client, "b") if work == "import" else draw(client, ALL_ROWS, "b")
        server.kill()
    disk.fill(LITTLE_BYTES)
    with serving(data_dir) as server:
        client = server.client()
        job_id = accepted.json()["job_id"]
        wait_for_note(client, job_id, "disk is full")
        assert client.get(f"/api/jobs/{job_id}").json()["status"] in ("pending", "running")
        disk.make_room()
        assert finished(client, job_id)["status"] == "completed"
        assert server.terminate() == 0
    require_sound(data_dir)


def test_a_job_ends_once_the_disk_has_free_space(disk: SmallDisk) -> None:
    data_dir = with_table(disk)
    with serving(data_dir) as server:
        client = server.client()
        job_ids = [draw(client, ALL_ROWS, f"{number}").json()["job_id"] for number in range(6)]
        disk.fill()
        server.wait_for("disk is full")
        disk.make_room()
        assert {finished(client, job)["status"] for job in job_ids} == {"completed"}
        assert server.terminate() == 0
    require_sound(data_dir)


def test_a_start_on_a_full_disk_is_refused(disk: SmallDisk) -> None:
    data_dir = with_table(disk)
    disk.fill()
    refused = jobsvc("serve", "--port", "0", "--data-dir", str(data_dir))
    assert refused.returncode == 1
    assert "No space left" in refused.output
    disk.make_room()
    require_sound(data_dir)


@pytest.mark.parametrize("left", [LITTLE_BYTES, 128 * 1024])
def test_a_backup_that_does_not_fit_leaves_nothing(disk: SmallDisk, left: int) -> None:
    data_dir = with_table(disk)
    disk.fill(left)
    before = sorted(disk.root.iterdir())
    failed = jobsvc("backup", str(disk.root / "backup.tar"), "--data-dir", str(data_dir))
    assert failed.returncode == 1
    assert "No space left" in failed.output
    assert sorted(disk.root.iterdir()) == before


def test_a_restore_fits_a_mount_point_or_leaves_nothing(disk: SmallDisk, tmp_path: Path) -> None:
    data_dir, archive = tmp_path / "data", tmp_path / "backup.tar"
    with serving(data_dir) as server:
        client = server.client()
        assert finished(client, import_table(client).json()["job_id"])["status"] == "completed"
        assert server.terminate() == 0
    assert jobsvc("backup", str(archive), "--data-dir", str(data_dir)).returncode == 0
    restore = ("restore", str(archive), "--data-dir")
    disk.fill(LITTLE_BYTES)
    failed = jobsvc(*restore, str(disk.root / "again"))
    assert failed.returncode == 1
    assert "No space left" in failed.output
    assert [path.name for path in disk.root.iterdir()] == ["ballast"]
    disk.make_room()
    assert jobsvc(*restore, str(disk.root)).returncode == 0  # nothing is renamed over a mount
    require_sound(disk.root)
