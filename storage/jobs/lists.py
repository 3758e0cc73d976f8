"""Filtered lists of jobs with exact totals and pages, for any number of jobs.

The few open jobs are scanned. Ended jobs are counted by *histories*: counts for a dataset, user,
ref, run type and status that the triggers of ``schema.sql`` maintain.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise
from typing import Any, Literal, Protocol

from storage.accounts.users import User
from storage.jobs.jobs import RUN_TYPES, STATUSES, Job, jobs_by_seq
from storage.sqlite.database import Transaction
from storage.sqlite.queries import all_rows, number, statement

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


MAX_SCANNED = 1_000
"""At most this many items are read and dropped before a page; a larger offset uses counts."""


class SeqSource(Protocol):
    """A list of items, each at an ascending seq."""

    def count(self, low: int, high: int) -> int:
        """Return the number of items with a seq above ``low``, up to ``high``."""

    def seqs(self, low: int, high: int, limit: int) -> list[int]:
        """Return up to ``limit`` seqs above ``low``, up to ``high``, in any order."""


@dataclass(frozen=True)
class OrderedRange:
    """A range of a list, ascending or, for newest first, descending."""

    source: SeqSource
    low: int
    high: int
    newest_first: bool

    @property
    def length(self) -> int:
        """The number of seqs in the range, with or without items."""
        return self.high - self.low

    def count(self, start: int, end: int) -> int:
        """Return the number of items after ``start`` seqs, up to ``end`` seqs."""
        return self.source.count(*self._between(start, end))

    def seqs(self, start: int, end: int, limit: int) -> list[int]:
        """Return up to ``limit`` of these items' seqs, in any order."""
        return self.source.seqs(*self._between(start, end), limit)

    def _between(self, start: int, end: int) -> tuple[int, int]:
        if self.newest_first:
            return self.high - end, self.high - start
        return self.low + start, self.low + end


def read_page(ordered: OrderedRange, total: int, offset: int, limit: int) -> list[int]:
    """Return the seqs of the page at ``offset``, in order; ``total`` counts the range's items."""
    start, skipped = _skip(ordered, total, offset) if offset > MAX_SCANNED else (0, 0)
    needed = min(offset + limit, total) - skipped
    if needed <= offset - skipped:
        return []
    seqs = _first(ordered, start, needed, total - skipped)
    seqs.sort(reverse=ordered.newest_first)
    return seqs[offset - skipped : needed]


def _skip(ordered: OrderedRange, total: int, offset: int) -> tuple[int, int]:
    """Return a start with nearly, but at most, ``offset`` items before it, and their number."""
    start, skipped = 0, 0
    end, count_to_end = ordered.length, total
    if count_to_end <= offset:
        return end, count_to_end
    halve = False
    while offset - skipped > MAX_SCANNED and end - start > 1:
        # Alternate interpolation, for items at an even pace, with bisection, for bursts.
        share = 0.5 if halve else (offset - skipped - MAX_SCANNED / 2) / (count_to_end - skipped)
        guess = min(max(start + int((end - start) * share), start + 1), end - 1)
        count = skipped + ordered.count(start, guess)
        if count <= offset:
            start, skipped = guess, count
        else:
            end, count_to_end = guess, count
        halve = not halve
    return start, skipped


def _first(ordered: OrderedRange, start: int, needed: int, remaining: int) -> list[int]:
    """Return the first ``needed`` of the ``remaining`` items, and some more, in any order."""
    limit = 4 * needed + 100
    if remaining < limit // 2:
        return ordered.seqs(start, ordered.length, limit)
    too_low, high_enough = start, ordered.length
    guess = start + 2 * needed * (high_enough - start) // remaining + 1
    while True:
        seqs = ordered.seqs(start, min(guess, high_enough), limit)
        if len(seqs) == limit:
            high_enough = guess
            guess = (too_low + high_enough) // 2
        elif len(seqs) < needed and guess < high_enough:
            too_low = guess
            guess = min(start + 4 * (guess - start), (too_low + high_enough + 1) // 2)
        else:
            return seqs


SeqRange = tuple[int, int]
"""The seqs above the first number, up to the second. Between two steps of the clock the jobs are in
time order, so that binary search converts times to seqs."""


def seq_ranges_between(tx: Transaction, after: str | None, before: str | None) -> list[SeqRange]:
    """Return the ranges of jobs created after ``after`` and before ``before``; None: no bound.

    Returns
    -------
    list of SeqRange
        Non-empty, not adjacent, in ascending order.
    """
    newest = number(tx, "newest_seq")
    if after is None and before is None:
        return [(0, newest)]
    steps = [row["seq"] for row in all_rows(tx, "clock_steps")]
    ranges: list[SeqRange] = []
    for low, high in pairwise([0, *(step - 1 for step in steps), newest]):
        start = low if after is None else _last_before(tx, low, high, after, at_it=True)
        end = high if before is None else _last_before(tx, low, high, before, at_it=False)
        _append(ranges, (start, end))
    return ranges


def _last_before(tx: Transaction, low: int, high: int, moment: str, *, at_it: bool) -> int:
    """Return the last seq in a time-ordered range of a job created before, or at, a time."""
    params = {"low": low, "high": high, "moment": moment, "at_it": at_it}
    return number(tx, "last_seq_before", **params)


def _append(ranges: list[SeqRange], seq_range: SeqRange) -> None:
    if seq_range[0] >= seq_range[1]:
        return
    if ranges and ranges[-1][1] == seq_range[0]:
        ranges[-1] = (ranges[-1][0], seq_range[1])
    else:
        ranges.append(seq_range)


ENDED = ("completed", "failed")


class Level(IntEnum):
    """The scope of a history: all datasets, a dataset, a user there, or that user from a ref."""

    EVERYONE = 0
    DATASET = 1
    USER = 2
    FROM_REF = 3


# The index of each level's jobs, and the conditions on its leading columns. The plus removes the
# column's type affinity; with it SQLite would not use the index on the expression.
_INDEXES = {
    Level.EVERYONE: "jobs_ended",
    Level.DATASET: "jobs_ended_of_dataset",
    Level.USER: "jobs_ended_of_user",
    Level.FROM_REF: "jobs_ended_from_ref",
}
_COLUMNS = {
    Level.DATASET: "jobs.dataset_id = history.dataset_id",
    Level.USER: "jobs.user_id = history.user_id",
    Level.FROM_REF: "jobs.run_parameters ->> '$.source_ref' = +history.source_ref",
}
# In the key of a history, 0 and '' mean all datasets, all users and all refs. These conditions
# exclude the totals when a request has the user 0, who doesn't exist.
_NOT_TOTALS = {
    Level.DATASET: "history.dataset_id <> 0",
    Level.USER: "history.user_id <> 0",
    Level.FROM_REF: "history.source_ref <> ''",
}
_BLOCK_OF_HISTORY = " AND ".join(
    f"block.{column} = history.{column}"
    for column in ("dataset_id", "source_ref", "user_id", "run_type", "status")
)

# Histories of single run types and statuses, and those of all. Both use an index that has run type
# and status.
_SELECTED_KINDS = (
    "history.run_type IN (SELECT value FROM json_each(:run_types))"
    " AND history.status IN (SELECT value FROM json_each(:ended_statuses))"
)
_JOB_OF_KIND = "jobs.run_type = history.run_type AND jobs.status = history.status"
_ALL_KINDS = "history.run_type = ''"
_JOB_OF_SELECTED_KINDS = (
    "jobs.run_type IN (SELECT value FROM json_each(:run_types))"
    " AND jobs.status IN (SELECT value FROM json_each(:ended_statuses))"
)
_REMOVED = "(SELECT id FROM datasets WHERE removed_at IS NOT NULL)"


@dataclass(frozen=True)
class JobSelection:
    """The filters of a job list; None doesn't filter.

    Parameters
    ----------
    datasets : str or None
        A condition on ``history.dataset_id`` with the parameters ``dataset_id`` and ``viewer_id``;
        None for all datasets that aren't removed.
    """

    datasets: str | None
    dataset_id: int | None
    viewer_id: int
    user_ids: Sequence[int] | None
    run_type: str | None
    statuses: Sequence[str] | None
    source_ref: str | None

    @property
    def all_kinds(self) -> bool:
        """Whether the filters name neither a run type nor a status."""
        return self.run_type is None and self.statuses is None

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the statements."""
        statuses = STATUSES if self.statuses is None else self.statuses
        return {
            "dataset_id": self.dataset_id,
            "viewer_id": self.viewer_id,
            "user_ids": json.dumps(self.user_ids),
            "run_types": json.dumps([self.run_type] if self.run_type else RUN_TYPES),
            "statuses": json.dumps(statuses),
            "ended_statuses": json.dumps([status for status in statuses if status in ENDED]),
            "source_ref": self.source_ref,
        }


@dataclass(frozen=True)
class EndedJobs:
    """The ended jobs that match the filters of a list."""

    tx: Transaction
    selection: JobSelection

    def total(self) -> int:
        """Return their number."""
        return self._add_up("count_histories")

    def count(self, low: int, high: int) -> int:
        """Return the number of jobs with a seq above ``low``, up to ``high``."""
        return self._add_up("count_in_histories", low=low, high=high)

    def seqs(self, low: int, high: int, limit: int) -> list[int]:
        """Return up to ``limit`` seqs above ``low``, up to ``high``, in any order."""
        histories = self._histories(all_kinds=False)
        if histories.level is Level.EVERYONE:
            visible = f"{histories.job_condition} AND jobs.dataset_id NOT IN {_REMOVED}"
            histories = replace(histories, job_condition=visible)
        bounds = {"low": low, "high": high, "limit": limit}
        rows = self._run("seqs_in_histories", histories, bounds)
        return [row[0] for row in rows]

    def _add_up(self, name: str, **bounds: int) -> int:
        """Return a count; a count of all datasets excludes removed ones."""
        histories = self._histories(all_kinds=self.selection.all_kinds)
        ((count,),) = self._run(name, histories, bounds)
        if histories.level > Level.EVERYONE:
            return int(count)
        removed = self._histories_of(
            Level.DATASET, f"history.dataset_id IN {_REMOVED}", self.selection.all_kinds
        )
        ((hidden,),) = self._run(name, removed, bounds)
        return int(count - hidden)

    def _histories(self, *, all_kinds: bool) -> _Histories:
        """Return the histories that count each job once, at the level with the fewest."""
        datasets = self.selection.datasets or f"history.dataset_id NOT IN {_REMOVED}"
        if self.selection.source_ref is not None:
            return self._histories_of(Level.FROM_REF, datasets, all_kinds=False)
        if self.selection.user_ids is not None:
            return self._histories_of(Level.USER, datasets, all_kinds)
        if self.selection.datasets is not None:
            return self._histories_of(Level.DATASET, datasets, all_kinds)
        return self._histories_of(Level.EVERYONE, "history.dataset_id = 0", all_kinds)

    def _histories_of(self, level: Level, datasets: str, all_kinds: bool) -> _Histories:
        ref = "= :source_ref" if level is Level.FROM_REF else "= ''"
        condition = [
            datasets,
            f"history.source_ref {ref}",
            _ALL_KINDS if all_kinds else _SELECTED_KINDS,
        ]
        condition += [text for of, text in _NOT_TOTALS.items() if of <= level]
        if level < Level.USER:
            condition.append("history.user_id = 0")
        elif self.selection.user_ids is not None:
            condition.append("history.user_id IN (SELECT value FROM json_each(:user_ids))")
        job_condition = [
            "jobs.completed_at IS NOT NULL",
            _JOB_OF_SELECTED_KINDS if all_kinds else _JOB_OF_KIND,
            *(text for of, text in _COLUMNS.items() if of <= level),
        ]
        return _Histories(level, " AND ".join(condition), " AND ".join(job_condition))

    def _run(self, name: str, histories: _Histories, bounds: dict[str, int]) -> list[Any]:
        sql = statement(name).format(
            condition=histories.condition,
            job_of_history=histories.job_condition,
            index=f"INDEXED BY {_INDEXES[histories.level]}",
            block_of_history=_BLOCK_OF_HISTORY,
        )
        return self.tx.execute(sql, {**self.selection.params, **bounds}).fetchall()


@dataclass(frozen=True)
class _Histories:
    """Histories of one level: the SQL conditions on histories and on their jobs."""

    level: Level
    condition: str
    job_condition: str
