"""A file that a command writes rows to: there whole, or as it was.

Invariants: whether it can be written is found out before any work is done for it; until it is whole
it lies beside its target under a name of its own; nothing is removed that wasn't made here. An
existing file keeps its permissions, and a link still leads to it. Used by every command with
``--output``, and by ``jobsvc explore --html``.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from command_line.failures import CommandFailed

SUFFIXES = {".csv": "csv", ".parquet": "parquet", ".arrow": "arrow", ".xlsx": "xlsx"}
"""Endings of files that rows are written to, and the API's names of their formats."""


class OutputFile:
    """Takes a file's bytes, piece by piece.

    Raises
    ------
    CommandFailed
        The file can't be written; names it.
    """

    def __init__(self, target: Path) -> None:
        self.path = target
        self._goal = Path(os.path.realpath(target))
        self._partial = self._goal.with_name(f".{self._goal.name}.{secrets.token_hex(4)}.partial")
        with self._told():
            self._file: IO[bytes] = self._partial.open("xb")
            if self._goal.exists():
                self._partial.chmod(stat.S_IMODE(self._goal.stat().st_mode))

    def write(self, piece: bytes) -> None:
        """Append bytes."""
        with self._told():
            self._file.write(piece)

    def finish(self) -> None:
        """Put the file in its target's place."""
        with self._told():
            self._file.close()
            self._partial.replace(self._goal)

    def drop(self) -> None:
        """Leave the target as it is; after :meth:`finish` there is nothing to drop."""
        with suppress(OSError):  # what couldn't be written is not wanted any more
            self._file.close()
        self._partial.unlink(missing_ok=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CommandFailed(f"{self.path} can't be written: {error.strerror}.") from None


@contextmanager
def output_file(target: Path | None) -> Iterator[OutputFile | None]:
    """A file that is put in its place when the block has ended without an error.

    None when none is wanted.
    """
    if target is None:
        yield None
        return
    file = OutputFile(target)
    try:
        yield file
        file.finish()
    finally:
        file.drop()
