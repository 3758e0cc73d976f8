"""A backup in one file, and a data directory made from one.

Invariant: a backup is one moment's database and every data file that it names; it may be made while
a server runs, since data files never change and none is removed before the backup has ended. A
restore is in place whole and checked, or not at all.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from storage.checking import Findings, Told, check, open_to_read
from storage.data_directory import DataDirectory
from storage.data_files import DataFiles
from storage.errors import Conflict, InvalidValue
from storage.queries import statement

DATABASE = "jobsvc.sqlite3"


@dataclass(frozen=True)
class BackedUp:
    """What went into a backup."""

    files: int
    size_bytes: int


def back_up(directory: DataDirectory, target: Path, told: Told) -> BackedUp:
    """Write a backup to ``target``, whole or not at all.

    Raises
    ------
    NotFound, FileExistsError, FileNotFoundError
        There is nothing to back up; ``target`` is there already; a data file is missing.
    """
    if target.exists():
        raise FileExistsError(17, "There is a file of that name already", str(target))
    partial = target.with_name(f"{target.name}.partial")
    try:
        with (
            closing(open_to_read(directory.database_path)) as database,
            directory.files_lock.reading(),
            tempfile.TemporaryDirectory(dir=target.parent) as folder,
        ):
            snapshot = Path(folder) / DATABASE
            hashes = _snapshot(database, snapshot)
            done = _write_archive(directory, snapshot, hashes, partial, told)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return done


def restore(archive: Path, directory: DataDirectory, told: Told) -> Findings:
    """Make a data directory of a backup.

    Raises
    ------
    Conflict
        The directory is there and not empty.
    InvalidValue
        The file is no backup, or one that is damaged.
    """
    root = directory.root
    if root.exists() and any(root.iterdir()):
        raise Conflict(f"{root} is not empty. Restore into a new directory.")
    partial = root.with_name(f"{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(mode=0o700, parents=True)
        _unpack(archive, partial)
        findings = check(DataDirectory(partial), told)
        if findings.faults:
            first = findings.faults[0]
            raise InvalidValue(f"The backup is damaged: {first.what}: {first.problem}.")
        if root.exists():
            root.rmdir()
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return findings


def _snapshot(database: sqlite3.Connection, target: Path) -> list[str]:
    """Copy the database as of one moment; returns the hashes of the files that it names."""
    with closing(sqlite3.connect(target)) as copy:
        database.backup(copy)
        rows = copy.execute(statement("named_files")).fetchall()
    return sorted(row[0] for row in rows)


def _write_archive(
    directory: DataDirectory, snapshot: Path, hashes: list[str], target: Path, told: Told
) -> BackedUp:
    store = DataFiles(directory.files_dir)
    size_bytes = 0
    with tarfile.open(target, "x:") as archive:  # Parquet is packed already
        archive.add(snapshot, DATABASE)
        for place, sha256 in enumerate(hashes):
            told(place / len(hashes), f"file {sha256[:12]}")
            path = store.path(sha256)
            archive.add(path, str(path.relative_to(directory.root)))
            size_bytes += path.stat().st_size
    told(1.0, "written")
    return BackedUp(len(hashes), size_bytes)


def _unpack(archive: Path, target: Path) -> None:
    try:
        with tarfile.open(archive, "r:") as packed:
            packed.extractall(target, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise InvalidValue(f"{archive} is no backup of jobsvc ({error}).") from None
    for path in target.glob("files/??/*"):
        path.chmod(0o400)
