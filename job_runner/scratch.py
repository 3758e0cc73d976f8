"""An attempt's work in progress below the scratch directory.

Invariant: nothing is left of it when the attempt has ended. A file that is moved on when it is
finished needs no folder of its own: to make one and to remove it waits, each time, for whoever is
syncing to the same disk. Made by ``job_runner.context``.
"""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path


class Scratch:
    """Names that are one attempt's own.

    Parameters
    ----------
    root : Path
        The scratch directory.
    name : str
        What the attempt's names start with.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root, self._name = root, name
        self._files: list[Path] = []

    def file(self, name: str) -> Path:
        """Where to write a file; it may be moved away afterwards."""
        path = self._root / f"{self._name}-{name}"
        self._files.append(path)
        return path

    @cached_property
    def folder(self) -> Path:
        """A folder, made when it is first asked for."""
        folder = self._root / self._name
        folder.mkdir(mode=0o700)
        return folder

    def clear(self) -> None:
        """Remove what is left."""
        for path in self._files:
            if path.exists():  # to look waits for nobody who syncs, to remove does
                path.unlink(missing_ok=True)
        if "folder" in vars(self):
            shutil.rmtree(self.folder, ignore_errors=True)
