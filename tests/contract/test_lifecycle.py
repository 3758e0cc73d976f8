"""Cancel, retry and whose turn it is, on a server of their own with one worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer, live_server, write_csv

RANDOM = {"method": "random", "parameters": {"sample_size": 5, "seed": 1}}


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that does one job at a time."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("lonely"), workers=1, memory_mb=512, duckdb_threads=1
    )
    with live_server(settings) as live:
        yield live


@pytest.fixture(scope="module")
def big(lonely: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("csv") / "big.csv", 1_500_000)


@pytest.fixture(scope="module")
def middling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The largest file, by and large, whose import is a short job."""
    return write_csv(tmp_path_factory.mktemp("csv") / "middling.csv", 800_000)


def start_import(server: LiveServer, big: Path, **headers: str) -> tuple[int, str]:
    dataset = server.new_dataset()
    path = f"/api/datasets/{dataset}/refs/main/import"
    with big.open("rb") as file:
        answer = server.admin.post(path, files={"file": ("big.csv", file)}, headers=headers)
    return dataset, answer.json()["job_id"]


def wait_until_running(server: LiveServer, job_id: str) -> None:
    end = time.monotonic() + 30
    while server.admin.get(f"/api/jobs/{job_id}").json()["status"] != "running":
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_running_job_stops_at_once_and_leaves_nothing(lonely: LiveServer, big: Path) -> None:
    files = sorted(lonely.service.directory.files_dir.glob("??/*"))
    dataset, job_id = start_import(lonely, big)
    wait_until_running(lonely, job_id)
    answer = lonely.admin.post(f"/api/jobs/{job_id}/cancel").json()
    cancelled_at = time.monotonic()
    assert (answer["status"], answer["error_code"]) == ("failed", "cancelled")
    assert "admin00" in answer["error_message"]
    while any(lonely.service.directory.scratch_dir.glob(f"{job_id}-*")):
        assert time.monotonic() - cancelled_at < 5, "the query goes on"  # alone it is 0.1
        time.sleep(0.005)
    after = lonely.admin.get(f"/api/jobs/{job_id}").json()
    assert (after["status"], after["error_code"]) == ("failed", "cancelled")
    assert sorted(lonely.service.directory.files_dir.glob("??/*")) == files
    ref = lonely.admin.get(f"/api/datasets/{dataset}/refs/main").json()
    assert ref["commit_id"] is None
    assert_problem(lonely.admin.post(f"/api/jobs/{job_id}/cancel"), 409, "conflict", "failed")


def test_a_cancelled_import_is_done_again_with_its_file(lonely: LiveServer, big: Path) -> None:
    _, job_id = start_import(lonely, big)
    wait_until_running(lonely, job_id)
    lonely.admin.post(f"/api/jobs/{job_id}/cancel")
    again = lonely.admin.post(f"/api/jobs/{job_id}/retry").json()
    job = lonely.finished(again["job_id"])
    assert (job["status"], job["retry_of"]) == ("completed", job_id)
    assert job["output_summary"]["tables"][0]["rows"] == 1_500_000
    second = lonely.admin.post(f"/api/jobs/{job_id}/retry")
    assert_problem(second, 409, "conflict", again["job_id"])
    done = lonely.admin.post(f"/api/jobs/{again['job_id']}/retry")
    assert_problem(done, 409, "conflict", "completed")


def test_a_failed_import_is_done_again_once_however_many_ask(lonely: LiveServer, big: Path) -> None:
    dataset, job_id = start_import(lonely, big)
    lonely.admin.post(f"/api/jobs/{job_id}/cancel")
    gate = threading.Barrier(4)

    def ask(_: int) -> httpx.Response:
        with httpx.Client(base_url=lonely.url, headers=dict(lonely.admin.headers)) as client:
            gate.wait()
            return client.post(f"/api/jobs/{job_id}/retry")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    jobs = lonely.admin.get("/api/jobs", params={"dataset_id": dataset}).json()["jobs"]
    assert [job["id"] for job in jobs[1:]] == [job_id]
    again = lonely.admin.post(f"/api/jobs/{jobs[0]['id']}/cancel").json()
    assert again["retry_of"] == job_id


def test_a_waiting_job_is_cancelled_before_it_starts(lonely: LiveServer, middling: Path) -> None:
    dataset = lonely.new_table(100)
    _, running = start_import(lonely, middling)
    wait_until_running(lonely, running)
    path = f"/api/sampling/datasets/{dataset}/jobs"
    waiting = lonely.admin.post(path, json={**RANDOM, "output_name": "w"}).json()["job_id"]
    assert lonely.admin.get(f"/api/jobs/{waiting}").json()["queue_position"] == 1
    name = {"name": "smpl-w", "source_ref": "main"}
    reserved = lonely.admin.post(f"/api/datasets/{dataset}/refs", json=name)
    assert_problem(reserved, 422, "invalid_value", "reserved")
    answer = lonely.admin.post(f"/api/jobs/{waiting}/cancel").json()
    assert (answer["status"], answer["started_at"]) == ("failed", None)
    lonely.admin.post(f"/api/jobs/{running}/cancel")
    again = lonely.admin.post(f"/api/jobs/{waiting}/retry").json()
    assert lonely.finished(again["job_id"])["status"] == "completed"
    twice = lonely.admin.post(f"/api/jobs/{waiting}/retry")
    assert_problem(twice, 409, "conflict", "smpl-w")


def test_a_heavy_import_holds_up_neither_small_draws_nor_their_memory(
    lonely: LiveServer, big: Path
) -> None:
    dataset = lonely.new_table(100)
    _, heavy = start_import(lonely, big)
    wait_until_running(lonely, heavy)
    query = f"/api/exploration/datasets/{dataset}/jobs"
    waiting = lonely.admin.post(query, json={"sql": "SELECT 1"}).json()["job_id"]
    drawn = lonely.draw(dataset, RANDOM)
    assert (drawn["status"], drawn["lane"], drawn["priority"]) == (
        "completed",
        "short",
        "interactive",
    )
    assert lonely.admin.get(f"/api/jobs/{heavy}").json()["status"] == "running"
    behind = lonely.admin.get(f"/api/jobs/{waiting}").json()
    assert (behind["status"], behind["lane"], behind["queue_position"]) == ("pending", "long", 1)
    for job_id in (waiting, heavy):
        lonely.admin.post(f"/api/jobs/{job_id}/cancel")


def test_batch_work_lets_interactive_work_go_first(lonely: LiveServer, middling: Path) -> None:
    dataset = lonely.new_table(100)
    path = f"/api/sampling/datasets/{dataset}/jobs"
    _, running = start_import(lonely, middling)
    wait_until_running(lonely, running)
    batch = lonely.admin.post(path, json={**RANDOM, "priority": "batch"}).json()["job_id"]
    mine = lonely.admin.post(path, json=RANDOM).json()["job_id"]
    places = [lonely.admin.get(f"/api/jobs/{one}").json() for one in (mine, batch)]
    assert [job["queue_position"] for job in places] == [1, 2]
    lonely.admin.post(f"/api/jobs/{running}/cancel")
    first, second = (lonely.finished(one) for one in (mine, batch))
    assert first["started_at"] < second["started_at"]
    wrong = lonely.admin.post(path, json={**RANDOM, "priority": "urgent"})
    assert_problem(wrong, 422, "invalid_request", "batch")


def test_a_file_that_was_wrong_is_not_kept_for_a_retry(lonely: LiveServer) -> None:
    failed = lonely.import_text(lonely.new_dataset(), "a,b\n1,2\n3,4,5\n")
    answer = lonely.admin.post(f"/api/jobs/{failed['id']}/retry")
    assert_problem(answer, 409, "conflict", "can't be read")


def test_whoever_may_only_read_can_neither_cancel_nor_retry(lonely: LiveServer) -> None:
    reader, user = lonely.new_user()
    dataset = lonely.new_dataset()
    failed = lonely.import_text(dataset, "a,b\n1,2\n3,4,5\n")
    for action in ("cancel", "retry"):
        hidden = reader.post(f"/api/jobs/{failed['id']}/{action}")
        assert_problem(hidden, 404, "not_found")
    given = {"user_id": user["id"], "permission": "read"}
    lonely.admin.put(f"/api/datasets/{dataset}/permissions", json=given)
    for action in ("cancel", "retry"):
        assert_problem(reader.post(f"/api/jobs/{failed['id']}/{action}"), 403, "forbidden")


def test_a_job_past_its_types_limit_ends_as_timed_out(tmp_path: Path, big: Path) -> None:
    settings = Settings(data_dir=tmp_path, memory_mb=512, duckdb_threads=1, import_limit_min=0.001)
    with live_server(settings) as live:
        _, job_id = start_import(live, big)
        job = live.finished(job_id)
    assert (job["status"], job["error_code"]) == ("failed", "timed_out")
    assert "limit of its type" in job["error_message"]
