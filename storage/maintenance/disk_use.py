"""Measure the data directory: bytes by folder for metrics, and by kind and dataset for admins.

A data file of several datasets counts for each of them.
"""

from __future__ import annotations

import math
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

from contract.declarations import Help
from lazy_dataclasses import dataclass
from storage.contents import DATABASE, database_files, file_sizes
from storage.errors import NotWritable
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.database import Transaction
from storage.sqlite.queries import all_rows, run


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
    """Measure one data directory.

    The sum of its data files is cached for ``cache_s``, or for ``cache_factor`` times the time that
    it took if that is longer. ``monotonic`` is a clock in seconds.
    """

    def __init__(
        self,
        directory: DataDirectory,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        cache_s: float = 60.0,
        cache_factor: float = 50,
    ) -> None:
        self._directory = directory
        self._monotonic = monotonic
        self._cache_s, self._cache_factor = cache_s, cache_factor
        self._lock = threading.Lock()
        self._files_sum = 0
        self._good_until = -math.inf

    def measure(self) -> DiskUse:
        """Return the current sizes; that of the data files may be cached."""
        directory = self._directory
        sqlite = {file.path.name: file.size_bytes for file in database_files(directory.root)}
        disk = disk_of(directory)
        return DiskUse(
            part_bytes={"files": self._files_bytes()}
            | {path.name: sum(_sizes(path)) for path in directory.folders[1:]},
            sqlite_bytes={
                "database": sqlite.get(DATABASE, 0),
                "wal": sqlite.get(f"{DATABASE}-wal", 0),
            },
            free_bytes=disk.free,
            disk_bytes=disk.total,
        )

    def _files_bytes(self) -> int:
        with self._lock:
            began = self._monotonic()
            if began >= self._good_until:
                self._files_sum = sum(_sizes(self._directory.files_dir))
                duration_s = self._monotonic() - began
                self._good_until = began + max(self._cache_s, self._cache_factor * duration_s)
            return self._files_sum


def disk_of(directory: DataDirectory) -> DiskSpace:
    """Return the space on the disk of a data directory; raise NotWritable if it is missing."""
    try:
        disk = shutil.disk_usage(directory.root)
    except OSError as error:
        raise NotWritable(
            "The data directory can't be read: {reason}.", reason=error.strerror
        ) from error
    return DiskSpace(total=disk.total, free=disk.free)


def _sizes(folder: Path) -> list[int]:
    return [size for _, size in file_sizes(folder)]


@dataclass(frozen=True)
class KindUse:
    """The number and bytes of the files of one kind."""

    kind: str
    files: int
    size_bytes: int


@dataclass(frozen=True)
class DatasetUse:
    """The data files of a dataset's commits; ``removed_at`` is None unless it was removed."""

    dataset_id: int
    name: str
    removed_at: str | None
    commits: int
    files: int
    size_bytes: Annotated[int, Help("A file of several datasets counts in each.")]


@dataclass(frozen=True)
class StorageUse:
    """The bytes of a data directory, and the free and all bytes of its disk."""

    kinds: list[KindUse]
    datasets: list[DatasetUse]
    free_bytes: Annotated[int, Help("Free space on the disk.")]
    disk_bytes: Annotated[int, Help("Size of the disk.")]

    @property
    def size_bytes(self) -> Annotated[int, Help(None)]:
        """Bytes over all kinds."""
        return sum(kind.size_bytes for kind in self.kinds)


def measure(tx: Transaction, directory: DataDirectory) -> StorageUse:
    """Measure everything; the datasets come largest first."""
    data_files = dict(file_sizes(directory.files_dir))
    parts = {
        "data_files": list(data_files.values()),
        "uploads": _sizes(directory.uploads_dir),
        "database": [file.size_bytes for file in database_files(directory.root)],
        "counts": _sizes(directory.counts_dir),
        "scratch": _sizes(directory.scratch_dir),
        "spill": _sizes(directory.spill_dir),
    }
    disk = disk_of(directory)
    return StorageUse(
        kinds=[KindUse(kind, len(sizes), sum(sizes)) for kind, sizes in parts.items()],
        datasets=_datasets(tx, data_files),
        free_bytes=disk.free,
        disk_bytes=disk.total,
    )


def _datasets(tx: Transaction, sizes: Mapping[str, int]) -> list[DatasetUse]:
    files: dict[int, list[int]] = defaultdict(list)
    for row in run(tx, "files_of_datasets"):
        files[row["dataset_id"]].append(sizes.get(f"{row['sha256']}.parquet", 0))
    datasets = [
        DatasetUse(
            dataset_id=row["id"],
            name=row["name"],
            removed_at=row["removed_at"],
            commits=row["commits"],
            files=len(files[row["id"]]),
            size_bytes=sum(files[row["id"]]),
        )
        for row in all_rows(tx, "commits_of_datasets")
    ]
    return sorted(datasets, key=lambda dataset: (-dataset.size_bytes, dataset.dataset_id))
