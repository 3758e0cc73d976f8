"""Filtered lists of jobs, with exact totals."""

from __future__ import annotations

from typing import Any

from contract.jobs import Order, RunType
from contract.words import REVIEW_ACTIONS, ListedReviewState, listed_state_after
from lazy_dataclasses import dataclass
from storage.accounts.users import User
from storage.audit.progress import REVIEWED_SAMPLES
from storage.jobs.jobs import JobRecord, jobs_by_seq
from storage.sqlite.database import Transaction
from storage.sqlite.queries import chosen_filters, json_text, statement


@dataclass(frozen=True)
class JobFilters:
    """Filters of a job list, joined by AND; None doesn't filter.

    ``user_soeid`` matches all users that ever had this SOEID. ``unresolved`` selects failures that
    nobody has retried or dismissed. ``review_state`` selects samples that are examined, by the
    state of their review.
    """

    user_id: int | None = None
    user_soeid: str | None = None
    dataset_id: int | None = None
    statuses: tuple[str, ...] | None = None
    run_type: RunType | None = None
    created_after: str | None = None
    created_before: str | None = None
    source_ref: str | None = None
    unresolved: bool = False
    review_state: ListedReviewState | None = None


_CONDITIONS = {
    "user_id": "jobs.user_id = :user_id",
    "user_soeid": "jobs.user_id IN (SELECT id FROM users WHERE soeid = :user_soeid COLLATE NOCASE)",
    "dataset_id": "jobs.dataset_id = :dataset_id",
    "status": "jobs.status = :status",
    "statuses": "jobs.status IN (SELECT value FROM json_each(:statuses))",
    "run_type": "jobs.run_type = :run_type",
    "created_after": "jobs.created_at > :created_after",
    "created_before": "jobs.created_at < :created_before",
    "source_ref": "jobs.run_parameters ->> '$.source_ref' = :source_ref",
    "review_actions": f"jobs.seq IN (SELECT job_seq FROM sample_progress WHERE {REVIEWED_SAMPLES})",
    # The condition of the index jobs_unresolved.
    "unresolved": "jobs.status = 'failed' AND jobs.error_code <> 'cancelled'"
    " AND jobs.dismissed_at IS NULL",
}
_REMOVED = "IN (SELECT id FROM datasets WHERE removed_at IS NOT NULL)"
_PERMITTED = (
    "IN (SELECT datasets.id FROM dataset_access"
    " JOIN datasets ON datasets.id = dataset_id WHERE user_id = :viewer_id AND removed_at IS NULL)"
)
"""The conditions on the id of a job's dataset."""
# The index for the most selective filter, then those of viewers without a filter.
_INDEXES = {
    "unresolved": "jobs_unresolved",
    "dataset_id": "jobs_listed_of_dataset",
    "user_id": "jobs_listed_of_user",
    "user_soeid": "jobs_listed_of_user",
    "viewer_id": "jobs_listed_of_dataset",
    "status": "jobs_listed_of_status",
}


def list_jobs(
    tx: Transaction,
    viewer: User,
    filters: JobFilters,
    *,
    order: Order = "newest",
    offset: int,
    limit: int,
) -> tuple[list[JobRecord], int]:
    """Return a page of the visible jobs that match every filter, by time; and their total.

    Jobs of the same time are in order of submission.
    """
    params = chosen_filters(filters)
    if (state := params.pop("review_state", None)) is not None:
        steps = (None, *REVIEW_ACTIONS)
        actions = [step or "" for step in steps if listed_state_after(step) == state]
        params["review_actions"] = json_text(actions)
    if filters.statuses is not None and len(filters.statuses) == 1:
        del params["statuses"]
        params["status"] = filters.statuses[0]
    conditions = [_CONDITIONS[name] for name in params]
    # SQLite tests a parameter once, and a column for each job.
    dataset_id = ":dataset_id" if "dataset_id" in params else "jobs.dataset_id"
    removed = f"{dataset_id} {_REMOVED}"
    if not viewer.is_admin:
        params["viewer_id"] = viewer.id
        conditions.append(f"{dataset_id} {_PERMITTED}")
    index = next((_INDEXES[name] for name in _INDEXES if name in params), "jobs_listed")
    total = _count(tx, index, conditions, params)
    if viewer.is_admin:  # faster than a test of each job
        index_of_removed = index if conditions else "jobs_listed_of_dataset"
        total -= _count(tx, index_of_removed, [*conditions, removed], params)
        conditions.append(f"NOT {removed}")
    page = statement(
        "job_seqs",
        index=index,
        condition=" AND ".join(conditions),
        order="DESC" if order == "newest" else "ASC",
    )
    rows = tx.execute(page, {**params, "offset": offset, "limit": limit})
    return jobs_by_seq(tx, [row["seq"] for row in rows]), total


def count_unresolved(tx: Transaction) -> int:
    """Return the number of failures in all datasets that nobody has retried or dismissed."""
    conditions = [_CONDITIONS["unresolved"], f"NOT jobs.dataset_id {_REMOVED}"]
    return _count(tx, _INDEXES["unresolved"], conditions, {})


def _count(tx: Transaction, index: str, conditions: list[str], params: dict[str, Any]) -> int:
    """Count the jobs; SQLite counts all jobs by the pages of an index that it chooses."""
    selected = f"INDEXED BY {index} WHERE {' AND '.join(conditions)}" if conditions else ""
    (count,) = tx.execute(statement("count_jobs", selected=selected), params).fetchone()
    return int(count)
