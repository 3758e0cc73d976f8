"""A lock between readers and removers of data files, across processes.

Backups and checks share the lock, so that no file of their snapshot is removed; a prune and a start
take it exclusively. The operating system releases it when its process ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import FilesInUse


class FilesLock:
    """A shared or exclusive lock on a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the shared lock; waits for a remover, which takes seconds."""
        descriptor = self._take(fcntl.LOCK_SH)
        try:
            yield
        finally:
            os.close(descriptor)  # releases the lock

    @contextmanager
    def removing(self) -> Iterator[None]:
        """Hold the exclusive lock, without waiting for it.

        Raises
        ------
        FilesInUse
            A backup, a check or another prune, which may take hours, holds the lock.
        """
        try:
            descriptor = self._take(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FilesInUse(
                "A backup, a check or another prune is at work on the data files. "
                "Try again when it has ended."
            ) from None
        try:
            yield
        finally:
            os.close(descriptor)

    def _take(self, operation: int) -> int:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, operation)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor
