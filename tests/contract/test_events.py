"""A job's log and its event stream."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer, write_csv
from tests.web_ui.staged_jobs import cancelled, running_job

RANDOM = {"method": "random", "parameters": {"sample_size": 5}}


def events_of(client: httpx.Client, job_id: str) -> list[dict[str, Any]]:
    with client.stream("GET", f"/api/jobs/{job_id}/events") as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        text = "".join(answer.iter_text())
    blocks = [block for block in text.split("\n\n") if block.startswith("event: job\n")]
    return [json.loads(block.removeprefix("event: job\ndata: ")) for block in blocks]


def opened_events(client: httpx.Client, job_id: str, within_s: float = 20) -> list[dict[str, Any]]:
    """The events, once a stream may be opened."""
    end = time.monotonic() + within_s
    while client.get(f"/api/jobs/{job_id}/events").status_code == 429:
        assert time.monotonic() < end
    return events_of(client, job_id)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("csv") / "big.csv", 1_000_000)


def test_a_log_tells_each_step_with_its_time(server: LiveServer) -> None:
    job = server.draw(server.new_table(100), RANDOM)
    log = server.admin.get(f"/api/jobs/{job['id']}/logs").json()
    messages = [entry["message"] for entry in log["logs"]]
    assert messages[0].startswith("accepted, request ")
    assert messages[1] == "attempt 1 started"
    assert messages[-1] == "completed"
    assert log["total"] == len(messages)
    times = [entry["at"] for entry in log["logs"]]
    assert all(moment.endswith("+00:00") and len(moment) == 32 for moment in times)
    assert (times[0], times[-1]) == (job["created_at"], job["completed_at"])


def test_a_log_names_the_request_that_asked_for_the_job(server: LiveServer) -> None:
    path = f"/api/sampling/datasets/{server.new_table(10)}/jobs"
    asked = server.admin.post(path, json=RANDOM, headers={"X-Request-ID": "trace-42"})
    log = server.admin.get(f"/api/jobs/{asked.json()['job_id']}/logs").json()["logs"]
    assert log[0]["message"] == "accepted, request trace-42"


def test_a_failed_jobs_log_ends_with_the_reason(server: LiveServer) -> None:
    job = server.import_text(server.new_dataset(), "a,b\n1,2\n3,4,5\n")
    log = server.admin.get(f"/api/jobs/{job['id']}/logs").json()["logs"]
    assert log[-1]["message"] == f"failed: {job['error_message']}"


def test_a_stream_tells_the_jobs_progress_and_ends_with_it(server: LiveServer, big: Path) -> None:
    dataset = server.new_dataset()
    with big.open("rb") as file:
        accepted = server.admin.post(
            f"/api/datasets/{dataset}/refs/main/import", files={"file": ("big.csv", file)}
        )
    events = events_of(server.admin, accepted.json()["job_id"])
    assert events[-1]["status"] == "completed"
    progress = [event["progress"] for event in events]
    assert progress == sorted(progress)
    assert len(events) >= 2
    assert events[-1] == server.admin.get(f"/api/jobs/{events[-1]['id']}").json()


def test_a_finished_jobs_stream_is_one_event(server: LiveServer) -> None:
    job = server.draw(server.new_table(10), RANDOM)
    assert events_of(server.admin, job["id"]) == [job]


def test_streams_never_hold_all_threads(server: LiveServer) -> None:
    """Four may be open, two of a user; they hold no thread that other requests need."""
    admin = server.admin.get("/api/users/me").json()
    last = running_job(server, admin["soeid"], server.new_dataset())
    with ExitStack() as open_streams:
        (other, _), (third, _) = server.new_user("admin"), server.new_user("admin")
        for client in (server.admin, other):
            for _ in range(2):
                asked = open_streams.enter_context(server.client(None))
                asked.headers["Authorization"] = client.headers["Authorization"]
                opened = open_streams.enter_context(asked.stream("GET", f"/api/jobs/{last}/events"))
                assert opened.status_code == 200
            refused = client.get(f"/api/jobs/{last}/events")
            assert_problem(
                refused,
                429,
                "too_many_streams",
                "At most 2 event streams can run at once for one user",
            )
            assert refused.headers["Retry-After"] == "5"
        refused = third.get(f"/api/jobs/{last}/events")
        assert_problem(refused, 429, "too_many_streams", "At most 4 event streams can run at once.")
        assert server.client(None).get("/health").status_code == 200
    cancelled(server, last)
    # Clients that left are noticed: their threads are free again.
    assert opened_events(server.admin, last)[-1]["status"] == "failed"


def test_a_strangers_job_has_neither_log_nor_stream(server: LiveServer) -> None:
    stranger, _ = server.new_user()
    job = server.draw(server.new_table(10), RANDOM)
    for part in ("logs", "events"):
        assert_problem(stranger.get(f"/api/jobs/{job['id']}/{part}"), 404, "not_found")
