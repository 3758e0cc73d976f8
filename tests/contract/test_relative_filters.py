"""Relative dates in filters: read once, and recorded as they were requested beside the dates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from service.settings import Settings
from tests.contract.test_schedules import SetClock
from tests.support.live_server import LiveServer, live_server

NOON = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
FIRST = date(2026, 2, 1)


@pytest.fixture(scope="module")
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, clock: SetClock) -> Iterator[LiveServer]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("relative"), memory_mb=256)
    with live_server(settings, clock=clock) as live:
        yield live


@pytest.fixture(scope="module")
def days(here: LiveServer) -> int:
    """28 days with ten rows each, from 1 to 28 February."""
    lines = [f"{n},{FIRST + timedelta(days=n // 10)},{n}" for n in range(280)]
    return here.new_named("days", "\n".join(["id,day,amount", *lines]) + "\n")


def body(expression: str, **more: object) -> dict[str, object]:
    filters = {"expression": expression}
    one = {"method": "random", "parameters": {"sample_size": 5}, "filters": filters}
    return {"rounds": [one], **more}


def test_a_draw_records_both(here: LiveServer, days: int, clock: SetClock) -> None:
    clock.now = NOON
    asked = "day >= today - 7 AND amount >= 0"
    job = here.draw(days, body(asked, output_name="week"))
    parameters = job["run_parameters"]
    (given,) = parameters["rounds"]
    assert given["filters"] == {"expression": "day >= '2026-02-22' AND amount >= 0"}
    assert parameters["relative_filters"]["rounds"] == [{"expression": asked}]
    assert parameters["relative_filters"]["read_at"].startswith("2026-03-01T12:30")
    (drawn,) = job["output_summary"]["rounds"]
    assert drawn["eligible_rows"] == 70
    clock.now = NOON + timedelta(days=3)
    again = here.draw(days, {"rounds": parameters["rounds"]})
    assert [row["id"] for row in here.rows(again["id"])] == [
        row["id"] for row in here.rows(job["id"])
    ]


def test_the_same_request_is_another_one_on_another_day(
    here: LiveServer, days: int, clock: SetClock
) -> None:
    clock.now = NOON
    path = f"/api/sampling/datasets/{days}/jobs"
    first = here.admin.post(path, json=body("day < yesterday", output_name="same")).json()
    again = here.admin.post(path, json=body("day < yesterday", output_name="same")).json()
    assert again["job_id"] == first["job_id"]
    here.finished(first["job_id"])
    clock.now = NOON + timedelta(days=1)
    answer = here.admin.post(path, json=body("day < yesterday", output_name="same"))
    assert answer.status_code == 409
    clock.now = NOON


def test_every_filter_of_rows_reads_them(here: LiveServer, days: int, clock: SetClock) -> None:
    clock.now = NOON
    # Rows and estimates read the clock of the machine: compare with dates far away.
    rows = f"/api/datasets/{days}/refs/main/tables/primary/data"
    since = here.admin.get(rows, params={"filters": "day < today", "limit": 1})
    assert since.status_code == 200, since.text
    shapes = here.admin.post(
        f"/api/sampling/datasets/{days}/filters",
        json={"filters": {"expression": "day >= today - 7"}},
    ).json()
    assert (shapes["row_count"], shapes["conditions"]) == (70, None)
    assert shapes["expression"] == "day >= today - 7"
    condition = {"column": "day", "operator": ">=", "value": "today - 2"}
    shapes = here.admin.post(
        f"/api/sampling/datasets/{days}/filters",
        json={"filters": {"conditions": [condition], "logic": "AND"}},
    ).json()
    assert (shapes["row_count"], shapes["conditions"]) == (20, [condition])
    plan = here.admin.post(
        f"/api/sampling/datasets/{days}/plan", json=body("day >= today - 7")
    ).json()
    assert plan["rounds"][0]["eligible_rows"] == 70


def test_a_registered_plan_has_the_date(here: LiveServer, days: int, clock: SetClock) -> None:
    clock.now = NOON
    asked = body("day >= today - 7", commit=True)
    answer = here.admin.post(f"/api/sampling/datasets/{days}/plan", json=asked)
    assert answer.status_code == 200, answer.text
    (plan,) = here.admin.get(f"/api/sampling/datasets/{days}/plans").json()["plans"]
    assert "2026-02-22" in plan["text"]
    assert "today" not in plan["text"]


def test_a_schedule_reads_them_at_each_run(here: LiveServer, days: int, clock: SetClock) -> None:
    clock.now = NOON
    job = here.draw(days, body("day >= today - 7"))
    schedule = here.admin.post(
        "/api/schedules",
        json={
            "job_id": job["id"],
            "name": "weekly",
            "cron": "0 6 * * MON",
            "zone": "Pacific/Auckland",
        },
    ).json()
    filters = schedule["request"]["rounds"][0]["filters"]
    assert filters == {"expression": "day >= today - 7"}
    run = here.admin.post(f"/api/schedules/{schedule['id']}/run").json()
    parameters = here.finished(run["job_id"])["run_parameters"]
    assert parameters["rounds"][0]["filters"] == {"expression": "day >= '2026-02-23'"}
    assert parameters["relative_filters"]["read_at"].endswith("+13:00")
