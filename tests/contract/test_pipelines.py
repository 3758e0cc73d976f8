"""Schedules that begin with data: a nightly pipeline, its data contract, and what stops it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from application.schedules.sources import parameters_of_run
from job_runner.scheduler import run_due
from service.settings import Settings
from service.tables.attached_files import TableToAttach
from storage.jobs.schedules import ScheduleSource
from tests.contract.problems import assert_problem
from tests.contract.test_schedules import SetClock
from tests.support.attached_world import parquet_file
from tests.support.live_server import LiveServer, live_server

FIRST = date(2026, 3, 1)
ROWS = 50
POSTINGS = (
    "SELECT range AS id, CAST(range % 13 - ? AS DECIMAL(12,2)) AS amount, "
    "make_date(2026, 3, ?) AS booked FROM range(?, ?)"
)


class Nightly:
    """A server, the folder of its connection, and a clock that the tests set."""

    def __init__(self, server: LiveServer, folder: Path, clock: SetClock) -> None:
        self.server, self.folder, self.clock = server, folder, clock

    def put_day(self, day: int, least: int = 0, rows: int = ROWS) -> None:
        """Write the partition of a day of March 2026; ids go on from day to day."""
        folder = self.folder / f"day=2026-03-{day:02}"
        folder.mkdir(exist_ok=True)
        first = day * ROWS
        parquet_file(folder / "a.parquet", POSTINGS, -least, day, first, first + rows)

    def uri(self, day: str) -> str:
        return f"file://{self.folder}/day={day}/"

    def dataset(self) -> tuple[int, dict[str, Any]]:
        """A new dataset with the partition of 1 March attached, and the attachment."""
        self.clock.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
        self.put_day(1)
        dataset = self.server.new_dataset()
        body = {"tables": [{"uri": self.uri("2026-03-01")}]}
        path = f"/api/datasets/{dataset}/refs/main/attach"
        job = self.server.admin.post(path, json=body).json()
        return dataset, self.server.finished(job["job_id"])

    def schedule(self, dataset: int, attachment: str, **more: Any) -> dict[str, Any]:
        """A schedule at 3 each night that attaches the partition of the day before."""
        filters = {"expression": "booked >= today - 1"}
        one = {"method": "random", "parameters": {"sample_size": 8}, "filters": filters}
        draw = self.server.draw(dataset, {"rounds": [one]})
        source = {"job_id": attachment, "uri": self.uri("{yesterday}"), **more.pop("source", {})}
        body = {"job_id": draw["id"], "name": "nightly", "cron": "0 3 * * *", "source": source}
        answer = self.server.admin.post("/api/schedules", json={**body, **more})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def night(self, schedule: int, day: int) -> dict[str, Any]:
        """Run what is due at 3 on a day, until the run's steps have ended; return the run."""
        self.clock.now = datetime(2026, 3, day, 3, 0, 1, tzinfo=UTC)
        return self.settled(schedule)

    def settled(self, schedule: int) -> dict[str, Any]:
        """Advance the newest run until it needs no more."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            run_due(self.server.service)
            run = self.runs(schedule)[0]
            if run["state"] != "running":
                return run
            self.clock.now += timedelta(milliseconds=20)
            time.sleep(0.02)
        raise AssertionError(run)

    def runs(self, schedule: int) -> list[dict[str, Any]]:
        answer = self.server.admin.get(f"/api/schedules/{schedule}/runs")
        return list(answer.json()["runs"])

    def job(self, job_id: str) -> dict[str, Any]:
        return dict(self.server.admin.get(f"/api/jobs/{job_id}").json())

    def state(self, dataset: int) -> dict[str, Any]:
        """The only schedule of a dataset."""
        query = {"dataset_id": dataset}
        (found,) = self.server.admin.get("/api/schedules", params=query).json()["schedules"]
        return dict(found)


@pytest.fixture(scope="module")
def nightly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nightly]:
    folder, clock = tmp_path_factory.mktemp("lake"), SetClock()
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("pipelines"),
        memory_mb=256,
        compare_samples=False,
        connection_prefixes=f"file://{folder}/",
    )
    with live_server(settings, clock=clock) as live:
        body = {"name": "disk", "prefix": f"file://{folder}/"}
        assert live.admin.post("/api/connections", json=body).status_code == 200
        yield Nightly(live, folder, clock)


def test_a_night_attaches_profiles_and_draws(nightly: Nightly) -> None:
    dataset, attachment = nightly.dataset()
    made = nightly.schedule(dataset, attachment["id"], source={"profile": True})
    assert made["source"] == {
        "job_id": attachment["id"],
        "uri": [nightly.uri("{yesterday}")],
        "profile": True,
    }
    nightly.put_day(2)
    run = nightly.night(made["id"], 3)
    assert (run["state"], run["problem"]) == ("completed", None)
    attached, profile, draw = (
        nightly.job(run[name]) for name in ("data_job_id", "profile_job_id", "job_id")
    )
    assert attached["run_parameters"]["attach"][0]["uris"] == [nightly.uri("2026-03-02")]
    assert attached["purpose"] == "Attach day=2026-03-02"
    commit = attached["output_summary"]["output_commit_id"]
    assert profile["source_commit_id"] == draw["source_commit_id"] == commit
    assert draw["output_name"] == "nightly-20260303T0300Z"
    (given,) = draw["run_parameters"]["rounds"]
    assert given["filters"] == {"expression": "booked >= '2026-03-02'"}
    assert {row["booked"] for row in nightly.server.rows(draw["id"])} == {"2026-03-02"}
    nightly.server.admin.delete(f"/api/schedules/{made['id']}")


def test_null_ends_the_beginning_with_data(nightly: Nightly) -> None:
    dataset, attachment = nightly.dataset()
    made = nightly.schedule(dataset, attachment["id"])
    path = f"/api/schedules/{made['id']}"
    kept = nightly.server.admin.patch(path, json={"cron": "0 4 * * *"}).json()
    assert kept["source"] == made["source"]
    ended = nightly.server.admin.patch(path, json={"source": None})
    assert (ended.status_code, ended.json()["source"]) == (200, None)
    nightly.server.admin.delete(path)


def test_a_run_attaches_the_newest_version_of_a_table(nightly: Nightly) -> None:
    """Whatever version its attachment names."""
    table = {"table_key": "data", "uris": ["file:///t/"], "connection": "disk"}
    pinned = {**table, "format": "delta", "version": 3}
    parameters = {"attach": [pinned], "file_name": "t", "commit_message": "Attach t"}
    source = ScheduleSource("job", [], profile=False, parameters=parameters)
    now = datetime(2026, 3, 2, tzinfo=UTC)
    for uri in ([], ["file:///u/"]):
        run = parameters_of_run(nightly.server.service, replace(source, uri=uri), now)
        (found,) = map(TableToAttach.from_json, run["attach"])
        assert (found.format, found.version) == ("delta", None)


def test_a_version_that_fails_its_contract_stops_the_run(nightly: Nightly) -> None:
    dataset, attachment = nightly.dataset()
    nightly.server.admin.put(
        f"/api/datasets/{dataset}/data-contract",
        json={"min_rows": 30, "conditions": ["amount < 100", "booked >= today - 2"]},
    )
    made = nightly.schedule(dataset, attachment["id"])
    nightly.put_day(2, least=100, rows=20)
    run = nightly.night(made["id"], 3)
    assert (run["state"], run["job_id"]) == ("kept_apart", None)
    assert "The table has 20 rows; the contract asks for at least 30." in run["problem"]
    assert "kept apart" in nightly.state(dataset)["problem"]
    assert nightly.settled(made["id"])["state"] == "kept_apart"  # it waits
    path = f"/api/datasets/{dataset}/kept-apart/{run['data_job_id']}/accept"
    assert nightly.server.admin.post(path, json={"reason": "A holiday."}).status_code == 200
    nightly.clock.now += timedelta(seconds=10)
    end = time.monotonic() + 30
    while nightly.runs(made["id"])[0]["state"] != "completed" and time.monotonic() < end:
        run_due(nightly.server.service)
        time.sleep(0.02)
    run = nightly.runs(made["id"])[0]
    assert run["state"] == "completed"
    assert nightly.job(run["job_id"])["output_name"] == "nightly-20260303T0300Z"
    assert nightly.state(dataset)["problem"] is None
    nightly.server.admin.delete(f"/api/schedules/{made['id']}")


def test_the_next_night_leaves_a_version_apart(nightly: Nightly) -> None:
    dataset, attachment = nightly.dataset()
    nightly.server.admin.put(
        f"/api/datasets/{dataset}/data-contract", json={"conditions": ["amount < 100"]}
    )
    made = nightly.schedule(dataset, attachment["id"])
    nightly.put_day(2, least=100)
    assert nightly.night(made["id"], 3)["state"] == "kept_apart"
    nightly.put_day(3)
    assert nightly.night(made["id"], 4)["state"] == "completed"
    newest, before = nightly.runs(made["id"])
    assert (newest["state"], before["state"]) == ("completed", "kept_apart")
    assert before["ended_at"] is not None
    path = f"/api/datasets/{dataset}/kept-apart/{before['data_job_id']}/accept"
    answer = nightly.server.admin.post(path, json={"reason": "Late."})
    assert_problem(answer, 409, "conflict", "newer version")
    nightly.server.admin.delete(f"/api/schedules/{made['id']}")


def test_a_missing_partition_ends_the_run(nightly: Nightly) -> None:
    dataset, attachment = nightly.dataset()
    made = nightly.schedule(dataset, attachment["id"])
    run = nightly.night(made["id"], 20)
    assert (run["state"], run["job_id"]) == ("failed", None)
    assert run["problem"].startswith("The attachment or import of the run failed (job ")
    assert "day=2026-03-19" in run["problem"]
    nightly.put_day(19)
    answer = nightly.server.admin.post(f"/api/schedules/{made['id']}/run")
    assert answer.status_code == 200, answer.text
    run = nightly.settled(made["id"])
    assert run["state"] == "completed"
    assert nightly.job(run["job_id"])["output_name"] == "nightly-20260320T030001Z"
    nightly.server.admin.delete(f"/api/schedules/{made['id']}")


@pytest.mark.parametrize(
    ("source", "status", "part"),
    [
        ({"uri": "file://{folder}/day={yesterdy}/"}, 422, "a brace that begins no date"),
        ({"uri": "file://{folder}/day={today:%A}/"}, 422, "a brace that begins no date"),
        ({"uri": "file:///elsewhere/day={today}/"}, 422, "/elsewhere/"),
        ({"job_id": "draw"}, 409, "only with an attachment"),
        ({"job_id": "upload"}, 409, "only with an attachment"),
        ({"job_id": "other"}, 409, "an attachment or an import to it"),
    ],
)
def test_other_beginnings_are_refused(
    nightly: Nightly, source: dict[str, str], status: int, part: str
) -> None:
    dataset, attachment = nightly.dataset()
    draw = nightly.server.draw(dataset, {"method": "random", "sample_size": 3})
    jobs = {"draw": draw["id"], "attachment": attachment["id"]}
    if source.get("job_id") == "upload":
        jobs["upload"] = nightly.server.import_text(dataset, "id\n1\n")["id"]
    if source.get("job_id") == "other":
        jobs["other"] = nightly.dataset()[1]["id"]
    uri = source.get("uri", "").replace("{folder}", str(nightly.folder))
    body = {
        "job_id": draw["id"],
        "name": "wrong",
        "cron": "0 3 * * *",
        "source": {
            "job_id": jobs[source.get("job_id", "attachment")],
            **({"uri": uri} if uri else {}),
        },
    }
    answer = nightly.server.admin.post("/api/schedules", json=body)
    assert answer.status_code == status, answer.text
    assert part in answer.json()["detail"]
    assert answer.json()["errors"][0]["loc"][:2] == ["body", "source"]


def figures(nightly: Nightly, schedule: int, **body: Any) -> dict[str, Any]:
    answer = nightly.server.admin.post(f"/api/schedules/{schedule}/figures", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_nightly_pipeline_with_labels_and_a_trend(nightly: Nightly) -> None:
    """Three nights draw without repeats; one is refused; findings give a rate for each."""
    admin = nightly.server.admin
    dataset, attachment = nightly.dataset()
    assert admin.put(f"/api/datasets/{dataset}/row-key", json={"columns": ["id"]}).json()
    contract = admin.get(f"/api/datasets/{dataset}/data-contract/proposal").json()
    contract |= {"conditions": ["amount < 100", "booked >= today - 2"]}
    assert admin.put(f"/api/datasets/{dataset}/data-contract", json=contract).status_code == 200
    made = nightly.schedule(dataset, attachment["id"], exclude_drawn_by=["id"])
    path = f"/api/schedules/{made['id']}/figures"
    nothing = figures(nightly, made["id"], statistic="mean", column="amount")
    assert (nothing["runs"], nothing["pooled"]) == ([], None)
    for day in (2, 3, 4, 5):
        nightly.put_day(day, least=100 if day == 4 else 0)
    states = [nightly.night(made["id"], day)["state"] for day in (3, 4, 5, 6)]
    assert states == ["completed", "completed", "kept_apart", "completed"]
    draws = [run["job_id"] for run in reversed(nightly.runs(made["id"])) if run["job_id"]]
    rows = [nightly.server.rows(job) for job in draws]
    ids = [row["id"] for drawn in rows for row in drawn]
    assert len(ids) == len(set(ids)) == 24
    for night, (job, drawn) in enumerate(zip(draws, rows, strict=True)):
        entered = [
            {
                "row_id": row["_logical_row_id"],
                "outcome": "exception" if place < night else "ok",
                **({"cause": "clerical"} if place < night else {}),
            }
            for place, row in enumerate(drawn)
        ]
        answer = admin.post(f"/api/sampling/jobs/{job}/findings", json={"findings": entered})
        assert answer.status_code == 200, answer.text

    rate = {
        "statistic": "proportion",
        "column": "is_exception",
        "value": True,
        "values": "findings",
    }
    found = figures(nightly, made["id"], **rate, pooling="strata")
    assert [run["estimate"] for run in found["runs"]] == [0, 0.125, 0.25]
    query = {"action": "rows_viewed", "dataset_id": dataset, "limit": 100}
    viewed = admin.get("/api/admin/audit", params=query).json()["entries"]
    assert {str(each["details"].get("job_id")) for each in viewed} >= set(draws)
    assert [run["population"] for run in found["runs"]] == [50, 50, 50]
    for run in found["runs"]:
        assert run["ci_low"] <= run["estimate"] <= run["ci_high"]
    pooled = found["pooled"]
    assert pooled["estimate"] == pytest.approx(0.125)
    assert (pooled["runs"], pooled["population"], pooled["n"]) == (3, 150, 24)
    assert pooled["ci_low"] < 0.125 < pooled["ci_high"]
    assert "no two have a data file in common" in found["notes"][0]
    first, second, third = found["runs"]
    assert (first["since_last"], first["since_first"]) == (None, None)
    assert third["since_last"]["estimate"] == pytest.approx(0.125)
    assert third["since_first"]["estimate"] == pytest.approx(0.25)
    errors = second["standard_error"], third["standard_error"]
    assert third["since_last"]["standard_error"] == pytest.approx(sum(e * e for e in errors) ** 0.5)
    assert third["since_first"]["ci_low"] < 0.25 < third["since_first"]["ci_high"]
    assert any("assumes independent samples" in note for note in found["notes"])
    average = figures(nightly, made["id"], **rate)
    assert average["pooled"]["estimate"] == pytest.approx(0.125)
    assert average["pooled"]["standard_error"] == pytest.approx(pooled["standard_error"])

    mean = figures(nightly, made["id"], statistic="mean", column="amount")
    errors = [run["standard_error"] for run in mean["runs"]]
    assert mean["pooled"]["standard_error"] == pytest.approx(sum(e * e for e in errors) ** 0.5 / 3)
    total = figures(nightly, made["id"], statistic="total", column="amount", pooling="strata")
    assert total["pooled"]["estimate"] == pytest.approx(
        sum(run["estimate"] for run in total["runs"])
    )
    refused = admin.post(path, json={"statistic": "quantile", "column": "amount"})
    assert_problem(refused, 422, "invalid_estimate", "isn't pooled")
    one_night = {"statistic": "proportion", "column": "booked", "value": "2026-03-02"}
    shares = figures(nightly, made["id"], **one_night)
    assert [run["estimate"] for run in shares["runs"]] == [1, 0, 0]
    misspelled = admin.post(path, json={**one_night, "value": "2025-03-02"})
    assert_problem(misspelled, 422, "invalid_estimate", "2025-03-02")
    unknown = admin.post(path, json={"statistic": "mean", "column": "amont"})
    assert_problem(unknown, 422, "unknown_column")

    answer = admin.post(f"/api/schedules/{made['id']}/run")
    assert answer.status_code == 200, answer.text
    again = nightly.settled(made["id"])
    assert again["state"] == "completed", again
    body = {"statistic": "mean", "column": "amount", "pooling": "strata"}
    shared = admin.post(path, json=body)
    assert_problem(shared, 409, "conflict", "read the same data file")
    some = figures(nightly, made["id"], **rate)
    assert "no figure" in some["notes"][-1]
    assert some["runs"][-1]["problem"] is not None
    nightly.server.admin.delete(f"/api/schedules/{made['id']}")
