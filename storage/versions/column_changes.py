"""The changes of tables' columns between a version and the one that replaces it.

The order of columns changes nothing that a request depends on, so it is reported but never refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from contract.columns import DataType
from contract.declarations import Help
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from storage.errors import ColumnsChanged
from storage.sqlite.database import Transaction
from storage.sqlite.queries import only
from storage.versions.manifests import StoredTable, get_commit
from storage.versions.refs import get_ref

MAX_NAMED = 5
"""Changes that an error names."""


@dataclass(frozen=True)
class TableShape:
    """A table's key, columns and rows; the rows are None if they aren't counted yet.

    A column of a preview without a value has the type "".
    """

    key: str
    columns: tuple[Column, ...]
    row_count: int | None

    @classmethod
    def of(cls, table: StoredTable) -> TableShape:
        """The shape of a stored table."""
        return cls(table.key, table.columns, table.row_count)


@dataclass(frozen=True)
class RetypedColumn:
    """A column with another type than before."""

    name: str
    type_before: str
    type: str

    @property
    def is_other(self) -> bool:
        """Whether a request can't rely on the column any more."""
        return not DataType(self.type).serves_as(self.type_before)


@dataclass(frozen=True)
class TableColumnChanges:
    """The changes of one table."""

    table_key: str
    row_count_before: Annotated[int | None, Help("Null for a new table.")]
    row_count: Annotated[
        int | None, Help("Null for a lost table, or if the preview didn't count them.")
    ]
    added: tuple[Column, ...]
    removed: tuple[Column, ...]
    retyped: tuple[RetypedColumn, ...]
    reordered: Annotated[bool, Help("Whether the columns of both stand in another order.")]

    @property
    def any(self) -> bool:
        """Whether columns were added, removed or have values of another kind."""
        return bool(self.added or self.removed or any(each.is_other for each in self.retyped))

    @property
    def lost(self) -> frozenset[str]:
        """The names, in lower case, on which a request can't rely any more."""
        still = {column.name.lower() for column in self.added}
        removed = {column.name.lower() for column in self.removed} - still
        return frozenset(removed | {each.name.lower() for each in self.retyped if each.is_other})

    def as_json(self) -> dict[str, Any]:
        """The changes as the summary of a job records them."""
        recorded = asdict(self)
        recorded["rows"] = recorded.pop("row_count")
        recorded["rows_before"] = recorded.pop("row_count_before")
        return recorded

    @classmethod
    def of_json(cls, recorded: Mapping[str, Any]) -> TableColumnChanges:
        """Read changes that a job recorded."""
        return cls(
            recorded["table_key"],
            recorded["rows_before"],
            recorded["rows"],
            tuple(Column(**column) for column in recorded["added"]),
            tuple(Column(**column) for column in recorded["removed"]),
            tuple(RetypedColumn(**column) for column in recorded["retyped"]),
            recorded["reordered"],
        )


def column_changes(
    before: Sequence[TableShape], now: Sequence[TableShape]
) -> tuple[TableColumnChanges, ...]:
    """Compare the tables of two versions, in the order of the new one; lost tables come last."""
    old, new = ({table.key: table for table in tables} for tables in (before, now))
    keys = [*new, *(key for key in old if key not in new)]
    return tuple(_changes(key, old.get(key), new.get(key)) for key in keys)


def _changes(key: str, before: TableShape | None, now: TableShape | None) -> TableColumnChanges:
    old = {column.name: column for column in (before.columns if before else ())}
    new = {column.name: column for column in (now.columns if now else ())}
    common = [name for name in new if name in old]
    return TableColumnChanges(
        table_key=key,
        row_count_before=before.row_count if before else None,
        row_count=now.row_count if now else None,
        added=tuple(column for name, column in new.items() if name not in old),
        removed=tuple(column for name, column in old.items() if name not in new),
        retyped=tuple(
            RetypedColumn(name, old[name].type, new[name].type)
            for name in common
            if new[name].type and new[name].type != old[name].type
        ),
        reordered=common != [name for name in old if name in new],
    )


def shapes_of_ref(tx: Transaction, dataset_id: int, ref: str) -> list[TableShape] | None:
    """Return the tables of a ref's version; None if it has no version yet."""
    commit_id = get_ref(tx, dataset_id, ref).commit_id
    if commit_id is None:
        return None
    return [TableShape.of(table) for table in get_commit(tx, dataset_id, commit_id).manifest.tables]


def checked_changes(
    tx: Transaction,
    dataset_id: int,
    ref: str,
    now: Sequence[TableShape],
    *,
    require_columns: bool,
) -> tuple[TableColumnChanges, ...] | None:
    """Compare tables with those of the ref that they shall replace; None if it has none.

    Raises
    ------
    ColumnsChanged
        Columns differ, and the request or the dataset requires the same.
    """
    before = shapes_of_ref(tx, dataset_id, ref)
    if before is None:
        return None
    changes = column_changes(before, now)
    if any(change.any for change in changes):
        if only(tx, "dataset_requires_columns", id=dataset_id)["require_columns"]:
            raise ColumnsChanged(ref, _named(changes), by_dataset=True)
        if require_columns:
            raise ColumnsChanged(ref, _named(changes), by_dataset=False)
    return changes


def _named(changes: Sequence[TableColumnChanges]) -> str:
    """The first changes as a text."""
    texts = []
    for change in changes:
        of = f" of {change.table_key}" if len(changes) > 1 else ""
        texts += [f'"{column.name}"{of} is missing' for column in change.removed]
        texts += [
            f'"{column.name}"{of} has type {column.type} instead of {column.type_before}'
            for column in change.retyped
            if column.is_other
        ]
        texts += [f'"{column.name}"{of} is new' for column in change.added]
    more = f", and {len(texts) - MAX_NAMED:,} more" if len(texts) > MAX_NAMED else ""
    return ", ".join(texts[:MAX_NAMED]) + more
