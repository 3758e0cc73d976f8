"""Which data files are known to be as they were written.

DuckDB 2.0 finds hardly any damage in a Parquet file: of bits flipped at random, 39 in 40 gave other
rows and no error. To hash a file before each use would cost more than most draws. So a file carries
a *seal*: the microseconds of its modification time are taken from its hash, and whoever writes to
it breaks the seal. A file whose seal is broken is hashed, and so is a small one when a process uses
it first. What changes no time, a failing disk, is found in large files by ``jobsvc check`` alone.

Owns: the seals, and what this process has found out. Invariant: a file passes only if it has its
seal, or was hashed in this process and has not been written to since. Called by the store of data
files.
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
"""Files up to this size are hashed once in each process, whatever their seals say: about 10 ms."""


@dataclass(frozen=True)
class _Version:
    """What changes when a file is written to, or another is put in its place."""

    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int


class IntactFiles:
    """What is known of files, by their SHA-256; safe across threads."""

    def __init__(self, always_hashed_bytes: int = ALWAYS_HASHED_BYTES) -> None:
        self._always_hashed_bytes = always_hashed_bytes
        self._intact: dict[str, _Version] = {}
        self._damaged: dict[str, _Version] = {}
        self._lock = threading.Lock()
        self._hashing: dict[str, threading.Lock] = {}

    def problem(self, path: Path, sha256: str, size_bytes: int) -> str | None:
        """What is wrong with a file, for example "is missing"; None when it can be used."""
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
        if self._intact.get(sha256) == version:
            return None
        if size_bytes > self._always_hashed_bytes and _has_seal(version, sha256):
            self._intact[sha256] = version
            return None
        with self._lock:
            hashing = self._hashing.setdefault(sha256, threading.Lock())
        with hashing:  # whoever comes second learns what the first found
            same = self._is_intact(descriptor, sha256)
        return None if same else "is damaged: its content has changed"

    def _is_intact(self, descriptor: int, sha256: str) -> bool:
        version = _version(descriptor)
        if version in (self._intact.get(sha256), self._damaged.get(sha256)):
            return version == self._intact.get(sha256)
        with open(descriptor, "rb", closefd=False) as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        if same and version is not None and not _has_seal(version, sha256):
            with suppress(OSError):  # another user's file, or a disk that is read-only
                seal(descriptor, sha256)
        found = _version(descriptor)
        if found is not None:
            (self._intact if same else self._damaged)[sha256] = found
        return same


def seal(descriptor: int, sha256: str) -> None:
    """Mark an open file that has just been hashed."""
    status = os.fstat(descriptor)
    second_ns = status.st_mtime_ns - status.st_mtime_ns % 1_000_000_000
    os.utime(descriptor, ns=(status.st_atime_ns, second_ns + 1_000 * _microseconds(sha256)))


def _has_seal(version: _Version, sha256: str) -> bool:
    # Archives keep times as fractions, which come back a few nanoseconds off.
    return (version.modified_ns + 500) // 1_000 % 1_000_000 == _microseconds(sha256)


def _microseconds(sha256: str) -> int:
    return int(sha256[:12], 16) % 1_000_000


def _version(descriptor: int) -> _Version | None:
    """None for what is no ordinary file."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return None
    return _Version(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
