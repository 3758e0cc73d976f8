"""Quotas of disk: what the data files of a user and of a dataset may take.

A user's files are those that the user stored first; a dataset's are those of its versions, samples,
uploaded values, attachments and issued papers, in the bin, too, until a prune removes them.
Attached tables take none.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from contract.declarations import Help
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from storage.sqlite.database import Database, Transaction
from storage.sqlite.queries import all_rows, first, run
from storage.versions.data_files import Adopt, DataFiles, StoredFile

MIB = 1024**2
Owner = Literal["user", "dataset"]


class QuotaExceeded(DomainError):
    """Files would exceed the quota of a user or of a dataset."""

    code = "quota_exceeded"


@dataclass(frozen=True)
class QuotaUse:
    """The bytes of data files of a user or a dataset, and their limit."""

    used_bytes: Annotated[int, Help("Bytes of the data files.")]
    limit_bytes: Annotated[int | None, Help("Null without a quota.")]
    own_mb: Annotated[
        int | None,
        Help("The quota that an administrator has set, in MiB; 0 is none, null is the setting."),
    ]

    @property
    def is_full(self) -> Annotated[bool, Help("Whether nothing more can be stored.")]:
        """Whether the limit is reached."""
        return self.limit_bytes is not None and self.used_bytes >= self.limit_bytes


@dataclass(frozen=True)
class _Limited:
    """A user or a dataset with a quota: its files and the limit of their sum."""

    owner: Owner
    files: Collection[str]
    used_bytes: int
    limit_bytes: int

    def require(self, coming: Mapping[str, int]) -> None:
        """Raise QuotaExceeded if files, by their SHA-256, don't fit, or nothing does."""
        new_bytes = sum(size for sha256, size in coming.items() if sha256 not in self.files)
        if self.used_bytes + new_bytes <= self.limit_bytes and (
            coming or self.used_bytes < self.limit_bytes
        ):
            return
        whose = "The dataset's" if self.owner == "dataset" else "Your"
        more = f" and {_mib(new_bytes)} MiB would be stored" if new_bytes else ""
        raise QuotaExceeded(
            "{whose} data files use {used} MiB of a quota of {limit} MiB{more}. Delete samples or "
            "versions, delete them from the bin, too, and let an administrator clean up the "
            "storage; or ask for a larger quota.",
            whose=whose,
            used=_mib(self.used_bytes),
            limit=_mib(self.limit_bytes),
            more=more,
        )


@dataclass(frozen=True)
class Quotas:
    """The quotas of a server.

    Parameters
    ----------
    user_mb, dataset_mb : int
        The quotas of users and datasets without one of their own, in MiB; 0 is none.
    """

    data_files: DataFiles
    user_mb: int
    dataset_mb: int

    def of_user(self, tx: Transaction, user_id: int) -> QuotaUse:
        """Measure the files that a user stored."""
        return self._use(tx, "user", user_id)

    def of_dataset(self, tx: Transaction, dataset_id: int) -> QuotaUse:
        """Measure the files of a dataset."""
        return self._use(tx, "dataset", dataset_id)

    def of_users(self, tx: Transaction) -> dict[int, QuotaUse]:
        """Measure the files of all users that stored any or have a quota of their own."""
        files: dict[int, list[str]] = defaultdict(list)
        for row in all_rows(tx, "files_of_users", user_id=None):
            files[row["user_id"]].append(row["sha256"])
        own = {row["user_id"]: row["size_mb"] for row in all_rows(tx, "own_quotas_of_users")}
        return {
            user_id: QuotaUse(
                self._sum(files.get(user_id, ())),
                self._limit("user", own.get(user_id)),
                own.get(user_id),
            )
            for user_id in sorted(files.keys() | own.keys())
        }

    def limits_of_datasets(self, tx: Transaction, ids: Iterable[int]) -> dict[int, int | None]:
        """Return the limits of datasets in bytes; None without one."""
        rows = all_rows(tx, "own_quotas_of_datasets")
        own = {row["dataset_id"]: row["size_mb"] for row in rows}
        return {one: self._limit("dataset", own.get(one)) for one in ids}

    def require_room(
        self, tx: Transaction, dataset_id: int, user_id: int, coming: Iterable[StoredFile] = ()
    ) -> None:
        """Require that files fit into the quotas; without files, that the quotas aren't full.

        Raises
        ------
        QuotaExceeded
            They don't.
        """
        sizes = {file.sha256: file.size_bytes for file in coming}
        for limited in self._limited(tx, dataset_id, user_id):
            limited.require(sizes)

    def measure(self, database: Database, dataset_id: int, user_id: int) -> None:
        """Measure the files of quotas before a write, whose transaction then waits for no disk."""
        with database.read() as tx:
            self._limited(tx, dataset_id, user_id)

    def room(self, tx: Transaction, dataset_id: int, user_id: int) -> Room:
        """Return the room for the files of one job."""
        return Room(self, dataset_id, user_id, self._limited(tx, dataset_id, user_id))

    def _limited(self, tx: Transaction, dataset_id: int, user_id: int) -> list[_Limited]:
        """The quotas that hold for a user in a dataset; files are read only if there are any."""
        owners: tuple[tuple[Owner, int], ...] = (("dataset", dataset_id), ("user", user_id))
        found = []
        for owner, owner_id in owners:
            limit = self._limit(owner, _own_mb(tx, owner, owner_id))
            if limit is not None:
                files = _files_of(tx, owner, owner_id)
                found.append(_Limited(owner, files, self._sum(files), limit))
        return found

    def _use(self, tx: Transaction, owner: Owner, owner_id: int) -> QuotaUse:
        own = _own_mb(tx, owner, owner_id)
        used = self._sum(_files_of(tx, owner, owner_id))
        return QuotaUse(used, self._limit(owner, own), own)

    def _limit(self, owner: Owner, own_mb: int | None) -> int | None:
        usual = self.user_mb if owner == "user" else self.dataset_mb
        return (usual if own_mb is None else own_mb) * MIB or None

    def _sum(self, files: Iterable[str]) -> int:
        return sum(map(self.data_files.size_of, files))


class Room:
    """The room that the quotas leave to one job, while it stores files."""

    def __init__(
        self, quotas: Quotas, dataset_id: int, user_id: int, limited: list[_Limited]
    ) -> None:
        self._quotas, self._limited = quotas, limited
        self._dataset_id, self._user_id = dataset_id, user_id
        self._stored: dict[str, StoredFile] = {}

    def within(self, adopt: Adopt) -> Adopt:
        """Return ``adopt`` with a check of each file, before the store has it."""
        if not self._limited:
            return adopt

        def adopt_within(written: Path, rows: int) -> StoredFile:
            with written.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            sizes = {stored.sha256: stored.size_bytes for stored in self._stored.values()}
            for limited in self._limited:
                limited.require({**sizes, sha256: written.stat().st_size})
            stored = adopt(written, rows)
            self._stored[stored.sha256] = stored
            return stored

        return adopt_within

    def check(self, tx: Transaction) -> None:
        """Require in the transaction of the commit that the files still fit."""
        if self._stored:
            self._quotas.require_room(
                tx, self._dataset_id, self._user_id, list(self._stored.values())
            )


def set_user_quota(tx: Transaction, user_id: int, size_mb: int | None) -> None:
    """Set a user's own quota; None lets the setting say it."""
    run(tx, "delete_quota_of_user", user_id=user_id)
    if size_mb is not None:
        run(tx, "put_quota_of_user", user_id=user_id, size_mb=size_mb)


def set_dataset_quota(tx: Transaction, dataset_id: int, size_mb: int | None) -> None:
    """Set a dataset's own quota; None lets the setting say it."""
    run(tx, "delete_quota_of_dataset", dataset_id=dataset_id)
    if size_mb is not None:
        run(tx, "put_quota_of_dataset", dataset_id=dataset_id, size_mb=size_mb)


def _own_mb(tx: Transaction, owner: Owner, owner_id: int) -> int | None:
    row = (
        first(tx, "quota_of_user", user_id=owner_id)
        if owner == "user"
        else first(tx, "quota_of_dataset", dataset_id=owner_id)
    )
    return None if row is None else int(row["size_mb"])


def _files_of(tx: Transaction, owner: Owner, owner_id: int) -> frozenset[str]:
    rows = (
        all_rows(tx, "files_of_users", user_id=owner_id)
        if owner == "user"
        else all_rows(tx, "files_of_dataset", dataset_id=owner_id)
    )
    return frozenset(row["sha256"] for row in rows)


def _mib(size_bytes: int) -> str:
    """A size in MiB with one decimal.

    >>> _mib(1_500_000), _mib(5 * 1024**3)
    ('1.4', '5,120.0')
    """
    return f"{size_bytes / MIB:,.1f}"
