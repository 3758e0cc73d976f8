"""How much room the data directory takes, and how much its disk has left.

Invariant: asking is cheap. The data files, of which there may be a great many, are added up once a
minute at most, and more seldom if that would take more than a fiftieth of the time; everything else
is looked at anew.
"""

from __future__ import annotations

import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from storage.data_directory import DataDirectory
from storage.errors import NotWritable
from storage.mounted_disks import is_lost_and_found

KEPT_S = 60.0
KEPT_TIMES = 50
"""A sum of the data files is kept for so many times as it took."""


@dataclass(frozen=True)
class DiskUse:
    """Bytes by part of the data directory, of SQLite's files, and of the disk."""

    part_bytes: Mapping[str, int]
    sqlite_bytes: Mapping[str, int]
    free_bytes: int
    disk_bytes: int


@dataclass(frozen=True)
class DiskSpace:
    """Bytes of a disk: all, and those that are free."""

    total: int
    free: int


class DiskUseMeter:
    """Measures one data directory.

    Parameters
    ----------
    directory : DataDirectory
        What to measure.
    monotonic : callable
        Seconds; injected, so that tests decide when a minute has passed.
    """

    def __init__(
        self, directory: DataDirectory, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = directory
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._files_sum = 0
        self._good_until = -math.inf

    def measure(self) -> DiskUse:
        """The sizes as they are now; those of the data files as of the last minute."""
        here = self._directory
        moving = (here.uploads_dir, here.scratch_dir, here.spill_dir, here.counts_dir)
        disk = disk_of(here)
        wal = here.database_path.with_name(f"{here.database_path.name}-wal")
        return DiskUse(
            part_bytes={"files": self._files_bytes()}
            | {path.name: _bytes(path) for path in moving},
            sqlite_bytes={"database": _file_bytes(here.database_path), "wal": _file_bytes(wal)},
            free_bytes=disk.free,
            disk_bytes=disk.total,
        )

    def _files_bytes(self) -> int:
        with self._lock:
            began = self._monotonic()
            if began >= self._good_until:
                self._files_sum = _bytes(self._directory.files_dir)
                took = self._monotonic() - began
                self._good_until = began + max(KEPT_S, KEPT_TIMES * took)
            return self._files_sum


def disk_of(directory: DataDirectory) -> DiskSpace:
    """The space on the disk that holds a data directory.

    Raises
    ------
    NotWritable
        The directory is gone or can't be read; says the system's reason.
    """
    try:
        disk = shutil.disk_usage(directory.root)
    except OSError as error:
        raise NotWritable(f"The data directory can't be read: {error.strerror}.") from error
    return DiskSpace(total=disk.total, free=disk.free)


def file_sizes(directory: Path) -> Iterator[tuple[str, int]]:
    """The names and sizes of all files below a directory, without those that go away meanwhile."""
    waiting = [str(directory)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if is_lost_and_found(entry):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    with suppress(FileNotFoundError):
                        yield entry.name, entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            continue


def _bytes(directory: Path) -> int:
    return sum(size for _, size in file_sizes(directory))


def _file_bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
