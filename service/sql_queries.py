"""Users' SQL on a commit: its tables for the sandbox, the limits, and immediate results."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from contract.requests.exploring import SelectRequest
from lazy_dataclasses import dataclass
from parquet_tables.names import folded
from service.service import Service
from service.sql_joins import JoinedJson, joined_tables, resolve_joins, stored_table
from service.tables.open_tables import PRIMARY, open_commit
from sql_sandbox.request import Limits, SourceTable
from sql_sandbox.sandbox import Sandbox
from sql_sandbox.statement import FUNCTIONS as ALLOWED_FUNCTIONS
from storage.versions.manifests import Commit

DATA = "data"
"""An alias of the table ``primary``."""
FUNCTIONS = frozenset(name for name in ALLOWED_FUNCTIONS if re.fullmatch(r"[a-z]\w*", name))
"""Names of the functions that a statement may call; operators aren't called by name."""


def sandbox_of(service: Service) -> Sandbox:
    """The sandbox with the limits of the settings."""
    settings = service.settings
    limits = Limits(
        memory_mb=settings.sql_memory_mb,
        spill_mb=settings.sql_spill_max_mb,
        threads=settings.duckdb_threads or os.cpu_count() or 1,
        rows=settings.sql_rows_max,
        result_mb=settings.sql_result_max_mb,
        keep_free_mb=settings.min_free_mb,
    )
    return Sandbox(limits, service.directory.scratch_dir, service.attached)


def source_tables(service: Service, commit: Commit) -> tuple[SourceTable, ...]:
    """A commit's tables by name; ``primary`` also as ``data``, unless another table has that key.

    ``primary`` is a SQL keyword, so a statement would have to quote it. The drawn rows are also the
    table ``sample``, as recorded queries have it. Raises DamagedData if a data file is missing or
    its size has changed.
    """
    tables = [
        stored_table(service, table, key)
        for table in commit.manifest.tables
        for key in dict.fromkeys((table.name, table.key))
    ]
    if not any(folded(table.key) == DATA for table in tables):
        tables += [replace(table, key=DATA) for table in tables if table.key == PRIMARY]
    return tuple(tables)


@contextmanager
def query_tables(
    service: Service, commit: Commit, joined: Sequence[JoinedJson], sql: str
) -> Iterator[tuple[SourceTable, ...]]:
    """The tables of a query, which the block can read: a commit's and further ones."""
    with joined_tables(service, commit, joined, sql) as further:
        yield (*source_tables(service, commit), *further)


@dataclass(frozen=True)
class QueryRows:
    """The first rows of a query."""

    dataset_id: int
    commit_id: str
    data: list[dict[str, Any]]
    columns: list[str]
    types: list[str]
    has_more: bool
    notes: list[str]
    execution_time_seconds: float


def query_at_once(service: Service, dataset_id: int, request: SelectRequest) -> QueryRows:
    """Run a query without a job and a commit; SqlError if it is refused."""
    began = time.perf_counter()
    with service.database.read() as tx:
        commit = open_commit(tx, dataset_id, request.source_ref)
    joined = resolve_joins(service, dataset_id, commit, request.with_tables)
    timeout_s = service.settings.sql_preview_limit_s
    with query_tables(service, commit, joined, request.sql) as tables:
        result = sandbox_of(service).first_rows(request.sql, tables, request.limit, timeout_s)
    names = [column.name for column in result.shape.columns]
    return QueryRows(
        dataset_id,
        commit.id,
        [dict(zip(names, row, strict=True)) for row in result.rows],
        names,
        [column.type for column in result.shape.columns],
        result.has_more,
        list(result.shape.notes),
        round(time.perf_counter() - began, 3),
    )
