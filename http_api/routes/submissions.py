"""Jobs whose result is asked for.

Invariant: a result that isn't there yet, or never will be, is told with the job's status.

Who asks for a job and how, and the header ``Idempotency-Key`` on such requests.

A request is the same when its path and the meaning of its body are: the order of keys, defaults
that are given or left out, and aliases make no difference. Where an id in a path may be shortened,
the path with the whole id counts.
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
    """The present request as one for a job; the others are those of its key."""
    meaning = json.dumps(body, sort_keys=True)
    key = _idempotency_key(
        request.path if path is None else path, priority, meaning, *parts, file=file
    )
    return Submission(user(), priority, key, origin(), authority())


def _idempotency_key(path: str, *parts: str, file: Path | None = None) -> IdempotencyKey | None:
    """The request's key with what it stands for; None when it has none.

    Parameters
    ----------
    path : str
        The request's, with whole ids.
    parts : str
        What the body says.
    file : Path or None
        An uploaded file, whose content belongs to the request.

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
