"""The runner claims in order while threads are idle, and every end is recorded once."""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from domain_errors import DomainError
from job_runner.attempt import INTERVALS, Handler, Intervals, JobContext
from job_runner.runner import Runner
from service.service import Service
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import IMPORT
from storage.jobs.publishing import Outcome
from storage.jobs.queue import claim_next_job, recover_jobs
from storage.sqlite.database import Database, Sync, Transaction
from tests.job_runner.conftest import WAIT_S, job_of, running, submit


def claiming(
    service: Service, handler: Handler, workers: int = 2, intervals: Intervals = INTERVALS
) -> AbstractContextManager[Service]:
    return running(service, Runner({IMPORT: handler}, {"short": workers}, intervals))


class Finished:
    """Counts handlers' ends, so that tests wait on events rather than sleep."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._ended = threading.Semaphore(0)

    def __call__(self, context: JobContext) -> Outcome:
        try:
            return self._handler(context)
        finally:
            self._ended.release()

    def wait(self, count: int = 1) -> None:
        for _ in range(count):
            assert self._ended.acquire(timeout=WAIT_S)


class RecordingDatabase(Database):
    """Records each thread's ways to sync its transactions."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.syncs: dict[str, list[Sync]] = defaultdict(list)

    def write(
        self, *, sync: Sync = "shared", patience_s: float | None = None
    ) -> AbstractContextManager[Transaction]:
        self.syncs[threading.current_thread().name].append(sync)
        return super().write(sync=sync, patience_s=patience_s)


class OnceFullDatabase(Database):
    """Undoes the first transaction that is synced later, as a full disk does."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.undone = threading.Event()

    @contextmanager
    def write(
        self, *, sync: Sync = "shared", patience_s: float | None = None
    ) -> Iterator[Transaction]:
        with super().write(sync=sync, patience_s=patience_s) as tx:
            yield tx
            if sync == "later" and not self.undone.is_set():
                self.undone.set()
                raise sqlite3.OperationalError("database or disk is full")


@pytest.mark.parametrize("fails", [False, True])
def test_a_jobs_end_is_synced_before_readers_see_it(
    service: Service, dataset: DatasetRecord, user: User, fails: bool
) -> None:
    def handler(context: JobContext) -> Outcome:
        context.on_progress(0.5, "half done")
        if fails:
            raise ZeroDivisionError
        return Outcome()

    finished = Finished(handler)
    with closing(RecordingDatabase(service.directory.database_path)) as database:
        with claiming(replace(service, database=database), finished, workers=1) as woken:
            submit(woken, dataset, user)
            finished.wait()
        assert set(database.syncs["job-dispatcher"]) == {"later"}
        assert database.syncs["short-job_0"] == ["later", "first"]


def test_jobs_run_in_submission_order_and_complete(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    order: list[str] = []

    def handler(context: JobContext) -> Outcome:
        order.append(context.job.id)
        return Outcome({"n": context.job.run_parameters["n"]})

    finished = Finished(handler)
    with claiming(service, finished, workers=1) as woken:
        ids = [submit(woken, dataset, user, n=number) for number in range(5)]
        finished.wait(5)
    assert order == ids
    assert [job_of(service, job_id).output_summary for job_id in ids] == [
        {"n": number} for number in range(5)
    ]


def test_a_clock_set_back_delays_no_postponed_job(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    moment = service.clock()

    def handler(context: JobContext) -> Outcome:
        nonlocal moment
        if context.job.attempt == 1:
            moment += timedelta(hours=1)  # and back when the delay has begun
            raise OSError(errno.ENOSPC, "No space left on device")
        return Outcome({"attempt": context.job.attempt})

    finished = Finished(handler)
    with claiming(replace(service, clock=lambda: moment), finished) as woken:
        job_id = submit(woken, dataset, user)
        finished.wait()
        while job_of(service, job_id).status == "running":
            pass
        moment -= timedelta(hours=1)
        finished.wait()
    assert job_of(service, job_id).output_summary == {"attempt": 2}


def test_no_more_jobs_are_claimed_than_threads_are_idle(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    go = threading.Event()
    started = threading.Semaphore(0)

    def handler(context: JobContext) -> Outcome:
        started.release()
        assert go.wait(WAIT_S)
        return Outcome()

    finished = Finished(handler)
    with claiming(service, finished, workers=2) as woken:
        ids = [submit(woken, dataset, user) for _ in range(5)]
        for _ in range(2):
            assert started.acquire(timeout=WAIT_S)
        statuses = [job_of(service, job_id).status for job_id in ids]
        assert statuses == ["running", "running", "pending", "pending", "pending"]
        assert job_of(service, ids[4]).queue_position == 3
        go.set()
        finished.wait(5)


class Broken(DomainError):
    code = "broken_thing"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (Broken("Line 4 is broken."), "broken_thing", "Line 4 is broken."),
        (OSError(5, "Input/output error"), "system_error", "Input/output error"),
        (MemoryError(), "out_of_memory", "memory_mb"),
        (ZeroDivisionError("secret"), "internal_error", "ZeroDivisionError"),
    ],
)
def test_a_failure_is_recorded_with_its_code_and_message(
    service: Service, dataset: DatasetRecord, user: User, error: Exception, code: str, message: str
) -> None:
    def handler(context: JobContext) -> Outcome:
        (context.scratch.folder / "half").write_text("written")
        raise error

    finished = Finished(handler)
    with claiming(service, finished) as woken:
        job_id = submit(woken, dataset, user)
        finished.wait()
    job = job_of(service, job_id)
    assert (job.status, job.error_code) == ("failed", code)
    assert message in (job.error_message or "")
    assert "secret" not in (job.error_message or "")
    assert not list(service.directory.scratch_dir.iterdir())


def test_a_late_attempt_publishes_nothing(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    def handler(context: JobContext) -> Outcome:
        with context.service.database.write() as tx:
            recover_jobs(tx, context.service.clock)
            assert claim_next_job(tx, context.service.clock) is not None
        return Outcome({"late": True})

    finished = Finished(handler)
    with claiming(service, finished, workers=1) as woken:
        job_id = submit(woken, dataset, user)
        finished.wait()
    job = job_of(service, job_id)
    assert (job.status, job.attempt, job.output_summary) == ("running", 2, None)


def test_progress_is_recorded_at_most_twice_a_second(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    seen: list[JobRecord] = []

    def handler(context: JobContext) -> Outcome:
        for step in range(1000):
            context.on_progress(step / 1000, f"step {step}")
        seen.append(job_of(service, context.job.id))
        return Outcome()

    finished = Finished(handler)
    with claiming(service, finished) as woken:
        submit(woken, dataset, user)
        finished.wait()
    assert seen[0].progress_message.startswith("step ")


def test_a_claim_undone_by_a_full_disk_is_repeated(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    finished = Finished(lambda context: Outcome())
    soon = Intervals(claim_pause_s=0.01)
    with closing(OnceFullDatabase(service.directory.database_path)) as database:
        full = replace(service, database=database)
        with claiming(full, finished, workers=1, intervals=soon) as woken:
            job_id = submit(woken, dataset, user)
            finished.wait()
        assert database.undone.is_set()
    assert job_of(service, job_id).attempt == 1
