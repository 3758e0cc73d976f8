"""A server that is killed in the middle of a job loses nothing and publishes nothing twice."""

from __future__ import annotations

import hashlib
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.live_server import finished, write_csv
from tests.support.server_process import ServerProcess

ROWS = 400_000
BODY = {
    "rounds": [
        {
            "method": "stratified",
            "parameters": {"strata_columns": ["kind"], "sample_size": 60_000, "seed": "again"},
        },
        {"method": "random", "parameters": {"sample_size": 60_000, "seed": 0}},
    ]
}


@pytest.fixture(scope="module")
def csv_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("csv") / "table.csv", ROWS)


def start_import(client: httpx.Client, csv_file: Path) -> tuple[int, str]:
    dataset_id = client.post("/api/datasets", json={"name": "big"}).json()["id"]
    with csv_file.open("rb") as file:
        answer = client.post(
            f"/api/datasets/{dataset_id}/refs/main/import", files={"file": ("big.csv", file)}
        )
    return dataset_id, answer.json()["job_id"]


def wait_until_running(client: httpx.Client, job_id: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        status = client.get(f"/api/jobs/{job_id}").json()["status"]
        if status == "running":
            return
        assert status == "pending", "the job ended before the server could be killed"
    raise AssertionError("the job never started")


def sample_digest(client: httpx.Client, job_id: str) -> str:
    """A digest of the drawn rows in their order."""
    answer = client.get(f"/api/sampling/jobs/{job_id}/data", params={"format": "csv"})
    assert answer.status_code == 200
    return hashlib.sha256(answer.content).hexdigest()


def commits_of(client: httpx.Client, dataset_id: int) -> list[dict[str, Any]]:
    history = client.get(f"/api/datasets/{dataset_id}/history").json()
    return list(history["commits"])


def stored_files(data_dir: Path) -> set[str]:
    return {path.stem for path in (data_dir / "files").glob("??/*.parquet")}


def test_an_import_and_a_draw_complete_after_a_kill(tmp_path: Path, csv_file: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        dataset_id, import_id = start_import(client, csv_file)
        wait_until_running(client, import_id)
        server.kill()

    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        imported = finished(client, import_id)
        assert (imported["status"], imported["attempt"]) == ("completed", 2)
        assert len(commits_of(client, dataset_id)) == 1
        path = f"/api/sampling/datasets/{dataset_id}/jobs"
        drawn_id = client.post(path, json=BODY).json()["job_id"]
        wait_until_running(client, drawn_id)
        server.kill()

    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        drawn = finished(client, drawn_id)
        assert (drawn["status"], drawn["attempt"]) == ("completed", 2)
        again = finished(client, client.post(path, json=BODY).json()["job_id"])
        assert again["attempt"] == 1
        assert sample_digest(client, drawn_id) == sample_digest(client, again["id"])
        jobs = client.get("/api/jobs").json()
        assert jobs["total"] == 3
        refs = client.get(f"/api/datasets/{dataset_id}/refs").json()["refs"]
        assert {ref["name"]: ref["commit_id"] for ref in refs} == {
            "main": imported["output_summary"]["output_commit_id"],
            drawn["output_summary"]["output_ref"]: drawn["output_summary"]["output_commit_id"],
            again["output_summary"]["output_ref"]: again["output_summary"]["output_commit_id"],
        }
        # The table, and one sample: the second draw has the same bytes.
        assert len(stored_files(data_dir)) == 2
        assert server.terminate() == 0
    for folder in ("uploads", "scratch"):
        assert not list((data_dir / folder).iterdir())


def test_a_job_fails_after_three_kills(tmp_path: Path, csv_file: Path) -> None:
    data_dir = tmp_path / "data"
    job_id = None
    for _ in range(3):
        with ServerProcess(data_dir, forked=True) as server:
            client = server.client()
            if job_id is None:
                _, job_id = start_import(client, csv_file)
            wait_until_running(client, job_id)
            server.kill()
    assert job_id is not None
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        job = finished(client, job_id)
        assert (job["status"], job["error_code"]) == ("failed", "interrupted")
        assert not stored_files(data_dir)
        retried = finished(client, client.post(f"/api/jobs/{job_id}/retry").json()["job_id"])
        assert (retried["status"], retried["attempt"]) == ("completed", 1)
        assert server.terminate() == 0
    assert not list((data_dir / "uploads").iterdir())


def test_a_stopping_server_releases_its_job(tmp_path: Path, csv_file: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True, stop_grace_s=0) as server:
        client = server.client()
        _, job_id = start_import(client, csv_file)
        wait_until_running(client, job_id)
        assert server.terminate() == 0
    with ServerProcess(data_dir, forked=True) as server:
        job = finished(server.client(), job_id)
    assert job["status"] == "completed"
    assert job["attempt"] == 1


def test_a_stopping_server_waits_for_its_job(tmp_path: Path, csv_file: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        _, job_id = start_import(client, csv_file)
        wait_until_running(client, job_id)
        assert server.terminate() == 0
    with ServerProcess(data_dir, forked=True) as server:
        job = finished(server.client(), job_id)
        assert (job["status"], job["attempt"]) == ("completed", 1)
        log = server.client().get(f"/api/jobs/{job_id}/logs").json()["logs"]
    assert not [entry for entry in log if "waits again" in entry["message"]]


def test_a_second_signal_stops_at_once_and_loses_nothing(tmp_path: Path, csv_file: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True, stop_grace_s=60) as server:
        client = server.client()
        _, job_id = start_import(client, csv_file)
        wait_until_running(client, job_id)
        server.signal(signal.SIGTERM)
        server.wait_for("Stopping")
        assert server.terminate() == 128 + signal.SIGTERM
    with ServerProcess(data_dir, forked=True) as server:
        assert finished(server.client(), job_id)["status"] == "completed"


def test_an_open_event_stream_does_not_hold_up_a_stop(tmp_path: Path, csv_file: Path) -> None:
    with ServerProcess(tmp_path / "data", forked=True, long_workers=1, stop_grace_s=0) as server:
        client = server.client()
        _, job_id = start_import(client, csv_file)
        with client.stream("GET", f"/api/jobs/{job_id}/events") as events:
            next(events.iter_lines())
            began = time.monotonic()
            assert server.terminate() == 0
    assert time.monotonic() - began < 5


def test_draws_are_the_same_on_one_thread_and_on_four(tmp_path: Path, csv_file: Path) -> None:
    digests = set()
    for threads in (1, 4):
        with ServerProcess(
            tmp_path / f"data{threads}", forked=True, duckdb_threads=threads
        ) as server:
            client = server.client()
            dataset_id, import_id = start_import(client, csv_file)
            assert finished(client, import_id)["status"] == "completed"
            path = f"/api/sampling/datasets/{dataset_id}/jobs"
            job = finished(client, client.post(path, json=BODY).json()["job_id"])
            digests.add(sample_digest(client, job["id"]))
            server.terminate()
    assert len(digests) == 1
