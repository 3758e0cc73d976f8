"""Cancelling and retrying jobs.

A cancelled job fails at once; its thread is interrupted and its result dropped. A retry is a new
job with the same parameters, linked to the failed one.
"""

from __future__ import annotations

from application.job_submission import Submission, submit
from application.retrying import FileGone, require_repeatable
from job_runner.service import Service
from storage.accounts.audit import THIS_PROCESS, Origin, record
from storage.accounts.authority import Authority, write_as
from storage.accounts.users import User
from storage.jobs.jobs import Job, cancel_job, get_job
from storage.jobs.submission import NewJob
from storage.maintenance.durable import sync
from storage.sqlite.database import Transaction


def cancel(
    service: Service,
    user: User,
    job: Job,
    origin: Origin = THIS_PROCESS,
    authority: Authority | None = None,
) -> Job:
    """Cancel a pending or running job.

    Raises
    ------
    Conflict
        The job has ended.
    TokenEnded, Forbidden, NotFound
        The user's permission was removed.
    """
    with write_as(service.database, authority, service.clock) as tx:
        cancel_job(tx, job.id, user.soeid, service.clock)
        record(
            tx,
            service.clock,
            "job_cancelled",
            user_id=user.id,
            origin=origin,
            dataset_id=job.dataset_id,
            about=("job", job.id),
            details={"run_type": job.run_type},
        )
        cancelled = get_job(tx, job.id)
    service.interrupt_job(job.id)
    return cancelled


def retry(service: Service, by: Submission, job: Job) -> Job:
    """Submit a new job with the parameters and the priority of a failed one.

    Raises
    ------
    Conflict
        The job can't be retried; see :mod:`application.retrying`.
    NotFound
        The job or its source is gone.
    """

    def build(tx: Transaction, job_id: str) -> NewJob:
        failed = get_job(tx, job.id)  # a prune may have removed it or its source
        require_repeatable(service, tx, failed)
        return NewJob(
            id=job_id,
            run_type=failed.run_type,
            dataset_id=failed.dataset_id,
            user_id=by.user.id,
            source_commit_id=failed.source_commit_id,
            run_parameters=failed.run_parameters,
            retry_of=failed.id,
            lane=failed.lane,
            priority=failed.priority,
            origin=by.origin,
        )

    def share_upload(job_id: str) -> None:
        if job.run_type == "import":
            _share_upload(service, job.id, job_id)

    retried = submit(service, by, build, share_upload)
    if retried.run_type == "import":
        service.directory.discard_upload(job.id)
    return retried


def _share_upload(service: Service, old_id: str, new_id: str) -> None:
    """Link the old job's file to the new job; the old link is removed after the submission."""
    new = service.directory.upload_path(new_id)
    try:
        new.hardlink_to(service.directory.upload_path(old_id))
        sync(new.parent)
    except FileNotFoundError:
        raise FileGone from None
