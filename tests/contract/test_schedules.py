"""Schedules: times in zones, runs, missed runs, changes of the clock, and who may do what."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from application.schedules.times import next_time, upcoming
from job_runner.scheduler import run_due
from service.settings import Settings
from storage.accounts.datasets import put_permission
from storage.jobs.schedules import Schedule, get_schedule
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer, live_server

BERLIN = "Europe/Berlin"
numbers = itertools.count(1)


class SetClock:
    """A clock that stops until it is set, or advances by a step with each reading."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
        self.step = timedelta(0)
        self._readings = itertools.count(1)

    def __call__(self) -> datetime:
        return self.now + self.step * next(self._readings)


@pytest.fixture(scope="module")
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, clock: SetClock) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("schedules"), memory_mb=256, compare_samples=False
    )
    with live_server(settings, clock=clock) as live:
        yield live


@pytest.fixture(scope="module")
def drawn(server: LiveServer) -> dict[str, Any]:
    """A draw with a chosen seed, a purpose and its remaining rows."""
    body = {
        "method": "random",
        "sample_size": 3,
        "seed": 1,
        "export_residual": True,
        "commit_message": "weekly check",
    }
    return server.draw(server.new_table(40), body)


@pytest.fixture
def schedule(server: LiveServer, drawn: dict[str, Any], clock: SetClock) -> Iterator[int]:
    """Every day at 6 in Berlin, created on 2 March 2026 at noon."""
    clock.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    made = created(server, drawn["id"], name=f"daily {next(numbers)}")
    yield made["id"]
    server.admin.delete(f"/api/schedules/{made['id']}")


def created(server: LiveServer, job_id: str, **more: Any) -> dict[str, Any]:
    body = {"job_id": job_id, "name": "daily", "cron": "0 6 * * *", "zone": BERLIN, **more}
    answer = server.admin.post("/api/schedules", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def at(server: LiveServer, schedule_id: int) -> Schedule:
    with server.service.database.read() as tx:
        return get_schedule(tx, schedule_id)


def problem_of(server: LiveServer, schedule_id: int) -> str:
    problem = at(server, schedule_id).problem
    return "" if problem is None else problem.message


def run_at(server: LiveServer, clock: SetClock, text: str) -> int:
    """Set the clock, run what is due, and return the number of jobs that this adds."""
    before = server.admin.get("/api/jobs").json()["total"]
    clock.now = datetime.fromisoformat(text).replace(tzinfo=UTC)
    run_due(server.service)
    return int(server.admin.get("/api/jobs").json()["total"]) - before


def test_a_run_draws_with_new_seeds_under_its_time(
    server: LiveServer, drawn: dict[str, Any], clock: SetClock, schedule: int
) -> None:
    name = at(server, schedule).name
    assert run_at(server, clock, "2026-03-03T04:59:59") == 0
    assert run_at(server, clock, "2026-03-03T05:00:01") == 1
    assert run_at(server, clock, "2026-03-03T05:00:02") == 0
    first = server.finished(str(at(server, schedule).last_job_id))
    assert run_at(server, clock, "2026-03-04T05:00:01") == 1
    second = server.finished(str(at(server, schedule).last_job_id))
    assert first["status"] == second["status"] == "completed"
    assert first["output_name"] == f"{name.replace(' ', '-')}-20260303T0500Z"
    assert first["purpose"] == "weekly check"
    assert first["run_parameters"]["export_residual"] is True
    seeds = [
        job["run_parameters"]["rounds"][0]["parameters"]["seed"] for job in (drawn, first, second)
    ]
    assert len(set(seeds)) == 3
    assert len(server.rows(second["id"])) == 3


@pytest.mark.parametrize(("misfire", "jobs"), [("run", 1), ("skip", 0)])
def test_missed_runs_follow_the_misfire_rule(
    server: LiveServer, clock: SetClock, schedule: int, misfire: str, jobs: int
) -> None:
    server.admin.patch(f"/api/schedules/{schedule}", json={"misfire": misfire})
    assert run_at(server, clock, "2026-03-07T09:00:00") == jobs  # five times were missed
    assert run_at(server, clock, "2026-03-07T09:00:01") == 0
    now = at(server, schedule)
    assert now.next_run_at.startswith("2026-03-08T05:00:00")
    assert (now.problem is None) == (misfire == "run")


def test_a_clock_set_back_repeats_no_run(
    server: LiveServer, clock: SetClock, schedule: int
) -> None:
    assert run_at(server, clock, "2026-03-03T05:00:30") == 1
    assert run_at(server, clock, "2026-03-03T04:40:00") == 0
    assert run_at(server, clock, "2026-03-03T05:00:30") == 0
    assert run_at(server, clock, "2026-03-04T05:00:30") == 1


def test_a_clock_that_was_a_year_ahead_stops_no_schedule(
    server: LiveServer, clock: SetClock, schedule: int
) -> None:
    assert run_at(server, clock, "2027-03-03T05:00:30") == 1
    assert run_at(server, clock, "2026-03-03T12:00:00") == 0
    assert "set back" in problem_of(server, schedule)
    assert run_at(server, clock, "2026-03-04T05:00:30") == 1


def test_daily_runs_keep_their_local_time_over_summer_time(
    server: LiveServer, clock: SetClock, schedule: int
) -> None:
    clock.now = datetime(2026, 3, 27, 12, tzinfo=UTC)
    server.admin.patch(f"/api/schedules/{schedule}", json={})
    assert run_at(server, clock, "2026-03-28T05:00:00") == 1
    assert run_at(server, clock, "2026-03-29T03:59:59") == 0
    assert run_at(server, clock, "2026-03-29T04:00:00") == 1


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("30 2 * * *", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),  # a gap
        ("30 2 * * *", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),  # twice
        ("0 * * * *", "2026-10-24T23:30", ["2026-10-25T00:00", "2026-10-25T01:00"]),
    ],
)
def test_times_that_are_skipped_or_come_twice_run_once(
    cron: str, after: str, expected: list[str]
) -> None:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = upcoming(cron, BERLIN, start, 2)
    assert [f"{one:%Y-%m-%dT%H:%M}" for one in found] == expected
    assert next_time(cron, BERLIN, found[0]) == found[1]


def test_a_pause_runs_nothing_and_a_resumption_nothing_late(
    server: LiveServer, clock: SetClock, schedule: int
) -> None:
    path = f"/api/schedules/{schedule}"
    paused = server.admin.patch(path, json={"enabled": False}).json()
    assert (paused["next_runs"], paused["paused_at"] is None) == ([], False)
    assert run_at(server, clock, "2026-03-05T05:00:00") == 0
    resumed = server.admin.patch(path, json={"enabled": True}).json()
    assert resumed["next_runs"][0] == "2026-03-06T05:00:00.000000+00:00"
    assert run_at(server, clock, "2026-03-05T06:00:00") == 0


def test_run_now_leaves_the_next_time(server: LiveServer, clock: SetClock, schedule: int) -> None:
    before = at(server, schedule).next_run_at
    job = server.admin.post(f"/api/schedules/{schedule}/run").json()["job_id"]
    assert server.finished(job)["status"] == "completed"
    now = at(server, schedule)
    assert (now.next_run_at, now.last_job_id) == (before, job)


def test_each_run_now_is_a_new_run(
    server: LiveServer, clock: SetClock, drawn: dict[str, Any], schedule: int
) -> None:
    clock.now = datetime(2026, 3, 3, 4, 59, 20, tzinfo=UTC)
    path, runs = f"/api/schedules/{schedule}/run", []
    for rows in (41, 42):
        for _ in range(2):
            answer = server.admin.post(path)
            assert answer.status_code == 200, answer.text
            runs.append(server.finished(answer.json()["job_id"])["output_name"])
        text = "".join(f"{each}\n" for each in ("amount", *range(rows)))
        server.import_text(drawn["dataset_id"], text)
    second = f"{at(server, schedule).name.replace(' ', '-')}-20260303T045920Z"
    assert runs == [second, f"{second}-2", f"{second}-3", f"{second}-4"]
    assert run_at(server, clock, "2026-03-03T05:00:20") == 1
    scheduled = server.finished(str(at(server, schedule).last_job_id))
    assert scheduled["output_name"].endswith("-20260303T0500Z")


def test_a_run_that_is_refused_is_noted(
    server: LiveServer, drawn: dict[str, Any], clock: SetClock
) -> None:
    clock.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    owner, user = server.new_user()
    dataset = drawn["dataset_id"]
    with server.service.database.write() as tx:
        put_permission(tx, dataset, user["id"], "write")
    body = {"job_id": drawn["id"], "name": "theirs", "cron": "0 6 * * *"}
    made = owner.post("/api/schedules", json=body).json()
    with server.service.database.write() as tx:
        put_permission(tx, dataset, user["id"], "read")
    assert run_at(server, clock, "2026-03-03T06:00:00") == 0
    assert "requires the right write" in problem_of(server, made["id"])
    for enabled in (False, True):
        changed = owner.patch(f"/api/schedules/{made['id']}", json={"enabled": enabled})
        assert changed.status_code == 403
        kept = server.admin.patch(f"/api/schedules/{made['id']}", json={"enabled": enabled}).json()
        assert "requires the right write" in kept["problem"]
        assert kept["problem_template"]["code"] == "forbidden"
    assert_problem(owner.post(f"/api/schedules/{made['id']}/run"), 403, "forbidden")
    assert server.admin.delete(f"/api/users/{user['id']}").status_code == 200
    assert at(server, made["id"]).paused_at is not None
    server.admin.delete(f"/api/schedules/{made['id']}")


def test_schedules_of_others_can_be_seen_but_not_changed(
    server: LiveServer, drawn: dict[str, Any], schedule: int
) -> None:
    writer, user = server.new_user()
    path, query = f"/api/schedules/{schedule}", {"dataset_id": drawn["dataset_id"]}
    assert_problem(writer.get("/api/schedules", params=query), 404, "not_found")
    assert_problem(writer.delete(path), 404, "not_found")
    with server.service.database.write() as tx:
        put_permission(tx, drawn["dataset_id"], user["id"], "write")
    (listed,) = writer.get("/api/schedules", params=query).json()["schedules"]
    assert listed["explanation"] == "At 06:00 every day"
    for answer in (
        writer.delete(path),
        writer.post(f"{path}/run"),
        writer.patch(path, json={"enabled": False}),
    ):
        assert_problem(answer, 403, "forbidden")


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"cron": "0 6 * *"}, "five fields"),
        ({"cron": "0 25 * * *"}, "isn't valid"),
        ({"zone": "Berlin"}, "IANA"),
        ({"zone": "../../etc/passwd"}, "IANA"),
        ({"name": "a/../b"}, "name"),
    ],
)
def test_wrong_schedules_are_refused(
    server: LiveServer, drawn: dict[str, Any], wrong: dict[str, str], part: str
) -> None:
    body = {"job_id": drawn["id"], "name": "wrong", "cron": "0 6 * * *", **wrong}
    answer = server.admin.post("/api/schedules", json=body)
    assert answer.status_code == 422
    assert part in answer.json()["detail"]


def test_an_import_cannot_be_scheduled_and_names_differ(
    server: LiveServer, drawn: dict[str, Any], schedule: int
) -> None:
    listed = server.admin.get("/api/jobs", params={"run_type": "import"}).json()["jobs"]
    taken = at(server, schedule).name.upper()
    for job_id, name in ((listed[0]["id"], "imports"), (drawn["id"], taken)):
        body = {"job_id": job_id, "name": name, "cron": "0 6 * * *"}
        assert_problem(server.admin.post("/api/schedules", json=body), 409, "conflict")
    body = {"job_id": drawn["id"], "name": taken.replace(" ", "-"), "cron": "0 6 * * *"}
    answer = server.admin.post("/api/schedules", json=body)
    assert_problem(answer, 409, "conflict", "whose samples would have the same names")


def test_a_profile_is_repeated(server: LiveServer, drawn: dict[str, Any], clock: SetClock) -> None:
    clock.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    path = f"/api/profiling/datasets/{drawn['dataset_id']}/jobs"
    profile = server.admin.post(path, json={"columns": ["amount"]}).json()["job_id"]
    made = created(server, profile, name="profiles", cron="*/5 * * * *", zone="UTC")
    assert made["run_type"] == "profiling"
    assert run_at(server, clock, "2026-03-02T12:05:00") == 1
    job = server.finished(str(at(server, made["id"]).last_job_id))
    assert job["run_parameters"]["columns"] == ["amount"]
    server.admin.delete(f"/api/schedules/{made['id']}")


def test_the_thread_runs_what_is_due(server: LiveServer, clock: SetClock, schedule: int) -> None:
    clock.now = datetime(2026, 3, 3, 5, tzinfo=UTC) + timedelta(milliseconds=1)
    server.service.wake_scheduler()
    end = datetime.now(UTC) + timedelta(seconds=30)
    while at(server, schedule).last_job_id is None:
        assert datetime.now(UTC) < end
