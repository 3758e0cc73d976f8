"""A time limit for all statements of some work, such as a request.

The routes set the limit of the current thread; ``ParquetDatabase`` applies it to each cursor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import duckdb

from domain_errors import DomainError

INTERVAL_S = 0.1


class TimeLimitExceeded(DomainError):
    code = "request_too_slow"

    def __init__(self, limit_s: float) -> None:
        super().__init__(
            "This takes longer than {limit_s} s, the limit of a request. Reduce the request, run "
            "it as a job, or ask an administrator to raise the limit.",
            limit_s=f"{limit_s:g}",
        )


@dataclass(frozen=True)
class _Limit:
    limit_s: float
    ends_at: float

    def remaining_s(self) -> float:
        return max(self.ends_at - time.monotonic(), 0)


_current: ContextVar[_Limit | None] = ContextVar("time_limit", default=None)


@contextmanager
def time_limited(limit_s: float) -> Iterator[None]:
    """Limit the statements that this thread runs inside the block.

    Raises
    ------
    TimeLimitExceeded
        A statement was interrupted, or would start too late.
    """
    limit = _Limit(limit_s, time.monotonic() + limit_s)
    before = _current.set(limit)
    try:
        yield
    except duckdb.InterruptException:
        if limit.remaining_s():
            raise
        raise TimeLimitExceeded(limit_s) from None
    finally:
        _current.reset(before)


def is_limited() -> bool:
    return _current.get() is not None


@contextmanager
def apply_time_limit(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupt the cursor's statements when the current thread's limit is exceeded."""
    limit = _current.get()
    if limit is None:
        yield
        return
    if not limit.remaining_s():
        raise TimeLimitExceeded(limit.limit_s)
    done = threading.Event()

    def watch() -> None:
        wait_s = limit.remaining_s()
        # An interrupt that arrives between two statements is lost: repeat it.
        while not done.wait(wait_s):
            cursor.interrupt()
            wait_s = INTERVAL_S

    watcher = threading.Thread(target=watch, name="time-limit", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
