"""The data directory: its paths, and the locks of its owner and of its data files.

One process owns the directory. A start changes nothing in a directory that isn't of jobsvc. The
operating system holds the locks, so that they end with their process.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator, Set
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from lazy_dataclasses import dataclass
from operating_system import lock_file, lock_folder
from storage.contents import (
    BUILDING,
    DATABASE,
    FILES_OF_SQLITE,
    clear,
    data_files,
    entries,
    restored_parts,
    unfinished_cache_files,
    uploads,
)
from storage.errors import (
    DamagedDatabase,
    DataDirectoryInUse,
    FilesInUse,
    ForeignDirectory,
    NoDataDirectory,
)
from storage.maintenance.durable import remove_leftovers
from storage.sqlite.clock import timestamp
from storage.sqlite.database import cannot_open
from storage.sqlite.schema import CORE_TABLES, table_names


class FilesLock:
    """A lock on the data files: shared by backups and checks, exclusive for a prune or a start."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the shared lock; waits for a remover, which takes seconds.

        Without the lock's file nobody removes files from a directory that can't be written.
        """
        try:
            descriptor = lock_file(self._path, shared=True, wait=True)
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES) or self._path.exists():
                raise
            yield
            return
        try:
            yield
        finally:
            os.close(descriptor)  # releases the lock

    @contextmanager
    def removing(self) -> Iterator[None]:
        """Hold the exclusive lock; raise FilesInUse at once if it is held, perhaps for hours."""
        try:
            descriptor = lock_file(self._path)
        except BlockingIOError:
            raise FilesInUse(
                "A backup, a check or another prune uses the data files. Try again when it has "
                "ended."
            ) from None
        try:
            yield
        finally:
            os.close(descriptor)


_FILES_OF_A_START = frozenset(
    {"owner.json", "owner.partial", "files.lock", "last-backup"}
    | {f"{DATABASE}{end}" for end in FILES_OF_SQLITE}
)
"""The files that a first start leaves when it is killed before the database has its tables."""


def _require_ours(root: Path, folders: tuple[Path, ...], *, create: bool) -> None:
    """Require a data directory of jobsvc, without changing it; see ``DataDirectory.acquire``."""
    for folder in folders:
        if folder.is_symlink():
            raise ForeignDirectory(
                "{folder} is a symbolic link. A start removes files in that folder, but doesn't "
                "follow links. Mount the other disk there instead.",
                folder=str(folder),
            )
    if _holds_our_tables(root / DATABASE):
        return
    if any(restored_parts(root)):
        raise DamagedDatabase(why=f"a restore into {root} was interrupted")
    if any(data_files(root / "files")):
        raise DamagedDatabase(why=f"{root} has data files, but no database")
    for path in sorted(entries(root)):
        if not _is_left_by_a_start(path, folders):
            raise ForeignDirectory(
                "{root} holds {name}, but no database of jobsvc. Choose a new or empty directory "
                "with --data-dir.",
                root=str(root),
                name=repr(path.name),
            )
    if not create:
        raise NoDataDirectory(root=str(root))


def _holds_our_tables(path: Path) -> bool:
    """Return whether there is a database with tables."""
    try:
        if path.stat().st_size == 0:
            return False
        # To read a write-ahead log, SQLite creates files; without a log it needs none.
        log = path.with_name(f"{path.name}-wal")
        how = "mode=ro" if log.exists() and log.stat().st_size > 0 else "immutable=1"
        with closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True)) as connection:
            names = table_names(connection)
    except FileNotFoundError:
        return False
    except sqlite3.DatabaseError as error:
        raise cannot_open(path, error) from None
    if names and not names >= CORE_TABLES:
        raise ForeignDirectory(
            "{path} is a database of another program. Choose a new or empty directory with "
            "--data-dir.",
            path=str(path),
        )
    return bool(names)


def _is_left_by_a_start(path: Path, folders: tuple[Path, ...]) -> bool:
    if path.is_dir():
        return path.name.startswith(BUILDING) or (path in folders and not any(entries(path)))
    return path.name in _FILES_OF_A_START


@dataclass(frozen=True)
class Owner:
    """The process that owns the directory; ``url`` and ``token`` are those of a running server.

    The token authorizes commands of the same operating system user.
    """

    pid: int
    command: str
    started_at: str
    url: str | None = None
    token: str | None = None


class DataDirectory:
    """The paths of a data directory (mode 0700), and its owner's lock.

    DuckDB may read and write in ``duckdb_dirs`` alone: not the database, the signing key, the
    owner's note and the uploads.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self.database_path = self.root / DATABASE
        self.folders = tuple(
            self.root / name for name in ("files", "uploads", "scratch", "spill", "counts")
        )
        self.files_dir, self.uploads_dir, self.scratch_dir, self.spill_dir, self.counts_dir = (
            self.folders
        )
        self.duckdb_dirs = (self.files_dir, self.scratch_dir, self.spill_dir, self.counts_dir)
        self.files_lock = FilesLock(self.root / "files.lock")
        self.signing_key_path = self.root / "signing-key.pem"
        self._note_path = self.root / "owner.json"
        self._backup_path = self.root / "last-backup"
        self._lock: int | None = None

    def acquire(self, owner: Owner, *, create: bool = True) -> None:
        """Lock the directory for this process, and empty the folders of temporary files.

        Raises
        ------
        DataDirectoryInUse
            Another process owns it.
        NoDataDirectory
            It is missing or empty, and ``create`` is false.
        ForeignDirectory
            It has files of another program, or one of its folders is a symbolic link. Nothing in it
            was changed.
        DamagedDatabase, CannotOpenDatabase
            It has data files or parts of a restore, but no database; or the database can't be read.
        """
        if create:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not self.root.is_dir():
            raise NoDataDirectory(root=str(self.root))
        self._take()
        try:
            _require_ours(self.root, self.folders, create=create)
            self._sweep()
            self.write_owner(owner)
        except BaseException:
            self._unlock()
            raise

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Lock an existing directory without an owner's note, for a restore."""
        self._take()
        try:
            yield
        finally:
            self._unlock()

    def release(self) -> None:
        """Unlock the directory and remove the owner's note."""
        if self._lock is not None:
            self._note_path.unlink(missing_ok=True)
            self._unlock()

    def _take(self) -> None:
        try:
            self._lock = lock_folder(self.root)
        except BlockingIOError:
            raise self._in_use() from None

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)  # releases the lock
            self._lock = None

    def write_owner(self, owner: Owner) -> None:
        """Write the owner's note atomically, readable only by its user."""
        partial = self._note_path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(owner), file)
        partial.replace(self._note_path)

    def owner(self) -> Owner | None:
        """Return the owner's note; None if it is missing or unreadable."""
        try:
            return Owner(**json.loads(self._note_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def note_backup(self, at: str) -> None:
        """Write the time of a backup that a command made, if the directory is writable."""
        with suppress(OSError):
            self._backup_path.write_text(at, encoding="utf-8")

    def last_backup(self) -> str | None:
        """Return the time of the last backup that a command made; None if there is none."""
        try:
            moment = datetime.fromisoformat(self._backup_path.read_text(encoding="utf-8"))
            return timestamp(moment) if moment.tzinfo else None
        except (OSError, ValueError):
            return None

    def upload_path(self, job_id: str) -> Path:
        """Return the path of an import job's upload, named by the job id."""
        return self.uploads_dir / job_id

    def discard_upload(self, job_id: str) -> None:
        """Delete the upload of a job, if any."""
        self.upload_path(job_id).unlink(missing_ok=True)

    def uploads(self) -> list[str]:
        """Return the names of all uploads: job ids, and files without a job."""
        return [path.name for path in uploads(self.uploads_dir, incoming=True)]

    def sweep_uploads(self, needed: Set[str]) -> None:
        """Delete all uploads except the needed ones."""
        for name in self.uploads():
            if name not in needed:
                self.upload_path(name).unlink()

    def _in_use(self) -> DataDirectoryInUse:
        owner = self.owner()
        if owner is None:
            return DataDirectoryInUse(
                "The data directory {root} is in use by another process.", root=str(self.root)
            )
        return DataDirectoryInUse(
            "The data directory {root} is in use by process {pid} "
            '("{command}", since {started_at}{serving}). '
            "{advice}, or choose another directory with --data-dir.",
            advice="Stop it first" if owner.url else "Wait until it has started or ended",
            root=str(self.root),
            pid=str(owner.pid),
            command=owner.command,
            started_at=owner.started_at,
            serving=f", serving {owner.url}" if owner.url else "",
        )

    def _sweep(self) -> None:
        """Create the folders, and delete the temporary files of earlier processes."""
        for directory in self.folders:
            directory.mkdir(mode=0o700, exist_ok=True)
        for directory in (self.scratch_dir, self.spill_dir):
            clear(directory)
        remove_leftovers(self.root)
        for unfinished in unfinished_cache_files(self.counts_dir):
            unfinished.unlink()
