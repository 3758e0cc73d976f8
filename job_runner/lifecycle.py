"""Ending a job before its time, and doing a failed one again.

Invariant: a cancelled job is failed at once, whatever its thread still does: the thread learns it
within a tenth of a second, its query is interrupted, and its result is not wanted. A retry is a new
job with the same parameters, linked to the old one.
"""

from __future__ import annotations

from job_runner.open_tables import source_of
from job_runner.output_refs import require_free
from job_runner.service import Service
from storage.audit import THIS_PROCESS, Origin, record
from storage.durable import sync
from storage.errors import Conflict
from storage.idempotency import IdempotencyKey, job_of_key, keep_key
from storage.jobs import Job, NewJob, cancel_job, get_job, insert_job
from storage.refs import get_ref
from storage.users import User


def cancel(service: Service, user: User, job: Job, origin: Origin = THIS_PROCESS) -> Job:
    """Cancel a pending or running job.

    Raises
    ------
    Conflict
        It has ended already.
    """
    with service.database.write() as tx:
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


def retry(
    service: Service,
    user: User,
    job: Job,
    key: IdempotencyKey | None = None,
    origin: Origin = THIS_PROCESS,
) -> Job:
    """Make a new job with the parameters of a failed one.

    Raises
    ------
    Conflict
        The job hasn't failed; the file of an import is gone; or the ref of its result is taken.
    NotFound
        The job is gone, or what it drew from.
    """
    job_id = service.new_id()
    with service.database.write() as tx:
        earlier = job_of_key(tx, user.id, key, service.clock)
        if earlier is not None:
            return get_job(tx, earlier)
        job = get_job(tx, job.id)  # as it is now: a prune may have removed it, or its source
        if job.status != "failed":
            raise Conflict(f"The job is {job.status}; only a failed one can be done again.")
        if job.run_type == "import":
            get_ref(tx, job.dataset_id, job.run_parameters["ref"])
        else:
            source_of(job)
            if (name := job.run_parameters.get("output_ref")) is not None:
                require_free(tx, job.dataset_id, name)
        new = NewJob(
            id=job_id,
            run_type=job.run_type,
            dataset_id=job.dataset_id,
            user_id=user.id,
            source_commit_id=job.source_commit_id,
            run_parameters=job.run_parameters,
            retry_of=job.id,
            lane=job.lane,
            priority=job.priority,
            origin=origin,
        )
        insert_job(tx, new, service.clock, service.settings.waiting_jobs_max)
        keep_key(tx, user.id, key, job_id, service.clock)
        made = get_job(tx, job_id)
        if made.run_type == "import":
            _share_upload(service, job.id, job_id)
    if made.run_type == "import":
        service.directory.discard_upload(job.id)
    service.wake_runner()
    return made


def _share_upload(service: Service, old_id: str, new_id: str) -> None:
    """Give the new job the old one's file; the old one keeps it until the new one is there."""
    new = service.directory.upload_path(new_id)
    try:
        new.hardlink_to(service.directory.upload_path(old_id))
        sync(new.parent)
    except FileNotFoundError:
        raise Conflict(
            "The file of that import is gone, or could not be read as it is. Import a file again."
        ) from None
