"""SIGKILL around the commit of a run: a schedule loses no run and repeats none."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.faults import dying
from tests.faults.dying_processes import run
from tests.faults.named_kills import State
from tests.live_server import finished
from tests.server_process import ServerProcess


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_is_killed_comes_once(tmp_path: Path, table: State, when: str) -> None:
    data_dir = table.copy(tmp_path)
    path = f"/api/profiling/datasets/{table.books.dataset_id}/jobs"
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        job = client.post(path, json={}).json()["job_id"]  # its name stops no second run
        assert finished(client, job)["status"] == "completed"
        body = {"job_id": job, "name": "yearly", "cron": "0 0 1 1 *"}
        assert client.post("/api/schedules", json=body).status_code == 200
        assert server.terminate() == 0
    with closing(sqlite3.connect(data_dir / "jobsvc.sqlite3")) as database:
        database.execute("UPDATE schedules SET next_run_at = counted_from")
        database.commit()
    point = f"{when} commit in *.submit_profiling > job_submission.submit, 1"
    assert run(dying.serve, data_dir, point, table.books).code != 0
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        query = {"dataset_id": table.books.dataset_id}
        while not (job_id := _last_job(client, query)):
            time.sleep(0.02)
        assert finished(client, job_id)["status"] == "completed"
        profiles = client.get("/api/jobs", params={"run_type": "profiling"}).json()
        assert profiles["total"] == 2
        assert server.terminate() == 0


def _last_job(client: httpx.Client, query: dict[str, int]) -> str | None:
    (schedule,) = client.get("/api/schedules", params=query).json()["schedules"]
    last: str | None = schedule["last_job_id"]
    return last
