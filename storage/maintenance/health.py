"""Check that the database can be written and that the disk has free space."""

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


class DiskFull(DomainError):
    """The disk has too little free space for new data."""

    code = "disk_full"
    retry_after_s = 60


def check_writable(database: Database, timeout_s: float = 2.0) -> None:
    """Write an unchanged value and sync it; raise NotWritable if that fails.

    It also fails if the database file was moved or deleted, where no next start finds the writes.
    """
    if not database.is_in_place():
        raise NotWritable("The database file is missing. Restore the data directory and restart.")
    try:
        with database.write(patience_s=timeout_s) as tx:
            (version,) = tx.execute("PRAGMA user_version").fetchone()
            tx.execute(f"PRAGMA user_version = {version:d}")
    except (sqlite3.Error, OSError) as error:
        raise NotWritable("The database can't be written: {reason}.", reason=str(error)) from error


class WriteProbe:
    """Share one test write among many health checks; thread-safe.

    A successful write is valid for ``valid_s``. A failure is shared only with the checks that began
    before it. ``clock`` is monotonic, in seconds.
    """

    def __init__(
        self,
        check: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        valid_s: float = 3.0,
    ) -> None:
        self._check, self._clock, self._valid_s = check, clock, valid_s
        self._turn = threading.Lock()
        self._good_until = -1.0
        self._failure: NotWritable | None = None
        self._failed_at = -1.0

    def check(self) -> None:
        """Write, unless the last write is still valid; raise NotWritable if it fails."""
        began_at = self._clock()
        if began_at < self._good_until:
            return
        with self._turn:
            if self._clock() < self._good_until:
                return
            if self._failure is not None and began_at <= self._failed_at:
                raise NotWritable(self._failure.message)
            try:
                self._check()
            except NotWritable as failure:
                self._failure, self._failed_at = failure, self._clock()
                raise
            self._good_until = self._clock() + self._valid_s


def check_room(directory: DataDirectory, min_free_mb: int, coming_bytes: int = 0) -> None:
    """Require that ``min_free_mb`` MiB stay free after ``coming_bytes`` are written.

    Raises
    ------
    DiskFull, NotWritable
        Less would stay free; or the data directory is missing.
    """
    free_bytes = disk_of(directory).free
    if free_bytes - coming_bytes >= min_free_mb * MIB:
        return
    if coming_bytes:
        raise DiskFull(
            "The server's disk has {free_mb} MiB free, and the import needs {coming_mb} MiB; "
            "{min_free_mb} MiB must stay free. Ask an administrator to free disk space before you "
            "import data.",
            free_mb=free_bytes // MIB,
            coming_mb=-(-coming_bytes // MIB),
            min_free_mb=min_free_mb,
        )
    raise DiskFull(
        "The server's disk has {free_mb} MiB free; {min_free_mb} MiB must stay free. Ask an "
        "administrator to free disk space before you import data.",
        free_mb=free_bytes // MIB,
        min_free_mb=min_free_mb,
    )
