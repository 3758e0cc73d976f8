"""A backup in one file, and a data directory made from one.

Invariant: a backup is one moment's database and every data file that it names; it may be made while
a server runs, since data files never change and none is removed before the backup has ended. A
restore is in place whole and checked, or not at all.

The one file of a backup: a plain tar of the database and the data files, and nothing else.

Invariant: what is unpacked has exactly the names, kinds and permissions that a backup gives it, so
an archive from elsewhere can't bring an owner's note, an upload, a link or a second database, and
takes little memory, whatever it says. What is in the files is checked afterwards. Called by
``storage.maintenance.backup``.

How a restored data directory comes into its place.

Invariant: a new directory is there whole or not at all. One that was there, and empty, may be a
mount point, which nothing can be renamed over: its parts are built in a folder in it and moved out,
the database last. Until the database is there a start refuses the directory, and a restore takes it
for an empty one. Called by ``storage.maintenance.backup``.
"""

from __future__ import annotations

import errno
import io
import math
import os
import re
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage.errors import CannotOpenDatabase, Conflict, InvalidValue
from storage.maintenance.checking import Findings, Told, check, open_to_read
from storage.maintenance.data_directory import DATABASE, PARTS, DataDirectory, occupants
from storage.maintenance.durable import (
    BUILDING,
    remove_leftovers,
    sync,
    sync_tree,
    temporary_folder,
)
from storage.sqlite.database import damage
from storage.sqlite.queries import statement
from storage.versions.data_files import DataFiles

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


DATA_FILE = re.compile(r"files/([0-9a-f]{2})/\1[0-9a-f]{62}\.parquet")
MAX_HEADER_BYTES = 16 * 1024
"""What may come before the content of a member. Ours, which tell its time and a large size, too,
take less than 2 KiB."""


@dataclass(frozen=True)
class BackedUp:
    """What went into a backup."""

    files: int
    size_bytes: int


def write_archive(
    directory: DataDirectory, snapshot: Path, hashes: list[str], target: Path, told: Told
) -> BackedUp:
    """Write a new file of a copy of the database and of the data files with these hashes."""
    store = DataFiles(directory.files_dir)
    size_bytes = 0
    # It holds what the data directory keeps to its owner.
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(descriptor, "wb") as file,
        tarfile.open(fileobj=file, mode="w:") as archive,  # Parquet is packed already
    ):
        archive.add(snapshot, DATABASE, filter=_for_its_owner)
        for place, sha256 in enumerate(hashes):
            told(place / len(hashes), f"file {sha256[:12]}")
            path = store.path(sha256)
            archive.add(path, str(path.relative_to(directory.root)), filter=_for_its_owner)
            size_bytes += path.stat().st_size
    told(1.0, "written")
    return BackedUp(len(hashes), size_bytes)


def unpack(archive: Path, target: Path) -> None:
    """Unpack an archive into an empty directory.

    Raises
    ------
    InvalidValue
        It is no backup, is cut short, or holds something that no backup does.
    """
    (target / "files").mkdir(mode=0o700)
    try:
        with _Archive(archive) as file, tarfile.open(fileobj=file, mode="r:") as packed:
            for member in _members(archive, packed):
                path = target / member.name
                path.parent.mkdir(mode=0o700, exist_ok=True)
                with file.at_a_members_content():
                    packed.extract(member, target, filter="data")  # its time, too, which is a seal
                path.chmod(0o600 if member.name == DATABASE else 0o400)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise InvalidValue(f"{archive} is no backup of jobsvc ({error}).") from None
    if not (target / DATABASE).is_file():
        raise InvalidValue(f"{archive} is no backup of jobsvc: it holds no database.")


class _Archive(io.BufferedReader):
    """An archive's file, of which only what its members contain can be read at any length.

    ``tarfile`` of Python 3.11 takes a header of gigabytes into memory, follows headers of headers,
    and lists the holes of files, all before anyone sees the member.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._spare_bytes: float = MAX_HEADER_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= self._spare_bytes:
            raise tarfile.ReadError(f"a header of more than {MAX_HEADER_BYTES:,} bytes")
        self._spare_bytes -= size
        return super().read(size)

    @contextmanager
    def at_a_members_content(self) -> Iterator[None]:
        """What is read inside the block is no header; after it comes the next member's."""
        self._spare_bytes = math.inf
        yield
        self._spare_bytes = MAX_HEADER_BYTES


def _for_its_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode &= 0o600
    return member


def _members(archive: Path, packed: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members in order, each one that a backup may hold and that wasn't there before."""
    seen: set[str] = set()
    for member in packed:
        if packed.pax_headers:  # which would add up, and be copied for each member
            raise InvalidValue(
                f"{archive} is no backup of jobsvc: it has a header for all members."
            )
        member.pax_headers = {}  # what it says has been done, and all members stay in memory
        ours = member.name == DATABASE or DATA_FILE.fullmatch(member.name)
        plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
        if not ours or not plain or member.name in seen:
            how = " twice" if member.name in seen else ", which no backup does"
            raise InvalidValue(f"{archive} is no backup of jobsvc: it holds {member.name!r}{how}.")
        seen.add(member.name)
        yield member


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
