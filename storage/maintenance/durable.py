"""Make files durable, so that they survive a power cut.

A file's content is durable once the file is synced, and a rename once its directory is synced.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUILDING = ".jobsvc-building-"


def sync(path: Path) -> None:
    """Sync a file's content, or a directory's names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """Sync ``root`` and every file and directory in it."""
    for folder, _, names in os.walk(root):
        for name in names:
            sync(Path(folder, name))
        sync(Path(folder))


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
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_leftovers(parent: Path) -> None:
    """Remove the temporary folders that killed processes of this user left in ``parent``."""
    for folder in parent.glob(f"{BUILDING}*"):
        try:
            lock = _lock(folder)
        except OSError:  # a file, a link, unreadable, or deleted meanwhile
            continue
        if lock is None:
            continue
        if os.fstat(lock).st_uid == os.geteuid():
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
    # Without O_NONBLOCK, opening a pipe of that name would block.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), folder.lstat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
