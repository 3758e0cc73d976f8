"""Whether the database takes writes, and whether the disk has room for more data."""

from __future__ import annotations

import shutil
import sqlite3

from domain_errors import DomainError
from storage.data_directory import DataDirectory
from storage.database import Database

MIB = 1024**2
PATIENCE_S = 2.0
"""Whoever asks for the health of a service doesn't wait long for an answer."""


class NotWritable(DomainError):
    """Nothing can be written: a full disk, a read-only one, a lost file."""

    code = "storage_not_writable"


class DiskFull(DomainError):
    """The disk has too little room left for new data."""

    code = "disk_full"
    retry_after_s = 60


def check_writable(database: Database) -> None:
    """Write, and sync to disk, what changes nothing.

    Raises
    ------
    NotWritable
        Says SQLite's reason, or the system's.
    """
    try:
        with database.write(patience_s=PATIENCE_S) as tx:
            (version,) = tx.execute("PRAGMA user_version").fetchone()
            tx.execute(f"PRAGMA user_version = {version:d}")
    except (sqlite3.Error, OSError) as error:
        raise NotWritable(f"The database can't be written: {error}.") from error


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
    """
    free_bytes = shutil.disk_usage(directory.root).free
    if free_bytes - coming_bytes < min_free_mb * MIB:
        raise DiskFull(
            f"The server's disk has {free_bytes // MIB:,} MiB free; {min_free_mb:,} MiB must stay "
            "free. Its keeper must make room before anything can be imported."
        )
