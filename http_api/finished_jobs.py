"""Jobs whose result is asked for.

Invariant: a result that isn't there yet, or never will be, is told with the job's status.
"""

from __future__ import annotations

from domain_errors import DomainError
from storage.errors import NotFound
from storage.jobs import Job, RunType


class JobNotCompleted(DomainError):
    """The rows of a job that has none yet, or never will."""

    code = "job_not_completed"


def completed(job: Job, run_type: RunType) -> Job:
    """The job, if it is of this type and completed.

    Raises
    ------
    NotFound, JobNotCompleted
        It is of another type; or it isn't completed, with its status.
    """
    if job.run_type != run_type:
        raise NotFound(f"Job {job.id} is no {run_type} job but of type {job.run_type}.")
    if job.status != "completed":
        why = f": {job.error_message}" if job.error_message else ""
        raise JobNotCompleted(f"The job is {job.status}, so it has no rows{why}")
    return job
