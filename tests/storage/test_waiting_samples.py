"""The samples that wait for a user: few steps of SQLite, whatever the number of samples."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from storage.accounts.datasets import create_dataset
from storage.accounts.users import User, add_user
from storage.audit.progress import WaitingFor, waiting_samples
from storage.jobs.jobs import get_job, jobs_by_seq
from storage.jobs.lists import JobFilters, list_jobs
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database, Transaction
from storage.sqlite.schema import MIGRATIONS, OLDEST_VERSION, PROGRESS_TRIGGERS

AT = "2025-07-07T00:00:00.000000+00:00"
COMMIT = "c" * 64
ASKED = ('{"questions": [{"name": "a"}]}', 1, AT)
ROLES = ("preparer", "reviewer", "partner")
FINDINGS = 20
_NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"


def add_samples(tx: Transaction, dataset_id: int, user_id: int, count: int) -> None:
    """Add samples of a dataset that were drawn, examined, submitted and signed off."""
    name = f"'{dataset_id}-' || i"
    tx.execute(
        f"{_NUMBERS.format(count=count)} INSERT INTO jobs (id, run_type, dataset_id, user_id, "
        f"run_parameters, created_at) SELECT {name}, 'sampling', ?, ?, '{{\"rounds\": []}}', ? "
        "FROM n",
        (dataset_id, user_id, AT),
    )
    of_dataset = (dataset_id,)
    tx.execute(
        "UPDATE jobs SET status = 'running', attempt = 1, started_at = ? WHERE dataset_id = ?",
        (AT, *of_dataset),
    )
    tx.execute(
        "UPDATE jobs SET status = 'completed', progress = 100, completed_at = ?, "
        "output_commit_id = ?, output_summary = json_object('total_sampled', ?) "
        "WHERE dataset_id = ?",
        (AT, COMMIT, FINDINGS, *of_dataset),
    )
    tx.execute(
        f"{_NUMBERS.format(count=FINDINGS)} INSERT INTO findings (job_id, row_id, outcome, "
        "user_id, at) SELECT id, i, iif(i % 5, 'ok', 'exception'), ?, ? FROM jobs, n "
        "WHERE dataset_id = ?",
        (user_id, AT, *of_dataset),
    )
    for action in ("submitted", "signed_off"):
        tx.execute(
            "INSERT INTO reviews (job_id, action, user_id, at) SELECT id, ?, ?, ? FROM jobs "
            "WHERE dataset_id = ?",
            (action, user_id, AT, *of_dataset),
        )


def new_dataset(tx: Transaction, user: User, clock: Clock, name: str = "d") -> int:
    found = create_dataset(tx, user, name=name, description="", tags=[], clock=clock).id
    tx.execute(
        "INSERT INTO commits VALUES (?, ?, NULL, ?, '', ?, '{}')", (found, COMMIT, user.id, AT)
    )
    tx.execute("INSERT INTO refs VALUES (?, 'smpl-a', ?, ?, ?)", (found, COMMIT, AT, AT))
    return found


def reopen(tx: Transaction, job_id: str, user_id: int, action: str = "reopened") -> None:
    tx.execute(
        "INSERT INTO reviews (job_id, action, user_id, at) VALUES (?, ?, ?, ?)",
        (job_id, action, user_id, AT),
    )


@pytest.fixture
def database(tmp_path: Path, clock: Clock) -> Database:
    return Database(tmp_path / "database")


def steps(tx: Transaction, work: Callable[[], object]) -> int:
    """The hundreds of instructions of SQLite that a call takes."""
    count = 0

    def note() -> int:
        nonlocal count
        count += 1
        return 0

    tx.set_progress_handler(note, 100)
    work()
    tx.set_progress_handler(None, 0)
    return count


def test_finished_samples_cost_nothing(database: Database, clock: Clock) -> None:
    with database.write() as tx:
        user = add_user(tx, "bg54677", "analyst", None, clock)
        other = add_user(tx, "bg54678", "analyst", None, clock)
        few, many = (new_dataset(tx, user, clock, name) for name in ("few", "many"))
        add_samples(tx, few, user.id, 5)
        reopen(tx, f"{few}-1", other.id)
        reopen(tx, f"{few}-2", other.id)
        reopen(tx, f"{few}-2", other.id, "submitted")

    def work(tx: Transaction) -> dict[WaitingFor, tuple[int, list[str]]]:
        found: dict[WaitingFor, tuple[int, list[str]]] = {}
        for what in get_args(WaitingFor):
            ids: list[str] = []
            used = steps(
                tx,
                lambda what=what, ids=ids: ids.extend(
                    each.job_id for each in waiting_samples(tx, user, what, ROLES, 50)
                ),
            )
            found[what] = (used, ids)
        return found

    with database.write() as tx:
        before = work(tx)
        add_samples(tx, many, user.id, 500)
        after = work(tx)
    assert after["examination"][1] == before["examination"][1] == [f"{few}-1"]
    assert after["review"][1] == []  # the user prepared it
    for what in get_args(WaitingFor):
        assert after[what][0] <= before[what][0] + 2, what


def test_no_table_that_grows_is_scanned(database: Database, clock: Clock) -> None:
    plans: list[str] = []
    with database.write() as tx:
        user = add_user(tx, "bg54677", "analyst", None, clock)
        add_samples(tx, new_dataset(tx, user, clock), user.id, 300)
        asked: list[str] = []
        tx.set_trace_callback(asked.append)
        for what in get_args(WaitingFor):
            waiting_samples(tx, user, what, ROLES, 50)
        tx.set_trace_callback(None)
        for sql in asked:
            plans += [row["detail"] for row in tx.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert plans
    scans = [each for each in plans if each.startswith("SCAN")]
    tables = ("jobs", "findings", "reviews", "sample_progress", "engagement_samples", "own")
    assert [each for each in scans if each.split()[1] in tables] == []


def test_a_state_of_review_is_filtered_in_the_index_of_the_list(
    database: Database, clock: Clock
) -> None:
    with database.write() as tx:
        user = add_user(tx, "bg54677", "analyst", None, clock)
        dataset = new_dataset(tx, user, clock)
        add_samples(tx, dataset, user.id, 30)
        reopen(tx, f"{dataset}-7", user.id, "returned")
        filters = JobFilters(dataset_id=dataset, run_type="sampling", review_state="returned")
        found, total = list_jobs(tx, user, filters, offset=0, limit=10)
        signed = JobFilters(run_type="sampling", review_state="signed_off")
        _, others = list_jobs(tx, user, signed, offset=0, limit=10)
    assert ([job.id for job in found], total, others) == ([f"{dataset}-7"], 1, 29)


def test_a_deleted_job_has_no_progress(database: Database, clock: Clock) -> None:
    with database.write() as tx:
        user = add_user(tx, "bg54677", "analyst", None, clock)
        dataset = new_dataset(tx, user, clock)
        add_samples(tx, dataset, user.id, 2)
        for table in ("findings", "reviews", "job_log"):
            tx.execute(f"DELETE FROM {table} WHERE job_id = ?", (f"{dataset}-1",))
        tx.execute("DELETE FROM jobs WHERE id = ?", (f"{dataset}-1",))
        left = [row["job_id"] for row in tx.execute("SELECT job_id FROM sample_progress")]
        assert get_job(tx, f"{dataset}-2").id in left
        assert len(jobs_by_seq(tx, [1, 2])) == len(left) == 1


def test_an_older_database_gets_the_same_counts(tmp_path: Path, clock: Clock) -> None:
    database = Database(tmp_path / "old")
    with database.write() as tx:
        user = add_user(tx, "bg54677", "analyst", None, clock)
        dataset = new_dataset(tx, user, clock)
        add_samples(tx, dataset, user.id, 4)
        reopen(tx, f"{dataset}-1", user.id)
        for row, outcome in (("1", "exception"), ("5", "ok"), ("6", "not_examinable")):
            tx.execute(
                "INSERT INTO findings (job_id, row_id, outcome, user_id, at) "
                "VALUES (?, ?, ?, ?, ?)",
                (f"{dataset}-1", row, outcome, user.id, AT),
            )
        tx.execute(
            "INSERT INTO replacements (job_id, row_id, replacement_id, reason, user_id, at) "
            "VALUES (?, '7', '99', 'r', ?, ?)",
            (f"{dataset}-1", user.id, AT),
        )
        tx.execute("INSERT INTO review_questions VALUES (?, ?, ?, ?)", (f"{dataset}-2", *ASKED))
        tx.execute("UPDATE sample_progress SET is_audit = 0 WHERE job_id = ?", (f"{dataset}-2",))
        before = [tuple(row) for row in tx.execute("SELECT * FROM sample_progress")]
    database.close()
    with closing(sqlite3.connect(tmp_path / "old", isolation_level=None)) as old:
        for trigger in PROGRESS_TRIGGERS:
            old.execute(f"DROP TRIGGER {trigger}")
        old.execute("DROP VIEW sample_preparers")
        old.execute("DROP INDEX findings_of_user")
        old.execute("DROP TABLE sample_progress")
        for table in ("hidden_engagements", "combined_paper_samples", "combined_papers"):
            old.execute(f"DROP TABLE {table}")
        old.execute("DROP INDEX engagements_of_number")
        old.execute("DROP INDEX jobs_of_continued")
        scripts = ["CREATE TABLE sample_progress" in script for script in MIGRATIONS]
        old.execute(f"PRAGMA user_version = {OLDEST_VERSION + scripts.index(True)}")
    migrated = Database(tmp_path / "old")
    with migrated.read() as tx:
        assert [tuple(row) for row in tx.execute("SELECT * FROM sample_progress")] == before
    migrated.close()
    assert len(before) == 4
