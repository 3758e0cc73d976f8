"""The content-addressed store of data files, each named by the SHA-256 of its bytes.

A file under its final name is complete, synced and immutable: it is written elsewhere and renamed.
A prune and each start remove orphans, except files that a running job holds.
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
    """A data file in a manifest."""

    sha256: str
    rows: int
    size_bytes: int


Adopt = Callable[[Path, int], StoredFile]
"""Moves a finished file with a number of rows into the store and makes it durable. Files with equal
bytes become one file."""


class DataFiles:
    """Data files in folders named by the first two hexadecimal digits of their hash."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._intact = IntactFiles()
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    def path(self, sha256: str) -> Path:
        """Return the path of the file with this hash, which may not exist."""
        return self._root / sha256[:2] / f"{sha256}.parquet"

    def require_whole(self, file: StoredFile) -> None:
        """Check that a file is unchanged, by :mod:`storage.intact_files`.

        Raises
        ------
        DamagedData
            The file is missing, unreadable, or has another size or content.
        """
        problem = self._intact.problem(self.path(file.sha256), file.sha256, file.size_bytes)
        if problem is not None:
            raise DamagedData(
                f"The data file {file.sha256[:12]} {problem}. Run jobsvc check, and restore it "
                "from a backup."
            )

    @contextmanager
    def hold(self) -> Iterator[Adopt]:
        """Yield a function that moves finished files into the store, for a commit to come.

        These files are not removed before the end of the block, although no commit references them
        yet, and although a prune may remove an equal file at the same time.
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

    def orphans(self, referenced: Set[str]) -> Iterator[Path]:
        """Yield the files whose hash isn't in ``referenced`` and that no job holds now."""
        with self._lock:
            held = set(self._held)
        for path in self._root.glob("??/*.parquet"):
            if path.stem not in referenced and path.stem not in held:
                yield path

    def remove_orphans(
        self, hashes: Sequence[str], find_referenced: Callable[[Sequence[str]], Set[str]]
    ) -> list[str]:
        """Remove those of some files that are orphans; safe while jobs run.

        Parameters
        ----------
        find_referenced : callable
            Returns which hashes a commit references now. It is called after the check of holds: a
            file that was held before is referenced by then, or its job failed.
        """
        removed = []
        with self._lock:
            free = [sha256 for sha256 in hashes if sha256 not in self._held]
            referenced = find_referenced(free)
            for sha256 in free:
                if sha256 not in referenced:
                    self.path(sha256).unlink(missing_ok=True)
                    removed.append(sha256)
        return removed

    def sweep(self, referenced: Set[str]) -> int:
        """Remove every file whose hash isn't in ``referenced``; return the number removed.

        Safe only while no job runs: no commit references a running job's files yet.
        """
        removed = 0
        for path in self._root.glob("??/*"):
            if path.name.removesuffix(".parquet") not in referenced:
                path.unlink()
                removed += 1
        return removed
