"""A job's log. Triggers in ``schema.sql`` write the entries; this module only reads them."""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Transaction
from storage.rows import all_rows, number


@dataclass(frozen=True)
class LogEntry:
    """A log entry and its time."""

    at: str
    message: str


def list_log(tx: Transaction, job_id: str, offset: int, limit: int) -> tuple[list[LogEntry], int]:
    """Return a page of a job's log, oldest entry first, and the number of entries."""
    rows = all_rows(tx, "list_job_log", job_id=job_id, offset=offset, limit=limit)
    entries = [LogEntry(row["at"], row["message"]) for row in rows]
    return entries, number(tx, "count_job_log", job_id=job_id)
