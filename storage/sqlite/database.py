"""One SQLite connection for each thread, closed when the thread ends.

Classify SQLite errors: transient faults of the machine, and damage of the database.

Group commit: sync SQLite's write-ahead log once for several commits, outside the lock.

When ``wait`` returns, all commits made before the call are on disk; threads that wait during a sync
share the next one. The log is sequential, so a power cut loses only the latest commits.

The SQLite database: one connection a thread, one writer at a time.

Invariant: a write is a short ``BEGIN IMMEDIATE`` transaction under one lock of the process, so it
never meets "database is locked"; a read sees one snapshot and waits for nobody (WAL). A write
returns once its commit is synced to disk, as with synchronous=FULL: an accepted job survives a
power cut. ``version`` tells whether anything was committed since: one process owns the data
directory, so every commit is made here. What became of jobs is told after that, outside the lock.
"""

from __future__ import annotations

import itertools
import logging
import os
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from domain_errors import DomainError, MachineFault
from storage.errors import CannotOpenDatabase, DamagedDatabase
from storage.jobs.changes import ChangeListener, JobChange, ignore_change
from storage.sqlite.migrations import migrate
from storage.sqlite.schema_check import require_known_schema

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


class WalSync:
    """The write-ahead log of one database file.

    Parameters
    ----------
    database : Path
        The database file. Its log stays the same file while a connection is open.
    """

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(f"{database.name}-wal")
        self._descriptor: int | None = None
        self._tickets = itertools.count(1)
        self._synced_up_to = 0
        self._syncing = threading.Lock()

    def wait(self) -> None:
        """Wait until all commits made so far are on disk."""
        mine = next(self._tickets)
        with self._syncing:
            if self._synced_up_to >= mine:  # a sync started after our commit
                return
            if self._descriptor is None:
                self._descriptor = os.open(self._log, os.O_RDWR)
            last = next(self._tickets)
            _sync_content(self._descriptor)
            self._synced_up_to = last

    def close(self) -> None:
        """Close the log; the database's last connection removes it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _sync_content(descriptor: int) -> None:
    """Sync a file's data without its times, where the system supports this."""
    if sys.platform == "darwin":
        os.fsync(descriptor)
    else:
        os.fdatasync(descriptor)


logger = logging.getLogger("jobsvc.storage")
Sync = Literal["shared", "first", "later"]


class Transaction(sqlite3.Connection):
    """A connection inside a transaction, with the changes to tell once it is committed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.changes: list[JobChange] = []


INCREMENTAL = 2
"""The ``auto_vacuum`` by which free pages can be given back a few at a time."""


class Database:
    """SQLite in WAL mode; made or brought up to date when opened.

    Parameters
    ----------
    path : Path
        The database file; it is created when it isn't there.
    tell : callable
        Takes each change of a job, in the thread that made it. It must be quick, and it must not
        write to the database.
    busy_timeout_s : float
        How long a write waits until it is its turn, and nobody else has the database locked.

    Raises
    ------
    DamagedDatabase, CannotOpenDatabase, NewerSchema, OlderSchema, UnknownSchema
        It can't be used as it is.
    """

    def __init__(
        self, path: Path, tell: ChangeListener = ignore_change, *, busy_timeout_s: float = 30.0
    ) -> None:
        self._path = path
        self.version = 0
        self._tell = tell
        self._busy_timeout_s = busy_timeout_s
        self._write_lock = threading.Lock()
        self._log = WalSync(path)
        self._connections = ThreadConnections(self._connect)
        with suppress(OSError):  # what is wrong with it, SQLite says
            path.touch(mode=0o600)
            path.chmod(0o600)  # its write-ahead log is made with the same
        try:
            connection = self._connections.own()
            migrate(connection)
            require_known_schema(connection)
            self._opened = path.stat()
        except sqlite3.DatabaseError as error:
            self.close()
            raise _unusable(path, error) from error
        except BaseException:
            self.close()
            raise

    def single(self) -> Transaction:
        """For one SELECT, which by itself sees one snapshot: no BEGIN, no ROLLBACK.

        Each call into SQLite hands the interpreter's lock to another thread and has to get it back.
        """
        return self._connections.own()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """One consistent snapshot for as many reads as it takes."""
        connection = self._connections.own()
        if connection.in_transaction:  # inside a write of this thread: read what it sees
            yield connection
            return
        connection.execute("BEGIN DEFERRED")
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")

    @contextmanager
    def write(
        self, *, sync: Sync = "shared", patience_s: float | None = None
    ) -> Iterator[Transaction]:
        """A transaction that is committed at the end of the block, or not at all.

        Parameters
        ----------
        sync : {"shared", "first", "later"}
            When the commit reaches the disk. ``shared``: before the block is left, with one sync
            for all who wait; others may see it a little earlier. ``first``: before anyone sees it.
            ``later``: with a later commit; until then it survives the process, but no power cut.
        patience_s : float
            How long to wait for others, of this process and of other programs together, before
            "database is locked" is raised; the database's own time unless it is given.
        """
        connection = self._connections.own()
        with self._turn(connection, patience_s or self._busy_timeout_s):
            connection.changes.clear()
            if sync == "first":
                connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                # Twice: what was computed until now is old from here on, and what is computed
                # before the commit is done is old after it.
                self.version += 1
                connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already; a COMMIT that failed has not.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self.version += 1
                if sync == "first":
                    connection.execute("PRAGMA synchronous = NORMAL")
        if sync == "shared":
            self._log.wait()
        self._tell_all(connection.changes)

    @contextmanager
    def _turn(self, connection: Transaction, patience_s: float) -> Iterator[None]:
        """The one writer's turn. What is left of the patience is for locks of other programs.

        Otherwise each of many writers would wait for the full time, one after the other.
        """
        began = time.monotonic()
        if not self._write_lock.acquire(timeout=patience_s):
            raise locked()
        try:
            left_s = max(patience_s - (time.monotonic() - began), 0.001)
            if left_s < 0.9 * self._busy_timeout_s:
                with self._waiting_for(connection, left_s):
                    yield
            else:
                yield
        finally:
            self._write_lock.release()

    @contextmanager
    def _waiting_for(self, connection: Transaction, seconds: float) -> Iterator[None]:
        """Wait so long for locks of other programs, not for the database's own time."""
        connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA busy_timeout = {self._busy_timeout_s * 1000:.0f}")

    def give_pages_back(self, most: int) -> bool:
        """Take free pages off the database's end; False when there are none left.

        The pages reach the disk with the next checkpoint. A database that was made before there
        was ``auto_vacuum`` keeps its free pages, and uses them again.
        """
        connection = self._connections.own()
        with self._turn(connection, self._busy_timeout_s):
            # SQLite takes a step for each page. ``execute`` takes one alone, a script takes all.
            connection.executescript(f"PRAGMA incremental_vacuum({most:d})")
        (mode,) = connection.execute("PRAGMA auto_vacuum").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        return bool(mode == INCREMENTAL and free)

    def empty_log(self) -> None:
        """Bring the write-ahead log into the database and cut both to what they need.

        While some reader still needs the log it is left as it is.
        """
        connection = self._connections.own()
        with self._turn(connection, self._busy_timeout_s), self._waiting_for(connection, 0.1):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def is_in_place(self) -> bool:
        """Whether the open file is still the one at the database's path."""
        try:
            return os.path.samestat(self._path.stat(), self._opened)
        except OSError:
            return False

    def close(self) -> None:
        """Close every thread's connection."""
        self._connections.close()
        self._log.close()

    def _tell_all(self, changes: list[JobChange]) -> None:
        for change in changes:
            try:
                self._tell(change)
            except Exception:
                # What is committed is done, whatever a listener makes of it.
                logger.exception("a change of job %s could not be told", change.job_id)

    def _connect(self) -> Transaction:
        # check_same_thread is off for close() alone; every other use is the thread's own.
        connection = sqlite3.connect(
            self._path,
            isolation_level=None,
            check_same_thread=False,
            timeout=self._busy_timeout_s,
            factory=Transaction,
        )
        connection.row_factory = sqlite3.Row
        if not self._path.stat().st_size:  # it takes an empty database
            connection.execute(f"PRAGMA auto_vacuum = {INCREMENTAL}")
        # NORMAL syncs at checkpoints alone; commits are synced as ``write`` is told.
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection


def _unusable(path: Path, error: sqlite3.DatabaseError) -> DomainError:
    """What a person can act on, when a database can't be opened."""
    return damage(error) or CannotOpenDatabase(f"The database {path} can't be opened: {error}.")
