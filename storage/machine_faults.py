"""Which errors of SQLite are the machine's and may pass, and which tell of damage."""

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
    """The error of a lock that was waited for too long, as SQLite itself gives it."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    error.sqlite_errorname = "SQLITE_BUSY"
    return error


def machine_fault(error: BaseException) -> MachineFault | None:
    """The passing fault that an error tells of; None for any other error."""
    if not isinstance(error, sqlite3.OperationalError):
        return None
    # The low byte is the kind; the rest tells more of it, for example which system call failed.
    return _OF_CODE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)


def damage(error: BaseException) -> DamagedDatabase | None:
    """The damage of the database file that an error tells of; None for any other error."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if isinstance(error, sqlite3.DatabaseError) and code in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    ):
        return DamagedDatabase(str(error))
    return None
