"""Notifications of job status changes, each sent once, after its transaction is committed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Literal

from lazy_dataclasses import dataclass
from storage.sqlite.clock import seconds_between


@dataclass(frozen=True)
class JobChange:
    """One status change of a job.

    Parameters
    ----------
    seconds : float or None
        ``started``: waiting time before the first attempt, else None. ``completed`` and ``failed``:
        duration of the last attempt, if any.
    error_code : str or None
        Error code of a ``failed`` job.
    """

    job_id: str
    run_type: str
    lane: str
    step: Literal["accepted", "started", "completed", "failed"]
    seconds: float | None = None
    error_code: str | None = None


def ending_change(row: sqlite3.Row) -> JobChange:
    """Return the change of a row that a statement which ends jobs returns."""
    seconds = None
    if row["started_at"] is not None:
        seconds = seconds_between(row["started_at"], row["completed_at"])
    job = (row["id"], row["run_type"], row["lane"])
    return JobChange(*job, row["status"], seconds, row["error_code"])


ChangeListener = Callable[[JobChange], None]


def ignore_change(change: JobChange) -> None:
    """Ignore a change: the listener of a database without watchers."""
