"""Permission levels of users in a dataset, which always has a user with level ``admin``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from storage.database import Transaction
from storage.datasets import Level
from storage.errors import Conflict, NotFound
from storage.rows import all_rows, first, number, run


@dataclass(frozen=True)
class Permission:
    """A user's permission level in a dataset."""

    user_id: int
    user_soeid: str
    level: Level


def list_permissions(tx: Transaction, dataset_id: int) -> list[Permission]:
    """Return the permissions in a dataset, by SOEID."""
    rows = all_rows(tx, "list_permissions", dataset_id=dataset_id)
    return [
        Permission(row["user_id"], row["user_soeid"], cast(Level, row["level"])) for row in rows
    ]


def put_permission(tx: Transaction, dataset_id: int, user_id: int, level: Level) -> None:
    """Set a user's level; it replaces an earlier one."""
    run(tx, "put_permission", dataset_id=dataset_id, user_id=user_id, level=level)
    _require_admin(tx, dataset_id)


def delete_permission(tx: Transaction, dataset_id: int, user_id: int) -> None:
    """Delete a user's permission."""
    if first(tx, "delete_permission", dataset_id=dataset_id, user_id=user_id) is None:
        raise NotFound(f"User {user_id} has no permission in this dataset.")
    _require_admin(tx, dataset_id)


def _require_admin(tx: Transaction, dataset_id: int) -> None:
    """Raise Conflict if the dataset has no admin; the transaction is rolled back."""
    if not number(tx, "count_dataset_admins", dataset_id=dataset_id):
        raise Conflict("The dataset would be left without an admin. Make another user admin first.")
