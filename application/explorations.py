"""Submitting explorations: SQL queries, reports and row diffs of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from application.job_submission import (
    Submission,
    named_ref,
    request_digest,
    reserve_output,
    submit,
)
from job_runner.lanes import LANE_OF_QUERIES, lane_of_profile
from job_runner.service import Service
from job_runner.sql_queries import sandbox_of, source_tables
from job_runner.tables.open_tables import OpenTable, open_commit, open_table
from job_runner.tables.row_diffs import resolve_keys
from storage.accounts.datasets import Dataset
from storage.errors import NotFound
from storage.jobs.jobs import Job
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction
from storage.versions.manifests import get_commit
from storage.versions.refs import QUERY_PREFIX


def submit_query(
    service: Service,
    by: Submission,
    dataset: Dataset,
    *,
    sql: str,
    source_ref: str = "main",
    table_key: str | None = None,
    output_name: str | None = None,
    commit_message: str | None = None,
) -> Job:
    """Check a SQL statement, fix its source commit and submit the job.

    Returns
    -------
    Job
        The new job, or the earlier job of an equal request with the same output name.

    Raises
    ------
    DomainError
        The ref or the table doesn't exist, the statement is refused, or the name is in use.
    """
    output_ref = named_ref(QUERY_PREFIX, output_name)
    with service.database.read() as tx:
        commit = open_commit(tx, dataset.id, source_ref)
    if table_key is not None:
        commit.manifest.table(table_key)
    sandbox_of(service).check(sql, source_tables(service, commit))
    request = {
        "sql": sql,
        "source_ref": source_ref,
        "table_key": table_key,
        "output_name": output_name,
        "commit_message": commit_message,
        "commit_id": commit.id,
    }
    parameters = {
        "source_ref": source_ref,
        "table_key": table_key,
        "sql": sql,
        "output_ref": output_ref,
        "commit_message": commit_message or f"Query of {source_ref}",
        "request_digest": request_digest(request),
    }
    new = by.new_job(service, "exploration", dataset, commit.id, parameters, LANE_OF_QUERIES)
    return submit(service, by, new, reserve_output)


@dataclass(frozen=True)
class CompareTo:
    """Another table of the same dataset."""

    ref: str
    table_key: str | None = None

    def open(self, service: Service, dataset_id: int) -> OpenTable:
        """Open the table; NotFound has the location of ``compare_to``."""
        try:
            return open_table(service, dataset_id, self.ref, self.table_key)
        except NotFound as error:
            error.loc = ("compare_to",)
            raise

    def recorded(self, table: OpenTable) -> dict[str, str]:
        """The JSON that a job records: with the table's commit."""
        return {"ref": self.ref, "table_key": table.key, "commit_id": table.commit_id}


def submit_report(
    service: Service,
    by: Submission,
    dataset: Dataset,
    *,
    source_ref: str = "main",
    table_key: str | None = None,
    compare_to: CompareTo | None = None,
) -> Job:
    """Fix the commits of a report's tables; NotFound lists the valid refs and tables."""
    source = open_table(service, dataset.id, source_ref, table_key)
    parameters: dict[str, Any] = {"source_ref": source_ref, "table_key": source.key}
    if compare_to is not None:
        parameters["compare_to"] = compare_to.recorded(compare_to.open(service, dataset.id))
    lane = lane_of_profile(source.files.row_count, len(source.files.columns))
    new = by.new_job(service, "exploration", dataset, source.commit_id, parameters, lane)
    return submit(service, by, new, _require_other)


def submit_row_diff(
    service: Service,
    by: Submission,
    dataset: Dataset,
    *,
    compare_to: CompareTo,
    keys: Sequence[str],
    source_ref: str = "main",
    table_key: str | None = None,
    output_name: str | None = None,
    commit_message: str | None = None,
) -> Job:
    """Check the keys of a diff from ``source_ref`` to ``compare_to`` and submit the job.

    Returns
    -------
    Job
        The new job, or the earlier job of an equal request with the same output name.

    Raises
    ------
    DomainError
        A ref, a table or a key column doesn't exist, or the name is in use.
    """
    output_ref = named_ref(QUERY_PREFIX, output_name)
    base = open_table(service, dataset.id, source_ref, table_key)
    other = compare_to.open(service, dataset.id)
    key_columns = resolve_keys(base.files, other.files, tuple(keys))
    request = {
        "compare_to": asdict(compare_to),
        "keys": list(keys),
        "source_ref": source_ref,
        "table_key": table_key,
        "output_name": output_name,
        "commit_message": commit_message,
        "commit_ids": [base.commit_id, other.commit_id],
    }
    parameters = {
        "source_ref": source_ref,
        "table_key": base.key,
        "compare_to": compare_to.recorded(other),
        "keys": [key.name for key in key_columns],
        "output_ref": output_ref,
        "commit_message": commit_message or f"Changes from {source_ref} to {compare_to.ref}",
        "request_digest": request_digest(request),
    }
    rows = base.files.row_count + other.files.row_count
    lane = lane_of_profile(rows, len(base.files.columns))
    new = by.new_job(service, "exploration", dataset, base.commit_id, parameters, lane)

    def settle(tx: Transaction, new: NewJob) -> NewJob | Job:
        return reserve_output(tx, _require_other(tx, new))

    return submit(service, by, new, settle)


def _require_other(tx: Transaction, new: NewJob) -> NewJob:
    """Require the commit of ``compare_to``, which may have been pruned meanwhile."""
    if (other := new.run_parameters.get("compare_to")) is not None:
        get_commit(tx, new.dataset_id, other["commit_id"])
    return new
