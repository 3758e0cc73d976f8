"""The wall clock is set while jobs run: nothing is lost, out of order, or of negative length."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults import wrong_clock
from tests.faults.history import Books
from tests.faults.test_random_kills import open_books
from tests.faults.wrong_clock import PATIENCE_S, serve_with_little_patience, set_clock
from tests.support.live_server import PASSWORD, finished, write_csv
from tests.support.server_process import ServerProcess

HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", forked=True, work=wrong_clock.serve) as started:
        yield started


def start_import(client: httpx.Client, books: Books, tmp_path: Path) -> str:
    """Import a file that takes a moment; returns once the job runs."""
    path = f"/api/datasets/{books.dataset_id}/refs/main/import"
    with write_csv(tmp_path / "large.csv", 300_000).open("rb") as file:
        job_id = client.post(path, files={"file": ("large.csv", file)}).json()["job_id"]
    while client.get(f"/api/jobs/{job_id}").json()["status"] == "pending":
        pass
    return str(job_id)


def draw(client: httpx.Client, books: Books) -> dict[str, Any]:
    """Draw once more, and wait."""
    one = books.add_draw("random", 1, residual=False)
    books.send(client, one)
    return finished(client, one.job_id or "")


def require_in_order(job: dict[str, Any]) -> None:
    """A job's times are those of one life, and so is its log."""
    assert job["created_at"] <= job["started_at"] <= job["completed_at"]
    assert job["duration_seconds"] >= 0


@pytest.mark.parametrize("shift", [-HOUR, -YEAR, YEAR])
def test_a_clock_set_during_a_job_changes_no_result(
    server: ServerProcess, tmp_path: Path, shift: timedelta
) -> None:
    client = server.client()
    books = open_books(client)
    before = draw(client, books)
    running = start_import(client, books, tmp_path)
    set_clock(server.data_dir, shift)
    job = finished(client, running)
    assert (job["status"], job["attempt"]) == ("completed", 1)  # no time limit struck
    require_in_order(job)
    after = draw(client, books)
    require_in_order(after)
    assert (after["created_at"] > before["created_at"]) == (shift > timedelta())
    by_time = sorted([before, job, after], key=lambda each: each["created_at"], reverse=True)
    ours = {each["id"] for each in by_time}
    listed = [each["id"] for each in client.get("/api/jobs").json()["jobs"] if each["id"] in ours]
    assert listed == [each["id"] for each in by_time]
    logs = client.get(f"/api/jobs/{running}/logs").json()["logs"]
    assert logs[0]["message"].startswith("accepted")
    assert logs[-1]["message"] == "completed"


def test_filters_by_time_are_exact_after_a_clock_set_back(server: ServerProcess) -> None:
    client = server.client()
    books = open_books(client)
    early = draw(client, books)
    set_clock(server.data_dir, -HOUR)
    late = draw(client, books)
    middle = datetime.fromisoformat(early["created_at"]) - HOUR / 2
    after = client.get("/api/jobs", params={"created_after": middle.isoformat()}).json()
    before = client.get("/api/jobs", params={"created_before": middle.isoformat()}).json()
    assert early["id"] in {one["id"] for one in after["jobs"]}
    assert [one["id"] for one in before["jobs"]] == [late["id"]]


def test_a_clock_set_back_ends_no_session_and_loses_no_key(server: ServerProcess) -> None:
    client = server.client()
    books = open_books(client)
    body = {"soeid": "us00001", "role_name": "analyst", "password": PASSWORD}
    assert client.post("/api/users", json=body).status_code == 200
    login = {"soeid": "us00001", "password": PASSWORD}
    token = client.post("/api/users/login", json=login).json()["access_token"]
    user = {"Authorization": f"Bearer {token}"}
    sent = books.add_draw("random", 1, residual=False)
    books.send(client, sent)
    for shift in (-HOUR, -YEAR):
        set_clock(server.data_dir, shift)
        assert client.get("/api/users/me", headers=user).json()["soeid"] == "us00001"
        books.send(client, sent)  # asserts that the key stands for the same job


def test_a_year_ahead_ends_sessions_and_keeps_endless_tokens(server: ServerProcess) -> None:
    client = server.client()
    open_books(client)
    body = {"soeid": "us00001", "role_name": "analyst", "password": PASSWORD}
    assert client.post("/api/users", json=body).status_code == 200
    login = {"soeid": "us00001", "password": PASSWORD}
    session = client.post("/api/users/login", json=login).json()["access_token"]
    named = client.post("/api/tokens", json={"name": "script", "expires_in_days": 0}).json()
    set_clock(server.data_dir, YEAR)

    def status_of(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return client.get("/api/users/me", headers=headers).status_code

    assert status_of(session) == 401
    assert status_of(named["token"]) == 200
    assert client.post("/api/users/login", json=login).status_code == 200
    assert client.get("/api/jobs").status_code == 200  # the operator's token
    set_clock(server.data_dir, timedelta())
    assert status_of(session) == 200


def connected(server: ServerProcess) -> http.client.HTTPConnection:
    """A connection that the server has answered on and keeps."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    ask(connection)
    return connection


def ask(connection: http.client.HTTPConnection) -> None:
    """Ask once more, on the same connection; raises where it is closed."""
    connection.request("GET", "/health")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b'{"status":"ok"}\n')


def test_a_step_ahead_closes_no_connection(server: ServerProcess) -> None:
    with closing(connected(server)) as idle:
        assert idle.sock is not None
        for ahead in (HOUR, YEAR):
            set_clock(server.data_dir, ahead)
            with closing(connected(server)):  # the loop has looked at every connection by now
                idle.sock.setblocking(False)
                with pytest.raises(BlockingIOError):
                    idle.sock.recv(1)
                idle.sock.setblocking(True)
        ask(idle)


def test_a_step_back_keeps_no_idle_connection_open(tmp_path: Path) -> None:
    work = serve_with_little_patience
    with (
        ServerProcess(tmp_path / "data", forked=True, work=work) as server,
        closing(connected(server)) as idle,
    ):
        set_clock(server.data_dir, -YEAR)
        assert idle.sock is not None
        began = time.monotonic()
        assert idle.sock.recv(1) == b""
        assert time.monotonic() - began > PATIENCE_S - 1
