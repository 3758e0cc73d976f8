"""Whether the database takes writes, and whether the disk has room for more data."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable

from domain_errors import DomainError
from storage.errors import NotWritable
from storage.maintenance.data_directory import DataDirectory
from storage.maintenance.disk_use import disk_of
from storage.sqlite.database import Database

MIB = 1024**2
PATIENCE_S = 2.0
"""Whoever asks for the health of a service doesn't wait long for an answer."""
GOOD_FOR_S = 3.0
"""How long a write that went well answers for the next one."""


class DiskFull(DomainError):
    """The disk has too little room left for new data."""

    code = "disk_full"
    retry_after_s = 60


def check_writable(database: Database) -> None:
    """Write, and sync to disk, what changes nothing.

    Raises
    ------
    NotWritable
        Says SQLite's reason, or the system's; or the database file has left its place. Writes
        still succeed then, into a file that no later start finds.
    """
    if not database.is_in_place():
        raise NotWritable("The database file is gone. Restore the data directory and restart.")
    try:
        with database.write(patience_s=PATIENCE_S) as tx:
            (version,) = tx.execute("PRAGMA user_version").fetchone()
            tx.execute(f"PRAGMA user_version = {version:d}")
    except (sqlite3.Error, OSError) as error:
        raise NotWritable(f"The database can't be written: {error}.") from error


class WriteProbe:
    """Tells many who ask whether the database takes writes, for the cost of few.

    Invariant: a write that went well answers for ``GOOD_FOR_S``. One that failed answers those
    alone who had asked before it ended: whoever asks later is told by a write of their own, or by
    one that others began meanwhile. Safe across threads.

    Parameters
    ----------
    check : callable
        Writes; raises :class:`NotWritable`.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self, check: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._check, self._clock = check, clock
        self._turn = threading.Lock()
        self._good_until = -1.0
        self._failure: NotWritable | None = None
        self._failed_at = -1.0

    def check(self) -> None:
        """Write, unless another has just done so.

        Raises
        ------
        NotWritable
            As :func:`check_writable`.
        """
        asked_at = self._clock()
        if asked_at < self._good_until:
            return
        with self._turn:
            if self._clock() < self._good_until:
                return
            if self._failure is not None and asked_at <= self._failed_at:
                raise NotWritable(self._failure.message)
            try:
                self._check()
            except NotWritable as failure:
                self._failure, self._failed_at = failure, self._clock()
                raise
            self._good_until = self._clock() + GOOD_FOR_S


def check_room(directory: DataDirectory, min_free_mb: int, coming_bytes: int = 0) -> None:
    """Refuse to let the disk fill up, which would stop the database, too.

    Parameters
    ----------
    min_free_mb : int
        MiB that must stay free.
    coming_bytes : int
        What is about to be written.

    Raises
    ------
    DiskFull
        Says how much is free.
    NotWritable
        The data directory is gone.
    """
    free_bytes = disk_of(directory).free
    if free_bytes - coming_bytes < min_free_mb * MIB:
        raise DiskFull(
            f"The server's disk has {free_bytes // MIB:,} MiB free; {min_free_mb:,} MiB must stay "
            "free. Its keeper must make room before anything can be imported."
        )
