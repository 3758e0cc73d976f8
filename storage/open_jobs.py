"""How many jobs wait and run at this moment."""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Transaction
from storage.jobs import Lane
from storage.rows import all_rows


@dataclass(frozen=True)
class OpenJobs:
    """Jobs of one type and lane that wait, or run; ``oldest`` is when the first was accepted."""

    run_type: str
    lane: Lane
    waits: bool
    jobs: int
    oldest: str


def count_open_jobs(tx: Transaction) -> list[OpenJobs]:
    """A count for each type and lane of which jobs wait, and for each of which jobs run."""
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
