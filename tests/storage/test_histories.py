"""Histories: counts of ended jobs after every kind of change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product

import pytest

from storage.accounts.datasets import Dataset, remove_dataset
from storage.accounts.users import User
from storage.jobs.jobs import Job, cancel_job, complete_job, fail_job
from storage.jobs.lists import JobFilters, list_jobs
from storage.jobs.queue import claim_next_job, postpone_job, recover_jobs, release_job
from storage.jobs.submission import NewJob, insert_job
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database, Transaction
from tests.storage.conftest import claim, submit
from tests.storage.counted_histories import assert_counted, delete


def histories(tx: Transaction) -> dict[tuple[str, str], int]:
    """The jobs of everyone in every dataset, by type and status."""
    rows = tx.execute("SELECT * FROM histories WHERE dataset_id = 0 AND run_type <> ''")
    return {(row["run_type"], row["status"]): row["jobs"] for row in rows}


def complete(tx: Transaction, job: Job, clock: Clock) -> None:
    complete_job(tx, job, {}, None, clock)


def fail(tx: Transaction, job: Job, clock: Clock) -> None:
    fail_job(tx, job, "x", "It broke.", clock)


def cancel(tx: Transaction, job: Job, clock: Clock) -> None:
    cancel_job(tx, job.id, "bg54677", clock)


@pytest.mark.parametrize(
    ("end", "status"), [(complete, "completed"), (fail, "failed"), (cancel, "failed")]
)
def test_history_counts_ended_jobs_until_deletion(
    database: Database,
    user: User,
    dataset: Dataset,
    clock: Clock,
    end: Callable[[Transaction, Job, Clock], None],
    status: str,
) -> None:
    submit(database, user, dataset, clock)
    with database.read() as tx:
        assert histories(tx) == {}
    running = claim(database, clock)
    with database.write() as tx:
        assert histories(tx) == {}
        end(tx, running, clock)
        assert histories(tx) == {("import", status): 1}
        assert_counted(tx)
    with database.write() as tx:
        delete(tx, "TRUE")
        assert histories(tx) == {}
        assert_counted(tx)


def test_requeued_job_is_not_counted(
    database: Database, user: User, dataset: Dataset, clock: Clock
) -> None:
    submit(database, user, dataset, clock)
    with database.write() as tx:
        for attempt in range(3):
            running = claim_next_job(tx, clock)
            assert running is not None
            assert running.attempt == attempt + 1
            recover_jobs(tx, clock)
    with database.read() as tx:
        assert histories(tx) == {("import", "failed"): 1}
    submit(database, user, dataset, clock, "job-2")
    running = claim(database, clock)
    with database.write() as tx:
        release_job(tx, running)
    running = claim(database, clock)
    with database.write() as tx:
        postpone_job(tx, running, "a full disk", clock)
        assert histories(tx) == {("import", "failed"): 1}
        assert_counted(tx)


def test_slow_job_is_added_to_its_closed_block(
    database: Database, user: User, dataset: Dataset, clock: Clock
) -> None:
    with database.write() as tx:
        slow = start(tx, user, dataset, clock, "slow")
        for number in range(200):
            complete(tx, start(tx, user, dataset, clock, f"job-{number}"), clock)
        assert tx.execute("SELECT count(*) FROM history_blocks").fetchone()[0] > 0
        assert_counted(tx)
        complete(tx, slow, clock)
        assert_counted(tx)
        delete(tx, "id = 'slow' OR seq % 3 = 0 OR seq BETWEEN 50 AND 150")
        assert_counted(tx)
        for number in range(200, 300):
            complete(tx, start(tx, user, dataset, clock, f"job-{number}"), clock)
        assert_counted(tx)
        delete(tx, "TRUE")
        assert tx.execute("SELECT count(*) FROM history_blocks").fetchone()[0] == 0


def test_jobs_of_removed_datasets_are_not_listed(
    database: Database, user: User, dataset: Dataset, clock: Clock
) -> None:
    admin = User(999, "admin01", "admin", "")
    with database.write() as tx:
        complete(tx, start(tx, user, dataset, clock, "job-1"), clock)
        assert list_jobs(tx, admin, JobFilters(), offset=0, limit=9)[1] == 1
        remove_dataset(tx, dataset.id, clock)
        for viewer in (admin, user):
            for filters in (JobFilters(), JobFilters(user_id=user.id), JobFilters(dataset_id=1)):
                assert list_jobs(tx, viewer, filters, offset=0, limit=9) == ([], 0)
        delete(tx, "TRUE")
        assert list_jobs(tx, admin, JobFilters(), offset=0, limit=9) == ([], 0)


@pytest.mark.parametrize(
    "change",
    ["run_type = 'sampling'", "user_id = 2", "run_parameters = '{}'", "created_at = ''"],
)
def test_job_parameters_are_immutable(
    database: Database, user: User, dataset: Dataset, clock: Clock, change: str
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


TIME = "%Y-%m-%dT%H:%M:%S.000000+00:00"


def at(second: int) -> str:
    return datetime.fromtimestamp(1_750_000_000 + second, UTC).strftime(TIME)


def insert_many_jobs(tx: Transaction, jobs: int) -> None:
    """Insert jobs of two users and two datasets, all but the newest ten ended.

    The clock is set back before job 401; the second dataset is removed.
    """
    tx.execute(
        "INSERT INTO users (soeid, role_name, created_at) "
        "VALUES ('bg54677', 'admin', ''), ('bg54678', 'analyst', '')"
    )
    tx.execute(
        "INSERT INTO datasets (name, created_by, created_at, updated_at, removed_at) "
        "VALUES ('Sales', 1, '', '', NULL), ('Gone', 2, '', '', '2025')"
    )
    tx.execute(
        f"""
        INSERT INTO jobs (id, run_type, dataset_id, user_id, run_parameters, created_at)
        WITH RECURSIVE numbers (n) AS (
            SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {jobs})
        SELECT 'job-' || n, iif(n % 3 = 0, 'import', 'sampling'),
               iif(n < {jobs} - 10, 1 + (n % 7 = 0), 1), 1 + (n % 2),
               iif(n % 3 = 0, '{{}}', '{{"source_ref": "' || iif(n % 4, 'main', 'q1') || '"}}'),
               strftime('{TIME}', 1750000000 + n - (n > 400) * 99, 'unixepoch')
        FROM numbers
        """
    )
    tx.execute(
        "UPDATE jobs SET status = 'running', attempt = 1, started_at = '2025' WHERE seq <= ?",
        [jobs - 10],
    )
    tx.execute(
        """
        UPDATE jobs SET status = iif(seq % 5, 'completed', 'failed'), completed_at = '2025',
                        progress = iif(seq % 5, 100, 0), output_summary = iif(seq % 5, '{}', NULL),
                        error_code = iif(seq % 5, NULL, 'x'),
                        error_message = iif(seq % 5, NULL, 'y')
        WHERE seq <= ?
        """,
        [jobs - 10],
    )


def test_range_over_many_blocks_is_counted_exactly(database: Database, clock: Clock) -> None:
    with database.write() as tx:
        insert_many_jobs(tx, 32 * 32 * 32 + 5)
        assert tx.execute("SELECT seq FROM clock_steps").fetchone()[0] == 401
        assert tx.execute("SELECT max(level) FROM history_blocks").fetchone()[0] == 2
        for _ in range(10):
            complete(tx, claimed(tx, clock), clock)
        assert_counted(tx)
        assert tx.execute("SELECT max(level) FROM history_blocks").fetchone()[0] == 3
        delete(tx, "seq IN (77, 5000, 32000) OR seq BETWEEN 300 AND 500")
        assert_counted(tx)
        users = [User(1, "bg54677", "admin", ""), User(2, "bg54678", "analyst", "")]
        for viewer, after, before in product(users, (0, 400, 9_000, 32_660), (350, 30_000, None)):
            filters = JobFilters(
                created_after=at(after), created_before=None if before is None else at(before)
            )
            (plain,) = tx.execute(
                "SELECT count(*) FROM jobs WHERE dataset_id = 1 AND created_at > ? "
                "AND (? IS NULL OR created_at < ?) AND ?",
                [filters.created_after, *(filters.created_before,) * 2, viewer.id == 1],
            ).fetchone()
            assert list_jobs(tx, viewer, filters, offset=0, limit=1)[1] == plain


def start(tx: Transaction, user: User, dataset: Dataset, clock: Clock, job_id: str) -> Job:
    insert_job(tx, NewJob(job_id, "import", dataset.id, user.id, None, {}), clock, 1000)
    return claimed(tx, clock)


def claimed(tx: Transaction, clock: Clock) -> Job:
    running = claim_next_job(tx, clock)
    assert running is not None
    return running
