"""Make files durable, so that they survive a power cut.

A file's content is durable once the file is synced, and a rename once its directory is synced.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import operating_system
from operating_system import sync_file, sync_folder
from storage.contents import BUILDING, building_folders


def sync_tree(root: Path) -> None:
    """Sync ``root`` and every file and directory in it."""
    for folder, _, names in os.walk(root):
        for name in names:
            sync_file(Path(folder, name))
        sync_folder(Path(folder))


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Create a folder in ``parent`` for files to be renamed; delete it afterwards.

    Folders that killed processes left are removed. A running process holds a lock on its folder, so
    that no other process removes it.
    """
    remove_leftovers(parent)
    folder, lock = _new_folder(parent)
    try:
        yield folder
    finally:
        _remove(folder, lock)


def remove_leftovers(parent: Path) -> None:
    """Remove the temporary folders that killed processes of this user left in ``parent``."""
    for folder in building_folders(parent):
        try:
            lock = _lock(folder)
        except OSError:  # a file, a link, unreadable, or deleted meanwhile
            continue
        if lock is None:
            continue
        if operating_system.is_own(lock):
            _remove(folder, lock)
        else:
            os.close(lock)


def _remove(folder: Path, lock: int) -> None:
    if operating_system.IS_WINDOWS:  # which doesn't remove the locked file
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _new_folder(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=BUILDING, dir=parent))
        try:
            lock = _lock(folder)
        except FileNotFoundError:
            lock = None
        if lock is not None:
            return folder, lock
        # Another process removed it as a leftover before the lock was taken.


def _lock(folder: Path) -> int | None:
    """Lock a folder; None if another process holds the lock or has removed the folder."""
    try:
        descriptor = operating_system.lock_folder(folder)
    except BlockingIOError:
        return None
    try:
        if operating_system.IS_WINDOWS or _is_same(descriptor, folder):
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_same(descriptor: int, folder: Path) -> bool:
    """Whether a folder's name still leads to the open folder, not to a new one or a link."""
    try:
        return os.path.samestat(os.fstat(descriptor), folder.lstat())
    except FileNotFoundError:
        return False
