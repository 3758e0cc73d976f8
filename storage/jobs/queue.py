"""The job queue: claim the next job, and return running jobs to the queue.

The lanes are independent. In a lane interactive jobs precede batch jobs, users take turns, and a
user's jobs start in the order of submission.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from lazy_dataclasses import dataclass
from storage.errors import StaleJob
from storage.jobs.changes import JobChange, ending_change
from storage.jobs.jobs import JobRecord, get_job
from storage.jobs.kinds import Lane
from storage.sqlite.clock import Clock, seconds_between, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import all_rows, first, number, required, run

MAX_CRASHES = 3
"""A job fails after this many crashes of the process: the job may cause them."""

RETRY_DELAYS_S = (1, 5, 25, 125)
"""Delays after a job's first, second … transient fault; after the last delay the job fails."""


def has_waiting(tx: Transaction, lane: Lane) -> bool:
    """Return whether a job waits in a lane, postponed ones included."""
    return bool(number(tx, "has_waiting", lane=lane))


def others_wait(tx: Transaction, job: JobRecord, clock: Clock) -> bool:
    """Return whether another user's job in the lane of ``job`` could start."""
    due = _due(clock())
    return bool(number(tx, "others_wait", lane=job.lane, user_id=job.user_id, **due))


def claim_next_job(tx: Transaction, clock: Clock, lane: Lane = "short") -> JobRecord | None:
    """pending → running for the next job of a lane; None if no job can start now."""
    now = clock()
    claimed = first(tx, "claim_job", lane=lane, **_due(now))
    if claimed is None:
        return None
    run(tx, "update_turn", lane=lane, user_id=claimed["user_id"], priority=claimed["priority"])
    job = get_job(tx, claimed["id"])
    waited = seconds_between(job.created_at, timestamp(now)) if job.attempt == 1 else None
    tx.changes.append(JobChange(job.id, job.run_type, job.lane, "started", waited))
    return job


def _due(now: datetime) -> dict[str, str]:
    """Return the range of times in which a delay ends if its job isn't due yet."""
    latest = now + timedelta(seconds=max(RETRY_DELAYS_S))
    return {"now": timestamp(now), "latest": timestamp(latest)}


def postpone_job(tx: Transaction, job: JobRecord, why: str, clock: Clock) -> bool:
    """running → pending after a transient fault; False after the last retry.

    Raise StaleJob if the job has ended or another attempt runs.
    """
    if job.attempt > len(RETRY_DELAYS_S):
        return False
    delay_s = RETRY_DELAYS_S[job.attempt - 1]
    required(
        tx,
        "postpone_job",
        StaleJob(job=job.id, attempt=job.attempt),
        id=job.id,
        attempt=job.attempt,
        progress_message=f"waits {delay_s} s and is tried again: {why}",
        not_before=timestamp(clock() + timedelta(seconds=delay_s)),
    )
    return True


def next_due(tx: Transaction) -> datetime | None:
    """Return when the next postponed job can start; None if no job is postponed."""
    row = first(tx, "next_due")
    return None if row is None or row["due"] is None else datetime.fromisoformat(row["due"])


def release_job(tx: Transaction, job: JobRecord) -> bool:
    """running → pending when the service shuts down; False if another attempt runs."""
    return first(tx, "release_job", id=job.id, attempt=job.attempt) is not None


def move_to_long_lane(tx: Transaction, job: JobRecord) -> bool:
    """running → pending in the long lane; False if another attempt runs."""
    return first(tx, "move_to_long_lane", id=job.id, attempt=job.attempt) is not None


def recover_jobs(tx: Transaction, clock: Clock) -> tuple[int, int]:
    """Requeue the jobs that ran when the process died; fail them after ``MAX_CRASHES``.

    Return the numbers of requeued and of failed jobs.
    """
    failed = all_rows(tx, "give_up_jobs", max_crashes=MAX_CRASHES, now=timestamp(clock()))
    # The duration of the last attempt is unknown: the process died at some time during it.
    tx.changes += [replace(ending_change(row), seconds=None) for row in failed]
    return len(all_rows(tx, "requeue_jobs")), len(failed)


def needed_uploads(
    tx: Transaction, uploads: Iterable[str], codes: Iterable[str], *, ended_after: str
) -> set[str]:
    """Return which uploads, named by job id, an open job or a possible retry needs.

    Worth a retry are jobs that failed with one of ``codes`` after ``ended_after``.
    """
    rows = all_rows(
        tx,
        "needed_uploads",
        uploads=json.dumps(list(uploads)),
        codes=json.dumps(sorted(codes)),
        ended_after=ended_after,
    )
    return {row["id"] for row in rows}


@dataclass(frozen=True)
class OpenJobs:
    """Pending or running jobs of a run type and lane; ``oldest`` is the first created_at."""

    run_type: str
    lane: Lane
    waits: bool
    jobs: int
    oldest: str


def count_open_jobs(tx: Transaction) -> list[OpenJobs]:
    """Count the pending and the running jobs of each run type and lane."""
    return [
        OpenJobs(run_type, lane, status == "pending", jobs, oldest)
        for run_type, lane, status, jobs, oldest in all_rows(tx, "open_jobs_by_type")
    ]
