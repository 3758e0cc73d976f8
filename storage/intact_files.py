"""Which data files are known to be as they were written.

DuckDB 2.0 finds hardly any damage in a Parquet file: of bits flipped at random, 39 in 40 gave other
rows and no error. To hash a file before each use would cost more than most draws. So a file carries
a *seal*: the microseconds of its modification time are taken from its hash, and whoever writes to
it breaks the seal. A file whose seal is broken is hashed, and so is a small one when a process uses
it first. What changes no time, a failing disk, is found in large files by ``jobsvc check`` alone.

Owns: the seals, and what this process has found out lately. Invariant: a file passes only if it has
its seal, or was hashed in this process and has not been written to since. Called by the store of
data files.
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
"""Files up to this size are hashed when a process uses them first, whatever their seals say: about
10 ms."""

MOST_KNOWN = 4_000
"""Of so many files what was found is kept; one that was forgotten is hashed again."""

HASHED_AT_ONCE = 64
"""So many files can be hashed at the same time, if chance has it."""


@dataclass(frozen=True, slots=True)
class _Version:
    """What changes when a file is written to, or another is put in its place."""

    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class _Found:
    """What a look at one version of a file found."""

    version: _Version
    is_intact: bool


class IntactFiles:
    """What is known of files, by their SHA-256; safe across threads.

    Parameters
    ----------
    always_hashed_bytes : int
        Files up to this size are hashed whatever their seals say.
    most_known : int
        Of how many files what was found is kept.
    """

    def __init__(
        self, always_hashed_bytes: int = ALWAYS_HASHED_BYTES, most_known: int = MOST_KNOWN
    ) -> None:
        self._always_hashed_bytes = always_hashed_bytes
        self._most_known = most_known
        self._found: dict[str, _Found] = {}
        self._lock = threading.Lock()
        self._hashing = tuple(threading.Lock() for _ in range(HASHED_AT_ONCE))

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
        if (known := self._known(sha256, version)) is not None and known.is_intact:
            return None
        if size_bytes > self._always_hashed_bytes and _has_seal(version, sha256):
            self._keep(sha256, _Found(version, True))
            return None
        with self._hashing[int(sha256[:8], 16) % HASHED_AT_ONCE]:
            same = self._is_intact(descriptor, sha256)
        return None if same else "is damaged: its content has changed"

    def _is_intact(self, descriptor: int, sha256: str) -> bool:
        """Hash a file, unless somebody did so just now."""
        version = _version(descriptor)
        if (known := self._known(sha256, version)) is not None:
            return known.is_intact
        with open(descriptor, "rb", closefd=False) as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        if same and version is not None and not _has_seal(version, sha256):
            with suppress(OSError):  # another user's file, or a disk that is read-only
                seal(descriptor, sha256)
        found = _version(descriptor)
        if found is not None:
            self._keep(sha256, _Found(found, same))
        return same

    def _known(self, sha256: str, version: _Version | None) -> _Found | None:
        found = self._found.get(sha256)
        return found if found is not None and found.version == version else None

    def _keep(self, sha256: str, found: _Found) -> None:
        with self._lock:
            self._found.pop(sha256, None)
            self._found[sha256] = found
            if len(self._found) > self._most_known:
                del self._found[next(iter(self._found))]


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
