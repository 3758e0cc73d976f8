"""Ignore the folder ``lost+found`` in a folder that may be the mount point of a disk.

ext2 to ext4 create it in the root of every disk, mostly unreadable for other users. It is never
counted or removed; a disk with only an empty ``lost+found`` is empty.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LOST_AND_FOUND = "lost+found"


def is_lost_and_found(entry: Path | os.DirEntry[str]) -> bool:
    """Return whether an entry is the folder ``lost+found``, and not a file or link of that name."""
    return entry.name == LOST_AND_FOUND and entry.is_dir() and not entry.is_symlink()


def entries(folder: Path) -> Iterator[Path]:
    """Yield the entries of a folder, without ``lost+found``."""
    return (path for path in folder.iterdir() if not is_lost_and_found(path))


def occupants(folder: Path) -> Iterator[Path]:
    """Yield the entries that make a folder non-empty, including a non-empty ``lost+found``."""
    return (path for path in folder.iterdir() if not is_lost_and_found(path) or _has_entries(path))


def clear(folder: Path) -> None:
    """Remove a folder's entries as far as possible, without following links."""
    if folder.is_symlink():
        return
    for path in entries(folder):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
            continue
        with suppress(OSError):
            path.unlink()


def _has_entries(folder: Path) -> bool:
    """Return whether a folder has entries; an unreadable folder counts as empty."""
    try:
        return any(folder.iterdir())
    except PermissionError:
        return False
