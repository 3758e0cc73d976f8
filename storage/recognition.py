"""Whether a directory is a data directory of jobsvc, found out before anything in it is changed.

Guarantees that a start neither fills nor empties a directory of somebody else. It only reads.
Called by ``storage.data_directory`` while it holds the directory's lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from storage.durable import BUILDING
from storage.errors import (
    CannotOpenDatabase,
    DamagedDatabase,
    ForeignDirectory,
    NoDataDirectory,
)
from storage.machine_faults import damage
from storage.mounted_disks import entries
from storage.schema_check import CORE_TABLES, table_names

DATABASE = "jobsvc.sqlite3"
PARTS = "parts"
"""The folder, in one that a restore builds in, of what it then moves into the directory itself."""

_FILES_OF_A_START = frozenset(
    {"owner.json", "owner.partial", "files.lock"}
    | {f"{DATABASE}{end}" for end in ("", "-wal", "-shm", "-journal")}
)
"""What the first start may leave when it is killed before the database has its tables."""


def require_ours(root: Path, folders: Iterable[Path], *, create: bool) -> None:
    """Refuse a directory that isn't ours.

    Parameters
    ----------
    folders : iterable of Path
        The folders of a data directory.
    create : bool
        Whether an empty directory may become a data directory.

    Raises
    ------
    ForeignDirectory
        The directory holds other things, or one of the folders is a symbolic link.
    NoDataDirectory
        The directory is empty and ``create`` is false.
    DamagedDatabase
        The data files or a part of a restore are there, but no database.
    CannotOpenDatabase
        The database can't be read as things are.
    """
    folders = tuple(folders)
    for folder in folders:
        if folder.is_symlink():
            raise ForeignDirectory(
                f"{folder} is a symbolic link. A start removes files in that folder, and follows "
                "no link to do so. Mount the other disk there instead."
            )
    if _holds_our_tables(root / DATABASE):
        return
    if any(root.glob(f"{BUILDING}*/{PARTS}")):
        raise DamagedDatabase(f"a restore into {root} was cut short")
    if any(root.glob("files/??/*.parquet")):
        raise DamagedDatabase(f"there are data files in {root}, but no database")
    for path in sorted(entries(root)):
        if not _is_left_by_a_start(path, folders):
            raise ForeignDirectory(
                f"{root} holds {path.name!r}, but no database of jobsvc. Choose a new or empty "
                "directory with --data-dir."
            )
    if not create:
        raise NoDataDirectory(root)


def _holds_our_tables(path: Path) -> bool:
    """False when there is no database, or one without a table.

    Raises
    ------
    ForeignDirectory, DamagedDatabase, CannotOpenDatabase
        There is a database, but it isn't ours or can't be read.
    """
    try:
        if path.stat().st_size == 0:
            return False
        # To read a write-ahead log SQLite writes files beside it; without a log it need not.
        log = path.with_name(f"{path.name}-wal")
        how = "mode=ro" if log.exists() and log.stat().st_size > 0 else "immutable=1"
        with closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True)) as connection:
            names = table_names(connection)
    except FileNotFoundError:
        return False
    except sqlite3.DatabaseError as error:
        raise damage(error) or CannotOpenDatabase(
            f"The database {path} can't be opened: {error}."
        ) from None
    if names and not names >= CORE_TABLES:
        raise ForeignDirectory(
            f"{path} is a database of another program. Choose a new or empty directory with "
            "--data-dir."
        )
    return bool(names)


def _is_left_by_a_start(path: Path, folders: tuple[Path, ...]) -> bool:
    if path.is_dir():
        return path.name.startswith(BUILDING) or (path in folders and not any(entries(path)))
    return path.name in _FILES_OF_A_START
