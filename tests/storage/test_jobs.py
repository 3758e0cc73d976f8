"""Status transitions of jobs, guarded in Python and by the schema."""

from __future__ import annotations

import sqlite3
import threading
from datetime import datetime, timedelta

import pytest

from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.errors import StaleJob, TooManyWaiting
from storage.jobs.jobs import JobRecord, complete_job, fail_job, get_job, report_progress
from storage.jobs.lists import JobFilters, list_jobs
from storage.jobs.queue import claim_next_job, postpone_job, recover_jobs, release_job
from storage.jobs.submission import NewJob, insert_job
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database
from tests.storage.conftest import claim, submit


@pytest.fixture
def pending(database: Database, user: User, dataset: DatasetRecord, clock: Clock) -> JobRecord:
    return submit(database, user, dataset, clock)


def test_new_job_has_a_queue_position(pending: JobRecord) -> None:
    assert pending.status == "pending"
    assert pending.queue_position == 1
    assert (pending.started_at, pending.completed_at, pending.attempt) == (None, None, 0)


def test_jobs_are_claimed_once_in_submission_order(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock
) -> None:
    for number in range(3):
        submit(database, user, dataset, clock, f"job-{number}")
    assert [claim(database, clock).id for _ in range(3)] == ["job-0", "job-1", "job-2"]
    with database.write() as tx:
        assert claim_next_job(tx, clock) is None


def test_threads_never_claim_the_same_job(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock
) -> None:
    for number in range(40):
        submit(database, user, dataset, clock, f"job-{number}")
    claimed: list[str] = []

    def claim_all() -> None:
        while True:
            with database.write() as tx:
                job = claim_next_job(tx, clock)
            if job is None:
                return
            claimed.append(job.id)

    threads = [threading.Thread(target=claim_all) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(f"job-{number}" for number in range(40))


def test_completed_job_has_summary_and_duration(
    database: Database, pending: JobRecord, clock: Clock
) -> None:
    running = claim(database, clock)
    with database.write() as tx:
        complete_job(tx, running, {"rows": 3}, None, clock)
    with database.read() as tx:
        job = get_job(tx, pending.id)
    assert (job.status, job.output_summary, job.progress) == ("completed", {"rows": 3}, 100)
    assert job.duration_seconds == 1.0


def test_outdated_attempt_cannot_end_a_job(
    database: Database, pending: JobRecord, clock: Clock
) -> None:
    first_attempt = claim(database, clock)
    with database.write() as tx:
        recover_jobs(tx, clock)
    second_attempt = claim(database, clock)
    assert second_attempt.attempt == 2
    with pytest.raises(StaleJob), database.write() as tx:
        complete_job(tx, first_attempt, {}, None, clock)
    with pytest.raises(StaleJob), database.write() as tx:
        fail_job(tx, first_attempt, "x", "late", clock)
    with database.write() as tx:
        report_progress(tx, first_attempt, 99, "late")
        release_job(tx, first_attempt)
        assert get_job(tx, pending.id).progress == 0
        assert get_job(tx, pending.id).status == "running"


def test_ended_job_never_changes(database: Database, pending: JobRecord, clock: Clock) -> None:
    running = claim(database, clock)
    with database.write() as tx:
        fail_job(tx, running, "broken", "It broke.", clock)
    with pytest.raises(StaleJob), database.write() as tx:
        complete_job(tx, running, {}, None, clock)
    with pytest.raises(sqlite3.IntegrityError, match="never changes"), database.write() as tx:
        tx.execute("UPDATE jobs SET status = 'pending' WHERE id = ?", [pending.id])


def test_waiting_jobs_of_a_user_are_limited(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock
) -> None:
    def accept(job_id: str) -> None:
        with database.write() as tx:
            insert_job(tx, NewJob(job_id, "import", dataset.id, user.id, None, {}), clock, 2)

    accept("job-1")
    accept("job-2")
    with pytest.raises(TooManyWaiting, match="2 waiting jobs"):
        accept("job-3")
    claim(database, clock)
    accept("job-3")


def test_progress_only_grows(database: Database, pending: JobRecord, clock: Clock) -> None:
    running = claim(database, clock)
    with database.write() as tx:
        report_progress(tx, running, 40, "reading")
        report_progress(tx, running, 20, "still reading")
        job = get_job(tx, pending.id)
    assert (job.progress, job.progress_message) == (40, "still reading")


def test_job_fails_after_three_crashes(
    database: Database, pending: JobRecord, clock: Clock
) -> None:
    for attempt in (1, 2):
        assert claim(database, clock).attempt == attempt
        with database.write() as tx:
            assert recover_jobs(tx, clock) == (1, 0)
    claim(database, clock)
    with database.write() as tx:
        assert recover_jobs(tx, clock) == (0, 1)
        job = get_job(tx, pending.id)
    assert (job.status, job.error_code) == ("failed", "interrupted")
    assert job.error_message is not None
    assert "3 times" in job.error_message


def test_postponements_do_not_count_as_crashes(
    database: Database, pending: JobRecord, clock: Clock
) -> None:
    def an_hour_later() -> datetime:
        return clock() + timedelta(hours=1)

    for attempt in (1, 2, 3):
        running = claim(database, an_hour_later)
        assert running.attempt == attempt
        with database.write() as tx:
            assert postpone_job(tx, running, "The disk is full.", clock)
    claim(database, an_hour_later)
    with database.write() as tx:
        assert recover_jobs(tx, clock) == (1, 0)
        assert get_job(tx, pending.id).status == "pending"


def test_released_job_keeps_its_attempts(
    database: Database, pending: JobRecord, clock: Clock
) -> None:
    running = claim(database, clock)
    with database.write() as tx:
        release_job(tx, running)
    assert claim(database, clock).attempt == 1


@pytest.mark.parametrize(
    "change",
    [
        "status = 'running'",
        "status = 'completed'",
        "status = 'failed'",
        "status = 'cancelled'",
        "error_message = 'x'",
        "output_summary = '{}'",
        "completed_at = '2025'",
        "run_type = 'other'",
        "progress = 101",
    ],
)
def test_schema_rejects_invalid_states(database: Database, pending: JobRecord, change: str) -> None:
    with pytest.raises(sqlite3.IntegrityError), database.write() as tx:
        tx.execute(f"UPDATE jobs SET {change} WHERE id = ?", [pending.id])


def test_filters_combine_and_total_is_exact(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock
) -> None:
    for number in range(5):
        submit(database, user, dataset, clock, f"job-{number}")
    for _ in range(2):
        running = claim(database, clock)
    with database.write() as tx:
        fail_job(tx, running, "x", "y", clock)
    with database.read() as tx:
        filters = JobFilters(
            user_soeid="BG54677", statuses=("pending", "failed"), run_type="import"
        )
        jobs, total = list_jobs(tx, user, filters, offset=1, limit=2)
        assert [job.id for job in jobs] == ["job-3", "job-2"]
        assert total == 4
        oldest, _ = list_jobs(tx, user, JobFilters(), order="oldest", offset=0, limit=1)
        assert oldest[0].id == "job-0"
        after = JobFilters(created_after=oldest[0].created_at)
        assert list_jobs(tx, user, after, offset=0, limit=100)[1] == 4


def test_list_excludes_datasets_without_permission(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock
) -> None:
    submit(database, user, dataset, clock)
    stranger = User(999, "strange", "analyst", "")
    with database.read() as tx:
        assert list_jobs(tx, stranger, JobFilters(), offset=0, limit=10) == ([], 0)


@pytest.mark.parametrize(
    "change",
    ["run_type = 'sampling'", "user_id = 2", "run_parameters = '{}'", "created_at = ''"],
)
def test_job_parameters_are_immutable(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock, change: str
) -> None:
    submit(database, user, dataset, clock)
    with pytest.raises(sqlite3.IntegrityError, match="never changes"), database.write() as tx:
        tx.execute(f"UPDATE jobs SET {change}")


def test_job_cannot_be_inserted_as_ended(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="waiting"), database.write() as tx:
        tx.execute(
            "INSERT INTO jobs (id, run_type, dataset_id, user_id, run_parameters, created_at, "
            "status, completed_at, error_code, error_message) "
            "VALUES ('x', 'import', 1, 1, '{}', '', 'failed', '', '', '')"
        )
