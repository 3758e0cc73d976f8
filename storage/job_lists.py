"""Lists of jobs: filters that combine, an exact total, a page.

Invariant: a list never tells of a job in a dataset that the viewer may not see.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from storage.database import Transaction
from storage.jobs import Job, job_of
from storage.queries import statement
from storage.users import User

Order = Literal["newest", "oldest"]
ORDERS: dict[str, str] = {"newest": "ORDER BY jobs.seq DESC", "oldest": "ORDER BY jobs.seq"}


@dataclass(frozen=True)
class JobFilters:
    """What a list is narrowed to; None doesn't narrow, several narrow together."""

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
    "user_soeid": "users.soeid = :user_soeid COLLATE NOCASE",
    "dataset_id": "jobs.dataset_id = :dataset_id",
    "run_type": "jobs.run_type = :run_type",
    "created_after": "jobs.created_at > :created_after",
    "created_before": "jobs.created_at < :created_before",
    "source_ref": "jobs.run_parameters ->> '$.source_ref' = :source_ref",
}

_VISIBLE = (
    "jobs.dataset_id IN (SELECT dataset_id FROM dataset_permissions WHERE user_id = :viewer_id)"
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
    """A page of the jobs that pass every filter, and how many do."""
    given = {
        field.name: value
        for field in fields(filters)
        if (value := getattr(filters, field.name)) is not None
    }
    conditions = ["datasets.removed_at IS NULL"]
    conditions += [text for name, text in _CONDITIONS.items() if name in given]
    for place, status in enumerate(given.pop("statuses", ())):
        given[f"status_{place}"] = status
    statuses = [f":{name}" for name in given if name.startswith("status_")]
    if statuses:
        conditions.append(f"jobs.status IN ({', '.join(statuses)})")
    if viewer.role_name != "admin":
        conditions.append(_VISIBLE)
    where = "WHERE " + " AND ".join(conditions)
    params = {**given, "viewer_id": viewer.id, "offset": offset, "limit": limit}
    listing = statement("list_jobs").format(where=where, order=ORDERS[order])
    rows = tx.execute(listing, params).fetchall()
    (total,) = tx.execute(statement("count_jobs").format(where=where), params).fetchone()
    return [job_of(row) for row in rows], total
