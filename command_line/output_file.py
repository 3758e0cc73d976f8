"""An output file that is either complete or unchanged.

It is opened before any work, so an unwritable file fails early, and is written under a temporary
name next to its target. An existing file's permissions stay, and a link stays a link.
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
"""File endings for rows, and the API's names of their formats."""


class OutputFile:
    """Writes a file in chunks.

    Raises
    ------
    CommandFailed
        The file can't be written.
    """

    def __init__(self, target: Path) -> None:
        self.path = target
        self._target = Path(os.path.realpath(target))
        self._partial = self._target.with_name(
            f".{self._target.name}.{secrets.token_hex(4)}.partial"
        )
        with self._file_errors():
            self._file: IO[bytes] = self._partial.open("xb")
            if self._target.exists():
                self._partial.chmod(stat.S_IMODE(self._target.stat().st_mode))

    def write(self, piece: bytes) -> None:
        """Append bytes."""
        with self._file_errors():
            self._file.write(piece)

    def finish(self) -> None:
        """Replace the target by the complete file."""
        with self._file_errors():
            self._file.close()
            self._partial.replace(self._target)

    def drop(self) -> None:
        """Delete the partial file; does nothing after :meth:`finish`."""
        with suppress(OSError):  # unwritten bytes are discarded
            self._file.close()
        self._partial.unlink(missing_ok=True)

    @contextmanager
    def _file_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CommandFailed(f"{self.path} can't be written: {error.strerror}.") from None


@contextmanager
def output_file(target: Path | None) -> Iterator[OutputFile | None]:
    """Open an output file that replaces its target if the block succeeds; None without a target."""
    if target is None:
        yield None
        return
    file = OutputFile(target)
    try:
        yield file
        file.finish()
    finally:
        file.drop()
