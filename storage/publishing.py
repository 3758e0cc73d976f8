"""Publishing a job's result: commit, ref and job in one transaction.

Invariant: a crash leaves all of it or none of it. The data files are durable before; if the
transaction never comes, no commit names them and the next start sweeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from storage.clock import Clock
from storage.commits import insert_commit
from storage.database import Database, Transaction
from storage.jobs import Job, complete_job, get_job
from storage.manifests import Manifest, StoredTable
from storage.refs import create_ref, get_ref, move_ref
from storage.rows import first


@dataclass(frozen=True)
class NewCommit:
    """What a job makes of its tables.

    Parameters
    ----------
    ref_name : str or None
        The ref that will name the commit; None leaves it to its job alone.
    parent_id : str or None
        The commit before it; None for "what the ref names by then", as an import wants it.
    new_ref : bool
        Whether the ref is made with the commit, rather than moved to it.
    """

    ref_name: str | None
    message: str
    tables: Sequence[StoredTable]
    parent_id: str | None = None
    new_ref: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a finished job leaves: a summary and, for some run types, a commit."""

    summary: dict[str, Any] = field(default_factory=dict)
    commit: NewCommit | None = None


def publish(database: Database, job: Job, outcome: Outcome, clock: Clock) -> str | None:
    """Complete a job with what it made; returns the id of its commit, if it made one.

    Raises
    ------
    StaleJob
        Another attempt or an end came first: nothing is published.
    Conflict, NotFound
        The ref to make is taken, or the ref to move is gone.
    """
    with database.write(sync="first") as tx:
        if outcome.commit is None:
            complete_job(tx, job, outcome.summary, None, clock)
            return None
        new = outcome.commit
        moved = None if new.new_ref or new.ref_name is None else new.ref_name
        head = None if moved is None else get_ref(tx, job.dataset_id, moved).commit_id
        manifest = Manifest(
            dataset_id=job.dataset_id,
            parent_id=new.parent_id or head,
            author=job.user_soeid,
            message=new.message,
            created_at=job.created_at,
            tables=tuple(new.tables),
        )
        commit = insert_commit(tx, job.user_id, manifest)
        if moved is not None:
            move_ref(tx, job.dataset_id, moved, expected=head, commit_id=commit.id, clock=clock)
        elif new.ref_name is not None:
            create_ref(tx, job.dataset_id, new.ref_name, commit.id, clock)
        summary = {
            **outcome.summary,
            "output_commit_id": commit.id,
            "output_ref": new.ref_name,
        }
        complete_job(tx, job, summary, commit.id, clock)
        return commit.id


def job_with_output(tx: Transaction, dataset_id: int, commit_id: str) -> Job | None:
    """The job that made a commit; None when it is gone."""
    row = first(tx, "job_with_output", dataset_id=dataset_id, commit_id=commit_id)
    return None if row is None else get_job(tx, row["id"])
