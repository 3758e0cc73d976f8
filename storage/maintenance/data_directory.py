"""A lock between readers and removers of data files, across processes.

Backups and checks share the lock, so that no file of their snapshot is removed; a prune and a start
take it exclusively. The operating system releases it when its process ends.

Ignore the folder ``lost+found`` in a folder that may be the mount point of a disk.

ext2 to ext4 create it in the root of every disk, mostly unreadable for other users. It is never
counted or removed; a disk with only an empty ``lost+found`` is empty.

Whether a directory is a data directory of jobsvc, found out before anything in it is changed.

Guarantees that a start neither fills nor empties a directory of somebody else. It only reads.
Called by ``storage.maintenance.data_directory`` while it holds the directory's lock.

The data directory: its layout, and the lock by which one process owns it.

Invariant: while a process holds the directory, no other opens it; whoever is refused is told who
has it. The lock is the system's, on the directory itself: it ends with its process, however that
ends, and there is no file that somebody could take for a leftover and remove. The owner's note
(process, command, address, and a token that lets the same person's command line talk to a running
server) is readable by the directory's owner alone and goes with the process.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Set
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from storage.errors import (
    CannotOpenDatabase,
    DamagedDatabase,
    DataDirectoryInUse,
    FilesInUse,
    ForeignDirectory,
    NoDataDirectory,
)
from storage.maintenance.durable import BUILDING, remove_leftovers
from storage.sqlite.database import damage
from storage.sqlite.schema_check import CORE_TABLES, table_names


class FilesLock:
    """A shared or exclusive lock on a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the shared lock; waits for a remover, which takes seconds."""
        descriptor = self._take(fcntl.LOCK_SH)
        try:
            yield
        finally:
            os.close(descriptor)  # releases the lock

    @contextmanager
    def removing(self) -> Iterator[None]:
        """Hold the exclusive lock, without waiting for it.

        Raises
        ------
        FilesInUse
            A backup, a check or another prune, which may take hours, holds the lock.
        """
        try:
            descriptor = self._take(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FilesInUse(
                "A backup, a check or another prune is at work on the data files. "
                "Try again when it has ended."
            ) from None
        try:
            yield
        finally:
            os.close(descriptor)

    def _take(self, operation: int) -> int:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, operation)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


LOST_AND_FOUND = "lost+found"


def is_lost_and_found(entry: Path | os.DirEntry[str]) -> bool:
    """Return whether an entry is the folder ``lost+found``, and not a file or link of that name."""
    return entry.name == LOST_AND_FOUND and entry.is_dir() and not entry.is_symlink()


def entries(folder: Path) -> Iterator[Path]:
    """Yield the entries of a folder, without ``lost+found``."""
    return (path for path in folder.iterdir() if not is_lost_and_found(path))


def occupants(folder: Path) -> Iterator[Path]:
    """Yield the entries that make a folder non-empty, including a non-empty ``lost+found``."""
    return (path for path in folder.iterdir() if not is_lost_and_found(path) or _has_entries(path))


def clear(folder: Path) -> None:
    """Remove a folder's entries as far as possible, without following links."""
    if folder.is_symlink():
        return
    for path in entries(folder):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
            continue
        with suppress(OSError):
            path.unlink()


def _has_entries(folder: Path) -> bool:
    """Return whether a folder has entries; an unreadable folder counts as empty."""
    try:
        return any(folder.iterdir())
    except PermissionError:
        return False


DATABASE = "jobsvc.sqlite3"
PARTS = "parts"
"""The folder, in one that a restore builds in, of what it then moves into the directory itself."""

_FILES_OF_A_START = frozenset(
    {"owner.json", "owner.partial", "files.lock"}
    | {f"{DATABASE}{end}" for end in ("", "-wal", "-shm", "-journal")}
)
"""What the first start may leave when it is killed before the database has its tables."""


def require_ours(root: Path, folders: Iterable[Path], *, create: bool) -> None:
    """Refuse a directory that isn't ours.

    Parameters
    ----------
    folders : iterable of Path
        The folders of a data directory.
    create : bool
        Whether an empty directory may become a data directory.

    Raises
    ------
    ForeignDirectory
        The directory holds other things, or one of the folders is a symbolic link.
    NoDataDirectory
        The directory is empty and ``create`` is false.
    DamagedDatabase
        The data files or a part of a restore are there, but no database.
    CannotOpenDatabase
        The database can't be read as things are.
    """
    folders = tuple(folders)
    for folder in folders:
        if folder.is_symlink():
            raise ForeignDirectory(
                f"{folder} is a symbolic link. A start removes files in that folder, and follows "
                "no link to do so. Mount the other disk there instead."
            )
    if _holds_our_tables(root / DATABASE):
        return
    if any(root.glob(f"{BUILDING}*/{PARTS}")):
        raise DamagedDatabase(f"a restore into {root} was cut short")
    if any(root.glob("files/??/*.parquet")):
        raise DamagedDatabase(f"there are data files in {root}, but no database")
    for path in sorted(entries(root)):
        if not _is_left_by_a_start(path, folders):
            raise ForeignDirectory(
                f"{root} holds {path.name!r}, but no database of jobsvc. Choose a new or empty "
                "directory with --data-dir."
            )
    if not create:
        raise NoDataDirectory(root)


def _holds_our_tables(path: Path) -> bool:
    """False when there is no database, or one without a table.

    Raises
    ------
    ForeignDirectory, DamagedDatabase, CannotOpenDatabase
        There is a database, but it isn't ours or can't be read.
    """
    try:
        if path.stat().st_size == 0:
            return False
        # To read a write-ahead log SQLite writes files beside it; without a log it need not.
        log = path.with_name(f"{path.name}-wal")
        how = "mode=ro" if log.exists() and log.stat().st_size > 0 else "immutable=1"
        with closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True)) as connection:
            names = table_names(connection)
    except FileNotFoundError:
        return False
    except sqlite3.DatabaseError as error:
        raise damage(error) or CannotOpenDatabase(
            f"The database {path} can't be opened: {error}."
        ) from None
    if names and not names >= CORE_TABLES:
        raise ForeignDirectory(
            f"{path} is a database of another program. Choose a new or empty directory with "
            "--data-dir."
        )
    return bool(names)


def _is_left_by_a_start(path: Path, folders: tuple[Path, ...]) -> bool:
    if path.is_dir():
        return path.name.startswith(BUILDING) or (path in folders and not any(entries(path)))
    return path.name in _FILES_OF_A_START


INCOMING = "incoming-"
"""What the names of uploads begin with that no job has taken over yet."""


@dataclass(frozen=True)
class Owner:
    """Who has the directory. ``url`` and ``token`` are set once a server listens."""

    pid: int
    command: str
    started_at: str
    url: str | None = None
    token: str | None = None


class DataDirectory:
    """Paths below the data directory, created on opening (mode 0700)."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self.database_path = self.root / DATABASE
        self.files_dir = self.root / "files"
        self.uploads_dir = self.root / "uploads"
        self.scratch_dir = self.root / "scratch"
        self.spill_dir = self.root / "spill"
        self.counts_dir = self.root / "counts"
        self.folders = (
            self.files_dir,
            self.uploads_dir,
            self.scratch_dir,
            self.spill_dir,
            self.counts_dir,
        )
        self.files_lock = FilesLock(self.root / "files.lock")
        self._note_path = self.root / "owner.json"
        self._lock: int | None = None

    def acquire(self, owner: Owner, *, create: bool = True) -> None:
        """Take the directory for this process, and empty what only a running process uses.

        Parameters
        ----------
        create : bool
            Whether a directory that is missing or empty becomes a data directory.

        Raises
        ------
        DataDirectoryInUse
            Another process has it; the text says which.
        NoDataDirectory
            It is missing or empty, and ``create`` is false.
        ForeignDirectory
            It isn't a data directory of jobsvc. Nothing in it was changed.
        DamagedDatabase
            There are data files, but no database: a start would take them for orphans. Or a restore
            was cut short before the database was there.
        """
        if create:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not self.root.is_dir():
            raise NoDataDirectory(self.root)
        self._take()
        try:
            require_ours(self.root, self.folders, create=create)
            self._sweep()
            self.write_owner(owner)
        except BaseException:
            self._unlock()
            raise

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Keep every other process out of a directory that is there, and leave no owner's note.

        Raises
        ------
        DataDirectoryInUse
            Another process has it.
        """
        self._take()
        try:
            yield
        finally:
            self._unlock()

    def release(self) -> None:
        """Give the directory back."""
        if self._lock is not None:
            self._note_path.unlink(missing_ok=True)
            self._unlock()

    def _take(self) -> None:
        lock = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise DataDirectoryInUse(self._who_has_it()) from None
        self._lock = lock

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)  # which gives the lock back
            self._lock = None

    def write_owner(self, owner: Owner) -> None:
        """Leave the owner's note, whole or not at all."""
        partial = self._note_path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(owner), file)
        partial.replace(self._note_path)

    def owner(self) -> Owner | None:
        """The note of whoever has the directory, if there is one that can be read."""
        try:
            return Owner(**json.loads(self._note_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def upload_path(self, job_id: str) -> Path:
        """Where an import job's uploaded file waits; the name is the job's, never the user's."""
        return self.uploads_dir / job_id

    def discard_upload(self, job_id: str) -> None:
        """Drop a finished job's uploaded file, if it has one."""
        self.upload_path(job_id).unlink(missing_ok=True)

    def uploads(self) -> list[str]:
        """The names of all uploads: ids of jobs, and names of files that never became one."""
        return [path.name for path in entries(self.uploads_dir)]

    def sweep_uploads(self, needed: Set[str]) -> None:
        """Drop all uploads but those that are needed."""
        for name in self.uploads():
            if name not in needed:
                self.upload_path(name).unlink()

    def _who_has_it(self) -> str:
        owner = self.owner()
        if owner is None:
            return f"The data directory {self.root} is in use by another process."
        where = f", serving {owner.url}" if owner.url else ""
        return (
            f"The data directory {self.root} is in use by process {owner.pid} "
            f'("{owner.command}", since {owner.started_at}{where}). '
            "Stop it first, or choose another directory with --data-dir."
        )

    def _sweep(self) -> None:
        """Empty what only a running process uses; uploads wait for their jobs."""
        for directory in self.folders:
            directory.mkdir(mode=0o700, exist_ok=True)
        for directory in (self.scratch_dir, self.spill_dir):
            clear(directory)
        remove_leftovers(self.root)
        for unfinished in self.counts_dir.glob("*.part"):
            unfinished.unlink()
