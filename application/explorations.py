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
from profiling_engine.comparison.row_diff import resolve_keys
from service.service import Service
from service.sql_queries import sandbox_of, source_tables
from service.tables.open_tables import OpenTable, open_commit, open_table
from storage.accounts.datasets import Dataset
from storage.errors import NotFound
from storage.jobs.jobs import Job, Lane
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction
from storage.versions.manifests import get_commit
from storage.versions.refs import QUERY_PREFIX


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


@dataclass(frozen=True)
class CheckedContent:
    """The contents of a job's future table, checked against its sources.

    ``recorded`` are its run parameters; ``requested`` distinguishes it from other requests.
    """

    commit_id: str
    lane: Lane
    recorded: dict[str, Any]
    requested: dict[str, Any]
    message: str


@dataclass(frozen=True)
class Query:
    """The rows of a SELECT."""

    sql: str

    def checked(
        self, service: Service, dataset_id: int, source_ref: str, table_key: str | None
    ) -> CheckedContent:
        """Check the statement; DomainError if it is refused."""
        with service.database.read() as tx:
            commit = open_commit(tx, dataset_id, source_ref)
        if table_key is not None:
            commit.manifest.table(table_key)
        sandbox_of(service).check(self.sql, source_tables(service, commit))
        return CheckedContent(
            commit_id=commit.id,
            lane=LANE_OF_QUERIES,
            recorded={"sql": self.sql, "table_key": table_key},
            requested={"sql": self.sql, "commit_id": commit.id},
            message=f"Query of {source_ref}",
        )


@dataclass(frozen=True)
class RowDiff:
    """The rows that were added, removed or changed up to ``compare_to``, by key columns."""

    compare_to: CompareTo
    keys: Sequence[str]

    def checked(
        self, service: Service, dataset_id: int, source_ref: str, table_key: str | None
    ) -> CheckedContent:
        """Check the tables and the keys; DomainError if one doesn't exist."""
        base = open_table(service, dataset_id, source_ref, table_key)
        other = self.compare_to.open(service, dataset_id)
        keys = resolve_keys(base.files, other.files, tuple(self.keys))
        rows = base.files.row_count + other.files.row_count
        return CheckedContent(
            commit_id=base.commit_id,
            lane=lane_of_profile(rows, len(base.files.columns)),
            recorded={
                "table_key": base.key,
                "compare_to": self.compare_to.recorded(other),
                "keys": [key.name for key in keys],
            },
            requested={
                "compare_to": asdict(self.compare_to),
                "keys": list(self.keys),
                "commit_ids": [base.commit_id, other.commit_id],
            },
            message=f"Changes from {source_ref} to {self.compare_to.ref}",
        )


def submit_table(
    service: Service,
    by: Submission,
    dataset: Dataset,
    content: Query | RowDiff,
    *,
    source_ref: str = "main",
    table_key: str | None = None,
    output_name: str | None = None,
    commit_message: str | None = None,
) -> Job:
    """Check what a table will hold, fix its source commit and submit the job that makes it.

    Returns
    -------
    Job
        The new job, or the earlier job of an equal request with the same output name.

    Raises
    ------
    DomainError
        A ref, a table or a column doesn't exist, the statement is refused, or the name is in use.
    """
    output_ref = named_ref(QUERY_PREFIX, output_name)
    checked = content.checked(service, dataset.id, source_ref, table_key)
    request = {
        **checked.requested,
        "source_ref": source_ref,
        "table_key": table_key,
        "output_name": output_name,
        "commit_message": commit_message,
    }
    parameters = {
        **checked.recorded,
        "source_ref": source_ref,
        "output_ref": output_ref,
        "commit_message": commit_message or checked.message,
        "request_digest": request_digest(request),
    }
    new = by.new_job(service, "exploration", dataset, checked.commit_id, parameters, checked.lane)
    return submit(service, by, new, _settle_table)


def _settle_table(tx: Transaction, new: NewJob) -> NewJob | Job:
    return reserve_output(tx, _require_other(tx, new))


def _require_other(tx: Transaction, new: NewJob) -> NewJob:
    """Require the commit of ``compare_to``, which may have been pruned meanwhile."""
    if (other := new.run_parameters.get("compare_to")) is not None:
        get_commit(tx, new.dataset_id, other["commit_id"])
    return new
