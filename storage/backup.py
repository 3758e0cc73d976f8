"""A backup in one file, and a data directory made from one.

Invariant: a backup is one moment's database and every data file that it names; it may be made while
a server runs, since data files never change and none is removed before the backup has ended. A
restore is in place whole and checked, or not at all.
"""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

from storage.backup_archive import BackedUp, unpack, write_archive
from storage.checking import Findings, Told, check, open_to_read
from storage.data_directory import DataDirectory
from storage.data_files import DataFiles
from storage.durable import sync, temporary_folder
from storage.errors import CannotOpenDatabase, InvalidValue
from storage.machine_faults import damage
from storage.queries import statement
from storage.recognition import DATABASE
from storage.restore_place import filled

WITHOUT_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}
"""What a file system says that has no hard links, such as FAT."""


def back_up(directory: DataDirectory, target: Path, told: Told) -> BackedUp:
    """Write a backup to ``target``, whole or not at all.

    Raises
    ------
    NotFound, FileExistsError, FileNotFoundError, DamagedDatabase, CannotOpenDatabase
        There is nothing to back up; ``target`` is there already; a data file is missing; the
        database can't be read.
    InvalidValue
        ``target`` would be in the data directory itself.
    """
    if target.parent.resolve().is_relative_to(directory.root):
        raise InvalidValue(
            f"{target} would be in the data directory {directory.root}, where the next "
            "start may remove it. Write it elsewhere, best to another disk."
        )
    if target.exists() or target.is_symlink():
        raise _taken(target)
    with (
        closing(open_to_read(directory.database_path)) as database,
        directory.files_lock.reading(),
        temporary_folder(target.parent) as folder,
    ):
        snapshot, archive = folder / DATABASE, folder / "archive"
        hashes = _snapshot(database, snapshot)
        done = write_archive(directory, snapshot, hashes, archive, told)
        sync(archive)
        _name(archive, target)
        sync(target.parent)
    return done


def restore(archive: Path, directory: DataDirectory, told: Told) -> Findings:
    """Make a data directory of a backup; an empty one may be there, such as a mount point.

    Raises
    ------
    Conflict, DataDirectoryInUse
        The directory is there and not empty; another process has it.
    InvalidValue
        The file is no backup, one that is damaged, or one with a data file that nothing names.
    """
    with filled(directory) as parts:
        unpack(archive, parts)
        findings = check(DataDirectory(parts), told)
        if findings.faults:
            first = findings.faults[0]
            raise InvalidValue(f"The backup is damaged: {first.what}: {first.problem}.")
        _require_named(archive, DataDirectory(parts))
    return findings


def _snapshot(database: sqlite3.Connection, target: Path) -> list[str]:
    """Copy the database as of one moment; returns the hashes of the files that it names."""
    try:
        with closing(sqlite3.connect(target)) as copy:
            database.backup(copy)
            hashes = _named_files(copy)
    except sqlite3.DatabaseError as error:
        raise damage(error) or CannotOpenDatabase(
            f"The database can't be copied: {error}."
        ) from None
    return sorted(hashes)


def _named_files(database: sqlite3.Connection) -> set[str]:
    return {sha256 for (sha256,) in database.execute(statement("referenced_files"))}


def _require_named(archive: Path, directory: DataDirectory) -> None:
    """Refuse data files that the database doesn't name, which nothing has checked."""
    try:
        with closing(open_to_read(directory.database_path)) as database:
            named = _named_files(database)
    except sqlite3.DatabaseError as error:  # it is whole, but has no such table
        raise InvalidValue(f"{archive} is no backup of jobsvc ({error}).") from None
    stray = next(DataFiles(directory.files_dir).orphans(named), None)
    if stray is not None:
        name = str(stray.relative_to(directory.root))
        raise InvalidValue(
            f"{archive} is no backup of jobsvc: it holds {name!r}, which its database doesn't name."
        )


def _name(archive: Path, target: Path) -> None:
    """Give a finished archive its name, unless something has got that name meanwhile."""
    try:
        target.hardlink_to(archive)  # a rename would put it in the place of what is there
    except FileExistsError:
        raise _taken(target) from None
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
        _name_without_links(archive, target)


def _name_without_links(archive: Path, target: Path) -> None:
    """The same by a rename over an empty file; a crash between the two leaves that empty file."""
    try:
        target.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise _taken(target) from None
    try:
        archive.replace(target)
    except BaseException:
        target.unlink()
        raise


def _taken(target: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "There is a file of that name already", str(target))
