"""SIGKILL around a run: a schedule loses no run and repeats none, and draws no row twice."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.faults import dying
from tests.faults.dying_processes import run
from tests.faults.named_kills import State
from tests.support.attached_world import small_lake
from tests.support.forked_process import run_jobsvc
from tests.support.live_server import finished
from tests.support.server_process import ServerProcess


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


def test_runs_that_are_killed_draw_no_row_twice(tmp_path: Path, table: State) -> None:
    data_dir, dataset = table.copy(tmp_path), table.books.dataset_id
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        body: dict[str, object] = {"method": "random", "sample_size": 200}
        path = f"/api/sampling/datasets/{dataset}/jobs"
        first = client.post(path, json=body).json()["job_id"]
        assert finished(client, first)["status"] == "completed"
        body = {"job_id": first, "name": "yearly", "cron": "0 0 1 1 *", "exclude_drawn_by": ["id"]}
        assert client.post("/api/schedules", json=body).status_code == 200
        assert server.terminate() == 0
    drawn = [first]
    points = (
        "after commit in * > excluding.stored, 1",
        "before commit in attempt.run > publishing.publish, 1",
    )
    for day, point in enumerate(points, start=1):
        due = f"2026-01-0{day}T00:00:00.000000+00:00"
        with closing(sqlite3.connect(data_dir / "jobsvc.sqlite3")) as database:
            database.execute("UPDATE schedules SET next_run_at = ?", [due])
            database.commit()
        assert run(_serve_until_killed, data_dir, point).code != 0
        with ServerProcess(data_dir, forked=True) as server:
            client = server.client()
            while (job_id := _last_job(client, {"dataset_id": dataset})) in (None, drawn[-1]):
                time.sleep(0.02)
            drawn.append(str(job_id))
            assert finished(client, drawn[-1])["status"] == "completed"
            rows = [
                row["id"]
                for each in drawn
                for row in client.get(f"/api/sampling/jobs/{each}/data?limit=200").json()["data"]
            ]
            assert server.terminate() == 0
    assert len(rows) == len(set(rows)) == 600


@pytest.mark.parametrize(
    "point",
    [
        "before commit in *.submit_data > job_submission.submit, 1",
        "after commit in *.submit_data > job_submission.submit, 1",
        "before commit in attempt.run > publishing.publish, 1",
        "after commit in attempt.run > publishing.publish, 1",
        "before commit in *.submit_profiling > job_submission.submit, 1",
        "after commit in *.submit_profiling > job_submission.submit, 1",
        "before commit in *.submit_sampling > job_submission.submit, 1",
        "after commit in *.submit_sampling > job_submission.submit, 1",
    ],
)
def test_a_run_with_data_that_is_killed_does_each_step_once(
    tmp_path: Path, table: State, point: str
) -> None:
    data_dir, lake = table.copy(tmp_path), tmp_path / "lake"
    lake.mkdir()
    prefix = small_lake(lake)
    settings = {**dying.NO_COMPARISON, "connection_prefixes": prefix}
    with ServerProcess(data_dir, forked=True, connection_prefixes=prefix) as server:
        client = server.client()
        client.post("/api/connections", json={"name": "lake", "prefix": prefix})
        dataset = client.post("/api/datasets", json={"name": "nightly"}).json()["dataset_id"]
        attach = f"/api/datasets/{dataset}/refs/main/attach"
        attached = client.post(attach, json={"tables": [{"uri": prefix}]}).json()["job_id"]
        assert finished(client, attached)["status"] == "completed"
        draws = f"/api/sampling/datasets/{dataset}/jobs"
        draw = client.post(draws, json={"method": "random", "sample_size": 1}).json()["job_id"]
        assert finished(client, draw)["status"] == "completed"
        source = {"job_id": attached, "profile": True}
        body = {"job_id": draw, "name": "yearly", "cron": "0 0 1 1 *", "source": source}
        made = client.post("/api/schedules", json=body)
        assert made.status_code == 200, made.text
        assert server.terminate() == 0
    with closing(sqlite3.connect(data_dir / "jobsvc.sqlite3")) as database:
        database.execute("UPDATE schedules SET next_run_at = counted_from")
        database.commit()
    assert run(_serve_until_killed, data_dir, point, settings).code != 0
    with ServerProcess(data_dir, forked=True, connection_prefixes=prefix) as server:
        client = server.client()
        runs = f"/api/schedules/{made.json()['id']}/runs"
        while not (found := client.get(runs).json()["runs"]) or found[0]["state"] == "running":
            time.sleep(0.02)
        assert [each["state"] for each in found] == ["completed"]
        jobs = client.get("/api/jobs", params={"dataset_id": dataset}).json()["jobs"]
        kinds = sorted(job["run_type"] for job in jobs)
        assert kinds == ["import", "import", "profiling", "sampling", "sampling"]
        assert server.terminate() == 0


def _serve_until_killed(
    data_dir: Path, point: str, settings: Mapping[str, object] = dying.NO_COMPARISON
) -> None:
    dying.KillPoints(point).install()
    run_jobsvc(["serve", "--port", "0", "--data-dir", str(data_dir)], settings)


def _last_job(client: httpx.Client, query: dict[str, int]) -> str | None:
    (schedule,) = client.get("/api/schedules", params=query).json()["schedules"]
    last: str | None = schedule["last_job_id"]
    return last


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_run_leaves_no_sample_without_its_questions(
    tmp_path: Path, table: State, when: str
) -> None:
    data_dir, dataset = table.copy(tmp_path), table.books.dataset_id
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        path = f"/api/sampling/datasets/{dataset}/jobs"
        first = client.post(path, json={"method": "random", "sample_size": 20}).json()["job_id"]
        assert finished(client, first)["status"] == "completed"
        question = {"name": "is_bad", "type": "yes_no", "text": "Is it bad?"}
        body = {"job_id": first, "name": "yearly", "cron": "0 0 1 1 *"}
        body |= {"questions": {"questions": [question], "second_readings": 0.5}}
        made = client.post("/api/schedules", json=body)
        assert made.status_code == 200, made.text
        assert server.terminate() == 0
    with closing(sqlite3.connect(data_dir / "jobsvc.sqlite3")) as database:
        database.execute("UPDATE schedules SET next_run_at = counted_from")
        database.commit()
    point = f"{when} commit in attempt.run > publishing.publish, 1"
    assert run(_serve_until_killed, data_dir, point).code != 0
    with closing(sqlite3.connect(data_dir / "jobsvc.sqlite3")) as database:
        (asked,) = database.execute(
            "SELECT count(*) FROM review_questions JOIN jobs ON jobs.id = job_id "
            "WHERE status = 'completed'"
        ).fetchone()
        (drawn,) = database.execute(
            "SELECT count(*) FROM jobs WHERE status = 'completed' AND schedule_id IS NOT NULL"
        ).fetchone()
    assert asked == drawn == int(when == "after")
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        job = str(_last_job(client, {"dataset_id": dataset}))
        assert finished(client, job)["status"] == "completed"
        queue = client.get(f"/api/sampling/jobs/{job}/review-queue").json()
        assert [each["name"] for each in queue["questions"]] == ["is_bad"]
        assert (queue["progress"]["rows"], queue["progress"]["second_due"]) == (20, 10)
        assert server.terminate() == 0
