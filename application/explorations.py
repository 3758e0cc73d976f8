"""Submitting explorations: SQL queries, reports and row diffs of tables."""

from __future__ import annotations

import math
from typing import Any

from application.job_submission import (
    Submission,
    named_ref,
    request_digest,
    reserve_output,
    submit,
)
from contract.requests.exploring import CompareToRequest, ExplorationRequest
from lazy_dataclasses import dataclass
from profiling_engine.comparison.row_diff import resolve_keys
from service.service import Service
from service.sql_joins import resolve_joins
from service.sql_queries import query_tables, sandbox_of
from service.tables.chosen_keys import choose_row_key
from service.tables.open_tables import OpenTable, named_by, open_commit, open_requested, open_table
from storage.accounts.datasets import DatasetRecord
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import QUERY, REPORT, ROW_DIFF, values_read
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction
from storage.versions.manifests import get_commit
from storage.versions.refs import QUERY_PREFIX


def _other(service: Service, dataset_id: int, other: CompareToRequest) -> OpenTable:
    """Open the table to compare with; NotFound has the location of ``compare_to``."""
    with named_by("compare_to"):
        return open_table(service, dataset_id, other.source_ref, other.table_key)


def _recorded(other: CompareToRequest, table: OpenTable) -> dict[str, str]:
    """The JSON that a job records: with the table's commit."""
    return {"ref": other.source_ref, "table_key": table.key, "commit_id": table.commit_id}


def submit_report(
    service: Service, by: Submission, dataset: DatasetRecord, request: ExplorationRequest
) -> JobRecord:
    """Fix the commits of a report's tables; NotFound lists the valid refs and tables."""
    source = open_requested(service, dataset.id, request.source_ref, request.table_key)
    parameters: dict[str, Any] = {"source_ref": request.source_ref, "table_key": source.key}
    if request.compare_to is not None:
        other = _other(service, dataset.id, request.compare_to)
        parameters["compare_to"] = _recorded(request.compare_to, other)
    size = values_read(source.files.row_count, len(source.files.columns))
    new = by.new_job(service, REPORT, dataset, source.commit_id, parameters, size)
    return submit(service, by, new, _require_other)


@dataclass(frozen=True)
class CheckedContent:
    """The contents of a job's future table, checked against its sources.

    ``recorded`` are its run parameters; ``requested`` distinguishes it from other requests.
    """

    commit_id: str
    size: float
    recorded: dict[str, Any]
    requested: dict[str, Any]
    message: str


def _checked_query(
    service: Service, dataset_id: int, request: ExplorationRequest
) -> CheckedContent:
    """Check a statement; DomainError if it is refused."""
    with named_by("source_ref"), service.database.read() as tx:
        commit = open_commit(tx, dataset_id, request.source_ref)
    if request.table_key is not None:
        with named_by("table_key"):
            commit.manifest.table(request.table_key)
    sql = request.sql or ""
    joined = resolve_joins(service, dataset_id, commit, request.with_tables)
    with query_tables(service, commit, joined, sql) as tables:
        sandbox_of(service).check(sql, tables)
    further = {"with_tables": list(request.with_tables), "joined": joined} if joined else {}
    return CheckedContent(
        commit_id=commit.id,
        size=math.inf,
        recorded={"sql": sql, "table_key": request.table_key, **further},
        requested={"sql": sql, "commit_id": commit.id, **further},
        message=f"Query of {request.source_ref}",
    )


def _checked_row_diff(
    service: Service, dataset_id: int, request: ExplorationRequest, compare_to: CompareToRequest
) -> CheckedContent:
    """Check the tables and the keys of a row diff; DomainError if one doesn't exist."""
    base = open_requested(service, dataset_id, request.source_ref, request.table_key)
    other = _other(service, dataset_id, compare_to)
    key = choose_row_key(
        service, dataset_id, (base, other), request.keys, request.duplicates, ("keys",)
    )
    keys = resolve_keys(base.files, other.files, key.columns)
    rows = base.files.row_count + other.files.row_count
    return CheckedContent(
        commit_id=base.commit_id,
        size=values_read(rows, len(base.files.columns)),
        recorded={
            "table_key": base.key,
            "compare_to": _recorded(compare_to, other),
            "keys": [key.name for key in keys],
            "duplicates": key.duplicates,
        },
        requested={
            "compare_to": {"ref": compare_to.source_ref, "table_key": compare_to.table_key},
            "keys": list(key.columns),
            "duplicates": key.duplicates,
            "commit_ids": [base.commit_id, other.commit_id],
        },
        message=f"Changes from {request.source_ref} to {compare_to.source_ref}",
    )


def submit_table(
    service: Service, by: Submission, dataset: DatasetRecord, request: ExplorationRequest
) -> JobRecord:
    """Check what a table will hold, fix its source commit and submit the job that makes it.

    The table has the rows of a SELECT, or those that were added, removed or changed.

    Returns
    -------
    Job
        The new job, or the earlier job of an equal request with the same output name.

    Raises
    ------
    DomainError
        A ref, a table or a column doesn't exist, the statement is refused, or the name is in use.
    """
    output_ref = named_ref(QUERY_PREFIX, request.output_name)
    if request.compare_to is None:
        kind, checked = QUERY, _checked_query(service, dataset.id, request)
    else:
        kind = ROW_DIFF
        checked = _checked_row_diff(service, dataset.id, request, request.compare_to)
    meaning = {
        **checked.requested,
        "source_ref": request.source_ref,
        "table_key": request.table_key,
        "output_name": request.output_name,
        "commit_message": request.commit_message,
    }
    parameters = {
        **checked.recorded,
        "source_ref": request.source_ref,
        "output_ref": output_ref,
        "commit_message": request.commit_message or checked.message,
        "request_digest": request_digest(meaning),
    }
    new = by.new_job(service, kind, dataset, checked.commit_id, parameters, checked.size)
    return submit(service, by, new, _settle_table)


def _settle_table(tx: Transaction, new: NewJob) -> NewJob | JobRecord:
    return reserve_output(tx, _require_other(tx, new))


def _require_other(tx: Transaction, new: NewJob) -> NewJob:
    """Require the commit of ``compare_to``, which may have been pruned meanwhile."""
    if (other := new.run_parameters.get("compare_to")) is not None:
        get_commit(tx, new.dataset_id, other["commit_id"])
    return new
