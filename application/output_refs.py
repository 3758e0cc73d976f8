"""The ref by which a job's result can be asked for by name.

Owns: when a name is free, and when the same request was accepted before. Invariant: a name that was
promised to one job is promised to no other, also while that job still waits.
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


def request_digest(asked: Mapping[str, Any]) -> str:
    """What tells whether two requests are the same; ``asked`` holds the source's commit, too."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def named_ref(prefix: str, output_name: str) -> str:
    """The ref of an ``output_name``.

    Raises
    ------
    InvalidValue
        It can't name a ref; says the rule.
    """
    return parse_ref_name(f"{prefix}-{output_name}", loc=("output_name",))


def earlier_job(tx: Transaction, dataset_id: int, name: str, digest: str) -> Job | None:
    """The job that was accepted before for the same request under this ref's name, if there is one.

    Raises
    ------
    Conflict
        The name is taken by something else.
    """
    taken = has_ref(tx, dataset_id, name)
    earlier = job_with_output_ref(tx, dataset_id, name)
    if earlier is not None and earlier.status == "completed" and not taken:
        earlier = None  # its ref was deleted since
    if earlier is not None and earlier.run_parameters["request_digest"] == digest:
        return earlier
    if earlier is not None or taken:
        raise Conflict(
            f'There is a ref "{name}" already. Choose another output_name.', loc=("output_name",)
        )
    return None


def require_unpromised(tx: Transaction, dataset_id: int, name: str) -> None:
    """Refuse to give a name away that the result of a waiting or running job is to have.

    Raises
    ------
    Conflict
        Says the job.
    """
    job = job_with_output_ref(tx, dataset_id, name)
    if job is not None and job.status in ("pending", "running"):
        raise Conflict(f'The result of job {job.id} will be named "{name}". Choose another name.')


def require_free(tx: Transaction, dataset_id: int, name: str) -> None:
    """Refuse to do a failed job again when its ref's name is another's by now.

    Raises
    ------
    Conflict
        Says the name.
    """
    if has_ref(tx, dataset_id, name) or job_with_output_ref(tx, dataset_id, name):
        raise Conflict(f'There is a ref "{name}" by now. Make a new job with another output_name.')
