"""The ref that a job's result gets by its ``output_name``.

A name is reserved from the submission of a job, so that no other job gets it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from storage.errors import Conflict
from storage.jobs.jobs import Job, job_with_output_ref
from storage.sqlite.database import Transaction
from storage.versions.refs import has_ref, parse_ref_name


def request_digest(parameters: Mapping[str, Any]) -> str:
    """The digest of a request's parameters and source commit; equal requests have the same."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()


def named_ref(prefix: str, output_name: str) -> str:
    """The ref of an ``output_name``.

    Raises
    ------
    InvalidValue
        The name can't be part of a ref.
    """
    return parse_ref_name(f"{prefix}-{output_name}", loc=("output_name",))


def earlier_job(tx: Transaction, dataset_id: int, name: str, digest: str) -> Job | None:
    """The earlier job of an equal request with this ref name, if there is one.

    Raises
    ------
    Conflict
        Another job or ref has the name.
    """
    taken = has_ref(tx, dataset_id, name)
    earlier = job_with_output_ref(tx, dataset_id, name)
    if earlier is not None and earlier.status == "completed" and not taken:
        earlier = None  # its ref was deleted since
    if earlier is not None and earlier.run_parameters["request_digest"] == digest:
        return earlier
    if earlier is not None or taken:
        raise Conflict(
            'There is a ref "{name}" already. Choose another `output_name`.',
            loc=("output_name",),
            name=name,
        )
    return None


def require_unpromised(tx: Transaction, dataset_id: int, name: str) -> None:
    """Refuse a name that is reserved for a waiting or running job.

    Raises
    ------
    Conflict
        Names the job.
    """
    job = job_with_output_ref(tx, dataset_id, name)
    if job is not None and job.status in ("pending", "running"):
        raise Conflict(
            'The result of job {job_id} will be named "{name}". Choose another name.',
            job_id=job.id,
            name=name,
        )


def require_free(tx: Transaction, dataset_id: int, name: str) -> None:
    """Refuse the retry of a failed job when another job or ref has the name of its result.

    Raises
    ------
    Conflict
        Names the ref.
    """
    if has_ref(tx, dataset_id, name) or job_with_output_ref(tx, dataset_id, name):
        raise Conflict(
            'There is a ref "{name}" by now. Make a new job with another `output_name`.', name=name
        )
