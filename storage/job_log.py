"""What a job did, step by step.

The entries are written by triggers in ``schema.sql``; this module only reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Transaction
from storage.rows import all_rows, number


@dataclass(frozen=True)
class LogEntry:
    """One step, and when it was."""

    at: str
    message: str


def list_log(tx: Transaction, job_id: str, offset: int, limit: int) -> tuple[list[LogEntry], int]:
    """A page of a job's steps, oldest first, and how many there are."""
    rows = all_rows(tx, "list_job_log", job_id=job_id, offset=offset, limit=limit)
    return [LogEntry(row["at"], row["message"]) for row in rows], number(
        tx, "count_job_log", job_id=job_id
    )
