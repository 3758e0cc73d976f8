"""Classify SQLite errors: transient faults of the machine, and damage of the database."""

from __future__ import annotations

import sqlite3

from domain_errors import MachineFault
from storage.errors import DamagedDatabase

LOCKED = MachineFault("locked", "The database was locked by another program.")
FULL = MachineFault("disk_full", "The disk that the database is on is full.")
UNWRITABLE = MachineFault("system_error", "The database could not be read or written.")

_OF_CODE = {
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: UNWRITABLE,
}


def locked() -> sqlite3.OperationalError:
    """Build SQLite's own error of a lock timeout."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    error.sqlite_errorname = "SQLITE_BUSY"
    return error


def machine_fault(error: BaseException) -> MachineFault | None:
    """Return the transient fault that caused an error; None for other errors."""
    if not isinstance(error, sqlite3.OperationalError):
        return None
    # The low byte is the primary code; the rest has details, for example the failed system call.
    return _OF_CODE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)


def damage(error: BaseException) -> DamagedDatabase | None:
    """Return the damage of the database that caused an error; None for other errors."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if isinstance(error, sqlite3.DatabaseError) and code in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    ):
        return DamagedDatabase(str(error))
    return None
