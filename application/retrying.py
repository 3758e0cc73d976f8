"""When a failed job can be retried.

One rule for pages, which offer a retry, and for :mod:`application.lifecycle`, which submits it.
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
    """The file of a failed import isn't stored."""

    def __init__(self) -> None:
        super().__init__(
            "The file of that import is gone, or could not be read as it is. Import a file again."
        )


@dataclass(frozen=True)
class Again:
    """Whether a failed job can be retried. ``done_as`` is the id of its latest retry."""

    possible: bool
    done_as: str | None


def again(service: Service, tx: Transaction, job: Job) -> Again:
    """Whether a job can be retried, and whether it was."""
    if job.status != "failed":
        return Again(possible=False, done_as=None)
    done_as = latest_retry(tx, job.id)
    try:
        require_repeatable(service, tx, job)
    except DomainError:
        return Again(possible=False, done_as=done_as)
    return Again(possible=True, done_as=done_as)


def require_repeatable(service: Service, tx: Transaction, job: Job) -> None:
    """Refuse the retry of a job that can't be retried.

    Raises
    ------
    Conflict, NotFound
        The job hasn't failed; its file, ref or source is gone; its file belongs to a retry; or the
        ref of its result is in use.
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
