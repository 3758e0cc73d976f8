"""Values of columns for the menus of a filter.

A column may be named as ``Sheet:column``, for another table than the one chosen.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from job_runner.open_tables import choose_key, open_commit, table_files
from job_runner.service import Service
from parquet_tables.tables import Column, TableFiles
from parquet_tables.values import frequent_values
from storage.commits import Commit
from storage.manifests import StoredTable

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
    """``samples`` (values by the name asked for) and what is to be known of each.

    Raises
    ------
    NotFound, UnknownColumn
        The ref, the table or a column isn't there; names the valid choices.
    """
    with service.database.read() as tx:
        commit = open_commit(tx, dataset_id, source_ref)
    key = choose_key(commit, table_key)
    samples: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for name in names:
        table, column = _table_and_column(service, commit, key, name)
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


def _table_and_column(
    service: Service, commit: Commit, key: str, name: str
) -> tuple[TableFiles, Column]:
    stored = commit.manifest.table(key)
    if not _has(stored, name) and ":" in name:
        for other in commit.manifest.tables:
            if name.startswith(f"{other.key}:"):
                rest = name.removeprefix(f"{other.key}:")
                table = table_files(service, other)
                return table, table.column(rest)
    table = table_files(service, stored)
    return table, table.column(name)


def _has(stored: StoredTable, name: str) -> bool:
    return any(column.name.lower() == name.lower() for column in stored.columns)
