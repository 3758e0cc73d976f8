"""A time limit for all statements of one piece of work, such as a request.

Owns: the limit of the present thread and the watcher that keeps it. Invariant: a statement that is
running when the time is up is interrupted, and none begins after that, whichever function runs it.
Set by the routes; :class:`parquet_tables.database.ParquetDatabase` puts each cursor under it.
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


class TimeIsUp(DomainError):
    """A request reads tables for longer than it may."""

    code = "request_too_slow"

    def __init__(self, limit_s: float) -> None:
        super().__init__(
            f"This takes longer than the {limit_s:g} s that a request may read tables. Ask for "
            "less, make it a job, or ask an administrator to raise the limit."
        )


class TimeLimit:
    """The limit of one piece of work, which runs in one thread."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._ends_at = time.monotonic() + limit_s
        self._lock = threading.Lock()
        self._cursors: set[duckdb.DuckDBPyConnection] = set()
        self._done = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._ends_at

    def error(self) -> TimeIsUp:
        """What the work ends with when the time is up."""
        return TimeIsUp(self._limit_s)

    @contextmanager
    def over(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Interrupt what the cursor runs inside the block once the time is up."""
        if self.is_over:
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
        """End the watcher."""
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
    TimeIsUp
        A statement was interrupted, or would have begun too late.
    """
    limit = TimeLimit(limit_s)
    before = _current.set(limit)
    try:
        yield
    except duckdb.InterruptException:
        if limit.is_over:
            raise limit.error() from None
        raise
    finally:
        _current.reset(before)
        limit.close()


def is_limited() -> bool:
    """Whether this thread's statements have a limit."""
    return _current.get() is not None


@contextmanager
def under_the_limit(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Put a cursor under the present thread's limit, if there is one."""
    limit = _current.get()
    if limit is None:
        yield
    else:
        with limit.over(cursor):
            yield
