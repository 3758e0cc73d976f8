"""The store of data files, each named by the SHA-256 of its bytes.

Invariant: a file under its final name is whole, synced to disk, read-only, and never changes. A
file is written elsewhere first and renamed into place. A file that no commit names is removed by a
prune, or swept at start; one that a running job has just brought stays until its commit is there.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage.durable import sync
from storage.errors import DamagedData
from storage.intact_files import IntactFiles, seal


@dataclass(frozen=True)
class StoredFile:
    """A data file as a manifest names it."""

    sha256: str
    rows: int
    size_bytes: int


Adopt = Callable[[Path, int], StoredFile]
"""Moves a finished file with so many rows into the store and makes it durable. The same bytes twice
are one file: the second is dropped."""


class DataFiles:
    """Data files below one directory, two hexadecimal digits a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._intact = IntactFiles()
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    def path(self, sha256: str) -> Path:
        """Where the file with this hash lies, or would lie."""
        return self._root / sha256[:2] / f"{sha256}.parquet"

    def require_whole(self, file: StoredFile) -> None:
        """Refuse a file that isn't as it was written, as far as :mod:`storage.intact_files` tells.

        Raises
        ------
        DamagedData
            It is missing, can't be read, or has another size or content.
        """
        problem = self._intact.problem(self.path(file.sha256), file.sha256, file.size_bytes)
        if problem is not None:
            raise DamagedData(
                f"The data file {file.sha256[:12]} {problem}. Run jobsvc check, and restore it "
                "from a backup."
            )

    @contextmanager
    def hold(self) -> Iterator[Adopt]:
        """What moves finished files into the store, for whoever will name them in a commit.

        A file that came in by it isn't removed before the end of the block, though no commit names
        it until then, and though another commit's file of the same bytes may be going just now.
        """
        held: list[str] = []

        def adopt(written: Path, rows: int) -> StoredFile:
            return self._adopt(written, rows, held)

        try:
            yield adopt
        finally:
            with self._lock:
                self._held -= Counter(held)

    def _adopt(self, written: Path, rows: int, held: list[str]) -> StoredFile:
        with written.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size_bytes = file.tell()
            seal(file.fileno(), sha256)
            os.fsync(file.fileno())
        with self._lock:
            self._held[sha256] += 1
            held.append(sha256)
        final = self.path(sha256)
        if not final.parent.exists():
            final.parent.mkdir(mode=0o700, exist_ok=True)
            sync(self._root)
        written.chmod(0o400)
        written.replace(final)
        sync(final.parent)
        return StoredFile(sha256, rows, size_bytes)

    def orphans(self, named: Set[str]) -> Iterator[Path]:
        """The files whose hash isn't in ``named`` and that no job holds now."""
        with self._lock:
            held = set(self._held)
        for path in self._root.glob("??/*.parquet"):
            if path.stem not in named and path.stem not in held:
                yield path

    def remove_orphans(
        self, hashes: Sequence[str], named: Callable[[Sequence[str]], Set[str]]
    ) -> list[str]:
        """Remove those of some files that no commit names and no job holds; safe while jobs run.

        Parameters
        ----------
        named : callable
            Of some hashes, those that a commit names by now. It is asked after the holds: what was
            held before is named by then, or was given up.
        """
        removed = []
        with self._lock:
            free = [sha256 for sha256 in hashes if sha256 not in self._held]
            kept = named(free)
            for sha256 in free:
                if sha256 not in kept:
                    self.path(sha256).unlink(missing_ok=True)
                    removed.append(sha256)
        return removed

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
