"""How much room the data directory takes, and how much its disk has left.

Invariant: asking is cheap. The data files, of which there may be a great many, are added up once a
minute at most, and more seldom if that would take more than a fiftieth of the time; everything else
is looked at anew.

How much room everything takes, by kind and by dataset.

Invariant: it looks at the disk and at the database as they are, and changes nothing. A data file
that several datasets name counts for each of them. Called by the admin's routes.
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

from storage.errors import NotWritable
from storage.maintenance.data_directory import DataDirectory, is_lost_and_found
from storage.sqlite.database import Transaction
from storage.sqlite.queries import all_rows, run

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


@dataclass(frozen=True)
class KindUse:
    """What one kind of file takes."""

    kind: str
    files: int
    size_bytes: int


@dataclass(frozen=True)
class DatasetUse:
    """What a dataset's commits name; ``removed_at`` is None for one that is there."""

    dataset_id: int
    name: str
    removed_at: str | None
    commits: int
    files: int
    size_bytes: int


@dataclass(frozen=True)
class StorageUse:
    """The room that a data directory takes, and what its disk has left."""

    kinds: list[KindUse]
    datasets: list[DatasetUse]
    free_bytes: int

    @property
    def size_bytes(self) -> int:
        """Bytes over all kinds."""
        return sum(kind.size_bytes for kind in self.kinds)


def measure(tx: Transaction, directory: DataDirectory) -> StorageUse:
    """Measure everything; the datasets come largest first."""
    data_files = dict(file_sizes(directory.files_dir))
    sqlite_files = directory.root.glob(f"{directory.database_path.name}*")
    parts = {
        "data_files": list(data_files.values()),
        "uploads": _sizes(directory.uploads_dir),
        "database": [path.stat().st_size for path in sqlite_files],
        "counts": _sizes(directory.counts_dir),
        "scratch": _sizes(directory.scratch_dir),
        "spill": _sizes(directory.spill_dir),
    }
    return StorageUse(
        kinds=[KindUse(kind, len(sizes), sum(sizes)) for kind, sizes in parts.items()],
        datasets=_datasets(tx, data_files),
        free_bytes=disk_of(directory).free,
    )


def _datasets(tx: Transaction, sizes: Mapping[str, int]) -> list[DatasetUse]:
    files: dict[int, int] = {}
    size_bytes: dict[int, int] = {}
    for row in run(tx, "files_of_datasets"):
        of = row["dataset_id"]
        files[of] = files.get(of, 0) + 1
        size_bytes[of] = size_bytes.get(of, 0) + sizes.get(f"{row['sha256']}.parquet", 0)
    found = [
        DatasetUse(
            dataset_id=row["id"],
            name=row["name"],
            removed_at=row["removed_at"],
            commits=row["commits"],
            files=files.get(row["id"], 0),
            size_bytes=size_bytes.get(row["id"], 0),
        )
        for row in all_rows(tx, "commits_of_datasets")
    ]
    return sorted(found, key=lambda one: (-one.size_bytes, one.dataset_id))


def _sizes(directory: Path) -> list[int]:
    return [size for _, size in file_sizes(directory)]
