"""Submissions of jobs with their ``Idempotency-Key``, and the check that a job is completed.

Two requests are the same if their paths (with full ids) and the meaning of their bodies are: order
of keys, defaults and aliases make no difference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import request

from application.job_submission import Submission, idempotency_key
from contract.jobs import Priority, RunType
from domain_errors import DomainError
from http_api.access import caller
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord


class JobNotCompleted(DomainError):
    """A result was requested of a job that isn't completed."""

    code = "job_not_completed"


def completed(job: JobRecord, run_type: RunType) -> JobRecord:
    """Return the job if it has this type and is completed."""
    require_type(job, run_type)
    if job.status != "completed":
        raise JobNotCompleted(
            "The job is {status}, so it has no rows{reason}",
            status=job.status,
            reason=f": {job.error_message}" if job.error_message else "",
        )
    return job


def completed_sample(job_id: str) -> JobRecord:
    """Return a completed draw that the caller may read."""
    return completed(caller().job(job_id), "sampling")


def require_type(job: JobRecord, run_type: RunType) -> None:
    """Require a run type.

    Raises
    ------
    NotFound
        The job has another one.
    """
    if job.run_type != run_type:
        raise NotFound(
            "Job {id} has `run_type` {actual}, not {wanted}.",
            id=job.id,
            actual=job.run_type,
            wanted=run_type,
        )


HEADER = "Idempotency-Key"


def submission(
    priority: Priority,
    *parts: str,
    body: Mapping[str, Any] | None = None,
    file: Path | None = None,
    path: str | None = None,
) -> Submission:
    """Build the submission of this request; ``parts``, body and file identify it for its key."""
    meaning = json.dumps(body, sort_keys=True)
    key = idempotency_key(
        request.headers.get(HEADER), path or request.path, priority, meaning, *parts, file=file
    )
    return caller().submission(priority, key)
