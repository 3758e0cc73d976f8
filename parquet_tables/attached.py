"""Attached files for DuckDB: files outside the data directory, each read at one version.

DuckDB reads ``attached://<version>.parquet`` through this process, so it stays locked down: it
opens no other path, no network, and only versions that were added here. Each read checks that the
file still has its version. A file is read in the layout of its table, if it has another one. What a
footer says about values is hidden unless it was checked.
"""

from __future__ import annotations

import secrets
import threading
import time
import weakref
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import duckdb
from fsspec import AbstractFileSystem

from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.columns import ATTACHED, AttachedPath
from parquet_tables.footers.damage import DamagedFile
from parquet_tables.footers.relaid import relaid_end
from parquet_tables.footers.structures import StrangeFooter, mask_of, read_footer_bytes
from parquet_tables.layouts import FileLayout

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


@dataclass(frozen=True)
class _Mask:
    """Places of a file, ascending, and the bytes that readers see there."""

    places: array[int]
    values: bytes

    def applied(self, content: bytes, start: int) -> bytes:
        """The content of a file from the byte ``start``, as readers see it."""
        first = bisect_left(self.places, start)
        stop = bisect_left(self.places, start + len(content))
        if first == stop:
            return content
        changed = bytearray(content)
        for at in range(first, stop):
            changed[self.places[at] - start] = self.values[at]
        return bytes(changed)


class _RelaidReader:
    """Reads a version of a file whose end, from the byte ``data_end``, is written anew."""

    def __init__(self, reader: VersionReader, data_end: int, end: bytes) -> None:
        self._reader, self._data_end, self._end = reader, data_end, end

    def read(self, start: int, size_bytes: int) -> bytes:
        stop = start + size_bytes
        own = min(stop, self._data_end) - start
        content = self._reader.read(start, own) if own > 0 else b""
        if stop > self._data_end:
            first = max(start - self._data_end, 0)
            content += self._end[first : stop - self._data_end]
        return content

    def close(self) -> None:
        self._reader.close()


class _MaskedReader:
    """Reads a version of a file through a mask."""

    def __init__(self, reader: VersionReader, mask: _Mask) -> None:
        self._reader, self._mask = reader, mask

    def read(self, start: int, size_bytes: int) -> bytes:
        return self._mask.applied(self._reader.read(start, size_bytes), start)

    def close(self) -> None:
        self._reader.close()


Belief = Literal["footer", "statistics", "counts"]
"""What readers of a file are shown: all of its footer; all but page indexes and Bloom filters; or
none of its statistics either."""


@dataclass
class _OpenableVersion:
    """A version that can be opened; its mask or its end is made at the first opening."""

    path: AttachedPath
    open_version: OpenVersion
    name: str
    belief: Belief
    layout: FileLayout | None = None
    mask: _Mask | None = None
    end: tuple[int, bytes] | None = None
    opened_at: float = 0.0

    def open(self) -> VersionReader:
        reader = self.open_version()
        if self.belief == "footer":
            return reader
        try:
            if self.mask is None and self.end is None:
                self._make(reader)
        except BaseException:
            reader.close()
            raise
        if self.end is not None:
            return _RelaidReader(reader, *self.end)
        assert self.mask is not None  # noqa: S101 - it was made above
        return _MaskedReader(reader, self.mask)

    def _make(self, reader: VersionReader) -> None:
        try:
            start, footer = read_footer_bytes(reader.read, self.path.size_bytes)
            changes = mask_of(footer, keep_statistics=self.belief == "statistics")
            values = bytes(new for _, new in changes)
            if self.layout is None:
                self.mask = _Mask(array("Q", [start + at for at, _ in changes]), values)
                return
            masked = _Mask(array("Q", [at for at, _ in changes]), values).applied(footer, 0)
            self.end = start, relaid_end(masked, start, self.layout)
        except StrangeFooter as problem:
            raise DamagedFile.attached(self.name, f"its footer: {problem}") from None

    @property
    def size_bytes(self) -> int:
        """The size that readers see; known once the version was opened."""
        if self.layout is None or self.belief == "footer":
            return self.path.size_bytes
        if self.end is None:
            self.open().close()
        assert self.end is not None  # noqa: S101 - it was made above
        return self.end[0] + len(self.end[1])


class AttachedFiles:
    """The versions of files that DuckDB may open; thread-safe."""

    def __init__(self, max_versions: int = MAX_VERSIONS) -> None:
        self._max_versions = max_versions
        self._lock = threading.Lock()
        self._versions: OrderedDict[str, _OpenableVersion] = OrderedDict()
        self._errors: OrderedDict[str, DomainError] = OrderedDict()

    def add(
        self,
        path: AttachedPath,
        open_version: OpenVersion,
        *,
        name: str,
        belief: Belief = "counts",
        layout: FileLayout | None = None,
    ) -> None:
        """Let DuckDB open a version by its path; errors call the file ``name``.

        With a ``layout``, which the path must identify, it reads the columns of the file's table.
        """
        with self._lock:
            added = _OpenableVersion(path, open_version, name, belief, layout)
            known = self._versions.get(str(path))
            if known is not None and known.belief == belief:
                added.mask, added.end, added.opened_at = known.mask, known.end, known.opened_at
            self._versions[str(path)] = added
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

    def version(self, path: str) -> tuple[int, OpenVersion]:
        """Return the size of a version by its path, as readers see it, and what opens it."""
        version = self._version(path)
        version.opened_at = time.monotonic()
        return version.size_bytes, version.open

    def _version(self, path: str) -> _OpenableVersion:
        with self._lock:
            version = self._versions.get(path)
        if version is None:
            raise _ReadFailed("no such attached file")
        return version

    def shown(self, path: AttachedPath) -> AttachedPath:
        """The path with the size that readers see."""
        return replace(path, size_bytes=self._version(str(path)).size_bytes)

    def name(self, path: AttachedPath) -> str:
        """Return how errors call a file."""
        return self._version(str(path)).name

    def last_opened(self, paths: Sequence[AttachedPath], most: int) -> list[AttachedPath]:
        """Return the files that were opened last, latest first."""
        with self._lock:
            versions = {
                path: self._versions[str(path)] for path in paths if str(path) in self._versions
            }
        return sorted(versions, key=lambda path: versions[path].opened_at, reverse=True)[:most]

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
        with self._files.kept_errors():
            size_bytes, open_version = self._files.version(path)
            return _OpenFile(self._files, open_version(), size_bytes)

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def exists(self, path: str, **_: Any) -> bool:
        return True

    def isdir(self, path: str) -> bool:
        return False

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        with self._files.kept_errors():
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
