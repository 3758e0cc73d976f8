"""The SQLite database: one connection for each thread, one writer at a time.

Readers see a snapshot and never wait (WAL). Writers take turns in short ``BEGIN IMMEDIATE``
transactions; a write returns when its commit is synced to disk, so that it survives a power cut.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from domain_errors import DomainError, MachineFault
from operating_system import sync_content
from storage.certificates.canonical_json import digest_of
from storage.errors import CannotOpenDatabase, DamagedDatabase
from storage.jobs.changes import ChangeListener, JobChange, ignore_change
from storage.sqlite.schema import migrate, require_known_schema

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
        return DamagedDatabase(why=str(error))
    return None


class WalSync:
    """Sync the write-ahead log of a database once for several commits (group commit).

    The log is sequential, so that a power cut loses only the latest commits. It stays the same file
    while a connection is open. ``tickets`` are ascending numbers.
    """

    def __init__(self, database: Path, tickets: Iterator[int] | None = None) -> None:
        self._log = database.with_name(f"{database.name}-wal")
        self._descriptor: int | None = None
        self._tickets = itertools.count(1) if tickets is None else tickets
        self._synced_up_to = 0
        self._syncing = threading.Lock()

    def wait(self) -> None:
        """Wait until all commits made so far are on disk; waiting threads share the next sync."""
        ticket = next(self._tickets)
        with self._syncing:
            if self._synced_up_to >= ticket:  # a sync started after our commit
                return
            if self._descriptor is None:
                self._descriptor = os.open(self._log, os.O_RDWR)
            last = next(self._tickets)
            sync_content(self._descriptor)
            self._synced_up_to = last

    def close(self) -> None:
        """Close the log; the database's last connection removes it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


logger = logging.getLogger("jobsvc.storage")
Sync = Literal["shared", "first", "later"]


class Transaction(sqlite3.Connection):
    """A connection inside a transaction, with the job changes to send after its commit."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.changes: list[JobChange] = []


class _ThreadConnections:
    """One connection for each thread, opened on first use and closed when the thread ends."""

    def __init__(self, connect: Callable[[], Transaction]) -> None:
        self._connect = connect
        self._local = threading.local()
        self._open: set[Transaction] = set()
        self._lock = threading.Lock()

    def own(self) -> Transaction:
        """Return the calling thread's connection."""
        own: _Holder | None = getattr(self._local, "own", None)
        if own is None:
            own = self._local.own = _Holder(self._connect())
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

    def _close(self, connection: Transaction) -> None:
        with self._lock:
            if connection in self._open:
                connection.close()
                self._open.remove(connection)


class _Holder:
    """Holds a thread's connection; it is finalized when the thread ends."""

    def __init__(self, connection: Transaction) -> None:
        self.connection = connection


INCREMENTAL = 2
"""The ``auto_vacuum`` mode that can release free pages in batches."""


class Database:
    """SQLite in WAL mode; opening it creates or migrates the schema.

    Parameters
    ----------
    path : Path
        The database file; created if it doesn't exist.
    on_change : callable
        Takes each job change after its commit, in the thread that made it and outside the lock. It
        must be fast and must not write to the database.
    busy_timeout_s : float
        How long a write waits for other writers, of this process and of other programs.

    Attributes
    ----------
    version : int
        Grows with each commit; only this process writes to the database.

    Raises
    ------
    DamagedDatabase, CannotOpenDatabase, NewerSchema, OlderSchema, UnknownSchema
        The database can't be used.
    """

    def __init__(
        self, path: Path, on_change: ChangeListener = ignore_change, *, busy_timeout_s: float = 30.0
    ) -> None:
        self._path = path
        self.version = 0
        self._on_change = on_change
        self._busy_timeout_s = busy_timeout_s
        self._write_lock = threading.Lock()
        self._log = WalSync(path)
        self._connections = _ThreadConnections(self._connect)
        with suppress(OSError):  # SQLite reports what is wrong
            path.touch(mode=0o600)
            path.chmod(0o600)  # SQLite creates the log with the same mode
        try:
            connection = self._connections.own()
            migrate(connection)
            require_known_schema(connection)
            self._opened = path.stat()
        except sqlite3.DatabaseError as error:
            self.close()
            raise cannot_open(path, error) from error
        except BaseException:
            self.close()
            raise

    def single(self) -> Transaction:
        """Return a connection for one SELECT, which needs no transaction for its snapshot.

        Each call into SQLite releases the interpreter's lock, so BEGIN and ROLLBACK cost time.
        """
        return self._connections.own()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Yield a connection whose reads see one snapshot."""
        connection = self._connections.own()
        if connection.in_transaction:  # in a write of this thread: read its own changes
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
        """Yield a transaction: commit it at the end of the block, or roll it back after an error.

        Parameters
        ----------
        sync : {"shared", "first", "later"}
            When the commit is synced to disk. ``shared``: before this method returns, with one sync
            for all waiting threads; readers may see it earlier. ``first``: before readers see it.
            ``later``: with a later commit; until then it survives a crash, but not a power cut.
        patience_s : float
            How long to wait for other writers before "database is locked" is raised; by default
            ``busy_timeout_s``.
        """
        connection = self._connections.own()
        with self._turn(connection, patience_s or self._busy_timeout_s):
            connection.changes.clear()
            if sync == "first":
                connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                # Increment before and after COMMIT, so that no reader caches a stale result.
                self.version += 1
                connection.execute("COMMIT")
            except BaseException:
                # A full disk ends the transaction; a failed COMMIT doesn't.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self.version += 1
                if sync == "first":
                    connection.execute("PRAGMA synchronous = NORMAL")
        if sync == "shared":
            self._log.wait()
        self._send(connection.changes)

    @contextmanager
    def _turn(self, connection: Transaction, patience_s: float) -> Iterator[None]:
        """Hold the writer lock; only the rest of the timeout is for locks of other programs."""
        began = time.monotonic()
        if not self._write_lock.acquire(timeout=patience_s):
            error = sqlite3.OperationalError("database is locked")  # as SQLite's own
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        try:
            remaining_s = max(patience_s - (time.monotonic() - began), 0.001)
            if remaining_s < 0.9 * self._busy_timeout_s:
                with self._busy_timeout(connection, remaining_s):
                    yield
            else:
                yield
        finally:
            self._write_lock.release()

    @contextmanager
    def _busy_timeout(self, connection: Transaction, seconds: float) -> Iterator[None]:
        """Change SQLite's timeout for locks of other programs."""
        connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA busy_timeout = {self._busy_timeout_s * 1000:.0f}")

    def release_free_pages(self, limit: int) -> bool:
        """Remove free pages from the database file; return whether there are more.

        The file shrinks at the next checkpoint. Without ``auto_vacuum`` SQLite reuses the pages.
        """
        connection = self._connections.own()
        with self._turn(connection, self._busy_timeout_s):
            # SQLite returns a row for each page; ``execute`` would run only to the first.
            connection.executescript(f"PRAGMA incremental_vacuum({limit:d})")
        (mode,) = connection.execute("PRAGMA auto_vacuum").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        return bool(mode == INCREMENTAL and free)

    def truncate_log(self) -> None:
        """Checkpoint and truncate the write-ahead log, unless a reader needs it."""
        connection = self._connections.own()
        with self._turn(connection, self._busy_timeout_s), self._busy_timeout(connection, 0.1):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def is_in_place(self) -> bool:
        """Return whether the open file is still at the database's path."""
        try:
            return os.path.samestat(self._path.stat(), self._opened)
        except OSError:
            return False

    def close(self) -> None:
        """Close every thread's connection."""
        self._connections.close()
        self._log.close()

    def _send(self, changes: list[JobChange]) -> None:
        for change in changes:
            try:
                self._on_change(change)
            except Exception:  # the change is committed, whatever the listener does
                logger.exception("the listener of job changes failed for job %s", change.job_id)

    def _connect(self) -> Transaction:
        # Only close() uses a connection of another thread.
        connection = sqlite3.connect(
            self._path,
            isolation_level=None,
            check_same_thread=False,
            timeout=self._busy_timeout_s,
            factory=Transaction,
        )
        connection.row_factory = sqlite3.Row
        # lower() of SQLite knows A to Z alone.
        connection.create_function("casefold", 1, str.casefold, deterministic=True)
        connection.create_function("kept_sha256", 1, _kept_sha256, deterministic=True)
        if not self._path.stat().st_size:  # auto_vacuum can be set only in an empty database
            connection.execute(f"PRAGMA auto_vacuum = {INCREMENTAL}")
        # NORMAL syncs only at checkpoints; ``write`` syncs commits.
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection


def _kept_sha256(text: str | None) -> str | None:
    """The SHA-256 of the evaluation that a sign-off keeps; None: it keeps none."""
    kept = json.loads(text or "{}")
    return digest_of(kept) if kept else None


def cannot_open(path: Path, error: sqlite3.DatabaseError) -> DomainError:
    """Return the domain error for a database that can't be opened."""
    return damage(error) or CannotOpenDatabase(
        "The database {path} can't be opened: {reason}.", path=str(path), reason=str(error)
    )
