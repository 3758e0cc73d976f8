"""The fields of a thread's log records: the request or the job that it works on.

The fields hold for one request or job only and contain no secret and no value of a table.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

FIELDS = ("request_id", "user_id", "method", "route", "job_id", "run_type", "attempt")
"""All fields, in the order of display."""

_fields: ContextVar[dict[str, object] | None] = ContextVar("jobsvc_log_fields", default=None)


def enter(fields: dict[str, object] | None) -> None:
    """Replace the fields of this thread's records; None removes them."""
    _fields.set(fields)


def add(**fields: object) -> None:
    """Add fields, such as the user once they are known."""
    present = _fields.get()
    if present is not None:
        present.update(fields)


def present_fields() -> Mapping[str, object]:
    """The fields of this thread's records."""
    return _fields.get() or {}


@contextmanager
def logged_with(**fields: object) -> Iterator[None]:
    """Set fields for one block, or for one call of a decorated function."""
    before = _fields.get()
    enter(fields)
    try:
        yield
    finally:
        enter(before)


class ContextFilter(logging.Filter):
    """Adds the fields to every record as attributes; drops no record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.__dict__.update(present_fields())
        return True
