"""Open a table of a dataset from a ref and a table key."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from domain_errors import choices_sentence, located
from lazy_dataclasses import dataclass
from parquet_tables.rows import read_ordinals
from parquet_tables.tables import Int64s, TableFiles
from service.service import Service
from service.tables.attached_files import open_attached
from storage.errors import NotFound, Pruned
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction
from storage.versions.manifests import PRIMARY as PRIMARY
from storage.versions.manifests import SAMPLE as SAMPLE
from storage.versions.manifests import Commit, StoredTable, get_commit, shown_key
from storage.versions.refs import resolve

RESIDUAL = "residual"
RESULT = "result"
NO_ORDINALS: Int64s = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class OpenTable:
    """A table of a commit that can be read."""

    commit_id: str
    key: str
    files: TableFiles

    @property
    def name(self) -> str:
        """What surfaces call the table."""
        return shown_key(self.key, self.files.columns)


def source_of(job: JobRecord) -> str:
    """The commit that a job draws from or queries; Pruned if a prune removed it."""
    if job.source_commit_id is None:
        raise Pruned(
            "The source of job {job_id} was pruned, since no ref had reached its commit for the "
            "retention time.",
            job_id=job.id,
        )
    return job.source_commit_id


def version_of(job: JobRecord) -> str:
    """The version that a job's request named.

    It is the job's source, or the parent of the source if the draw excluded rows.
    """
    excluded = job.run_parameters.get("excluded")
    return source_of(job) if excluded is None else str(excluded["commit_id"])


def filters_of(job: JobRecord) -> dict[str, Any] | None:
    """The filters by an earlier version and earlier draws of a draw's request, if it has some."""
    found: dict[str, Any] | None = job.run_parameters.get("excluded", {}).get("filters")
    return found


def output_of(job: JobRecord) -> str:
    """The commit that a completed job made; Pruned if a prune removed it."""
    if job.output_commit_id is None:
        raise Pruned(
            "The result of job {job_id} was pruned, since no ref had named it for the retention "
            "time. Submit the same request for the same commit, and a draw with the same seeds, to "
            "compute it again.",
            job_id=job.id,
        )
    return job.output_commit_id


def open_commit(tx: Transaction, dataset_id: int, ref_or_commit: str) -> Commit:
    """The commit of a ref name, a commit id or its first digits."""
    return get_commit(tx, dataset_id, resolve(tx, dataset_id, ref_or_commit))


def choose_key(commit: Commit, key: str | None) -> str:
    """The requested table, else ``primary``, else the only one; NotFound lists the keys."""
    if key is not None:
        return commit.manifest.table(key).key
    keys = [table.name for table in commit.manifest.tables]
    if PRIMARY in keys or len(keys) == 1:
        return commit.manifest.table(PRIMARY if PRIMARY in keys else keys[0]).key
    raise NotFound("Name a table with `table_key`. {choices}", choices=choices_sentence("", keys))


def open_table(service: Service, dataset_id: int, ref_or_commit: str, key: str | None) -> OpenTable:
    """Open a table; NotFound lists the valid refs or keys."""
    with service.database.read() as tx:
        commit = open_commit(tx, dataset_id, ref_or_commit)
    chosen = choose_key(commit, key)
    return OpenTable(commit.id, chosen, table_files(service, commit.manifest.table(chosen)))


def named_by(*loc: str) -> AbstractContextManager[None]:
    """Give the location of a field to a NotFound about what it names."""
    return located(loc, NotFound)


def open_requested(
    service: Service, dataset_id: int, source_ref: str, table_key: str | None
) -> OpenTable:
    """Open the table that a body names; NotFound lists the valid refs or keys."""
    with named_by("source_ref"), service.database.read() as tx:
        commit = open_commit(tx, dataset_id, source_ref)
    with named_by("table_key"):
        return open_table(service, dataset_id, commit.id, choose_key(commit, table_key))


def open_source(service: Service, job: JobRecord) -> OpenTable:
    """Open the table that a job reads."""
    return open_table(service, job.dataset_id, source_of(job), job.run_parameters["table_key"])


def open_sample(service: Service, job: JobRecord) -> OpenTable:
    """Open the sample that a job drew."""
    return open_table(service, job.dataset_id, output_of(job), SAMPLE)


def table_files(service: Service, table: StoredTable) -> TableFiles:
    """A stored table with its deletion vector.

    Raises
    ------
    DamagedData
        A file of the store is missing or has changed.
    DomainError
        An attached file has changed or can't be read; see :func:`open_attached`.
    """
    require_files(service, table)
    if table.deletion_vector is None:
        return table.as_files(service.data_files, NO_ORDINALS)
    path = service.data_files.path(table.deletion_vector.sha256)
    with service.parquet.cursor() as cursor:
        return table.as_files(service.data_files, read_ordinals(cursor, path))


def require_files(service: Service, table: StoredTable) -> None:
    """Check the files of a table, and let DuckDB read those that are attached."""
    for file in table.stored_files:
        service.data_files.require_whole(file)
    open_attached(service, table)
