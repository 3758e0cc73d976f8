"""Progress of running DuckDB queries, polled by a watcher thread.

Reported fractions never decrease, and the watcher has ended when the call returns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

ProgressCallback = Callable[[float, str], None]
"""Takes the done fraction of some work, 0 to 1, and a message."""

INTERVAL_S = 0.1


def ignore_progress(fraction: float, message: str) -> None:
    """Report to no one."""


def progress_part(on_progress: ProgressCallback, start: float, end: float) -> ProgressCallback:
    """Return a callback for one step of longer work: 0 to 1 becomes ``start`` to ``end``."""
    return lambda fraction, message: on_progress(start + (end - start) * fraction, message)


def without_progress(on_progress: ProgressCallback) -> ProgressCallback:
    """Return a callback for a short step: it reports no fraction, but can stop the step."""
    return lambda _, message: on_progress(0.0, message)


@dataclass
class MonotonicProgress:
    """A callback whose fractions never decrease, although steps may start from 0 again."""

    on_progress: ProgressCallback
    fraction: float = 0.0

    def __call__(self, fraction: float, message: str) -> None:
        self.fraction = max(self.fraction, fraction)
        self.on_progress(self.fraction, message)


@contextmanager
def watched(
    cursor: duckdb.DuckDBPyConnection, on_progress: ProgressCallback, message: str
) -> Iterator[None]:
    """Report the progress of the statements that ``cursor`` runs inside the block.

    An error of ``on_progress`` interrupts the query and passes through.
    """
    done = threading.Event()
    failures: list[Exception] = []

    def watch() -> None:
        best = 0.0
        while not done.wait(INTERVAL_S):
            best = max(best, cursor.query_progress() / 100)
            try:
                on_progress(min(best, 1.0), message)
            except Exception as failure:
                failures.append(failure)
                # An interrupt that arrives between two statements is lost: repeat it.
                while not done.wait(INTERVAL_S):
                    cursor.interrupt()

    watcher = threading.Thread(target=watch, name="query-progress", daemon=True)
    on_progress(0.0, message)
    watcher.start()
    try:
        yield
    except duckdb.Error:  # a stop wins over what the query met until it heard of the stop
        if failures:
            raise failures[0] from None
        raise
    finally:
        done.set()
        watcher.join()
    on_progress(1.0, message)


def execute_watched(
    cursor: duckdb.DuckDBPyConnection,
    sql: str,
    params: Sequence[object],
    on_progress: ProgressCallback,
    message: str,
) -> list[tuple[object, ...]]:
    """Run one statement under :func:`watched` and return its rows."""
    with watched(cursor, on_progress, message):
        rows: list[tuple[object, ...]] = cursor.execute(sql, list(params)).fetchall()
    return rows
