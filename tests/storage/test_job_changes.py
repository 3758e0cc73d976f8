"""Job changes are sent once after the commit, and never after a rollback."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.errors import Conflict, StaleJob
from storage.jobs.changes import JobChange
from storage.jobs.jobs import JobRecord, cancel_job, complete_job, fail_job, get_job
from storage.jobs.queue import MAX_CRASHES, recover_jobs, release_job
from storage.sqlite.clock import Clock, seconds_between
from storage.sqlite.database import Database, Transaction
from tests.storage.conftest import claim, submit


@pytest.fixture
def changes() -> list[JobChange]:
    return []


@pytest.fixture
def database(tmp_path: Path, changes: list[JobChange]) -> Iterator[Database]:
    opened = Database(tmp_path / "jobsvc.sqlite3", changes.append)
    yield opened
    opened.close()


def test_each_change_has_its_seconds(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock, changes: list[JobChange]
) -> None:
    submit(database, user, dataset, clock)
    running = claim(database, clock)
    with database.write() as tx:
        complete_job(tx, running, {"rows": 3}, None, clock)
        assert len(changes) == 2, "nothing is sent before the commit"
    with database.read() as tx:
        job = get_job(tx, "job-1")
    assert running.started_at is not None
    waited = seconds_between(running.created_at, running.started_at)
    assert changes == [
        JobChange("job-1", "import", "short", "accepted"),
        JobChange("job-1", "import", "short", "started", waited),
        JobChange("job-1", "import", "short", "completed", job.duration_seconds),
    ]


def test_failure_and_cancellation_have_error_codes(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock, changes: list[JobChange]
) -> None:
    submit(database, user, dataset, clock, "job-1")
    running = claim(database, clock)
    with database.write() as tx:
        fail_job(tx, running, "unreadable_file", "Line 4.", clock)
    submit(database, user, dataset, clock, "job-2")
    with database.write() as tx:
        cancel_job(tx, "job-2", "bg54677", clock)
    assert changes[2] == JobChange("job-1", "import", "short", "failed", 1.0, "unreadable_file")
    assert changes[-1] == JobChange("job-2", "import", "short", "failed", None, "cancelled")


def test_rolled_back_changes_are_not_sent(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock, changes: list[JobChange]
) -> None:
    submit(database, user, dataset, clock)
    running = claim(database, clock)
    changes.clear()
    with pytest.raises(sqlite3.IntegrityError), database.write() as tx:
        complete_then_break(tx, running, clock)
    with database.write() as tx:
        cancel_job(tx, "job-1", "bg54677", clock)
    with pytest.raises(StaleJob), database.write() as tx:
        complete_job(tx, running, {}, None, clock)
    with pytest.raises(Conflict), database.write() as tx:
        cancel_job(tx, "job-1", "bg54677", clock)
    assert [change.step for change in changes] == ["failed"]


def complete_then_break(tx: Transaction, job: JobRecord, clock: Clock) -> None:
    complete_job(tx, job, {}, None, clock)
    tx.execute("UPDATE users SET soeid = ''")


def test_only_the_first_start_has_a_waiting_time(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock, changes: list[JobChange]
) -> None:
    submit(database, user, dataset, clock)
    running = claim(database, clock)
    with database.write() as tx:
        release_job(tx, running)
    for _ in range(MAX_CRASHES):
        claim(database, clock)
        with database.write() as tx:
            recover_jobs(tx, clock)
    waited = [change.seconds for change in changes if change.step == "started"]
    assert [seconds is not None for seconds in waited] == [True, True, False, False]
    assert changes[-1] == JobChange("job-1", "import", "short", "failed", None, "interrupted")


def test_failing_listener_undoes_nothing(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(change: JobChange) -> None:
        raise ZeroDivisionError

    database = Database(tmp_path / "other.sqlite3", fail)
    with database.write() as tx:
        tx.changes.append(JobChange("job-1", "import", "short", "accepted"))
        tx.execute("PRAGMA application_id = 7")
    with database.read() as tx:
        assert tx.execute("PRAGMA application_id").fetchone()[0] == 7
    assert "listener of job changes failed for job job-1" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR
    database.close()
