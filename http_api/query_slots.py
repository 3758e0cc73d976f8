"""How many SQL queries requests may wait for at the same time.

Owns: the slots. Invariant: a query that a request waits for holds one of the server's threads and
a process's memory, so at most ``sql_at_once`` of them run; whoever finds none free for a moment is
told to come again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from domain_errors import DomainError
from job_runner.settings import Settings

SLOTS = "jobsvc.query_slots"
WAIT_S = 1.0


class TooManyQueries(DomainError):
    """All queries that may run at once do."""

    code = "too_many_queries"
    retry_after_s = 2


def query_slots(settings: Settings) -> threading.BoundedSemaphore:
    """As many slots as the settings give; kept in the app's extensions."""
    return threading.BoundedSemaphore(settings.sql_at_once)


@contextmanager
def query_slot() -> Iterator[None]:
    """Hold a slot inside the block.

    Raises
    ------
    TooManyQueries
        None became free within a second.
    """
    slots: threading.BoundedSemaphore = current_app.extensions[SLOTS]
    if not slots.acquire(timeout=WAIT_S):
        raise TooManyQueries("Too many SQL queries run just now. Try again in a moment.")
    try:
        yield
    finally:
        slots.release()
