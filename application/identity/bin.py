"""Deleting refs and datasets into the bin, restoring them, and deleting them for good.

Each transaction checks the user's level in the dataset and writes the audit entry. The API uses it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Annotated, Literal

from application.access import Caller
from application.audit.review import may_undo_sign_offs, require_second_person
from application.job_submission import require_unreserved
from contract.declarations import Help
from contract.words import Level
from lazy_dataclasses import dataclass
from service.service import Service
from storage.accounts.authority import require_level, require_role
from storage.accounts.datasets import restore_dataset
from storage.accounts.users import User
from storage.audit.engagements import require_not_closed
from storage.audit.findings import signed_off_jobs
from storage.certificates.ledger import append_entry
from storage.errors import Conflict, NameTaken
from storage.jobs.jobs import get_job
from storage.jobs.panels import other_wave
from storage.sqlite.clock import timestamp
from storage.sqlite.database import Transaction
from storage.versions.bin import (
    BinEntry,
    bin_dataset,
    bin_ref,
    delete_bin_entry,
    get_bin_entry,
    purge_bin_entry,
)
from storage.versions.refs import (
    create_ref,
    is_movable,
    list_ref_names,
    named_ref,
    parse_version_name,
)


def binned_since(service: Service) -> str:
    """Return the time since which deleted objects are in the bin."""
    return timestamp(service.clock() - timedelta(days=service.settings.bin_days))


def expires_at(service: Service, entry: BinEntry) -> str:
    """Return the time at which an entry expires."""
    deleted_at = datetime.fromisoformat(entry.deleted_at)
    return timestamp(deleted_at + timedelta(days=service.settings.bin_days))


def delete_ref(by: Caller, dataset_id: int, name: str) -> BinEntry:
    """Put a ref into the bin.

    Raises
    ------
    Conflict, NotFound
        It is ``main``, or there is none of this name.
    Forbidden
        It is a sample that is signed off, and the user isn't a second person.
    """
    by.dataset(dataset_id, "write")
    with by.writing() as tx:
        entry_id = bin_ref(tx, dataset_id, name, by.user, by.service.clock)
        entry = get_bin_entry(tx, entry_id, by.user, binned_since(by.service))
        persons = require_second_person(tx, by.user, entry.level, _samples_of(tx, entry))
        by.audit(
            tx,
            "ref_deleted",
            dataset_id=dataset_id,
            about=("ref", name),
            commit_id=entry.commit_id,
            **persons,
        )
        _record_in_ledger(tx, by, entry, "deletion")
        return entry


def delete_dataset(by: Caller, dataset_id: int) -> BinEntry:
    """Put a dataset into the bin.

    Raises
    ------
    Conflict
        Jobs of it wait or run.
    Forbidden
        The user prepared a sample in it that is signed off.
    """
    dataset = by.dataset(dataset_id, "admin")
    with by.writing() as tx:
        entry_id = bin_dataset(tx, dataset_id, by.user, by.service.clock)
        entry = get_bin_entry(tx, entry_id, by.user, binned_since(by.service))
        persons = require_second_person(tx, by.user, entry.level, _samples_of(tx, entry))
        by.audit(tx, "dataset_removed", dataset_id=dataset_id, name=dataset.name, **persons)
        return entry


def restore(by: Caller, entry_id: int, name: str | None = None) -> BinEntry:
    """Take an object out of the bin, under another name if one is given.

    Raises
    ------
    NameTaken
        Another object has the name; the error suggests a free one.
    InvalidValue
        The name can't be that of a version, or is reserved for samples or saved queries.
    Conflict
        It is a wave that its panel has drawn again.
    EngagementClosed
        It is a sample of a sealed or archived engagement.
    NotFound, Forbidden
        The entry isn't visible or has expired; the user can't edit the dataset.
    """
    service = by.service
    with by.writing() as tx:
        user = by.user_in(tx)
        entry = get_bin_entry(tx, entry_id, user, binned_since(service))
        _require(tx, user, entry, "write")
        if entry.ref_name is None:
            restore_dataset(tx, entry.dataset_id, user, name, service.clock)
            by.audit(tx, "dataset_restored", dataset_id=entry.dataset_id, name=name)
        else:
            if entry.job_id is not None:
                require_not_closed(tx, entry.job_id)
            ref_name = entry.ref_name if name is None else named_ref(entry.ref_name, name)
            if name is not None and is_movable(entry.ref_name):
                parse_version_name(name, ("body", "name"))
            _restore_ref(tx, service, entry, ref_name)
            by.audit(
                tx,
                "ref_restored",
                dataset_id=entry.dataset_id,
                about=("ref", ref_name),
                commit_id=entry.commit_id,
            )
            _record_in_ledger(tx, by, entry, "restoration")
        delete_bin_entry(tx, entry.id)
        return entry


def _record_in_ledger(
    tx: Transaction, by: Caller, entry: BinEntry, kind: Literal["deletion", "restoration"]
) -> None:
    """Record that a sample was deleted or restored; other refs have no part in the ledger."""
    if entry.kind == "sample" and entry.job_id is not None:
        body = {"job_id": entry.job_id, "sample_commit_id": entry.commit_id}
        append_entry(tx, entry.dataset_id, kind, by.user.soeid, body, by.service.clock)


def _restore_ref(tx: Transaction, service: Service, entry: BinEntry, ref_name: str) -> None:
    taken = list_ref_names(tx, entry.dataset_id)
    if ref_name in taken:
        names = (f"{entry.name}-{number}" for number in count(2))
        free = (name for name in names if named_ref(ref_name, name) not in taken)
        raise NameTaken(name=entry.name, suggestion=next(free))
    require_unreserved(tx, entry.dataset_id, ref_name)
    wave = None if entry.job_id is None else other_wave(tx, entry.job_id)
    if wave is not None:
        raise Conflict(
            "The panel has drawn this wave again, as {name}: delete that sample first.",
            name=get_job(tx, wave, with_position=False).output_name,
        )
    create_ref(tx, entry.dataset_id, ref_name, entry.commit_id, service.clock)


def purge(by: Caller, entry_id: int) -> BinEntry:
    """Delete an object for good: the next prune deletes its data.

    Raises
    ------
    NotFound, Forbidden
        The entry isn't visible or has expired; the user isn't an admin of the dataset, or prepared
        a sample in it that is signed off.
    """
    service = by.service
    with by.writing() as tx:
        user = by.user_in(tx)
        entry = get_bin_entry(tx, entry_id, user, binned_since(service))
        _require(tx, user, entry, "admin")
        persons = require_second_person(tx, user, entry.level, _samples_of(tx, entry))
        purge_bin_entry(tx, entry.id, service.clock)
        by.audit(
            tx,
            "dataset_purged" if entry.ref_name is None else "ref_purged",
            dataset_id=entry.dataset_id,
            about=None if entry.ref_name is None else ("ref", entry.ref_name),
            commit_id=entry.commit_id,
            name=entry.name,
            **persons,
        )
        return entry


def _require(tx: Transaction, user: User, entry: BinEntry, level: Level) -> None:
    """Require a level in the dataset of a ref; a deleted dataset is visible to its admins only."""
    require_role(user, ("admin", "analyst"))
    if entry.ref_name is not None:
        require_level(tx, user, entry.dataset_id, level)


def _samples_of(tx: Transaction, entry: BinEntry) -> list[str]:
    """Return the ids of the jobs whose signed-off samples are deleted with an entry."""
    if entry.kind == "dataset":
        return signed_off_jobs(tx, entry.dataset_id)
    return [entry.job_id] if entry.kind == "sample" and entry.job_id is not None else []


@dataclass(frozen=True)
class ShownEntry(BinEntry):
    """An entry of the bin, with what the user may do."""

    expires_at: str
    may_restore: bool
    may_delete: Annotated[bool, Help("Whether I may delete it for good.")]


def shown_entry(by: Caller, entry: BinEntry) -> ShownEntry:
    """An entry, with what the user may do."""
    may_change = by.user.role_name != "viewer"
    with by.service.database.read() as tx:
        may_undo = may_undo_sign_offs(tx, by.user, entry.level, _samples_of(tx, entry))
    return ShownEntry(
        **vars(entry),
        expires_at=expires_at(by.service, entry),
        may_restore=may_change and entry.level in ("write", "admin"),
        may_delete=may_change and entry.level == "admin" and may_undo,
    )
