"""What a log record is about: the request that is answered, the job that runs.

Owns: the fields that a thread's records carry. Invariant: they hold for one request or one job
alone, and none of them is a secret or a value of a table. Entered by the HTTP side and the runner;
the command line's log handler adds them to every record, whichever module wrote it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

FIELDS = ("request_id", "user_id", "method", "route", "job_id", "run_type", "attempt")
"""All that a record may carry, in the order in which they are shown."""

_fields: ContextVar[dict[str, object] | None] = ContextVar("jobsvc_log_fields", default=None)


def enter(fields: dict[str, object] | None) -> None:
    """From here on this thread's records carry these fields and no others; None for none."""
    _fields.set(fields)


def add(**fields: object) -> None:
    """Tell more of what was entered: the user, once they are known."""
    present = _fields.get()
    if present is not None:
        present.update(fields)


def present_fields() -> Mapping[str, object]:
    """What this thread's records carry."""
    return _fields.get() or {}


@contextmanager
def logged_with(**fields: object) -> Iterator[None]:
    """Enter fields for one block, or for one call of a function that this decorates."""
    before = _fields.get()
    enter(fields)
    try:
        yield
    finally:
        enter(before)


class ContextFilter(logging.Filter):
    """Puts the present fields on every record; it keeps all records."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields as attributes of the record."""
        fields = _fields.get()
        if fields:
            record.__dict__.update(fields)
        return True
