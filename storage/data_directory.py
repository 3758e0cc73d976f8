"""The data directory: its layout, and the lock by which one process owns it.

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
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from storage.durable import remove_leftovers
from storage.errors import DataDirectoryInUse, NoDataDirectory
from storage.files_lock import FilesLock
from storage.mounted_disks import clear, entries
from storage.recognition import DATABASE, require_ours

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
