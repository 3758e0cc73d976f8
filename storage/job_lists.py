"""Lists of jobs: filters that combine, an exact total, a page.

Invariant: a list never tells of a job in a dataset that the viewer may not see. A list costs about
the same among ten thousand jobs as among ten million: jobs that have ended are counted and found by
``storage.histories``, those that wait or run are few and looked through.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

from storage.database import Transaction
from storage.histories import Asked, EndedJobs
from storage.job_pages import Way, page
from storage.job_times import Span, spans_between
from storage.jobs import Job, jobs_by_seq
from storage.queries import statement
from storage.rows import all_rows
from storage.users import User

Order = Literal["newest", "oldest"]
ORDERS: tuple[Order, ...] = ("newest", "oldest")


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
    """A page of the jobs that pass every filter, and how many do."""
    listed = _listed(tx, viewer, filters)
    total = listed.total()
    low, high = (listed.spans[0][0], listed.spans[-1][1]) if listed.spans else (0, 0)
    seqs = page(Way(listed, low, high, order == "newest"), total, offset, limit)
    return jobs_by_seq(tx, seqs), total


@dataclass(frozen=True)
class _ListedJobs:
    """The jobs that pass the filters: those that have ended, and the seqs of the others."""

    ended: EndedJobs
    open_seqs: list[int]
    spans: list[Span]
    any_time: bool

    def total(self) -> int:
        if self.any_time:
            return self.ended.total() + len(self.open_seqs)
        return sum(self.ended.count(*span) for span in self.spans) + len(self.open_seqs)

    def count(self, low: int, high: int) -> int:
        ended = sum(self.ended.count(*span) for span in self._within(low, high))
        return ended + len(self._open(low, high))

    def seqs(self, low: int, high: int, most: int) -> list[int]:
        found = self._open(low, high)
        for span in self._within(low, high):
            found += self.ended.seqs(*span, most)
        return found[:most]

    def _open(self, low: int, high: int) -> list[int]:
        return self.open_seqs[
            bisect_right(self.open_seqs, low) : bisect_right(self.open_seqs, high)
        ]

    def _within(self, low: int, high: int) -> list[Span]:
        clipped = [(max(low, first), min(high, last)) for first, last in self.spans]
        return [(first, last) for first, last in clipped if first < last]


def _listed(tx: Transaction, viewer: User, filters: JobFilters) -> _ListedJobs:
    asked = Asked(
        datasets=_datasets(viewer, filters),
        dataset_id=filters.dataset_id,
        viewer_id=viewer.id,
        user_ids=_user_ids(tx, filters),
        run_type=filters.run_type,
        statuses=filters.statuses,
        source_ref=filters.source_ref,
    )
    return _ListedJobs(
        ended=EndedJobs(tx, asked),
        open_seqs=_open_seqs(tx, viewer, filters, asked),
        spans=spans_between(tx, filters.created_after, filters.created_before),
        any_time=filters.created_after is None and filters.created_before is None,
    )


def _user_ids(tx: Transaction, filters: JobFilters) -> list[int] | None:
    """Several for a soeid that one user had after the other; None when any user will do."""
    if filters.user_soeid is None:
        return None if filters.user_id is None else [filters.user_id]
    rows = all_rows(tx, "user_ids_of_soeid", soeid=filters.user_soeid)
    return [row["id"] for row in rows if filters.user_id in (None, row["id"])]


def _datasets(viewer: User, filters: JobFilters) -> str | None:
    """Which datasets' histories the list is about; None for all that haven't been removed."""
    visible = _visible(viewer, "history.dataset_id")
    if filters.dataset_id is not None:
        return f"history.dataset_id = :dataset_id AND {visible}"
    return None if viewer.role_name == "admin" else visible


def _visible(viewer: User, dataset_id: str) -> str:
    return (_PRESENT if viewer.role_name == "admin" else _PERMITTED).format(id=dataset_id)


def _open_seqs(tx: Transaction, viewer: User, filters: JobFilters, asked: Asked) -> list[int]:
    """Jobs that wait or run and pass the filters, in ascending order."""
    given = {name for name, value in vars(filters).items() if value is not None}
    if asked.user_ids is not None:
        given.add("user_ids")
    conditions = [_visible(viewer, "jobs.dataset_id")]
    conditions += [text for name, text in _CONDITIONS.items() if name in given]
    sql = statement("open_job_seqs").format(chosen=" AND ".join(conditions))
    times = {
        "created_after": filters.created_after,
        "created_before": filters.created_before,
    }
    rows = tx.execute(sql, {**asked.params, **times})
    return [row["seq"] for row in rows]
