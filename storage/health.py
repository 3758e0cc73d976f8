"""Whether the database takes writes."""

from __future__ import annotations

import sqlite3

from domain_errors import DomainError
from storage.database import Database


class NotWritable(DomainError):
    """Nothing can be written: a full disk, a read-only one, a lost file."""

    code = "storage_not_writable"


def check_writable(database: Database) -> None:
    """Write, and sync to disk, what changes nothing.

    Raises
    ------
    NotWritable
        Says SQLite's reason.
    """
    try:
        with database.write() as tx:
            (version,) = tx.execute("PRAGMA user_version").fetchone()
            tx.execute(f"PRAGMA user_version = {version:d}")
    except sqlite3.Error as error:
        raise NotWritable(f"The database can't be written: {error}.") from error
