"""Declared row keys: the columns that identify a row of a table in every version of a dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence

from contract.words import Duplicates
from lazy_dataclasses import dataclass
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, first, json_text


@dataclass(frozen=True)
class DeclaredKey:
    """The row key of a table of a dataset, and who declared it."""

    dataset_id: int
    table_key: str
    columns: list[str]
    duplicates: Duplicates
    set_at: str
    set_by: int


@dataclass(frozen=True)
class NewRowKey:
    """A row key that an import declares."""

    table_key: str
    columns: Sequence[str]
    duplicates: Duplicates


_KEYS = Records(DeclaredKey, columns=json.loads)


def set_row_key(
    tx: Transaction,
    dataset_id: int,
    table_key: str,
    columns: Sequence[str],
    duplicates: Duplicates,
    user_id: int,
    clock: Clock,
) -> DeclaredKey:
    """Declare the row key of a table, in place of an earlier one."""
    return _KEYS.only(
        tx,
        "set_row_key",
        dataset_id=dataset_id,
        table_key=table_key,
        columns=json_text(list(columns)),
        duplicates=duplicates,
        set_at=timestamp(clock()),
        set_by=user_id,
    )


def row_key_of(tx: Transaction, dataset_id: int, table_key: str) -> DeclaredKey | None:
    """The declared row key of a table, by its stored key; None without one."""
    return _KEYS.first(tx, "row_key_of_table", dataset_id=dataset_id, table_key=table_key)


def delete_row_key(tx: Transaction, dataset_id: int, table_key: str) -> bool:
    """Delete a declared row key; False if there is none."""
    return first(tx, "delete_row_key", dataset_id=dataset_id, table_key=table_key) is not None
