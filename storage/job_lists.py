"""Filtered lists of jobs, with an exact total and pages.

A list has only jobs of datasets that the viewer can see. Its cost hardly grows with the number of
jobs: ``storage.histories`` counts ended jobs; the few open jobs are scanned.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

from storage.database import Transaction
from storage.histories import EndedJobs, JobSelection
from storage.job_pages import OrderedRange, read_page
from storage.job_times import SeqRange, seq_ranges_between
from storage.jobs import Job, jobs_by_seq
from storage.queries import statement
from storage.rows import all_rows
from storage.users import User

Order = Literal["newest", "oldest"]
ORDERS: tuple[Order, ...] = ("newest", "oldest")


@dataclass(frozen=True)
class JobFilters:
    """Filters of a job list, joined by AND; None doesn't filter."""

    user_id: int | None = None
    user_soeid: str | None = None
    dataset_id: int | None = None
    statuses: tuple[str, ...] | None = None
    run_type: str | None = None
    created_after: str | None = None
    created_before: str | None = None
    source_ref: str | None = None


_CONDITIONS = {
    "dataset_id": "jobs.dataset_id = :dataset_id",
    "user_ids": "jobs.user_id IN (SELECT value FROM json_each(:user_ids))",
    "statuses": "jobs.status IN (SELECT value FROM json_each(:statuses))",
    "run_type": "jobs.run_type IN (SELECT value FROM json_each(:run_types))",
    "created_after": "jobs.created_at > :created_after",
    "created_before": "jobs.created_at < :created_before",
    "source_ref": "jobs.run_parameters ->> '$.source_ref' = :source_ref",
}

_PRESENT = "NOT EXISTS (SELECT 1 FROM datasets WHERE id = {id} AND removed_at IS NOT NULL)"
_PERMITTED = (
    "{id} IN (SELECT datasets.id FROM dataset_permissions JOIN datasets ON datasets.id = dataset_id"
    " WHERE user_id = :viewer_id AND removed_at IS NULL)"
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
    """Return a page of the jobs that match every filter, and their total."""
    matching = _matching_jobs(tx, viewer, filters)
    total = matching.total()
    low, high = (matching.ranges[0][0], matching.ranges[-1][1]) if matching.ranges else (0, 0)
    seqs = read_page(OrderedRange(matching, low, high, order == "newest"), total, offset, limit)
    return jobs_by_seq(tx, seqs), total


@dataclass(frozen=True)
class _MatchingJobs:
    """The jobs that match the filters: the ended jobs, and the seqs of open jobs."""

    ended: EndedJobs
    open_seqs: list[int]
    ranges: list[SeqRange]
    has_all_times: bool

    def total(self) -> int:
        if self.has_all_times:
            return self.ended.total() + len(self.open_seqs)
        return sum(self.ended.count(*seq_range) for seq_range in self.ranges) + len(self.open_seqs)

    def count(self, low: int, high: int) -> int:
        ended = sum(self.ended.count(*seq_range) for seq_range in self._within(low, high))
        return ended + len(self._open(low, high))

    def seqs(self, low: int, high: int, limit: int) -> list[int]:
        seqs = self._open(low, high)
        for seq_range in self._within(low, high):
            seqs += self.ended.seqs(*seq_range, limit)
        return seqs[:limit]

    def _open(self, low: int, high: int) -> list[int]:
        return self.open_seqs[
            bisect_right(self.open_seqs, low) : bisect_right(self.open_seqs, high)
        ]

    def _within(self, low: int, high: int) -> list[SeqRange]:
        clipped = [(max(low, first), min(high, last)) for first, last in self.ranges]
        return [(first, last) for first, last in clipped if first < last]


def _matching_jobs(tx: Transaction, viewer: User, filters: JobFilters) -> _MatchingJobs:
    selection = JobSelection(
        datasets=_datasets(viewer, filters),
        dataset_id=filters.dataset_id,
        viewer_id=viewer.id,
        user_ids=_user_ids(tx, filters),
        run_type=filters.run_type,
        statuses=filters.statuses,
        source_ref=filters.source_ref,
    )
    return _MatchingJobs(
        ended=EndedJobs(tx, selection),
        open_seqs=_open_seqs(tx, viewer, filters, selection),
        ranges=seq_ranges_between(tx, filters.created_after, filters.created_before),
        has_all_times=filters.created_after is None and filters.created_before is None,
    )


def _user_ids(tx: Transaction, filters: JobFilters) -> list[int] | None:
    """Return the user ids of the filters, several for a reused SOEID; None for all users."""
    if filters.user_soeid is None:
        return None if filters.user_id is None else [filters.user_id]
    rows = all_rows(tx, "user_ids_of_soeid", soeid=filters.user_soeid)
    return [row["id"] for row in rows if filters.user_id in (None, row["id"])]


def _datasets(viewer: User, filters: JobFilters) -> str | None:
    """Return the condition on the histories' datasets; None for all that aren't removed."""
    visible = _visible(viewer, "history.dataset_id")
    if filters.dataset_id is not None:
        return f"history.dataset_id = :dataset_id AND {visible}"
    return None if viewer.role_name == "admin" else visible


def _visible(viewer: User, dataset_id: str) -> str:
    return (_PRESENT if viewer.role_name == "admin" else _PERMITTED).format(id=dataset_id)


def _open_seqs(
    tx: Transaction, viewer: User, filters: JobFilters, selection: JobSelection
) -> list[int]:
    """Return the seqs of open jobs that match the filters, in ascending order."""
    names = {name for name, value in vars(filters).items() if value is not None}
    if selection.user_ids is not None:
        names.add("user_ids")
    conditions = [_visible(viewer, "jobs.dataset_id")]
    conditions += [text for name, text in _CONDITIONS.items() if name in names]
    sql = statement("open_job_seqs").format(condition=" AND ".join(conditions))
    times = {
        "created_after": filters.created_after,
        "created_before": filters.created_before,
    }
    rows = tx.execute(sql, {**selection.params, **times})
    return [row["seq"] for row in rows]
