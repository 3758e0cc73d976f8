"""Attached files for DuckDB: files outside the data directory, each read at one version.

DuckDB reads ``attached://<version>.parquet`` through this process, so it stays locked down: it
opens no other path, no network, and only versions that were added here. Each read checks that the
file still has its version.
"""

from __future__ import annotations

import secrets
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import duckdb
from fsspec import AbstractFileSystem

from domain_errors import DomainError
from parquet_tables.columns import ATTACHED, AttachedPath

MAX_VERSIONS = 100_000
"""Versions of files that can be opened; the one added first is dropped."""
MAX_ERRORS = 1_000
"""Errors of reads that await their translation."""
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""The modification time that DuckDB sees: a name stands for one version."""


class VersionReader(Protocol):
    """Reads one version of a file; each call raises DomainError if the file has another one.

    A reader is used by several threads at the same time.
    """

    def read(self, start: int, size_bytes: int) -> bytes:
        """Return ``size_bytes`` bytes from the byte ``start``."""

    def close(self) -> None:
        """Release the file."""


OpenVersion = Callable[[], VersionReader]
"""Opens a file at one version; raises DomainError if the file has another one."""


class _ReadFailed(OSError):
    """The text of an error for DuckDB: a key of ``AttachedFiles``, and no name."""


class AttachedFiles:
    """The versions of files that DuckDB may open; thread-safe."""

    def __init__(self, max_versions: int = MAX_VERSIONS) -> None:
        self._max_versions = max_versions
        self._lock = threading.Lock()
        self._versions: OrderedDict[str, tuple[int, OpenVersion]] = OrderedDict()
        self._errors: OrderedDict[str, DomainError] = OrderedDict()

    def add(self, path: AttachedPath, open_version: OpenVersion) -> None:
        """Let DuckDB open a version by its name."""
        with self._lock:
            self._versions[str(path)] = (path.size_bytes, open_version)
            self._versions.move_to_end(str(path))
            while len(self._versions) > self._max_versions:
                self._versions.popitem(last=False)

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let an instance read the files, before its external access is disabled."""
        connection.register_filesystem(_FileSystem(self))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise the error of an attached file instead of DuckDB's error about it."""
        try:
            yield
        except duckdb.Error as error:
            text = str(error)
            with self._lock:
                key = next((key for key in self._errors if key in text), None)
                own = None if key is None else self._errors.pop(key)
            if own is None:
                raise
            raise own from None

    def version(self, name: str) -> tuple[int, OpenVersion]:
        """Return the size of a version by its name, and what opens it."""
        with self._lock:
            found = self._versions.get(name)
        if found is None:
            raise _ReadFailed("no such attached file")
        return found

    @contextmanager
    def kept_errors(self) -> Iterator[None]:
        """Keep a domain error for :meth:`errors`, and show DuckDB its key."""
        try:
            yield
        except DomainError as error:
            key = secrets.token_hex(16)
            with self._lock:
                self._errors[key] = error
                if len(self._errors) > MAX_ERRORS:
                    self._errors.popitem(last=False)
            raise _ReadFailed(key) from None


class _FileSystem(AbstractFileSystem):  # type: ignore[misc]
    """The part of fsspec's interface that DuckDB uses."""

    protocol = ATTACHED
    cachable = False

    def __init__(self, files: AttachedFiles) -> None:
        super().__init__()
        self._files = files

    def open(self, path: str, mode: str = "rb", **_: Any) -> _OpenFile:
        if mode != "rb":
            raise _ReadFailed("attached files are only read")
        size_bytes, open_version = self._files.version(path)
        with self._files.kept_errors():
            return _OpenFile(self._files, open_version(), size_bytes)

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def exists(self, path: str, **_: Any) -> bool:
        return True

    def isdir(self, path: str) -> bool:
        return False

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": self._files.version(path)[0], "type": "file"}

    def modified(self, path: str) -> datetime:
        return _NO_TIME


class _OpenFile:
    """A file object for DuckDB, which shares one among threads and seeks before each read."""

    def __init__(self, files: AttachedFiles, reader: VersionReader, size_bytes: int) -> None:
        self._files, self._reader, self._size_bytes = files, reader, size_bytes
        self._of_thread = threading.local()
        self._release = weakref.finalize(self, reader.close)

    def seek(self, offset: int, whence: int = 0) -> int:
        start = {0: 0, 1: self.tell(), 2: self._size_bytes}[whence]
        self._of_thread.offset = start + offset
        return start + offset

    def tell(self) -> int:
        offset: int = getattr(self._of_thread, "offset", 0)
        return offset

    def read(self, size: int = -1) -> bytes:
        start = self.tell()
        left = max(self._size_bytes - start, 0)
        with self._files.kept_errors():
            content = self._reader.read(start, left if size < 0 else min(size, left))
        self._of_thread.offset = start + len(content)
        return content

    def close(self) -> None:
        """Close the reader once; DuckDB 2.0.1 releases file objects without closing them."""
        self._release()
