"""What it takes for files to outlive a power cut.

Invariant: a rename is durable only once its directory is synced, and a file's content only once the
file is; callers sync in that order before they tell anyone. Called by the store of data files, by
whoever accepts an upload, and by backups.
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
    """Make a file's content, or the names in a directory, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """Sync every file and directory below and including ``root``."""
    for folder, _, names in os.walk(root):
        for name in names:
            sync(Path(folder, name))
        sync(Path(folder))


@contextmanager
def temporary_folder(place: Path) -> Iterator[Path]:
    """A new folder in ``place``, for what is then renamed to where it belongs; gone afterwards.

    Folders that killed processes left there are removed. One that is at work holds a lock on its
    folder, so two processes never clear each other's away.
    """
    remove_leftovers(place)
    folder, lock = _new_folder(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_leftovers(place: Path) -> None:
    """Remove the folders that killed processes of this user left; other things stay as they are."""
    for left in place.glob(f"{BUILDING}*"):
        try:
            lock = _lock(left)
        except OSError:  # a file, a link, not for us to read, or gone by now
            continue
        if lock is None:
            continue
        if os.fstat(lock).st_uid == os.geteuid():
            shutil.rmtree(left, ignore_errors=True)
        os.close(lock)


def _new_folder(place: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=BUILDING, dir=place))
        try:
            lock = _lock(folder)
        except FileNotFoundError:
            lock = None
        if lock is not None:
            return folder, lock
        # Another process took it for one that was left, before the lock was there.


def _lock(folder: Path) -> int | None:
    """Lock a folder; None if another process has it, or has removed it just now."""
    # Without O_NONBLOCK a pipe of that name would be waited for.
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
