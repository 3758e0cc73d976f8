"""The store of data files, each named by the SHA-256 of its bytes.

Invariant: a file under its final name is whole, synced to disk, read-only, and never changes. A
file is written elsewhere first and renamed into place; a file that no commit names is swept at
start.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from storage.errors import DamagedData


@dataclass(frozen=True)
class StoredFile:
    """A data file as a manifest names it."""

    sha256: str
    rows: int
    size_bytes: int


class DataFiles:
    """Data files below one directory, two hexadecimal digits a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: str) -> Path:
        """Where the file with this hash lies, or would lie."""
        return self._root / sha256[:2] / f"{sha256}.parquet"

    def require_whole(self, file: StoredFile) -> None:
        """Refuse a file that can't be what was written; a full check also reads its content.

        Raises
        ------
        DamagedData
            It is missing or of another size.
        """
        path = self.path(file.sha256)
        try:
            size_bytes = path.stat().st_size
        except FileNotFoundError:
            size_bytes = -1
        if size_bytes != file.size_bytes:
            problem = "is missing" if size_bytes < 0 else "is damaged"
            raise DamagedData(
                f"The data file {file.sha256[:12]} {problem}. Run jobsvc check, and restore it "
                "from a backup."
            )

    def adopt(self, written: Path, rows: int) -> StoredFile:
        """Move a finished file into the store and make it durable.

        The same bytes twice are one file: the second is dropped.
        """
        with written.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size_bytes = file.tell()
            os.fsync(file.fileno())
        final = self.path(sha256)
        if not final.parent.exists():
            final.parent.mkdir(mode=0o700, exist_ok=True)
            _sync_directory(self._root)
        written.chmod(0o400)
        written.replace(final)
        _sync_directory(final.parent)
        return StoredFile(sha256, rows, size_bytes)

    def sweep(self, kept: Set[str]) -> int:
        """Remove every file whose hash isn't in ``kept``; returns how many went.

        Safe only while no job runs: a running job's files are in no commit yet.
        """
        removed = 0
        for path in self._root.glob("??/*"):
            if path.name.removesuffix(".parquet") not in kept:
                path.unlink()
                removed += 1
        return removed


def _sync_directory(directory: Path) -> None:
    """Make a rename in ``directory`` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
