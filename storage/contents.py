"""What a data directory holds, by concept: every walk of its files is here.

No walk yields ``lost+found`` or the lock of Windows, follows a link, or fails since a file is
deleted meanwhile. Start-up, prunes, backups, restores and disk figures read the directory by it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from lazy_dataclasses import dataclass
from operating_system import LOCK_NAME
from storage.sqlite.clock import timestamp

DATABASE = "jobsvc.sqlite3"
FILES_OF_SQLITE = ("", "-wal", "-shm", "-journal")
"""The ends of the names of the files that SQLite has for the database."""
BUILDING = ".jobsvc-building-"
"""The prefix of the temporary folders of backups and restores."""
PARTS = "parts"
"""The folder in a restore's temporary folder with the parts that it moves into the directory."""
INCOMING = "incoming-"
"""The prefix of uploads that have no job yet."""
LOST_AND_FOUND = "lost+found"
"""ext2 to ext4 create this folder in the root of a disk. It is never counted or removed."""


@dataclass(frozen=True)
class FileOnDisk:
    """A file, its size, and when it was last written or used, as stored times are written."""

    path: Path
    size_bytes: int
    modified_at: str

    @staticmethod
    def find(path: Path) -> FileOnDisk | None:
        """Return the file; None if it was deleted."""
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        modified_at = timestamp(datetime.fromtimestamp(status.st_mtime, UTC))
        return FileOnDisk(path, status.st_size, modified_at)


@dataclass(frozen=True)
class CacheFile:
    """A file of ``counts/``; ``table`` is the hash of its table's first file, if it is finished."""

    path: Path
    table: str | None


def entries(folder: Path) -> Iterator[Path]:
    """Yield the entries of a folder."""
    return (
        path for path in folder.iterdir() if not _is_lost_and_found(path) and path.name != LOCK_NAME
    )


def occupants(folder: Path) -> Iterator[Path]:
    """Yield the entries that make a folder non-empty, including a non-empty ``lost+found``."""
    return (path for path in folder.iterdir() if not _is_lost_and_found(path) or _has_entries(path))


def data_files(folder: Path) -> Iterator[Path]:
    """Yield the data files, by their folders of two hexadecimal digits."""
    return folder.glob("??/*.parquet")


def entries_of_data_files(folder: Path) -> Iterator[Path]:
    """Yield the data files, and what a crash left beside them."""
    return folder.glob("??/*")


def uploads(folder: Path, *, incoming: bool = False) -> Iterator[Path]:
    """Yield the uploads, named by their jobs; ``incoming`` also those that have no job yet."""
    return (path for path in entries(folder) if incoming or not path.name.startswith(INCOMING))


def cache_files(folder: Path, suffixes: Collection[str]) -> Iterator[CacheFile]:
    """Yield the files of ``counts/``; finished ones have one of the suffixes."""
    for path in entries(folder):
        is_finished = path.suffix in suffixes
        yield CacheFile(path, path.name.partition("-")[0] if is_finished else None)


def unfinished_cache_files(folder: Path) -> Iterator[Path]:
    """Yield the files of ``counts/`` that a process was writing."""
    return folder.glob("*.part")


def database_files(root: Path) -> list[FileOnDisk]:
    """Return the files of the database that exist."""
    files = (FileOnDisk.find(root / f"{DATABASE}{end}") for end in FILES_OF_SQLITE)
    return [file for file in files if file is not None]


def building_folders(parent: Path) -> Iterator[Path]:
    """Yield the temporary folders of backups and restores, also of running ones."""
    return parent.glob(f"{BUILDING}*")


def restored_parts(root: Path) -> Iterator[Path]:
    """Yield the folders with the parts of a restore that hasn't ended."""
    return root.glob(f"{BUILDING}*/{PARTS}")


def file_sizes(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the names and sizes in bytes of all files below a folder."""
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as listed:
                for entry in listed:
                    if _is_lost_and_found(entry):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    with suppress(FileNotFoundError):
                        yield entry.name, entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            continue


def clear(folder: Path) -> None:
    """Remove a folder's entries as far as possible."""
    if folder.is_symlink():
        return
    for path in entries(folder):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
            continue
        with suppress(OSError):
            path.unlink()


def _is_lost_and_found(entry: Path | os.DirEntry[str]) -> bool:
    """Whether an entry is the folder ``lost+found``, and not a file or link of that name."""
    return entry.name == LOST_AND_FOUND and entry.is_dir() and not entry.is_symlink()


def _has_entries(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except PermissionError:  # it counts as empty
        return False
