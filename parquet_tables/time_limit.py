"""A time limit for all statements of some work, such as a request.

A statement that runs when the limit is exceeded is interrupted, and no other starts. The routes set
the limit of the current thread; ``ParquetDatabase`` applies it to each cursor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import duckdb

from domain_errors import DomainError

INTERVAL_S = 0.1


class TimeLimitExceeded(DomainError):
    """A request exceeds its time limit for reading tables."""

    code = "request_too_slow"

    def __init__(self, limit_s: float) -> None:
        super().__init__(
            "This takes longer than {limit_s} s, the limit of a request. Reduce the request, run "
            "it as a job, or ask an administrator to raise the limit.",
            limit_s=f"{limit_s:g}",
        )


class TimeLimit:
    """The time limit of work in one thread."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._ends_at = time.monotonic() + limit_s
        self._lock = threading.Lock()
        self._cursors: set[duckdb.DuckDBPyConnection] = set()
        self._done = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def is_exceeded(self) -> bool:
        """Whether the time limit is exceeded."""
        return time.monotonic() >= self._ends_at

    def error(self) -> TimeLimitExceeded:
        """Return the error of an exceeded limit."""
        return TimeLimitExceeded(self._limit_s)

    @contextmanager
    def applied_to(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Interrupt the cursor's statements inside the block when the limit is exceeded."""
        if self.is_exceeded:
            raise self.error()
        with self._lock:
            self._cursors.add(cursor)
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="time-limit", daemon=True)
            self._watcher.start()
        try:
            yield
        finally:
            with self._lock:
                self._cursors.discard(cursor)

    def close(self) -> None:
        """End the watcher thread."""
        self._done.set()
        if self._watcher is not None:
            self._watcher.join()

    def _watch(self) -> None:
        wait_s = max(self._ends_at - time.monotonic(), 0)
        # An interrupt that arrives between two statements is lost: repeat it.
        while not self._done.wait(wait_s):
            with self._lock:
                for cursor in self._cursors:
                    cursor.interrupt()
            wait_s = INTERVAL_S


_current: ContextVar[TimeLimit | None] = ContextVar("time_limit", default=None)


@contextmanager
def time_limited(limit_s: float) -> Iterator[None]:
    """Limit the statements that this thread runs inside the block.

    Raises
    ------
    TimeLimitExceeded
        A statement was interrupted, or would start too late.
    """
    limit = TimeLimit(limit_s)
    before = _current.set(limit)
    try:
        yield
    except duckdb.InterruptException:
        if limit.is_exceeded:
            raise limit.error() from None
        raise
    finally:
        _current.reset(before)
        limit.close()


def is_limited() -> bool:
    """Whether this thread has a time limit."""
    return _current.get() is not None


@contextmanager
def apply_time_limit(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Apply the current thread's limit, if there is one, to a cursor."""
    limit = _current.get()
    if limit is None:
        yield
    else:
        with limit.applied_to(cursor):
            yield
