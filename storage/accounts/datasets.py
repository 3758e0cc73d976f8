"""Datasets, and the permission levels of users and groups in them.

The view ``dataset_access`` has each user's levels, those of groups included; the highest one
counts. A dataset always has the ref ``main`` and a user with level ``admin``. A user without a
level, who isn't an admin, can't see that it exists.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from itertools import count
from typing import Annotated, cast

from contract.answers import Named
from contract.declarations import Help
from contract.words import LEVELS, Level
from lazy_dataclasses import dataclass
from storage.accounts.users import User
from storage.errors import Conflict, NameTaken, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import (
    Records,
    all_rows,
    chosen_filters,
    first,
    json_text,
    number,
    only,
    page,
    required,
    run,
)
from storage.versions.refs import MAIN, create_ref

SORTS: dict[str, str] = {
    "name": "ORDER BY name COLLATE NOCASE, datasets.id",
    "-name": "ORDER BY name COLLATE NOCASE DESC, datasets.id DESC",
    "created_at": "ORDER BY datasets.id",
    "-created_at": "ORDER BY datasets.id DESC",
    "updated_at": "ORDER BY updated_at, datasets.id",
    "-updated_at": "ORDER BY updated_at DESC, datasets.id DESC",
}


@dataclass(frozen=True)
class DatasetRecord:
    """A dataset with a user's permission level; ``updated_at`` is of its texts and refs.

    With ``require_columns`` an import must have the columns of the version that it replaces.
    """

    id: int
    name: str
    description: str
    tags: tuple[str, ...]
    created_by: str
    created_at: str
    updated_at: str
    require_columns: Annotated[bool, Help("Whether imports that change columns are refused.")]
    level: Annotated[Level, Named("permission")]

    @property
    def dataset_id(self) -> Annotated[int, Help(None)]:
        """The id, by the name that other answers give it."""
        return self.id

    def allows(self, level: Level) -> bool:
        """Return whether the user's level includes ``level``."""
        return LEVELS.index(self.level) >= LEVELS.index(level)


@dataclass(frozen=True)
class DatasetFilters:
    """Filters of a dataset list, joined by AND; None doesn't filter."""

    q: str | None = None
    tag: str | None = None
    name: str | None = None


_CONDITIONS = {
    "q": "(instr(lower(name), lower(:q)) OR instr(lower(description), lower(:q)))",
    "tag": "EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)",
    "name": "name = :name COLLATE NOCASE",
}
_PERMITTED = "datasets.id IN (SELECT dataset_id FROM dataset_access WHERE user_id = :user_id)"


def create_dataset(
    tx: Transaction,
    creator: User,
    *,
    name: str,
    description: str,
    tags: Sequence[str],
    clock: Clock,
) -> DatasetRecord:
    """Create a dataset with an empty ``main``; raise Conflict for a second one of this name."""
    if _has_namesake(tx, creator, name, creator_id=creator.id):
        raise Conflict('You have a dataset named "{name}" already.', loc=("name",), name=name)
    now = clock()
    row = only(
        tx,
        "insert_dataset",
        name=name,
        description=description,
        tags=json_text(list(tags)),
        created_by=creator.id,
        now=timestamp(now),
    )
    dataset_id: int = row["id"]
    run(tx, "put_permission", dataset_id=dataset_id, user_id=creator.id, level="admin")
    create_ref(tx, dataset_id, MAIN, None, lambda: now)
    return get_dataset(tx, dataset_id, creator)


def get_dataset(tx: Transaction, dataset_id: int, viewer: User) -> DatasetRecord:
    """Return a dataset; raise the same NotFound if it doesn't exist or the viewer can't see it."""
    row = first(tx, "dataset_for", id=dataset_id, user_id=viewer.id)
    if row is None or (row["level"] is None and not viewer.is_admin):
        raise NotFound("Dataset {dataset} not found.", dataset=str(dataset_id))
    return _dataset(row, viewer)


def unwritable_datasets(tx: Transaction, user: User, ids: Sequence[int]) -> list[str]:
    """Return the names of those of some datasets in which a user can't write, by name.

    A viewer writes in none, an administrator in all. Deleted datasets don't count.
    """
    if user.is_admin:
        return []
    writer = None if user.role_name == "viewer" else user.id
    rows = all_rows(tx, "unwritable_datasets", ids=json.dumps(list(ids)), user_id=writer)
    return [row["name"] for row in rows]


def reads_all(tx: Transaction, user: User, ids: Collection[int]) -> bool:
    """Whether a user has a right in each of some datasets, also in deleted ones."""
    params = {"ids": json.dumps(list(ids)), "user_id": user.id}
    return user.is_admin or first(tx, "unreadable_datasets", **params) is None


def list_datasets(
    tx: Transaction,
    viewer: User,
    filters: DatasetFilters,
    *,
    sort: str = "-updated_at",
    offset: int,
    limit: int,
) -> tuple[list[DatasetRecord], int]:
    """Return a page of the datasets that the viewer can see, and their total."""
    params = chosen_filters(filters)
    conditions = ["datasets.removed_at IS NULL", *(_CONDITIONS[name] for name in params)]
    if not viewer.is_admin:
        conditions.append(_PERMITTED)
    fragments = {"where": "WHERE " + " AND ".join(conditions), "order": SORTS[sort]}
    rows, total = page(tx, "list_datasets", offset, limit, fragments, user_id=viewer.id, **params)
    return [_dataset(row, viewer) for row in rows], total


def change_dataset(
    tx: Transaction,
    dataset_id: int,
    viewer: User,
    *,
    name: str | None,
    description: str | None,
    tags: Sequence[str] | None,
    require_columns: bool | None = None,
    clock: Clock,
) -> list[str]:
    """Change fields of a dataset, and return their names; None leaves a field unchanged.

    Raises
    ------
    Conflict
        Its creator has another dataset of this name, which the viewer can see.
    """
    before = get_dataset(tx, dataset_id, viewer)
    fields = {
        "name": name,
        "description": description,
        "tags": None if tags is None else tuple(tags),
        "require_columns": require_columns,
    }
    changed = [name for name, value in fields.items() if value not in (None, getattr(before, name))]
    if not changed:
        return []
    if name is not None and _has_namesake(tx, viewer, name, dataset_id=dataset_id):
        raise Conflict('A dataset named "{name}" exists already.', loc=("name",), name=name)
    run(
        tx,
        "update_dataset",
        id=dataset_id,
        name=name,
        description=description,
        tags=None if tags is None else json_text(list(tags)),
        require_columns=require_columns,
        now=timestamp(clock()),
    ).fetchall()
    return changed


def remove_dataset(tx: Transaction, dataset_id: int, clock: Clock) -> None:
    """Mark a dataset as removed; raise Conflict if it has pending or running jobs."""
    open_jobs = number(tx, "count_open_jobs", dataset_id=dataset_id)
    if open_jobs:
        raise Conflict(
            "{jobs} jobs of this dataset wait or run. Wait until they have ended.", jobs=open_jobs
        )
    run(tx, "remove_dataset", id=dataset_id, now=timestamp(clock())).fetchall()


def restore_dataset(
    tx: Transaction, dataset_id: int, viewer: User, name: str | None, clock: Clock
) -> None:
    """Restore a removed dataset, under another name if one is given.

    Raises
    ------
    NameTaken
        Its creator has another dataset of this name, which the viewer can see.
    """
    row = only(tx, "restore_dataset", id=dataset_id, name=name, now=timestamp(clock()))
    restored: str = row["name"]
    if _has_namesake(tx, viewer, restored, dataset_id=dataset_id):
        names = (f"{restored} ({number})" for number in count(2))
        free = (new for new in names if not _has_namesake(tx, viewer, new, dataset_id=dataset_id))
        raise NameTaken(name=restored, suggestion=next(free))


def _has_namesake(
    tx: Transaction,
    viewer: User,
    name: str,
    *,
    creator_id: int | None = None,
    dataset_id: int | None = None,
) -> bool:
    """Return whether the creator has another dataset of this name that the viewer can see."""
    dataset = {"creator_id": creator_id, "id": dataset_id, "name": name}
    row = first(tx, "visible_namesake", viewer_id=viewer.id, sees_all=viewer.is_admin, **dataset)
    return row is not None


def _dataset(row: sqlite3.Row, viewer: User) -> DatasetRecord:
    level = "admin" if viewer.is_admin else row["level"]
    return DatasetRecord(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        tags=tuple(json.loads(row["tags"])),
        created_by=row["created_by_soeid"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        require_columns=bool(row["require_columns"]),
        level=cast(Level, level),
    )


@dataclass(frozen=True)
class Permission:
    """A user's permission level in a dataset."""

    user_id: int
    user_soeid: str
    level: Annotated[Level, Named("permission")]


def list_permissions(tx: Transaction, dataset_id: int) -> list[Permission]:
    """Return the permissions in a dataset, by SOEID."""
    return Records(Permission).all(tx, "list_permissions", dataset_id=dataset_id)


@dataclass(frozen=True)
class GroupPermission:
    """A group's permission level in a dataset."""

    group_id: int
    group_name: str
    level: Annotated[Level, Named("permission")]


def list_group_permissions(tx: Transaction, dataset_id: int) -> list[GroupPermission]:
    """Return the groups' permissions in a dataset, by name; everyone comes first."""
    return Records(GroupPermission).all(tx, "list_group_permissions", dataset_id=dataset_id)


def put_permission(tx: Transaction, dataset_id: int, user_id: int, level: Level) -> None:
    """Set a user's level; it replaces an earlier one."""
    run(tx, "put_permission", dataset_id=dataset_id, user_id=user_id, level=level)
    _require_admin(tx, dataset_id)


def put_group_permission(tx: Transaction, dataset_id: int, group_id: int, level: Level) -> None:
    """Set a group's level; it replaces an earlier one."""
    run(tx, "put_group_permission", dataset_id=dataset_id, group_id=group_id, level=level)
    _require_admin(tx, dataset_id)


def delete_permission(tx: Transaction, dataset_id: int, user_id: int) -> None:
    """Delete a user's permission."""
    missing = NotFound("User {user} has no permission in this dataset.", user=str(user_id))
    required(tx, "delete_permission", missing, dataset_id=dataset_id, user_id=user_id)
    _require_admin(tx, dataset_id)


def delete_group_permission(tx: Transaction, dataset_id: int, group_id: int) -> None:
    """Delete a group's permission."""
    missing = NotFound("Group {group} has no permission in this dataset.", group=str(group_id))
    required(tx, "delete_group_permission", missing, dataset_id=dataset_id, group_id=group_id)
    _require_admin(tx, dataset_id)


def _require_admin(tx: Transaction, dataset_id: int) -> None:
    """Raise Conflict if the dataset has no admin; the transaction is rolled back."""
    if not number(tx, "count_dataset_admins", dataset_id=dataset_id):
        raise Conflict("The dataset would be left without an admin. Make another user admin first.")
