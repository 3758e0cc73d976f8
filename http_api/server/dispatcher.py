"""Waitress' threads, with one beside them for ``/health``.

Invariant: ``/health`` is answered whatever all other threads do: a monitor must be able to tell a
busy server from a dead one. Used by ``http_server``.
"""

from __future__ import annotations

from typing import Any

from waitress.task import ThreadedTaskDispatcher

HEALTH = "/health"


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Hands each request to a thread.

    Parameters
    ----------
    threads : int
        For all requests but ``/health``.
    """

    def __init__(self, threads: int) -> None:
        super().__init__()
        self._health = ThreadedTaskDispatcher()
        self.set_thread_count(threads)

    def set_thread_count(self, count: int) -> None:
        """Start or end threads; called with 0 at the end."""
        super().set_thread_count(count)
        self._health.set_thread_count(min(count, 1))

    def add_task(self, task: Any) -> None:
        """Queue a connection, whose first request is the next to be answered."""
        asked = getattr(task.requests[0], "path", "") if task.requests else ""
        if asked == HEALTH:
            self._health.add_task(task)
        else:
            super().add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """End all threads once they have answered."""
        self._health.shutdown(cancel_pending, timeout)
        return bool(super().shutdown(cancel_pending, timeout))
