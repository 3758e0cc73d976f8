"""Counts of pending and running jobs, for the metrics."""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Transaction
from storage.jobs import Lane
from storage.rows import all_rows


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
        OpenJobs(
            run_type=row["run_type"],
            lane=row["lane"],
            waits=row["status"] == "pending",
            jobs=row["jobs"],
            oldest=row["oldest"],
        )
        for row in all_rows(tx, "open_jobs_by_type")
    ]
