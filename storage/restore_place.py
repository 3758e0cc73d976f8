"""How a restored data directory comes into its place.

Invariant: a new directory is there whole or not at all. One that was there, and empty, may be a
mount point, which nothing can be renamed over: its parts are built in a folder in it and moved out,
the database last. Until the database is there a start refuses the directory, and a restore takes it
for an empty one. Called by ``storage.backup``.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.data_directory import DataDirectory
from storage.durable import BUILDING, remove_leftovers, sync, sync_tree, temporary_folder
from storage.errors import Conflict
from storage.mounted_disks import occupants
from storage.recognition import DATABASE, PARTS


@contextmanager
def filled(directory: DataDirectory) -> Iterator[Path]:
    """An empty folder for the parts of a data directory, which come into their place afterwards.

    After an error nothing is left of them.

    Raises
    ------
    Conflict
        The directory is there and not empty.
    DataDirectoryInUse
        Another process has it, maybe another restore.
    """
    if directory.root.exists():
        _require_empty(directory.root)  # where a server is at work, that isn't what is wrong
        with directory.reserved(), _filled_from_within(directory.root) as parts:
            yield parts
    else:
        with _put_there_at_once(directory.root) as parts:
            yield parts


@contextmanager
def _put_there_at_once(root: Path) -> Iterator[Path]:
    root.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(root.parent) as folder:
        whole = folder / "data"
        whole.mkdir(mode=0o700)
        yield whole
        sync_tree(whole)
        try:
            whole.replace(root)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise _not_empty(root) from None
            raise
        sync(root.parent)


@contextmanager
def _filled_from_within(root: Path) -> Iterator[Path]:
    _make_empty(root)
    with temporary_folder(root) as folder:
        parts = folder / PARTS
        parts.mkdir(mode=0o700)
        yield parts
        sync_tree(parts)
        _move(parts, root)


def _require_empty(root: Path) -> None:
    """Refuse a directory with anything but what a restore left that was cut short."""
    there = {path.name for path in occupants(root) if not path.name.startswith(BUILDING)}
    half_moved = any(map(_is_half_moved, root.glob(f"{BUILDING}*/{PARTS}")))
    if there and not (there == {"files"} and half_moved):
        raise _not_empty(root)


def _make_empty(root: Path) -> None:
    _require_empty(root)
    if (root / "files").exists():
        shutil.rmtree(root / "files")  # before the folder that tells whose they are
    remove_leftovers(root)


def _is_half_moved(parts: Path) -> bool:
    return (parts / DATABASE).exists() and not (parts / "files").exists()


def _move(parts: Path, root: Path) -> None:
    files, database = root / "files", root / DATABASE
    (parts / "files").rename(files)
    try:
        sync(root)
        (parts / DATABASE).rename(database)
    except BaseException:
        if not database.exists():
            files.rename(parts / "files")
        raise
    sync(root)


def _not_empty(root: Path) -> Conflict:
    return Conflict(f"{root} is not empty. Restore into a new directory.")
