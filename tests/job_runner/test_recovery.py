"""A start queues interrupted jobs, and sweeps what a crash left unless a backup may read it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from application.job_submission import Submission
from application.lifecycle import retry
from job_runner.runner import recover
from service.service import Service
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.jobs.jobs import fail_job
from storage.jobs.queue import claim_next_job
from storage.sqlite.clock import timestamp
from tests.job_runner.conftest import job_of, submit


def test_recovery_releases_jobs_and_removes_orphans(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    interrupted = submit(service, dataset, user)
    with service.database.write() as tx:
        claim_next_job(tx, service.clock)
    service.directory.upload_path(interrupted).write_text("needed")
    service.directory.upload_path("incoming-x").write_text("no job's")
    stray = service.directory.files_dir / "ab" / f"{'ab' * 32}.parquet"
    stray.parent.mkdir()
    stray.write_text("no commit's")
    recover(service)
    assert job_of(service, interrupted).status == "pending"
    assert service.directory.upload_path(interrupted).exists()
    assert not service.directory.upload_path("incoming-x").exists()
    assert not stray.exists()


def test_orphans_are_removed_unless_a_backup_reads(service: Service) -> None:
    written = service.directory.scratch_dir / "rows"
    written.write_bytes(b"of a commit that never came")
    with service.hold_files() as adopt:
        stray = service.data_files.path(adopt(written, 1).sha256)
    with service.directory.files_lock.reading():
        recover(service)
    assert stray.exists()
    recover(service)
    assert not stray.exists()


@pytest.mark.parametrize(
    ("code", "days_ago", "retried", "retained"),
    [
        ("disk_full", 1, False, True),
        ("disk_full", 8, False, False),
        ("disk_full", 1, True, False),  # the retry has the file, under its own name
        ("unreadable_file", 1, False, False),
    ],
)
def test_the_file_of_a_failed_import_is_retained_for_a_retry(
    service: Service,
    dataset: DatasetRecord,
    user: User,
    code: str,
    days_ago: int,
    retried: bool,
    retained: bool,
) -> None:
    job_id = submit(service, dataset, user, ref="main", size_bytes=5)
    upload = service.directory.upload_path(job_id)
    upload.write_text("id\n1\n")
    with service.database.write() as tx:
        job = claim_next_job(tx, service.clock)
        assert job is not None
        ended = service.clock() - timedelta(days=days_ago)
        fail_job(tx, job, code, "failed", service.clock)
        tx.execute("UPDATE jobs SET completed_at = ?", (timestamp(ended),))
    again = retry(service, Submission(user), job).id if retried else None
    if again is not None:
        upload.write_text("id\n1\n")  # the process died before the old name was dropped
    recover(service)
    assert upload.exists() == retained
    assert again is None or service.directory.upload_path(again).exists()
