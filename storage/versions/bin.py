"""The bin: deleted refs and datasets, until they are restored, deleted for good, or expire.

A prune retains what is in the bin. An entry that was deleted for good stays until the prune that
deletes its data.
"""

from __future__ import annotations

import sqlite3
from typing import Annotated, Literal

from contract.answers import Hidden
from contract.declarations import Help
from contract.words import Level
from lazy_dataclasses import dataclass
from storage.accounts.datasets import remove_dataset
from storage.accounts.users import User
from storage.errors import NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import first, number, page, run, statement
from storage.versions.refs import delete_ref, get_ref, kind_of_ref, output_name_of

Kind = Literal["dataset", "sample", "query", "version"]
KINDS_HELP = "`dataset`, `sample`, `query` or `version`."
NAME_HELP = "The name of the sample, the saved query, the version or the dataset."


@dataclass(frozen=True)
class BinEntry:
    """A deleted ref or dataset, with the viewer's level in the dataset.

    ``ref_name``, ``commit_id`` and ``purpose`` are None for a dataset.
    """

    id: int
    dataset_id: int
    dataset_name: str
    ref_name: str | None
    commit_id: str | None
    purpose: Annotated[str | None, Help("The commit's message.")]
    job_id: Annotated[str | None, Help("The job that made the commit.")]
    deleted_by: str
    deleted_at: str
    level: Hidden[Level | None]

    @property
    def kind(self) -> Annotated[Kind, Help(KINDS_HELP)]:
        """The name of the deleted object."""
        return "dataset" if self.ref_name is None else kind_of_ref(self.ref_name)

    @property
    def name(self) -> Annotated[str, Help(NAME_HELP)]:
        """The name of the dataset, the sample, the saved query or the version."""
        return self.dataset_name if self.ref_name is None else output_name_of(self.ref_name)


def bin_ref(tx: Transaction, dataset_id: int, name: str, user: User, clock: Clock) -> int:
    """Delete a ref and return the id of its entry; raise as :func:`delete_ref`."""
    ref = get_ref(tx, dataset_id, name)
    delete_ref(tx, dataset_id, name, clock)
    return _insert(tx, dataset_id, name, ref.commit_id, user, clock)


def bin_dataset(tx: Transaction, dataset_id: int, user: User, clock: Clock) -> int:
    """Remove a dataset and return the id of its entry; raise as :func:`remove_dataset`."""
    remove_dataset(tx, dataset_id, clock)
    return _insert(tx, dataset_id, None, None, user, clock)


def _insert(
    tx: Transaction,
    dataset_id: int,
    name: str | None,
    commit_id: str | None,
    user: User,
    clock: Clock,
) -> int:
    ref = {"dataset_id": dataset_id, "ref_name": name, "commit_id": commit_id}
    return number(tx, "insert_bin_entry", **ref, deleted_by=user.id, now=timestamp(clock()))


_OF_DATASET = "bin.dataset_id = :dataset_id"
_SHOWN = "(level = 'admin' OR (level IS NOT NULL AND ref_name IS NOT NULL))"


def list_bin(
    tx: Transaction,
    viewer: User,
    since: str,
    *,
    dataset_id: int | None = None,
    offset: int,
    limit: int,
) -> tuple[list[BinEntry], int]:
    """Return a page of the entries since a time, newest first, and their number.

    A user sees the refs of visible datasets, and the deleted datasets in which they are admin.
    """
    conditions = [] if dataset_id is None else [_OF_DATASET]
    if not viewer.is_admin:
        conditions.append(_SHOWN)
    where = "".join(f" AND {condition}" for condition in conditions)
    params = {"user_id": viewer.id, "since": since, "dataset_id": dataset_id}
    rows, total = page(tx, "list_bin", offset, limit, {"where": where}, **params)
    return [_entry(row, viewer) for row in rows], total


def get_bin_entry(tx: Transaction, entry_id: int, viewer: User, since: str) -> BinEntry:
    """Return an entry since a time that the viewer can see; else raise NotFound."""
    where = " AND bin.id = :id" + ("" if viewer.is_admin else f" AND {_SHOWN}")
    sql = statement("list_bin", where=where)
    row = tx.execute(sql, {"user_id": viewer.id, "since": since, "id": entry_id}).fetchone()
    if row is None:
        raise NotFound("The bin has no entry {id}. It may have expired.", id=str(entry_id))
    return _entry(row, viewer)


def is_binned(tx: Transaction, dataset_id: int, commit_id: str | None, since: str) -> bool:
    """Return whether a deleted ref of a commit can still be restored."""
    entry = first(tx, "binned_commit", dataset_id=dataset_id, commit_id=commit_id, since=since)
    return entry is not None


def delete_bin_entry(tx: Transaction, entry_id: int) -> None:
    """Delete the entry of an object that was restored."""
    run(tx, "delete_bin_entry", id=entry_id)


def purge_bin_entry(tx: Transaction, entry_id: int, clock: Clock) -> None:
    """Release an entry to the next prune."""
    run(tx, "purge_bin_entry", id=entry_id, now=timestamp(clock()))


def _entry(row: sqlite3.Row, viewer: User) -> BinEntry:
    values = dict(row)
    if viewer.is_admin:
        values["level"] = "admin"
    return BinEntry(**values)
