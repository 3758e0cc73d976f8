"""The content-addressed store of data files, each named by the SHA-256 of its bytes.

A file under its final name is complete, synced and immutable. A *seal* shows later changes without
a hash of the file: a part of the hash in the microseconds of the modification time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lazy_dataclasses import dataclass
from operating_system import remove, replace_with_same, set_modified, sync_folder
from parquet_tables.columns import AttachedPath
from parquet_tables.layouts import FileLayout, LaidColumn
from storage.contents import data_files, entries_of_data_files
from storage.errors import DamagedData

ALWAYS_HASHED_BYTES = 16 * 1024**2
"""Files up to this size are always hashed on their first use in a process, in about 10 ms."""

MAX_CACHED_RESULTS = 4_000
"""Number of files whose results are cached; an evicted file is checked again."""

HASH_LOCKS = 64
"""Number of locks that files share, so that threads don't hash the same file at once."""


@dataclass(frozen=True, slots=True)
class _FileState:
    """Values that change when a file is written or replaced."""

    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class _Result:
    """The result for one version of a file."""

    version: _FileState
    is_intact: bool


class IntactFiles:
    """Checks files and caches the results by SHA-256; thread-safe."""

    def __init__(
        self,
        always_hashed_bytes: int = ALWAYS_HASHED_BYTES,
        max_cached_results: int = MAX_CACHED_RESULTS,
    ) -> None:
        self._always_hashed_bytes = always_hashed_bytes
        self._max_cached_results = max_cached_results
        self._results: dict[str, _Result] = {}
        self._lock = threading.Lock()
        self._hash_locks = tuple(threading.Lock() for _ in range(HASH_LOCKS))

    def problem(self, path: Path, sha256: str, size_bytes: int) -> str | None:
        """Return the problem of a file, for example "is missing"; None if it is intact."""
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            return f"can't be read ({error.strerror})"
        try:
            return self._problem(descriptor, path, sha256, size_bytes)
        except OSError as error:
            return f"can't be read ({error.strerror})"
        finally:
            os.close(descriptor)

    def _problem(self, descriptor: int, path: Path, sha256: str, size_bytes: int) -> str | None:
        version = _version(descriptor)
        if version is None or version.size_bytes != size_bytes:
            return "is damaged: its size has changed"
        if (cached := self._cached(sha256, version)) is not None and cached.is_intact:
            return None
        if size_bytes > self._always_hashed_bytes and _has_seal(version, sha256):
            self._store(sha256, _Result(version, True))
            return None
        with self._hash_locks[int(sha256[:8], 16) % HASH_LOCKS]:
            is_intact = self._is_intact(descriptor, path, sha256)
        return None if is_intact else "is damaged: its content has changed"

    def _is_intact(self, descriptor: int, path: Path, sha256: str) -> bool:
        """Hash a file, unless another thread has just done so."""
        version = _version(descriptor)
        if (cached := self._cached(sha256, version)) is not None:
            return cached.is_intact
        with open(descriptor, "rb", closefd=False) as file:
            is_intact = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        if is_intact and version is not None and not _has_seal(version, sha256):
            with suppress(OSError):  # another user's file, or a read-only disk
                seal(descriptor, path, sha256)
        current = _version(descriptor)
        if current is not None:
            self._store(sha256, _Result(current, is_intact))
        return is_intact

    def _cached(self, sha256: str, version: _FileState | None) -> _Result | None:
        result = self._results.get(sha256)
        return result if result is not None and result.version == version else None

    def _store(self, sha256: str, result: _Result) -> None:
        with self._lock:
            self._results.pop(sha256, None)
            self._results[sha256] = result
            if len(self._results) > self._max_cached_results:
                del self._results[next(iter(self._results))]


def seal(descriptor: int, path: Path, sha256: str) -> None:
    """Set the seal of an open file that was just hashed."""
    status = os.fstat(descriptor)
    second_ns = status.st_mtime_ns - status.st_mtime_ns % 1_000_000_000
    set_modified(descriptor, path, status.st_atime_ns, second_ns + 1_000 * _microseconds(sha256))


def _has_seal(version: _FileState, sha256: str) -> bool:
    # Archives store times as fractions, which lose a few nanoseconds.
    return (version.modified_ns + 500) // 1_000 % 1_000_000 == _microseconds(sha256)


def _microseconds(sha256: str) -> int:
    return int(sha256[:12], 16) % 1_000_000


def _version(descriptor: int) -> _FileState | None:
    """Return the version of a regular file; None for other file types."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return None
    return _FileState(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True)
class StoredFile:
    """A data file in a manifest."""

    sha256: str
    rows: int
    size_bytes: int


@dataclass(frozen=True)
class AttachedFile:
    """A data file in a manifest that is read where it is, at one version.

    Parameters
    ----------
    connection : str
        The name of the connection that reads it.
    e_tag : str or None
        The version in an object store.
    modified_ns, inode : str or None
        The version in a folder of the server: modification time in nanoseconds, and inode, as
        decimal texts: a manifest has no number of 2^53 or more.
    verified : bool
        Whether its rows were counted and its statistics compared with its values when it was
        attached. A manifest has this only if it is true.
    partition : tuple of pairs
        The values of columns that the file doesn't have, such as those of its partition.
    sources : tuple of pairs
        The columns that have other names in this file than in those of the table.
    layout : tuple of LaidColumn
        The table's columns, if they aren't those of its files; a manifest has them once a table.
    """

    connection: str
    uri: str
    rows: int
    size_bytes: int
    e_tag: str | None = None
    modified_ns: str | None = None
    inode: str | None = None
    verified: bool = False
    partition: tuple[tuple[str, str | None], ...] = ()
    sources: tuple[tuple[str, str | None], ...] = ()
    layout: tuple[LaidColumn, ...] = ()

    def as_json(self) -> dict[str, object]:
        """This entry of a manifest."""
        fields = dict(vars(self))
        del fields["layout"]
        if not self.verified:
            del fields["verified"]
        for name in ("partition", "sources"):
            pairs = fields.pop(name)
            if pairs:
                fields[name] = dict(pairs)
        return fields

    @staticmethod
    def from_json(fields: dict[str, Any], layout: tuple[LaidColumn, ...] = ()) -> AttachedFile:
        """Read an entry of a manifest."""
        partition, sources = (
            tuple(fields.get(name, {}).items()) for name in ("partition", "sources")
        )
        plain = fields | {"partition": partition, "sources": sources}
        return AttachedFile(**plain, layout=layout)

    @property
    def path(self) -> AttachedPath:
        """The name for DuckDB, with the SHA-256 of this entry: it is of this version only."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if self.layout:
            text += json.dumps([[each.name, each.type, each.source] for each in self.layout])
        return AttachedPath(hashlib.sha256(text.encode()).hexdigest(), self.size_bytes)

    @property
    def file_layout(self) -> FileLayout | None:
        """The columns of the table in this file; None if they are the file's own."""
        return FileLayout(self.layout, self.partition, self.sources) if self.layout else None


Adopt = Callable[[Path, int], StoredFile]
"""Moves a finished file with a number of rows into the store and makes it durable. Files with equal
bytes become one file."""

FindReferenced = Callable[[Sequence[str]], Set[str]]
"""Returns which files, by their SHA-256, a commit or uploaded values reference now."""

logger = logging.getLogger("jobsvc.files")


class DataFiles:
    """Data files in folders named by the first two hexadecimal digits of their hash."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._intact = IntactFiles()
        self._held: Counter[str] = Counter()
        self._new: set[str] = set()  # placed by those that hold them, and in no commit yet
        self._sizes: dict[str, int] = {}
        self._lock = threading.Lock()

    def path(self, sha256: str) -> Path:
        """Return the path of the file with this hash, which may not exist."""
        return self._root / sha256[:2] / f"{sha256}.parquet"

    def size_of(self, sha256: str) -> int:
        """The bytes of a file, measured once: it never changes; 0 if it is missing."""
        size = self._sizes.get(sha256)
        if size is None:
            try:
                size = self.path(sha256).stat().st_size
            except OSError:
                return 0
            self._sizes[sha256] = size
        return size

    def require_whole(self, file: StoredFile) -> None:
        """Raise DamagedData if a file is missing or unreadable, or has another size or content."""
        problem = self._intact.problem(self.path(file.sha256), file.sha256, file.size_bytes)
        if problem is not None:
            raise DamagedData(
                "The data file {file} {problem}. Run jobsvc check, and restore it from a backup.",
                file=file.sha256[:12],
                problem=problem,
            )

    def whole(self, sha256: str, size_bytes: int) -> Path:
        """The path of a file without rows; raise as :meth:`require_whole` does."""
        self.require_whole(StoredFile(sha256, 0, size_bytes))
        return self.path(sha256)

    @contextmanager
    def hold(self, find_referenced: FindReferenced) -> Iterator[Adopt]:
        """Yield a function that moves finished files into the store, for a commit to come.

        No prune removes these files before the end of the block. If the block fails, those that it
        brought are removed, but for those that ``find_referenced`` finds.
        """
        held: list[str] = []

        def adopt(written: Path, rows: int) -> StoredFile:
            return self._adopt(written, rows, held)

        has_failed = True
        try:
            yield adopt
            has_failed = False
        finally:
            with self._lock:
                self._held -= Counter(held)
                brought = self._new.intersection(held)
                if not has_failed:
                    self._new -= brought
            if has_failed and brought:
                try:
                    self.remove_orphans(sorted(brought), find_referenced)
                except Exception as error:
                    logger.warning("a prune must remove the files of a failed job: %s", error)

    def _adopt(self, written: Path, rows: int, held: list[str]) -> StoredFile:
        with written.open("r+b") as file:  # Windows syncs only what is open for writing
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size_bytes = file.tell()
            seal(file.fileno(), written, sha256)
            os.fsync(file.fileno())
        with self._lock:
            self._held[sha256] += 1
            held.append(sha256)
        final = self.path(sha256)
        if not final.exists():
            with self._lock:
                self._new.add(sha256)
        if not final.parent.exists():
            final.parent.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._root)
        written.chmod(0o400)
        replace_with_same(written, final)
        sync_folder(final.parent)
        return StoredFile(sha256, rows, size_bytes)

    def orphans(self, referenced: Set[str]) -> Iterator[Path]:
        """Yield the files whose hash isn't in ``referenced`` and that no job holds now."""
        with self._lock:
            held = set(self._held)
        for path in data_files(self._root):
            if path.stem not in referenced and path.stem not in held:
                yield path

    def remove_orphans(self, hashes: Sequence[str], find_referenced: FindReferenced) -> list[str]:
        """Remove those of some files that are orphans; safe while jobs run."""
        removed = []
        with self._lock:
            free = [sha256 for sha256 in hashes if sha256 not in self._held]
            # After the check of holds: a released file is referenced by now, or its job failed.
            referenced = find_referenced(free)
            for sha256 in free:
                self._new.discard(sha256)
                if sha256 not in referenced and remove(self.path(sha256)):
                    self._sizes.pop(sha256, None)
                    removed.append(sha256)
        return removed

    def sweep(self, referenced: Set[str]) -> int:
        """Remove every file whose hash isn't in ``referenced``; return the number removed.

        Safe only while no job runs: no commit references a running job's files yet.
        """
        removed = 0
        for path in entries_of_data_files(self._root):
            if path.name.removesuffix(".parquet") not in referenced:
                path.unlink()
                self._sizes.pop(path.stem, None)
                removed += 1
        return removed
