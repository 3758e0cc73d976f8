"""Who reads data files and who removes them, over all processes.

Invariant: while someone reads the files that one moment's database names (a backup, a check), none
of them is removed. Readers share the lock, a remover has it alone; it ends with its process,
however that ends. Called by backups and checks, by a start's sweep and by a prune.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import FilesInUse


class FilesLock:
    """A lock of the operating system on one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def reading(self) -> Iterator[None]:
        """No data file goes inside the block; waits for a remover, which takes seconds."""
        descriptor = self._take(fcntl.LOCK_SH)
        try:
            yield
        finally:
            os.close(descriptor)  # which gives the lock back

    @contextmanager
    def removing(self) -> Iterator[None]:
        """Nobody relies on unnamed data files inside the block.

        Raises
        ------
        FilesInUse
            A backup or a check reads them, or another prune removes some; they may take hours, so
            nobody waits.
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
