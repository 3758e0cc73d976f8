"""How much room everything takes, by kind and by dataset.

Invariant: it looks at the disk and at the database as they are, and changes nothing. A data file
that several datasets name counts for each of them. Called by the admin's routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from storage.data_directory import DataDirectory
from storage.database import Transaction
from storage.disk_use import disk_of, file_sizes
from storage.rows import all_rows, run


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
