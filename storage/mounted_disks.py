"""What a disk brings with it that is mounted as the data directory, or as a folder of it.

Owns: how the folder ``lost+found`` is told, which ext2 to ext4 make in the root of every disk, for
what their repair finds. It is root's, and mostly for nobody else to look into. Invariant: it is
nothing of ours, so it is never counted, taken for a stray, or removed; while it is empty the disk
is. Called by whoever goes through a folder that may be a mount point.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LOST_AND_FOUND = "lost+found"


def is_lost_and_found(entry: Path | os.DirEntry[str]) -> bool:
    """Whether something in a folder is the disk's own; a file or a link of that name isn't."""
    return entry.name == LOST_AND_FOUND and entry.is_dir() and not entry.is_symlink()


def entries(folder: Path) -> Iterator[Path]:
    """What is in a folder but for the disk's own."""
    return (path for path in folder.iterdir() if not is_lost_and_found(path))


def occupants(folder: Path) -> Iterator[Path]:
    """What keeps a folder from being as empty as a new disk: also what a repair has found."""
    return (
        path for path in folder.iterdir() if not is_lost_and_found(path) or _holds_anything(path)
    )


def clear(folder: Path) -> None:
    """Remove what is in a folder, as far as can be, and nothing that a link leads to."""
    if folder.is_symlink():
        return
    for path in entries(folder):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
            continue
        with suppress(OSError):
            path.unlink()


def _holds_anything(folder: Path) -> bool:
    """What may not be looked into is taken to be as the disk was made."""
    try:
        return any(folder.iterdir())
    except PermissionError:
        return False
