"""One SQLite connection for each thread, closed when the thread ends."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

C = TypeVar("C", bound=sqlite3.Connection)


class _ThreadsOwn(Generic[C]):
    """Holds a thread's connection; it is finalized when the thread ends."""

    def __init__(self, connection: C) -> None:
        self.connection = connection


class ThreadConnections(Generic[C]):
    """One connection for each thread, opened on first use.

    Parameters
    ----------
    connect : callable
        Opens a connection that another thread can close.
    """

    def __init__(self, connect: Callable[[], C]) -> None:
        self._connect = connect
        self._local = threading.local()
        self._open: set[C] = set()
        self._lock = threading.Lock()

    def own(self) -> C:
        """Return the calling thread's connection."""
        own: _ThreadsOwn[C] | None = getattr(self._local, "own", None)
        if own is None:
            own = self._local.own = _ThreadsOwn(self._connect())
            with self._lock:
                self._open.add(own.connection)
            weakref.finalize(own, self._close, own.connection)
        return own.connection

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def _close(self, connection: C) -> None:
        with self._lock:
            if connection in self._open:
                connection.close()
                self._open.remove(connection)
