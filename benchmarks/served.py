"""Servers under test, each a process of its own: ``jobsvc serve``, and a bare Flask route.

Used by the benchmarks of load. Nothing of the service runs in the measuring process.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from storage.maintenance.data_directory import DataDirectory

ROOT = Path(__file__).parents[1]
START_S = 60
THREADS = 8
ROWS, DRAWN = 1_000, 100
PASSWORD = "correct horse battery"
ADDRESS = re.compile(r"jobsvc serves (http://\S+) from")
BARE = """
import logging
from flask import Flask, jsonify
from waitress.server import create_server
logging.getLogger("waitress.queue").setLevel(logging.ERROR)
app = Flask("bare")
@app.get("/api/jobs/<job_id>")
def job(job_id):
    return jsonify({{"id": job_id, "status": "completed", "progress": 100.0}})
server = create_server(app, host="127.0.0.1", port=0, threads={threads}, connection_limit=1000)
print(server.effective_port, flush=True)
server.run()
"""


def csv_text(rows: int) -> str:
    """A table with columns id, kind and amount."""
    lines = [f"{row},{row % 7},{row / 2}" for row in range(rows)]
    return "\n".join(["id,kind,amount", *lines]) + "\n"


def draw_body(rows: int = DRAWN) -> dict[str, Any]:
    """The guide's request for a sample."""
    return {
        "rounds": [{"round_number": 1, "method": "random", "parameters": {"sample_size": rows}}]
    }


@dataclass(frozen=True)
class Served:
    """A running ``jobsvc serve``: its address, its process and the operator's token."""

    url: str
    pid: int
    token: str
    data_dir: Path
    log: Path

    def client(self, token: str | None = None) -> httpx.Client:
        """A client with this token, or the operator's."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120)

    def analysts(self, count: int, dataset_id: int) -> list[str]:
        """Tokens of new users who may write in a dataset."""
        tokens = []
        with self.client() as admin:
            for number in range(count):
                soeid = f"us{number:05d}"
                given = {"soeid": soeid, "role_name": "analyst", "password": PASSWORD}
                user = answer(admin.post("/api/users", json=given))
                level = {"user_id": user["id"], "permission": "write"}
                answer(admin.put(f"/api/datasets/{dataset_id}/permissions", json=level))
                signed_in = admin.post(
                    "/api/users/login", json={"soeid": soeid, "password": PASSWORD}
                )
                tokens.append(str(answer(signed_in)["access_token"]))
        return tokens

    def tiny_table(self, rows: int = ROWS) -> int:
        """The id of a new dataset with a tiny table."""
        with self.client() as admin:
            name = f"tiny {time.time_ns()}"
            dataset_id = int(answer(admin.post("/api/datasets", json={"name": name}))["id"])
            file = {"file": ("tiny.csv", csv_text(rows))}
            path = f"/api/datasets/{dataset_id}/refs/main/import"
            finished(admin, answer(admin.post(path, files=file))["job_id"])
            return dataset_id

    def draw(self, dataset_id: int, count: int) -> list[str]:
        """Draw so many samples and return the jobs' ids."""
        with self.client() as admin:
            path = f"/api/sampling/datasets/{dataset_id}/jobs"
            ids = [answer(admin.post(path, json=draw_body()))["job_id"] for _ in range(count)]
            for job_id in ids:
                finished(admin, job_id)
            return ids


def answer(response: httpx.Response) -> dict[str, Any]:
    """A response's JSON; anything but a success ends the benchmark."""
    if response.status_code != 200:
        raise SystemExit(f"{response.request.url} answered {response.status_code}: {response.text}")
    body: dict[str, Any] = response.json()
    return body


def finished(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """A job once it is completed."""
    while True:
        job = answer(client.get(f"/api/jobs/{job_id}"))
        if job["status"] == "completed":
            return job
        if job["status"] == "failed":
            raise SystemExit(f"job {job_id} failed: {job['error_message']}")
        time.sleep(0.005)


@contextmanager
def jobsvc_serve(
    *,
    module: str = "jobsvc",
    data_dir: Path | None = None,
    source: Path = ROOT,
    **settings: object,
) -> Iterator[Served]:
    """The real server on a free port, over a data directory that is there or a new one.

    ``source`` is the tree whose code it runs, in this environment.
    """
    with tempfile.TemporaryDirectory(prefix="jobsvc-load-") as folder:
        data_dir, log = data_dir or Path(folder) / "data", Path(folder) / "log"
        variables = {f"JOBSVC_{name.upper()}": str(value) for name, value in settings.items()}
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, "serve", "--port", "0", "--data-dir", data_dir],
                env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=source,
            )
        try:
            url = _address(process, log)
            owner = DataDirectory(data_dir).owner()
            assert owner is not None
            assert owner.token is not None
            yield Served(url, process.pid, owner.token, data_dir, log)
        finally:
            process.terminate()
            process.wait(60)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        found = ADDRESS.search(log.read_text())
        if found:
            return found[1]
        time.sleep(0.02)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")


@contextmanager
def bare_route(threads: int = THREADS) -> Iterator[str]:
    """A Flask route that returns a small JSON, under waitress; its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", BARE.format(threads=threads)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
