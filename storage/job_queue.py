"""The queue: which job is next, and how a running one comes back into it.

Invariant: each lane is served apart from the other; in a lane interactive work goes before batch
work, users take turns, and a user's own jobs keep their order. Called by the runner and at start.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from storage.clock import Clock, seconds_between, timestamp
from storage.database import Transaction
from storage.errors import StaleJob
from storage.job_changes import JobChange, ending_change
from storage.jobs import Job, Lane, get_job
from storage.rows import all_rows, first, number, run

MOST_CRASHES = 3
"""A job that ran so many times when the process died may be what kills it."""

RETRY_DELAYS_S = (1, 5, 25, 125)
"""How long a job waits after its first, second … passing fault; after the last it fails."""


def has_waiting(tx: Transaction, lane: Lane) -> bool:
    """Whether a job waits in a lane, be it for a delay to end: else there is nothing to claim."""
    return bool(number(tx, "has_waiting", lane=lane))


def others_wait(tx: Transaction, job: Job, clock: Clock) -> bool:
    """Whether somebody else's job, whose delay is over, waits in the lane of a running one."""
    due = _due(clock())
    return bool(number(tx, "others_wait", lane=job.lane, user_id=job.user_id, **due))


def claim_next_job(tx: Transaction, clock: Clock, lane: Lane = "short") -> Job | None:
    """pending → running for the next job of a lane; None when none can start now."""
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
    """Between which moments a delay has to end for its job not to be due."""
    latest = now + timedelta(seconds=max(RETRY_DELAYS_S))
    return {"now": timestamp(now), "latest": timestamp(latest)}


def postpone_job(tx: Transaction, job: Job, why: str, clock: Clock) -> bool:
    """running → pending after a fault that may pass; False when it was tried often enough.

    Raises
    ------
    StaleJob
        The job has ended or runs again.
    """
    if job.attempt > len(RETRY_DELAYS_S):
        return False
    delay_s = RETRY_DELAYS_S[job.attempt - 1]
    done = first(
        tx,
        "postpone_job",
        id=job.id,
        attempt=job.attempt,
        progress_message=f"waits {delay_s} s and is tried again: {why}",
        not_before=timestamp(clock() + timedelta(seconds=delay_s)),
    )
    if done is None:
        raise StaleJob(f"Attempt {job.attempt} of job {job.id} isn't the running one any more.")
    return True


def next_due(tx: Transaction) -> datetime | None:
    """When the next postponed job may start; None when none is postponed."""
    row = first(tx, "next_due")
    return None if row is None or row["due"] is None else datetime.fromisoformat(row["due"])


def release_job(tx: Transaction, job: Job) -> bool:
    """running → pending when the service stops in good order; the attempt doesn't count.

    False when the attempt isn't the job's own any more.
    """
    return first(tx, "release_job", id=job.id, attempt=job.attempt) is not None


def move_to_long_lane(tx: Transaction, job: Job) -> bool:
    """running → pending in the long lane, for good: it took longer than short jobs may.

    False when the attempt isn't the job's own any more.
    """
    return first(tx, "move_to_long_lane", id=job.id, attempt=job.attempt) is not None


def recover_jobs(tx: Transaction, clock: Clock) -> tuple[int, int]:
    """At start: what ran when the process died waits again, unless that was the third time.

    Returns
    -------
    (int, int)
        How many wait again, and how many were given up.
    """
    given_up = all_rows(tx, "give_up_jobs", most_crashes=MOST_CRASHES, now=timestamp(clock()))
    # How long their last attempt ran isn't known: the process died at some moment of it.
    tx.changes += [replace(ending_change(row), seconds=None) for row in given_up]
    return len(all_rows(tx, "requeue_jobs")), len(given_up)


def needed_uploads(
    tx: Transaction, uploads: Iterable[str], codes: Iterable[str], *, ended_after: str
) -> set[str]:
    """Of some uploads, named for their jobs, those that a job needs or could be done again with.

    Parameters
    ----------
    codes : iterable of str
        Ends of a job that are worth another try.
    ended_after : str
        Jobs that ended before are not kept a file for.
    """
    rows = all_rows(
        tx,
        "needed_uploads",
        uploads=json.dumps(list(uploads)),
        codes=json.dumps(sorted(codes)),
        ended_after=ended_after,
    )
    return {row["id"] for row in rows}
