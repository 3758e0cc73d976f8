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
def building_beside(target: Path) -> Iterator[Path]:
    """A folder on ``target``'s file system to build it in, gone afterwards.

    Folders that killed processes left there are removed. One that is at work holds a lock on its
    folder, so two processes never clear each other's away.
    """
    for left in target.parent.glob(f"{BUILDING}*"):
        with _held(left) as free:
            if free:
                shutil.rmtree(left)
    folder = Path(tempfile.mkdtemp(prefix=BUILDING, dir=target.parent))
    with _held(folder):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock; False if another process does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
