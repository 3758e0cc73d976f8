"""A connection to SQLite for each thread, closed when its thread has ended."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

C = TypeVar("C", bound=sqlite3.Connection)


class _ThreadsOwn(Generic[C]):
    """What goes when its thread ends: many threads, those that watch a query, live for one job."""

    def __init__(self, connection: C) -> None:
        self.connection = connection


class ThreadConnections(Generic[C]):
    """Each thread's own connection, made when it first asks.

    Parameters
    ----------
    connect : callable
        Makes a connection that may be closed by another thread than its own.
    """

    def __init__(self, connect: Callable[[], C]) -> None:
        self._connect = connect
        self._local = threading.local()
        self._open: set[C] = set()
        self._lock = threading.Lock()

    def own(self) -> C:
        """The connection of the thread that asks."""
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
