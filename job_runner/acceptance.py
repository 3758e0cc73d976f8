"""Accepting a job: from what a user asks for to a job that waits.

Owns: the one transaction in which that happens. Invariants: a job, its entry in the audit trail and
the key that its client gave are there together or not at all; what the job needs on disk is there
before; the same key gives the same job. Called by whoever submits a job of some run type, once all
is checked that can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from job_runner.service import Service
from storage.accounts.audit import THIS_PROCESS, Origin
from storage.accounts.authority import Authority, write_as
from storage.accounts.users import User
from storage.jobs.jobs import Job, Priority, get_job
from storage.jobs.submission import IdempotencyKey, NewJob, find_job_of_key, insert_job, store_key
from storage.sqlite.database import Transaction


@dataclass(frozen=True)
class Submission:
    """Who asks for a job, and how.

    Parameters
    ----------
    priority : {"interactive", "batch"}
        Batch work waits until nothing interactive does.
    key : IdempotencyKey or None
        By which the client would ask for the same job again.
    origin : Origin
        Where the request came from, for the audit trail.
    authority : Authority or None
        What the user must still have when the job is accepted; None for the service itself.
    """

    user: User
    priority: Priority = "interactive"
    key: IdempotencyKey | None = None
    origin: Origin = THIS_PROCESS
    authority: Authority | None = None


Make = Callable[[Transaction, str], NewJob | Job]
"""From the transaction and the new job's id to that job, or to the earlier one that will do.

It looks once more at what may have changed since it was checked.
"""


def accept(
    service: Service, by: Submission, make: Make, put_files: Callable[[str], None] | None = None
) -> Job:
    """Have a job wait its turn, unless it was accepted before.

    Parameters
    ----------
    put_files : callable, optional
        Takes the job's id and puts what it needs on disk, to stay.

    Returns
    -------
    Job
        The accepted job, or the earlier one of the same key; without its place in the queue.

    Raises
    ------
    KeyReused
        The key stood for another request.
    TooManyWaiting
        The user has as many jobs waiting as one may.
    TokenEnded, Forbidden, NotFound
        The user's token, role or level has gone since the request arrived.
    DomainError
        What ``make`` or ``put_files`` raised.
    """
    job_id = service.new_id()
    with write_as(service.database, by.authority, service.clock) as tx:
        earlier = find_job_of_key(tx, by.user.id, by.key, service.clock)
        if earlier is not None:
            return get_job(tx, earlier, placed=False)
        made = make(tx, job_id)
        if isinstance(made, Job):
            store_key(tx, by.user.id, by.key, made.id, service.clock)
            return made
        insert_job(tx, made, service.clock, service.settings.waiting_jobs_max)
        store_key(tx, by.user.id, by.key, job_id, service.clock)
        if put_files is not None:
            put_files(job_id)
        job = get_job(tx, job_id, placed=False)
    service.wake_runner()
    return job
