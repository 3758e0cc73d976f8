"""Transient errors postpone a job; all others end it."""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import duckdb
import pytest

from job_runner.attempt import Attempt, JobContext
from service.errors import transient_error
from service.service import Service
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.jobs.jobs import JobRecord
from storage.jobs.publishing import Outcome
from storage.jobs.queue import RETRY_DELAYS_S, claim_next_job
from storage.sqlite.database import Database
from tests.job_runner.conftest import job_of, submit

FULL = OSError(errno.ENOSPC, "No space left on device")


def claimed(service: Service) -> JobRecord:
    """The job that is claimed next."""
    with service.database.write() as tx:
        job = claim_next_job(tx, service.clock)
    assert job is not None
    return job


def attempt(
    service: Service, error: Exception, releasing: threading.Event | None = None
) -> JobRecord:
    """Claim the next job, and have its handler fail so."""

    def handler(context: JobContext) -> Outcome:
        raise error

    job = claimed(service)
    Attempt(service, job, releasing or threading.Event()).run(handler)
    return job_of(service, job.id)


def test_a_full_disk_postpones_a_job_and_fails_it_in_the_end(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    job_id = submit(service, dataset, user)
    service.directory.upload_path(job_id).write_text("for a retry")
    moment = service.clock()
    for number, delay_s in enumerate(RETRY_DELAYS_S, start=1):
        here = replace(service, clock=lambda: moment)  # noqa: B023 - called in this round alone
        waiting = attempt(here, FULL)
        assert (waiting.status, waiting.attempt) == ("pending", number)
        assert "disk is full" in waiting.progress_message
        with here.database.write() as tx:
            assert claim_next_job(tx, here.clock) is None
        moment = moment.fromtimestamp(moment.timestamp() + delay_s, moment.tzinfo)
    failed = attempt(replace(service, clock=lambda: moment), FULL)
    assert (failed.status, failed.error_code) == ("failed", "disk_full")
    assert service.directory.upload_path(job_id).exists()


def sqlite_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(name)
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FULL, "disk_full"),
        (OSError(errno.EMFILE, "Too many open files"), "busy"),
        (duckdb.IOException('Could not write file "x": No space left on device'), "disk_full"),
        (duckdb.OutOfMemoryException("… max_temp_directory_size …"), "disk_full"),
        (sqlite_error("SQLITE_BUSY"), "locked"),
        (sqlite_error("SQLITE_FULL"), "disk_full"),
        (sqlite_error("SQLITE_IOERR_FSYNC"), "system_error"),
        (duckdb.OutOfMemoryException("could not allocate block"), None),
        (duckdb.ConversionException("Could not convert string 'x'"), None),
        (sqlite_error("SQLITE_ERROR"), None),
        (FileNotFoundError(errno.ENOENT, "No such file"), None),
        (ValueError("x"), None),
    ],
)
def test_only_faults_of_the_machine_are_transient(error: Exception, code: str | None) -> None:
    fault = transient_error(error)
    assert (fault.code if fault else None) == code


@pytest.fixture
def locked(service: Service) -> Iterator[sqlite3.Connection]:
    """Another program that can lock the service's database."""
    with closing(
        sqlite3.connect(
            service.directory.database_path, isolation_level=None, check_same_thread=False
        )
    ) as other:
        yield other


@pytest.fixture
def impatient(service: Service) -> Iterator[Service]:
    """The service with a database that doesn't wait for another program's lock."""
    with closing(Database(service.directory.database_path, busy_timeout_s=0)) as database:
        yield replace(service, database=database)


def test_an_end_is_recorded_once_the_database_is_writable(
    service: Service,
    dataset: DatasetRecord,
    user: User,
    locked: sqlite3.Connection,
    impatient: Service,
) -> None:
    submit(service, dataset, user)
    job = claimed(service)

    def handler(context: JobContext) -> Outcome:
        locked.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, locked.execute, ("ROLLBACK",)).start()
        return Outcome({"done": True})

    Attempt(impatient, job).run(handler)
    waiting = job_of(service, job.id)
    assert (waiting.status, waiting.attempt) == ("pending", 1)
    assert "locked" in waiting.progress_message


def test_unrecorded_progress_ends_no_job(
    service: Service, dataset: DatasetRecord, user: User, locked: sqlite3.Connection
) -> None:
    submit(service, dataset, user)
    job = claimed(service)

    def handler(context: JobContext) -> Outcome:
        locked.execute("BEGIN IMMEDIATE")
        context.on_progress(0.5, "half done")
        locked.execute("ROLLBACK")
        return Outcome({"done": True})

    Attempt(service, job).run(handler)
    assert job_of(service, job.id).output_summary == {"done": True}


def test_a_stopping_service_waits_for_no_locked_database(
    service: Service,
    dataset: DatasetRecord,
    user: User,
    locked: sqlite3.Connection,
    impatient: Service,
) -> None:
    submit(service, dataset, user)
    job = claimed(service)
    releasing = threading.Event()
    releasing.set()

    def handler(context: JobContext) -> Outcome:
        locked.execute("BEGIN IMMEDIATE")
        raise ValueError("x")

    Attempt(impatient, job, releasing).run(handler)
    locked.execute("ROLLBACK")
    assert job_of(service, job.id).status == "running"
