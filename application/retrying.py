"""When a failed job can be done again.

Owns: the one rule for it. Invariant: what a page offers is what a retry takes, unless something
changes between the two. Called by ``application.lifecycle``, in the transaction that makes the new
job, and by pages.
"""

from __future__ import annotations

from dataclasses import dataclass

from application.output_refs import require_free
from domain_errors import DomainError
from job_runner.service import Service
from job_runner.tables.open_tables import source_of
from storage.errors import Conflict
from storage.jobs.jobs import Job, latest_retry
from storage.sqlite.database import Transaction
from storage.versions.refs import get_ref


class FileGone(Conflict):
    """The file of an import that isn't kept any more, or never was."""

    def __init__(self) -> None:
        super().__init__(
            "The file of that import is gone, or could not be read as it is. Import a file again."
        )


@dataclass(frozen=True)
class Again:
    """What can be done about a failed job. ``done_as`` is the last job that did it again."""

    possible: bool
    done_as: str | None


def again(service: Service, tx: Transaction, job: Job) -> Again:
    """Whether a job can be done again, and whether it was."""
    if job.status != "failed":
        return Again(possible=False, done_as=None)
    done_as = latest_retry(tx, job.id)
    try:
        require_repeatable(service, tx, job)
    except DomainError:
        return Again(possible=False, done_as=done_as)
    return Again(possible=True, done_as=done_as)


def require_repeatable(service: Service, tx: Transaction, job: Job) -> None:
    """Refuse what can't be done again.

    Raises
    ------
    Conflict, NotFound
        It hasn't failed; its file is gone, or with another job; its ref or its source is gone; or
        the ref of its result is taken.
    """
    if job.status != "failed":
        raise Conflict(f"The job is {job.status}; only a failed one can be done again.")
    if job.run_type == "import":
        if (done_as := latest_retry(tx, job.id)) is not None:
            raise Conflict(f"The import is done again already, as job {done_as}.")
        get_ref(tx, job.dataset_id, job.run_parameters["ref"])
        if not service.directory.upload_path(job.id).exists():
            raise FileGone
        return
    source_of(job)
    if (name := job.run_parameters.get("output_ref")) is not None:
        require_free(tx, job.dataset_id, name)
