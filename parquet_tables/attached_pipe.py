"""Attached files for DuckDB in a child process: the parent reads them for it, over a socket.

The child has no credentials and no network, and can read the files of its request only. A request
is a file's number, an offset and a size; an answer is a mark, a size and the bytes.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import duckdb

from domain_errors import DomainError
from parquet_tables.columns import AttachedPath

if TYPE_CHECKING:  # a child without attached files doesn't load it
    from parquet_tables.attached import AttachedFiles, VersionReader

_REQUEST = struct.Struct("!IQQ")
_ANSWER = struct.Struct("!?Q")


class PipeFailed(DomainError):
    """The parent can't read an attached file; it knows why."""

    code = "attached_read_failed"
    template = "An attached file can't be read."


class Served:
    """The parent's side of a child's reads.

    Attributes
    ----------
    descriptor : int
        The child's end of the socket.
    error : DomainError or None
        The error that ended a read.
    opened : list of AttachedPath
        The files that the child has read.
    """

    def __init__(self, files: AttachedFiles, paths: Sequence[AttachedPath]) -> None:
        self._files, self._paths = files, paths
        self._own, self._other = socket.socketpair()
        self.descriptor = self._other.fileno()
        self.error: DomainError | None = None
        self.opened: list[AttachedPath] = []
        threading.Thread(target=self._serve, name="attached-files", daemon=True).start()

    def close(self) -> None:
        """End the child's reads; one that runs ends by itself."""
        self._other.close()

    def _serve(self) -> None:
        readers: dict[int, VersionReader] = {}
        with ExitStack() as closing, self._own, self._own.makefile("rb") as requests:
            while len(request := requests.read(_REQUEST.size)) == _REQUEST.size:
                number, start, size_bytes = _REQUEST.unpack(request)
                try:
                    if number not in readers:
                        readers[number] = self._files.version(str(self._paths[number]))[1]()
                        closing.callback(readers[number].close)
                        self.opened.append(self._paths[number])
                    content = readers[number].read(start, size_bytes)
                except DomainError as error:
                    self.error = error
                    self._own.sendall(_ANSWER.pack(False, 0))
                    continue
                self._own.sendall(_ANSWER.pack(True, len(content)) + content)


@contextmanager
def served(files: AttachedFiles, paths: Sequence[AttachedPath]) -> Iterator[Served | None]:
    """Serve the reads of a child; None without attached files.

    Raises
    ------
    DomainError
        The error that ended a read, instead of the child's error about it.
    """
    if not paths:
        yield None
        return
    serving = Served(files, paths)
    try:
        yield serving
    except DomainError:
        if serving.error is not None:
            raise serving.error from None
        raise
    finally:
        serving.close()


class _PipeReader:
    """Reads a file through the parent."""

    def __init__(self, pipe: _Pipe, number: int) -> None:
        self._pipe, self._number = pipe, number

    def read(self, start: int, size_bytes: int) -> bytes:
        return self._pipe.read(self._number, start, size_bytes)

    def close(self) -> None:
        """The parent closes the file."""


class _Pipe:
    """The child's end of the socket, which its threads share."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._answers = self._socket.makefile("rb")
        self._lock = threading.Lock()

    def read(self, number: int, start: int, size_bytes: int) -> bytes:
        with self._lock:
            self._socket.sendall(_REQUEST.pack(number, start, size_bytes))
            is_read, length = _ANSWER.unpack(self._answers.read(_ANSWER.size))
            content = self._answers.read(length)
        if not is_read:
            raise PipeFailed
        return content


def register_pipe(
    connection: duckdb.DuckDBPyConnection, descriptor: int, paths: Sequence[AttachedPath]
) -> None:
    """Let an instance of a child read attached files, before its external access is disabled."""
    from parquet_tables.attached import AttachedFiles

    pipe, files = _Pipe(descriptor), AttachedFiles()
    for number, path in enumerate(paths):
        files.add(path, partial(_PipeReader, pipe, number), name=path.stem, belief="footer")
    files.register(connection)
