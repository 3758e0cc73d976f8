"""What a server does between the signal that stops it and its end."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import Signals
from urllib.parse import urlsplit

import httpx
import pytest

from application.work_limits import work_limits
from service.settings import Settings
from tests.faults import stuck
from tests.faults.server_state import dataset_of
from tests.support.live_server import finished, write_csv
from tests.support.server_process import ServerProcess

RANDOM = {"method": "random", "sample_size": 5}
ENDLESS = "SELECT sum(a.range) FROM range(1000000) a, range(1000000) b"


def imported(client: httpx.Client, table: Path) -> int:
    dataset = int(client.post("/api/datasets", json={"name": table.stem}).json()["id"])
    with table.open("rb") as file:
        path = f"/api/datasets/{dataset}/refs/main/import"
        job = client.post(path, files={"file": (table.name, file)}).json()["job_id"]
    end = time.monotonic() + 60
    while client.get(f"/api/jobs/{job}").json()["status"] != "completed":
        assert time.monotonic() < end
        time.sleep(0.01)
    return dataset


def open_sockets(server: ServerProcess) -> int:
    files = Path(f"/proc/{server.pid}/fd")
    return sum(target(file).startswith("socket:") for file in files.iterdir())


def target(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def wait_for_sockets(server: ServerProcess, sockets: int) -> None:
    """Wait until the server has so many sockets, and a moment for the requests to arrive."""
    end = time.monotonic() + 20
    while open_sockets(server) < sockets:
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.1)


def test_requests_that_wait_for_a_thread_are_answered(tmp_path: Path) -> None:
    data_dir, settings = tmp_path / "data", {"http_threads": 2, "sql_preview_limit_s": 1}
    threads = 2 + work_limits(Settings(http_threads=2)).total
    with ServerProcess(data_dir, forked=True, **settings) as server:
        client = server.client()
        dataset = imported(client, write_csv(tmp_path / "small.csv", 20))
        token = client.headers["Authorization"]

        def ask(method: str, path: str, body: object = None) -> int:
            headers = {"Authorization": token}
            with httpx.Client(
                base_url=server.url, headers=headers, timeout=30, verify=False
            ) as own:
                return own.request(method, path, json=body).status_code

        query = f"/api/exploration/datasets/{dataset}/query"
        with (
            closing(sqlite3.connect(data_dir / "jobsvc.sqlite3", isolation_level=None)) as lock,
            ThreadPoolExecutor(threads + 5) as pool,
        ):
            lock.execute("BEGIN IMMEDIATE")
            before = open_sockets(server)
            slow = pool.submit(ask, "POST", query, {"sql": ENDLESS})
            change = (f"/api/datasets/{dataset}", {"description": "changed"})
            busy = [pool.submit(ask, "PATCH", *change) for _ in range(threads)]
            wait_for_sockets(server, before + 1 + threads)
            waiting = [pool.submit(ask, "GET", "/api/users/me") for _ in range(4)]
            wait_for_sockets(server, before + 1 + threads + 4)
            server.signal(Signals.SIGTERM)
            server.wait_for("Stopping")
            lock.execute("ROLLBACK")
            assert [one.result(20) for one in busy] == [200] * threads
            assert [one.result(20) for one in waiting] == [200] * 4
            assert slow.result(20) == 422
            assert server.wait() == 0


def test_a_download_is_sent_to_its_end(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", forked=True) as server:
        client = server.client()
        dataset = imported(client, write_csv(tmp_path / "large.csv", 400_000))
        where = urlsplit(server.url)
        with socket.socket() as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            raw.connect((where.hostname, where.port))
            path = f"/api/datasets/{dataset}/refs/main/tables/primary/data?format=csv"
            token = f"Authorization: {client.headers['Authorization']}"
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\n{token}\r\n\r\n".encode())
            got = raw.recv(65_536)
            server.signal(Signals.SIGTERM)
            server.wait_for("Stopping")
            while piece := raw.recv(1 << 20):
                got += piece
        assert server.wait() == 0
    head, _, body = got.partition(b"\r\n\r\n")
    (length,) = (
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    assert len(body) == length


def test_no_job_starts_after_the_signal_though_a_stream_is_open(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True, workers=1, stop_grace_s=1) as server:
        client = server.client()
        dataset = imported(client, write_csv(tmp_path / "small.csv", 20))
        endless = client.post(
            f"/api/exploration/datasets/{dataset}/jobs", json={"sql": ENDLESS}
        ).json()["job_id"]
        path = f"/api/sampling/datasets/{dataset}/jobs"
        with client.stream("GET", f"/api/jobs/{endless}/events") as events:
            next(events.iter_lines())
            for _ in range(100):
                client.post(path, json=RANDOM)
            server.signal(Signals.SIGTERM)
            server.wait_for("Stopping")
            stopping = datetime.now(UTC)
            assert server.wait() == 0
    with closing(sqlite3.connect(data_dir / "jobsvc.sqlite3")) as database:
        started = [
            datetime.fromisoformat(text)
            for (text,) in database.execute("SELECT started_at FROM jobs WHERE started_at NOTNULL")
        ]
        waiting = "SELECT count(*) FROM jobs WHERE run_type = 'sampling' AND status = 'pending'"
        assert database.execute(waiting).fetchone()[0] > 0
    assert max(started) < stopping + timedelta(seconds=0.2)


@pytest.mark.parametrize("number", [Signals.SIGTERM, Signals.SIGHUP, Signals.SIGINT])
def test_every_signal_that_ends_a_server_ends_it_in_good_order(
    tmp_path: Path, number: Signals
) -> None:
    with ServerProcess(tmp_path / "data", forked=True) as server:
        server.signal(number)
        server.wait_for("Stopping")
        assert server.wait() == 0


def test_work_that_does_not_stop_is_left_and_runs_again(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, forked=True, work=stuck.serve, stop_grace_s=0) as server:
        client = server.client()
        path = f"/api/datasets/{dataset_of(client)}/refs/main/import"
        job_id = client.post(path, files={"file": ("a.csv", b"a\n1\n")}).json()["job_id"]
        while client.get(f"/api/jobs/{job_id}").json()["status"] == "pending":
            time.sleep(0.01)
        server.signal(Signals.SIGTERM)
        server.wait_for("runs again at the next start")
        assert server.wait() == 1
    with ServerProcess(data_dir, forked=True) as server:
        assert finished(server.client(), job_id)["status"] == "completed"


def test_a_stop_is_orderly_when_nobody_reads_the_output(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jobsvc", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.terminate()
        assert process.wait(20) == 0
