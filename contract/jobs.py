"""What the outside says of jobs: their run types, kinds and states, and how a state is shown."""

from __future__ import annotations

from typing import Literal, get_args

RunType = Literal["sampling", "import", "exploration", "profiling"]
"""The guide's run types, which jobs store, lists filter and metrics label."""
RUN_TYPES: tuple[RunType, ...] = get_args(RunType)
JobNoun = Literal[
    "sample", "import", "query", "row changes", "audit test", "report", "profile", "row proofs"
]
"""What a job makes; attachments are imports, as the guide's run types have it."""
Status = Literal["pending", "running", "completed", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)
Priority = Literal["interactive", "batch"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
Order = Literal["newest", "oldest"]
ORDERS: tuple[Order, ...] = get_args(Order)
CANCELLED = "cancelled"
"""The error code of a job that a person ended."""


def shown_state(status: str, error_code: str | None) -> str:
    """A job's state for people: its status, or that it was cancelled.

    >>> shown_state("failed", "cancelled"), shown_state("failed", "timed_out")
    ('cancelled', 'failed')
    """
    return CANCELLED if error_code == CANCELLED else status
