"""Back up a data directory to a tar file, also while a server runs, and restore it.

A backup is a snapshot of the database and the data files that it references. Both a backup and a
restored directory exist whole or not at all; a restore also checks every file.
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
from pathlib import Path

from lazy_dataclasses import dataclass
from operating_system import sync_file, sync_folder
from storage.contents import BUILDING, DATABASE, PARTS, occupants, restored_parts
from storage.errors import CannotOpenDatabase, Conflict, InvalidValue
from storage.maintenance.checking import Findings, ProgressCallback, check, open_to_read
from storage.maintenance.data_directory import DataDirectory
from storage.maintenance.durable import remove_leftovers, sync_tree, temporary_folder
from storage.sqlite.database import damage
from storage.sqlite.queries import statement
from storage.sqlite.schema import (
    NEWEST_VERSION,
    migrate,
    require_known_schema,
    require_known_version,
)
from storage.versions.data_files import DataFiles

NO_LINKS_ERRORS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}
"""The errors of a file system without hard links, such as FAT."""
WRITE_ERRORS = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
ROOM_BYTES = 1 << 20
"""With less free space, an error of writing is taken as that of a full disk."""


def back_up(directory: DataDirectory, target: Path, on_progress: ProgressCallback) -> BackedUp:
    """Write a backup to ``target``, whole or not at all.

    Raises
    ------
    NotFound, DamagedDatabase, CannotOpenDatabase
        The database doesn't exist or can't be read.
    FileNotFoundError
        A data file is missing.
    FileExistsError, InvalidValue
        ``target`` exists; or it is in the data directory.
    """
    if target.parent.resolve().is_relative_to(directory.root):
        raise InvalidValue(
            "{target} would be in the data directory {root}, where the next start may remove it. "
            "Choose another folder, best on another disk.",
            target=str(target),
            root=str(directory.root),
        )
    if target.exists() or target.is_symlink():
        raise _exists(target)
    with temporary_folder(target.parent) as folder, opened_archive(directory, folder) as archive:
        file = folder / "archive"
        done = write_archive(archive, file, on_progress)
        sync_file(file)
        _name(file, target)
        sync_folder(target.parent)
    return done


def restore(archive: Path, directory: DataDirectory, on_progress: ProgressCallback) -> Findings:
    """Create a data directory from a backup; it may exist empty, for example as a mount point.

    A database of an older version is migrated, as a start would.

    Raises
    ------
    Conflict, DataDirectoryInUse
        The directory isn't empty; another process uses it.
    NewerSchema, OlderSchema, UnknownSchema
        The database isn't one that a start opens.
    InvalidValue
        The file isn't a backup, is damaged, or has a data file that the database doesn't reference.
    """
    with filled(directory) as parts:
        unpack(archive, parts)
        _migrate(parts / DATABASE)
        findings = check(DataDirectory(parts), on_progress)
        if findings.faults:
            first = findings.faults[0]
            raise InvalidValue(
                "The backup is damaged: {what}: {problem}.", what=first.what, problem=first.problem
            )
        _require_referenced(archive, DataDirectory(parts))
    return findings


def _migrate(database: Path) -> None:
    """Migrate an unpacked database that is older; refuse one that a start wouldn't open."""
    try:
        with closing(open_to_read(database)) as connection:
            is_older = require_known_version(connection) < NEWEST_VERSION
        if is_older:
            with closing(sqlite3.connect(database, isolation_level=None)) as connection:
                migrate(connection)
                require_known_schema(connection)
    except sqlite3.DatabaseError as error:
        raise InvalidValue(
            "The backup is damaged: its database can't be opened: {reason}.", reason=str(error)
        ) from None


def _snapshot(database: sqlite3.Connection, target: Path) -> list[str]:
    """Copy a snapshot of the database; return the hashes of its data files."""
    try:
        with closing(sqlite3.connect(target)) as copy:
            database.backup(copy)
            hashes = _referenced(copy)
    except sqlite3.DatabaseError as error:
        no_room = shutil.disk_usage(target.parent).free < ROOM_BYTES
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in WRITE_ERRORS and no_room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from None
        raise damage(error) or CannotOpenDatabase(
            "The database can't be copied: {reason}.", reason=str(error)
        ) from None
    return sorted(hashes)


def _referenced(database: sqlite3.Connection) -> set[str]:
    return {sha256 for (sha256,) in database.execute(statement("referenced_files"))}


def _require_referenced(archive: Path, directory: DataDirectory) -> None:
    """Refuse data files that the database doesn't reference: no check has read them."""
    with closing(open_to_read(directory.database_path)) as database:
        referenced = _referenced(database)
    orphan = next(DataFiles(directory.files_dir).orphans(referenced), None)
    if orphan is not None:
        name = str(orphan.relative_to(directory.root))
        raise _not_a_backup(archive, f": it holds {name!r}, which its database doesn't reference")


def _not_a_backup(archive: Path, why: str) -> InvalidValue:
    return InvalidValue("{archive} isn't a backup of jobsvc{why}.", archive=str(archive), why=why)


def _name(archive: Path, target: Path) -> None:
    """Give a finished archive its name, unless a file of that name exists by now."""
    try:
        target.hardlink_to(archive)  # unlike a rename, never replaces a file
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        if error.errno not in NO_LINKS_ERRORS:
            raise
        # A crash between the two leaves an empty file.
        try:
            target.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            raise _exists(target) from None
        archive.replace(target)


def _exists(target: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "A file of that name exists already", str(target))


DATA_FILE = re.compile(r"files/([0-9a-f]{2})/\1[0-9a-f]{62}\.parquet")
MAX_HEADER_BYTES = 16 * 1024
"""Most bytes before the content of a member; a backup's own headers have less than 2 KiB."""


@dataclass(frozen=True)
class BackedUp:
    """The number and bytes of the data files in a backup."""

    files: int
    size_bytes: int


CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Archive:
    """The content of a backup: a database snapshot, and the data files with these hashes."""

    directory: DataDirectory
    snapshot: Path
    hashes: list[str]

    def size_bytes(self) -> int:
        """Return the size of the tar file; raise FileNotFoundError if a data file is missing."""
        size = sum(len(header) + _padded(member.size) for member, header, _ in self._members())
        return _padded(size + 2 * tarfile.BLOCKSIZE, tarfile.RECORDSIZE)

    def chunks(self, on_progress: ProgressCallback) -> Iterator[bytes]:
        """Yield the tar file; it isn't compressed, since Parquet is."""
        size = 0
        for number, (member, header, path) in enumerate(self._members()):
            on_progress(number / (len(self.hashes) + 1), f"file {path.stem[:12]}")
            yield header
            yield from _content(path, member.size)
            size += len(header) + _padded(member.size)
        yield bytes(_padded(size + 2 * tarfile.BLOCKSIZE, tarfile.RECORDSIZE) - size)
        on_progress(1.0, "written")

    def _members(self) -> Iterator[tuple[tarfile.TarInfo, bytes, Path]]:
        store, root = DataFiles(self.directory.files_dir), self.directory.root
        names = [(self.snapshot, DATABASE)]
        names += [(path, str(path.relative_to(root))) for path in map(store.path, self.hashes)]
        with tarfile.open(fileobj=io.BytesIO(), mode="w:") as archive:
            for path, name in names:
                member = archive.gettarinfo(path, name)
                member.mode &= 0o600
                header = member.tobuf(archive.format, tarfile.ENCODING, "surrogateescape")
                yield member, header, path


def _content(path: Path, size: int) -> Iterator[bytes]:
    """Yield a file of this size, padded to whole blocks."""
    left = size
    with path.open("rb") as file:
        while left:
            chunk = file.read(min(left, CHUNK_BYTES))
            if not chunk:
                raise EOFError(f"{path.name} became shorter")
            left -= len(chunk)
            yield chunk
    yield bytes(_padded(size) - size)


def _padded(size: int, unit: int = tarfile.BLOCKSIZE) -> int:
    return -(-size // unit) * unit


@contextmanager
def opened_archive(directory: DataDirectory, folder: Path) -> Iterator[Archive]:
    """Take a snapshot of the database in a folder; until the end no data file is removed.

    Raises
    ------
    NotFound, DamagedDatabase, CannotOpenDatabase
        The database doesn't exist or can't be read.
    """
    with closing(open_to_read(directory.database_path)) as database, directory.files_lock.reading():
        snapshot = folder / DATABASE
        yield Archive(directory, snapshot, _snapshot(database, snapshot))


def write_archive(archive: Archive, target: Path, on_progress: ProgressCallback) -> BackedUp:
    """Write a new archive file."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in archive.chunks(on_progress):
            file.write(chunk)
    store = DataFiles(archive.directory.files_dir)
    return BackedUp(
        len(archive.hashes), sum(store.path(sha256).stat().st_size for sha256 in archive.hashes)
    )


def unpack(archive: Path, target: Path) -> None:
    """Unpack an archive into an empty directory; refuse members that a backup never has."""
    (target / "files").mkdir(mode=0o700)
    try:
        with _Archive(archive) as file, tarfile.open(fileobj=file, mode="r:") as packed:
            for member in _members(archive, packed):
                path = target / member.name
                path.parent.mkdir(mode=0o700, exist_ok=True)
                with file.at_member_content():
                    packed.extract(member, target, filter="data")  # with its time, a checksum
                path.chmod(0o600 if member.name == DATABASE else 0o400)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise _not_a_backup(archive, f" ({error})") from None
    if not (target / DATABASE).is_file():
        raise _not_a_backup(archive, ": it holds no database")


class _Archive(io.BufferedReader):
    """An archive file that limits the bytes of each member's headers.

    ``tarfile`` of Python 3.11 reads headers of any length, headers of headers and lists of holes
    into memory before it returns the member.
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
    def at_member_content(self) -> Iterator[None]:
        self._spare_bytes = math.inf
        yield
        self._spare_bytes = MAX_HEADER_BYTES


def _members(archive: Path, packed: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members in order; refuse those that a backup doesn't have, and duplicates."""
    seen: set[str] = set()
    for member in packed:
        if packed.pax_headers:  # tarfile copies them for each member
            raise _not_a_backup(archive, ": it has a header for all members")
        member.pax_headers = {}  # applied by now; tarfile holds all members in memory
        expected = member.name == DATABASE or DATA_FILE.fullmatch(member.name)
        regular = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
        if not expected or not regular or member.name in seen:
            how = " twice" if member.name in seen else ", which no backup does"
            raise _not_a_backup(archive, f": it holds {member.name!r}{how}")
        seen.add(member.name)
        yield member


@contextmanager
def filled(directory: DataDirectory) -> Iterator[Path]:
    """Yield an empty folder for the parts of a data directory; move them into place afterwards.

    After an error the parts are removed; see :func:`restore` for errors.
    """
    if directory.root.exists():
        _require_empty(directory.root)
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
        sync_folder(root.parent)


@contextmanager
def _filled_from_within(root: Path) -> Iterator[Path]:
    """Build the parts in the directory: a mount point can't be replaced by a rename.

    The database is moved last. Until then a start refuses the directory, and a restore accepts it.
    """
    _require_empty(root)
    if (root / "files").exists():
        shutil.rmtree(root / "files")  # before the folder that shows where they come from
    remove_leftovers(root)
    with temporary_folder(root) as folder:
        parts = folder / PARTS
        parts.mkdir(mode=0o700)
        yield parts
        sync_tree(parts)
        _move(parts, root)


def _require_empty(root: Path) -> None:
    """Refuse a directory with entries other than those of an interrupted restore."""
    names = {path.name for path in occupants(root) if not path.name.startswith(BUILDING)}
    half_moved = any(
        (parts / DATABASE).exists() and not (parts / "files").exists()
        for parts in restored_parts(root)
    )
    if names and not (names == {"files"} and half_moved):
        raise _not_empty(root)


def _move(parts: Path, root: Path) -> None:
    files, database = root / "files", root / DATABASE
    (parts / "files").rename(files)
    try:
        sync_folder(root)
        (parts / DATABASE).rename(database)
    except BaseException:
        if not database.exists():
            files.rename(parts / "files")
        raise
    sync_folder(root)


def _not_empty(root: Path) -> Conflict:
    return Conflict("{root} is not empty. Restore into a new directory.", root=str(root))
