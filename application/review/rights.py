"""What a user may do in the queue of a sample, and errors that name no hidden row.

A reviewer has the queue of a sample and nothing else of its dataset. Such a caller is *blind*: rows
are named by their place in the queue, since the number of a row in its table may follow from a
hidden column by which the table is sorted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from application.access import Caller
from application.identity.named_rows import rows_named
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from storage.accounts.datasets import get_dataset
from storage.audit.reviewing import reviewed_jobs
from storage.errors import Forbidden, NotFound
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction

ROW_PARAMETERS = frozenset(("row_id", "replacement"))
"""The parameters of errors that are row ids, found by the place that the caller named."""


@dataclass(frozen=True)
class QueueRights:
    """What a user may do with a sample: read its dataset, write, answer as a reviewer."""

    sees_rows: bool
    may_write: bool
    is_reviewer: bool

    @property
    def may_answer(self) -> bool:
        """Whether the user gets rows of the queue."""
        return self.may_write or self.is_reviewer

    def require_answering(self) -> None:
        """Raise Forbidden for a user who only reads the dataset."""
        if not self.may_answer:
            raise Forbidden(
                "This requires the right write in the dataset, or to be a reviewer of the sample."
            )


def rights_in(tx: Transaction, by: Caller, job: JobRecord) -> QueueRights:
    """Return the caller's rights as they are in this transaction.

    Raises
    ------
    NotFound
        The caller is no reviewer of the sample, and can't see its dataset.
    """
    user = by.user_in(tx)
    level = None
    with suppress(NotFound):
        level = get_dataset(tx, job.dataset_id, user).level
    is_reviewer = job.id in reviewed_jobs(tx, user.id, job.id)
    if level is None and not is_reviewer:
        raise NotFound('Job "{job}" not found.', job=job.id)
    may_write = level in ("write", "admin") and user.role_name != "viewer"
    return QueueRights(level is not None, may_write, is_reviewer)


@contextmanager
def rows_called(
    by: Caller, job: JobRecord, rights: QueueRights, places: Mapping[str, str]
) -> Iterator[None]:
    """Name the rows in an error as the caller knows them; ``places`` are those in the queue."""
    if rights.sees_rows:
        with rows_named(by.service, job):
            yield
        return
    try:
        yield
    except DomainError as error:
        _call_rows(error, places)
        raise


def _call_rows(error: DomainError, places: Mapping[str, str]) -> None:
    """Put places for the row ids that the service found, and for no text that the caller sent.

    A caller who got the place of a row id that was guessed would know the row of each place.
    """
    for name in ROW_PARAMETERS & error.parameters.keys():
        error.parameters[name] = places.get(str(error.parameters[name]), "outside the queue")
    error.args = (error.message,)
    for cause in error.causes:
        _call_rows(cause, places)
