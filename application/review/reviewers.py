"""The reviewers of a sample: users who get its queue, whatever their level in its dataset."""

from __future__ import annotations

from collections.abc import Sequence

from application.access import Caller
from application.administration.grantees import find_member
from application.audit.findings import require_not_deleted
from storage.accounts.users import User
from storage.audit.engagements import require_not_closed
from storage.audit.reviewing import Reviewer, add_reviewer, list_reviewers, remove_reviewer
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction


def reviewers_of(by: Caller, job: JobRecord) -> list[Reviewer]:
    """Return the reviewers of a sample, for those who may change them."""
    by.dataset(job.dataset_id, "write")
    with by.service.database.read() as tx:
        return list_reviewers(tx, job.id)


def invite(by: Caller, job: JobRecord, names: Sequence[str]) -> list[Reviewer]:
    """Make users reviewers of a sample, by their names; return all reviewers.

    Raises
    ------
    NotFound
        There is no such user.
    SampleDeleted
        The sample was deleted.
    """
    by.dataset(job.dataset_id, "write")
    with by.writing() as tx:
        require_not_deleted(tx, job)
        people = [find_member(tx, name, "reviewers", place) for place, name in enumerate(names)]
        add_reviewers(tx, by, job, people)
        return list_reviewers(tx, job.id)


def end_reviewer(by: Caller, job: JobRecord, name: str) -> list[Reviewer]:
    """Remove a reviewer of a sample; the person's entries stay. Return the others.

    Raises
    ------
    NotFound
        The user is no reviewer of the sample.
    """
    by.dataset(job.dataset_id, "write")
    with by.writing() as tx:
        require_not_closed(tx, job.id)
        user = find_member(tx, name, "reviewer")
        if not remove_reviewer(tx, job.id, user.id):
            raise NotFound(
                '"{name}" is no reviewer of the sample.', loc=("body", "reviewer"), name=user.soeid
            )
        by.audit_of_job(tx, "reviewer_removed", job, soeid=user.soeid)
        return list_reviewers(tx, job.id)


def add_reviewers(tx: Transaction, by: Caller, job: JobRecord, people: Sequence[User]) -> None:
    """Make users reviewers of a sample; those who are it already stay so."""
    for user in people:
        if add_reviewer(tx, job.id, user.id, by.user.id, by.service.clock):
            by.audit_of_job(tx, "reviewer_added", job, soeid=user.soeid)
