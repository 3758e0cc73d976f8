"""Detect changed data files by a seal in the modification time, or by their hash.

DuckDB rarely detects damage in Parquet files, and a hash before each use would be too slow. The
*seal* is a part of the hash in the microseconds of the modification time; a write breaks it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ALWAYS_HASHED_BYTES = 16 * 1024**2
"""Files up to this size are always hashed on their first use in a process, in about 10 ms."""

MAX_CACHED_RESULTS = 4_000
"""Number of files whose results are cached; an evicted file is checked again."""

HASH_LOCKS = 64
"""Number of locks that files share, so that threads don't hash the same file at once."""


@dataclass(frozen=True, slots=True)
class _Version:
    """Values that change when a file is written or replaced."""

    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class _Result:
    """The result for one version of a file."""

    version: _Version
    is_intact: bool


class IntactFiles:
    """Checks files and caches the results by SHA-256; thread-safe.

    Parameters
    ----------
    always_hashed_bytes : int
        Files up to this size are hashed even with a valid seal.
    max_cached_results : int
        Number of files whose results are cached.
    """

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
            return self._problem(descriptor, sha256, size_bytes)
        except OSError as error:
            return f"can't be read ({error.strerror})"
        finally:
            os.close(descriptor)

    def _problem(self, descriptor: int, sha256: str, size_bytes: int) -> str | None:
        version = _version(descriptor)
        if version is None or version.size_bytes != size_bytes:
            return "is damaged: its size has changed"
        if (cached := self._cached(sha256, version)) is not None and cached.is_intact:
            return None
        if size_bytes > self._always_hashed_bytes and _has_seal(version, sha256):
            self._store(sha256, _Result(version, True))
            return None
        with self._hash_locks[int(sha256[:8], 16) % HASH_LOCKS]:
            is_intact = self._is_intact(descriptor, sha256)
        return None if is_intact else "is damaged: its content has changed"

    def _is_intact(self, descriptor: int, sha256: str) -> bool:
        """Hash a file, unless another thread has just done so."""
        version = _version(descriptor)
        if (cached := self._cached(sha256, version)) is not None:
            return cached.is_intact
        with open(descriptor, "rb", closefd=False) as file:
            is_intact = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        if is_intact and version is not None and not _has_seal(version, sha256):
            with suppress(OSError):  # another user's file, or a read-only disk
                seal(descriptor, sha256)
        current = _version(descriptor)
        if current is not None:
            self._store(sha256, _Result(current, is_intact))
        return is_intact

    def _cached(self, sha256: str, version: _Version | None) -> _Result | None:
        result = self._results.get(sha256)
        return result if result is not None and result.version == version else None

    def _store(self, sha256: str, result: _Result) -> None:
        with self._lock:
            self._results.pop(sha256, None)
            self._results[sha256] = result
            if len(self._results) > self._max_cached_results:
                del self._results[next(iter(self._results))]


def seal(descriptor: int, sha256: str) -> None:
    """Set the seal of an open file that was just hashed."""
    status = os.fstat(descriptor)
    second_ns = status.st_mtime_ns - status.st_mtime_ns % 1_000_000_000
    os.utime(descriptor, ns=(status.st_atime_ns, second_ns + 1_000 * _microseconds(sha256)))


def _has_seal(version: _Version, sha256: str) -> bool:
    # Archives store times as fractions, which lose a few nanoseconds.
    return (version.modified_ns + 500) // 1_000 % 1_000_000 == _microseconds(sha256)


def _microseconds(sha256: str) -> int:
    return int(sha256[:12], 16) % 1_000_000


def _version(descriptor: int) -> _Version | None:
    """Return the version of a regular file; None for other file types."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return None
    return _Version(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
