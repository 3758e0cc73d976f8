"""Schedules of a wave: the next wave of a new version, and nothing without one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from job_runner.scheduler import run_due
from service.settings import Settings
from storage.jobs.schedules import Schedule, get_schedule
from tests.contract.problems import assert_problem
from tests.contract.test_schedules import SetClock
from tests.support.live_server import LiveServer, live_server


@pytest.fixture(scope="module")
def clock() -> SetClock:
    found = SetClock()
    found.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    found.step = timedelta(microseconds=1)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, clock: SetClock) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("panels"), memory_mb=256, compare_samples=False
    )
    with live_server(settings, clock=clock) as live:
        yield live


def load(server: LiveServer, dataset_id: int, numbers: range) -> None:
    job = server.import_text(dataset_id, "\n".join(["id", *map(str, numbers)]) + "\n")
    assert job["status"] == "completed", job


def test_a_schedule_draws_a_wave_of_each_new_version(server: LiveServer, clock: SetClock) -> None:
    dataset_id = server.new_dataset()
    load(server, dataset_id, range(100))
    drawn = {"method": "random", "parameters": {"sample_size": 20}, "order": {"key": ["id"]}}
    body: dict[str, Any] = {"name": "weekly", "round": drawn, "rotation": "25%"}
    made = server.admin.post(f"/api/sampling/datasets/{dataset_id}/panels", json=body).json()
    path = f"/api/sampling/panels/{made['id']}"
    first = server.finished(server.admin.post(f"{path}/waves", json={}).json()["job_id"])
    asked = {"job_id": first["id"], "name": "next wave", "cron": "0 6 * * *"}
    answer = server.admin.post("/api/schedules", json={**asked, "exclude_drawn_by": ["id"]})
    assert "waves of a panel exclude no rows" in assert_problem(answer, 409, "conflict")["detail"]
    schedule_id = server.admin.post("/api/schedules", json=asked).json()["id"]

    def after_a_day() -> Schedule:
        clock.now += timedelta(days=1)
        run_due(server.service)
        with server.service.database.read() as tx:
            return get_schedule(tx, schedule_id)

    found = after_a_day()
    assert (found.last_job_id, found.problem) == (None, None)
    load(server, dataset_id, range(10, 120))
    found = after_a_day()
    job = server.finished(str(found.last_job_id))
    assert job["run_parameters"]["panel"] == {"panel_id": made["id"], "name": "weekly", "wave": 2}
    assert job["output_name"] == "weekly-wave-2"
    assert after_a_day().last_job_id == job["id"]
    answer = server.admin.post(f"/api/schedules/{schedule_id}/run")
    assert (
        "no new version of main since wave 2" in assert_problem(answer, 409, "conflict")["detail"]
    )
    assert server.admin.delete(path).status_code == 200
    load(server, dataset_id, range(10, 130))
    found = after_a_day()
    assert found.problem is not None
    assert "Panel" in found.problem.message
