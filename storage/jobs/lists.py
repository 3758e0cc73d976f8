"""Filtered lists of jobs, with exact totals."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from storage.accounts.users import User
from storage.jobs.jobs import Job, jobs_by_seq
from storage.sqlite.database import Transaction
from storage.sqlite.queries import page

Order = Literal["newest", "oldest"]
ORDERS: tuple[Order, ...] = ("newest", "oldest")


@dataclass(frozen=True)
class JobFilters:
    """Filters of a job list, joined by AND; None doesn't filter.

    ``user_soeid`` matches all users that ever had this SOEID.
    """

    user_id: int | None = None
    user_soeid: str | None = None
    dataset_id: int | None = None
    statuses: tuple[str, ...] | None = None
    run_type: str | None = None
    created_after: str | None = None
    created_before: str | None = None
    source_ref: str | None = None


_CONDITIONS = {
    "user_id": "jobs.user_id = :user_id",
    "user_soeid": "jobs.user_id IN (SELECT id FROM users WHERE soeid = :user_soeid COLLATE NOCASE)",
    "dataset_id": "jobs.dataset_id = :dataset_id",
    "statuses": "jobs.status IN (SELECT value FROM json_each(:statuses))",
    "run_type": "jobs.run_type = :run_type",
    "created_after": "jobs.created_at > :created_after",
    "created_before": "jobs.created_at < :created_before",
    "source_ref": "jobs.run_parameters ->> '$.source_ref' = :source_ref",
}
_NOT_REMOVED = "jobs.dataset_id NOT IN (SELECT id FROM datasets WHERE removed_at IS NOT NULL)"
_PERMITTED = (
    "jobs.dataset_id IN (SELECT datasets.id FROM dataset_permissions"
    " JOIN datasets ON datasets.id = dataset_id WHERE user_id = :viewer_id AND removed_at IS NULL)"
)


def list_jobs(
    tx: Transaction,
    viewer: User,
    filters: JobFilters,
    *,
    order: str = "newest",
    offset: int,
    limit: int,
) -> tuple[list[Job], int]:
    """Return a page of the visible jobs that match every filter, by time; and their total.

    Jobs of the same time are in order of submission.
    """
    given = {name: value for name, value in vars(filters).items() if value is not None}
    sees_all = viewer.role_name == "admin"
    fragments = {
        "index": _index(given, sees_all),
        "condition": " AND ".join(
            [_NOT_REMOVED if sees_all else _PERMITTED, *(_CONDITIONS[name] for name in given)]
        ),
        "order": "DESC" if order == "newest" else "ASC",
    }
    params = {**given, "viewer_id": viewer.id}
    if filters.statuses is not None:
        params["statuses"] = json.dumps(filters.statuses)
    rows, total = page(tx, "job_seqs", offset, limit, fragments, **params)
    return jobs_by_seq(tx, [row["seq"] for row in rows]), total


def _index(given: dict[str, Any], sees_all: bool) -> str:
    """Return the index with the fewest jobs; a viewer of few datasets reads only their jobs."""
    if "dataset_id" in given:
        return "jobs_listed_of_dataset"
    if "user_id" in given or "user_soeid" in given:
        return "jobs_listed_of_user"
    return "jobs_listed" if sees_all else "jobs_listed_of_dataset"
