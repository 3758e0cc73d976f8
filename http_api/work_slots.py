"""How much heavy work requests may wait for at the same time.

Owns: the slots, of SQL queries and of looks at files. Invariant: what a request waits for holds one
of the server's threads and memory beside it, so few of a kind are done at once; whoever finds no
slot free for a moment is told to come again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from domain_errors import DomainError
from job_runner.settings import Settings

SLOTS = "jobsvc.work_slots"
WAIT_S = 1.0
PREVIEWS_AT_ONCE = 2


class TooManyQueries(DomainError):
    """All queries that may run at once do."""

    code = "too_many_queries"
    retry_after_s = 2


class TooManyPreviews(DomainError):
    """As many files as may be are looked at."""

    code = "too_many_previews"
    retry_after_s = 2


class WorkSlots:
    """As many slots of each kind as the settings give; kept in the app's extensions."""

    def __init__(self, settings: Settings) -> None:
        self.queries = threading.BoundedSemaphore(settings.sql_at_once)
        self.previews = threading.BoundedSemaphore(PREVIEWS_AT_ONCE)


@contextmanager
def query_slot() -> Iterator[None]:
    """Hold a slot inside the block.

    Raises
    ------
    TooManyQueries
        None became free within a second.
    """
    full = TooManyQueries("Too many SQL queries run just now. Try again in a moment.")
    with _held(_slots().queries, full):
        yield


@contextmanager
def preview_slot() -> Iterator[None]:
    """Hold a slot inside the block.

    Raises
    ------
    TooManyPreviews
        None became free within a second.
    """
    full = TooManyPreviews("Too many files are looked at just now. Try again in a moment.")
    with _held(_slots().previews, full):
        yield


def _slots() -> WorkSlots:
    slots: WorkSlots = current_app.extensions[SLOTS]
    return slots


@contextmanager
def _held(slots: threading.BoundedSemaphore, full: DomainError) -> Iterator[None]:
    if not slots.acquire(timeout=WAIT_S):
        raise full
    try:
        yield
    finally:
        slots.release()
