"""Schedules that exclude the rows of earlier runs, over versions whose rows move."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest

from application.access import Access, Caller
from application.identity.newer_versions import newer_version
from application.schedules.registering import change
from application.work_limits import work_limits
from contract.requests.automation import ScheduleChangeRequest
from job_runner.scheduler import run_due
from service.settings import Settings
from storage.accounts.tokens import find_token_holder
from storage.jobs.jobs import get_job
from storage.jobs.schedules import Schedule, get_schedule, note_run
from storage.jobs.submission import NewJob, insert_job
from storage.sqlite.database import Transaction
from tests.contract.problems import assert_problem
from tests.contract.test_certificates import certified, require_accepted
from tests.contract.test_schedules import SetClock
from tests.support.live_server import LiveServer, live_server
from tests.web_ui.reader import Reader


@pytest.fixture(scope="module")
def clock() -> SetClock:
    found = SetClock()
    found.step = timedelta(microseconds=1)  # versions of two threads differ by their times
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, clock: SetClock) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("excluded"), memory_mb=256, compare_samples=False
    )
    with live_server(settings, clock=clock) as live:
        yield live


@dataclass
class Ledger:
    """A table of documents that gets new versions, and a daily draw of it."""

    server: LiveServer
    clock: SetClock
    dataset_id: int
    schedule_id: int = 0

    @property
    def path(self) -> str:
        return f"/api/schedules/{self.schedule_id}"

    def load(self, documents: Any, header: str = "document_no,part,amount") -> None:
        """Import a version with a row of each document."""
        lines = [f"D{each},{each % 2},{each * 3 % 17}" for each in documents]
        job = self.server.import_text(self.dataset_id, "\n".join([header, *lines]) + "\n")
        assert job["status"] == "completed", job

    def draw(self, **body: Any) -> dict[str, Any]:
        return self.server.draw(self.dataset_id, {"method": "random", **body})

    def schedule(self, job_id: str, *key: str) -> dict[str, Any]:
        body = {"job_id": job_id, "name": f"daily {job_id[:8]}", "cron": "0 6 * * *"}
        answer = self.server.admin.post("/api/schedules", json={**body, "exclude_drawn_by": key})
        assert answer.status_code == 200, answer.text
        self.schedule_id = answer.json()["id"]
        return dict(answer.json())

    def run_next(self) -> dict[str, Any]:
        """Let a day pass; the job of the run."""
        self.clock.now += timedelta(days=1)
        run_due(self.server.service)
        assert self.found.problem is None, self.found.problem
        return self.server.finished(str(self.found.last_job_id))

    @property
    def found(self) -> Schedule:
        with self.server.service.database.read() as tx:
            return get_schedule(tx, self.schedule_id)

    def problem(self) -> str:
        """Let a day pass; the reason why no job was submitted."""
        before = self.found.last_job_id
        self.clock.now += timedelta(days=1)
        run_due(self.server.service)
        assert self.found.last_job_id == before
        return "" if self.found.problem is None else self.found.problem.message

    def delete(self, job: dict[str, Any]) -> None:
        ref = f"smpl-{job['output_name']}"
        answer = self.server.admin.delete(f"/api/datasets/{self.dataset_id}/refs/{ref}")
        assert answer.status_code == 200, answer.text

    def documents(self, job: dict[str, Any]) -> set[str]:
        return {row["document_no"] for row in self.server.rows(job["id"])}


@pytest.fixture
def ledger(server: LiveServer, clock: SetClock) -> Iterator[Ledger]:
    clock.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    made = Ledger(server, clock, server.new_dataset())
    made.load(range(20))
    yield made
    server.admin.delete(made.path)


def test_three_runs_of_a_growing_table_share_no_row(ledger: Ledger) -> None:
    server = ledger.server
    first = ledger.draw(sample_size=8)
    assert ledger.schedule(first["id"], "document_no")["exclude_drawn_by"] == ["document_no"]
    drawn = ledger.documents(first)
    for run in range(3):
        kept = [each for each in range(20 + 5 * run) if each != run]  # a document leaves
        ledger.load([100 + run, *reversed(kept)])  # and all rows move
        there = drawn & {f"D{each}" for each in kept}
        expected = server.admin.get(f"{ledger.path}/exclusion").json()
        job = ledger.run_next()
        assert job["status"] == "completed", job
        found = ledger.documents(job)
        assert len(found) == min(8, len(kept) + 1 - len(there))
        assert not found & drawn
        drawn |= found
        assert expected["excluded_rows"] == len(there)
        assert expected["remaining_rows"] == len(kept) + 1 - len(there)
        assert job["output_summary"]["source_rows"] == expected["remaining_rows"]
        record = job["run_parameters"]["excluded"]
        assert record["job_ids"] == [each["job_id"] for each in expected["samples"]]
        assert (record["key"], record["rows"]) == (["document_no"], len(there))
        assert record["commit_id"] == expected["commit_id"]
        assert len(record["job_ids"]) == run + 1
        ledger.clock.now += timedelta(hours=1)


def test_a_run_is_certified_and_drawn_again(ledger: Ledger) -> None:
    server = ledger.server
    first = ledger.draw(
        method="stratified", parameters={"strata_columns": ["part"], "samples_per_stratum": 3}
    )
    ledger.schedule(first["id"], "document_no", "part")
    ledger.load(range(30, -1, -1))
    job = ledger.run_next()
    require_accepted(server, job["id"], ledger.dataset_id)
    population = certified(server, job["id"])["predicate"]["population"]
    left_out = [30 - int(each[1:]) for each in ledger.documents(first)]
    text = ",".join(map(str, sorted(left_out)))
    assert population["source_draw"] == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert (population["file_rows"], population["rows"]) == (31, 25)
    with server.service.database.read() as tx:
        run = get_job(tx, job["id"])
    assert newer_version(server.service, run) is None
    ledger.load(range(33))
    newer = newer_version(server.service, run)
    assert newer is not None
    assert newer.row_count == 33
    path, text = f"/api/sampling/jobs/{job['id']}", "6 rows that 1 earlier sample has"
    workbook = server.admin.get(f"{path}/data", params={"format": "xlsx"}).content
    design = dict(
        openpyxl.load_workbook(io.BytesIO(workbook))["Design"].iter_rows(
            max_col=2, values_only=True
        )
    )
    assert design["Excluded rows"] == f"{text}, by document_no, part"
    assert design["Version id"] == job["run_parameters"]["excluded"]["commit_id"]
    assert text in server.admin.get(f"{path}/working-paper", params={"format": "html"}).text
    ledger.delete(first)
    body = server.admin.get(f"/api/jobs/{job['id']}").json()["run_parameters"]
    again = server.draw(
        ledger.dataset_id,
        {"rounds": body["rounds"], "source_ref": job["source_commit_id"], "output_name": "again"},
    )
    assert server.rows(again["id"]) == server.rows(job["id"])
    require_accepted(server, again["id"], ledger.dataset_id)


def test_rows_that_replaced_others_are_excluded(ledger: Ledger) -> None:
    server = ledger.server
    first = ledger.draw(sample_size=4)
    row = server.rows(first["id"])[0]["_logical_row_id"]
    path = f"/api/sampling/jobs/{first['id']}/replacements"
    answer = server.admin.post(path, json={"row_id": row, "reason": "voided"})
    assert answer.status_code == 200, answer.text
    ledger.schedule(first["id"], "document_no")
    ledger.load(range(25, -1, -1))
    found = server.admin.get(f"{ledger.path}/exclusion").json()
    assert (found["excluded_rows"], found["samples"][0]["rows"]) == (5, 4)


def test_the_rows_of_a_deleted_sample_can_be_drawn_again(ledger: Ledger) -> None:
    server = ledger.server
    first = ledger.draw(sample_size=15)
    ledger.schedule(first["id"], "document_no")
    second = ledger.run_next()
    assert second["output_summary"]["total_sampled"] == 5
    assert "no row is left to draw" in ledger.problem()
    answer = server.admin.post(f"{ledger.path}/run")
    assert_problem(answer, 409, "conflict")
    ledger.delete(first)
    third = ledger.run_next()
    assert ledger.documents(third) <= ledger.documents(first)
    assert third["run_parameters"]["excluded"]["job_ids"] == [second["id"]]


def test_parallel_runs_now_share_no_row_and_report_no_change(ledger: Ledger) -> None:
    server = ledger.server
    first = ledger.draw(sample_size=1)
    ledger.schedule(first["id"], "document_no")
    jobs = [first["id"]]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(4):
            for answer in pool.map(lambda _: server.admin.post(f"{ledger.path}/run"), range(2)):
                if answer.status_code == 200:
                    jobs.append(answer.json()["job_id"])
                else:
                    assert_problem(answer, 409, "conflict", "hasn't ended")
            for job_id in jobs:
                assert server.finished(job_id)["status"] == "completed"
    assert len(set(jobs)) == len(jobs) >= 5
    rows = [ledger.documents({"id": job_id}) for job_id in jobs]
    assert len(set().union(*rows)) == len(jobs)


def test_a_run_waits_for_the_run_before(ledger: Ledger) -> None:
    server, service = ledger.server, ledger.server.service
    first = ledger.draw(sample_size=2)
    ledger.schedule(first["id"], "document_no")
    with service.database.read() as tx:
        done = get_job(tx, first["id"])
    new = NewJob(
        id=service.new_id(),
        run_type="sampling",
        dataset_id=ledger.dataset_id,
        user_id=done.user_id,
        source_commit_id=done.source_commit_id,
        run_parameters={
            **done.run_parameters,
            "output_ref": "smpl-slow",
            "excluded": {"key": ["document_no"], "job_ids": [], "rows": 0},
        },
        lane="short",
    )
    with service.database.write() as tx:
        insert_job(tx, new, ledger.clock, 100)
        tx.execute("UPDATE jobs SET not_before = '9999' WHERE id = ?", [new.id])
        note_run(tx, ledger.found, new.id, ledger.clock)
    assert_problem(server.admin.get(f"{ledger.path}/exclusion"), 409, "conflict")
    assert server.admin.patch(ledger.path, json={"misfire": "skip"}).status_code == 200
    assert ledger.problem() == ""
    ledger.clock.now += timedelta(minutes=10)
    run_due(service)
    assert ledger.found.problem is None
    assert server.admin.post(f"/api/jobs/{new.id}/cancel").status_code == 200
    answer = server.admin.post(f"/api/jobs/{new.id}/retry")
    assert_problem(answer, 409, "conflict", "Run the schedule now instead.")
    ledger.clock.now += timedelta(seconds=3)
    run_due(service)
    job = server.finished(str(ledger.found.last_job_id))
    assert job["run_parameters"]["excluded"]["job_ids"] == [first["id"]]


class SecondCaller(Caller):
    """A caller whose change is written after another one."""

    before: Callable[[], object]

    def writing(self) -> AbstractContextManager[Transaction]:
        self.before()
        return super().writing()


def test_a_pause_keeps_a_key_that_was_set_meanwhile(ledger: Ledger) -> None:
    server, service = ledger.server, ledger.server.service
    ledger.schedule(ledger.draw(sample_size=2)["id"])
    with service.database.read() as tx:
        holder = find_token_holder(tx, server.token)
    assert holder is not None
    access = Access(service, work_limits(service.settings))
    by = SecondCaller(access, holder, None, None, lambda: False)
    key = {"exclude_drawn_by": ["document_no"]}
    by.before = lambda: server.admin.patch(ledger.path, json=key).raise_for_status()
    change(by, ledger.schedule_id, ScheduleChangeRequest(enabled=False))
    assert ledger.found.exclude_drawn_by == ["document_no"]
    assert ledger.found.paused_at is not None


def test_a_run_that_meets_a_fault_is_noted_and_delays_no_other(ledger: Ledger) -> None:
    server = ledger.server
    ledger.schedule(ledger.draw(sample_size=2)["id"], "document_no")
    other = Ledger(server, ledger.clock, server.new_dataset())
    other.load(range(20))
    other.schedule(other.draw(sample_size=2)["id"])
    scratch = server.service.directory.scratch_dir
    elsewhere = scratch.rename(scratch.with_name("elsewhere"))  # only an exclusion writes there
    try:
        assert ledger.problem() == "The system refused the work: No such file or directory."
    finally:
        elsewhere.rename(scratch)
    assert server.finished(str(other.found.last_job_id))["status"] == "completed"
    assert ledger.run_next()["status"] == "completed"
    server.admin.delete(other.path)


@pytest.mark.parametrize(
    ("key", "code", "part"),
    [
        (["part"], "key_not_unique", "part isn't unique"),
        (["document_no", "document_no"], "invalid_key", "twice"),
        (["documentno"], "unknown_column", "document_no"),
    ],
)
def test_a_key_that_does_not_name_each_row_is_refused(
    ledger: Ledger, key: list[str], code: str, part: str
) -> None:
    ledger.server.import_text(ledger.dataset_id, "document_no,part,amount\nD1,1,1\nD2,1,2\n")
    first = ledger.draw(sample_size=1, selection={"columns": ["document_no", "part"]})
    body = {"job_id": first["id"], "name": "refused", "cron": "0 6 * * *"}
    answer = ledger.server.admin.post("/api/schedules", json={**body, "exclude_drawn_by": key})
    found = assert_problem(answer, 422, code)
    assert part in found["detail"]
    assert found["errors"][0]["loc"][:2] == ["body", "exclude_drawn_by"]


def test_a_key_that_a_later_version_lacks_is_noted(ledger: Ledger) -> None:
    server = ledger.server
    first = ledger.draw(sample_size=2)
    ledger.schedule(first["id"], "document_no")
    for content, part in (
        ("document_no,part\nD1,1\n,2\nD3,3\n", "document_no is missing in 1 row"),
        ("document_no,part\nD1,1\nD1,2\n", "document_no isn't unique"),
        ("number,part\nD1,1\n", 'no column "document_no"'),
    ):
        server.import_text(ledger.dataset_id, content)
        assert part in ledger.problem()
        reader = Reader(server, "admin")  # the session of the day before has ended
        page = reader.text(f"/datasets/{ledger.dataset_id}", tab="schedules")
        preview = reader.text(
            f"/datasets/{ledger.dataset_id}", tab="schedules", exclusion=ledger.schedule_id
        )
        assert "exclude_drawn_by" not in page + preview
        assert f"daily {first['id'][:8]} :" in preview
    paused = server.admin.patch(ledger.path, json={"enabled": False}).json()
    assert 'no column "document_no"' in paused["problem"]
    server.admin.patch(ledger.path, json={"enabled": True})
    server.import_text(ledger.dataset_id, "number,document_no\n7,8\n")
    answer = server.admin.patch(ledger.path, json={"exclude_drawn_by": ["number"]})
    assert answer.json()["exclude_drawn_by"] == ["number"]
    assert answer.json()["problem"] is None
    assert f'{first["output_name"]} has no column "number"' in ledger.problem()
    answer = server.admin.patch(ledger.path, json={"exclude_drawn_by": []})
    assert answer.json()["exclude_drawn_by"] == []
    assert "excluded" not in ledger.run_next()["run_parameters"]
