"""Frequent values of columns for the menus of a filter.

A name ``Sheet:column`` selects a column of another table.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from job_runner.service import Service
from job_runner.tables.open_tables import choose_key, open_commit, table_files
from parquet_tables.column_values import frequent_values
from storage.versions.manifests import Commit, StoredTable

DEFAULT_VALUES = 20


def column_values(
    service: Service,
    dataset_id: int,
    *,
    source_ref: str,
    table_key: str | None,
    names: list[str],
    most: int = DEFAULT_VALUES,
) -> dict[str, Any]:
    """``samples``, the values by requested name, and ``metadata`` of each.

    Raises
    ------
    NotFound, UnknownColumn
        The ref, the table or a column doesn't exist; lists those that do.
    """
    with service.database.read() as tx:
        commit = open_commit(tx, dataset_id, source_ref)
    key = _key(commit, table_key, names)
    samples: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for name in names:
        stored, own_name = _table_and_name(commit, key, name)
        table = table_files(service, stored)
        column = table.column(own_name)
        with service.parquet.cursor(table) as cursor:
            found = frequent_values(cursor, table, column, most)
        samples[name] = list(found.values)
        metadata[name] = {"type": column.type, **asdict(found)}
        del metadata[name]["values"]
    return {
        "dataset_id": dataset_id,
        "commit_id": commit.id,
        "table_key": key,
        "samples": samples,
        "metadata": metadata,
    }


def _key(commit: Commit, table_key: str | None, names: list[str]) -> str:
    """The table of names without a sheet; the first name's table if every name has a sheet."""
    sheets = [_sheet_of(commit, name) for name in names]
    if table_key is None and sheets[0] is not None and all(sheets):
        return sheets[0].key
    return choose_key(commit, table_key)


def _sheet_of(commit: Commit, name: str) -> StoredTable | None:
    """The table whose key and a colon start the name; the longest key of several."""
    found = [one for one in commit.manifest.tables if name.startswith(f"{one.key}:")]
    return max(found, key=lambda one: len(one.key), default=None)


def _table_and_name(commit: Commit, key: str, name: str) -> tuple[StoredTable, str]:
    """The table of a column and the column's name in it."""
    stored = commit.manifest.table(key)
    sheet = None if _has(stored, name) else _sheet_of(commit, name)
    return (stored, name) if sheet is None else (sheet, name.removeprefix(f"{sheet.key}:"))


def _has(stored: StoredTable, name: str) -> bool:
    return any(column.name.lower() == name.lower() for column in stored.columns)
