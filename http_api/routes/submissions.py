"""Submissions of jobs with their ``Idempotency-Key``, and the check that a job is completed.

Two requests are the same if their paths (with full ids) and the meaning of their bodies are: order
of keys, defaults and aliases make no difference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import request

from application.job_submission import Submission
from domain_errors import DomainError
from http_api.auth.access import authority, user
from http_api.auth.auditing import origin
from http_api.server.problems import InvalidRequest
from storage.errors import NotFound
from storage.jobs.jobs import Job, Priority, RunType
from storage.jobs.submission import IdempotencyKey


class JobNotCompleted(DomainError):
    """A result was requested of a job that isn't completed."""

    code = "job_not_completed"


def completed(job: Job, run_type: RunType) -> Job:
    """Return the job if it has this type and is completed.

    Raises
    ------
    NotFound, JobNotCompleted
        It has another type; or it isn't completed.
    """
    if job.run_type != run_type:
        raise NotFound(
            "Job {id} has `run_type` {actual}, not {wanted}.",
            id=job.id,
            actual=job.run_type,
            wanted=run_type,
        )
    if job.status != "completed":
        raise JobNotCompleted(
            "The job is {status}, so it has no rows{reason}",
            status=job.status,
            reason=f": {job.error_message}" if job.error_message else "",
        )
    return job


HEADER = "Idempotency-Key"
MAX_LENGTH = 255


def submission(
    priority: Priority,
    *parts: str,
    body: Mapping[str, Any] | None = None,
    file: Path | None = None,
    path: str | None = None,
) -> Submission:
    """Build the submission of this request; ``parts``, body and file identify it for its key."""
    meaning = json.dumps(body, sort_keys=True)
    key = _idempotency_key(
        request.path if path is None else path, priority, meaning, *parts, file=file
    )
    return Submission(user(), priority, key, origin(), authority())


def _idempotency_key(path: str, *parts: str, file: Path | None = None) -> IdempotencyKey | None:
    """Return the request's key with the digest of the request, or None.

    Raises
    ------
    InvalidRequest
        The key is empty, too long or not printable ASCII.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (0 < len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
        raise InvalidRequest(
            "{header} must have 1 to {maximum} printable ASCII characters.",
            loc=("header", HEADER),
            header=HEADER,
            maximum=MAX_LENGTH,
        )
    digest = hashlib.sha256()
    for part in (path.rstrip("/"), *parts):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    if file is not None:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return IdempotencyKey(key, digest.hexdigest())
