"""Jobs as JSON: the fields of the guide and more."""

from __future__ import annotations

from contract.jobs import Status
from lazy_dataclasses import dataclass
from storage.jobs.jobs import JobRecord


@dataclass(frozen=True)
class JobAccepted:
    """The answer to a request that creates a job."""

    job_id: str
    status: Status
    message: str


def accepted(job: JobRecord, message: str) -> JobAccepted:
    """The answer of a request that created this job."""
    return JobAccepted(job.id, job.status, message)
