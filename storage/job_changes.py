"""What has become of a job, told to whoever counts or watches.

Owns: the one shape of such news. Invariant: a change is told once, after the transaction that made
it was committed, and one that was rolled back is never told. ``storage.new_jobs``, ``storage.jobs``
and ``storage.job_queue`` note the changes beside the statements that make them;
``storage.database`` tells them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from storage.clock import seconds_between


@dataclass(frozen=True)
class JobChange:
    """One step in a job's life.

    Parameters
    ----------
    seconds : float or None
        ``started``: how long the job had waited, if this is its first start. ``completed`` and
        ``failed``: how long its last attempt ran, if it had started.
    error_code : str or None
        Why it ``failed``.
    """

    job_id: str
    run_type: str
    lane: str
    step: Literal["accepted", "started", "completed", "failed"]
    seconds: float | None = None
    error_code: str | None = None


def ending_change(row: sqlite3.Row) -> JobChange:
    """The change that a row of a statement that ends jobs tells of."""
    seconds = None
    if row["started_at"] is not None:
        seconds = seconds_between(row["started_at"], row["completed_at"])
    return JobChange(
        job_id=row["id"],
        run_type=row["run_type"],
        lane=row["lane"],
        step=row["status"],
        seconds=seconds,
        error_code=row["error_code"],
    )


ChangeListener = Callable[[JobChange], None]


def ignore_change(change: JobChange) -> None:
    """For a database that nobody watches."""
