"""Is everything as it was written? Recomputes every hash and every manifest.

Owns: what makes a data directory sound. Invariant: it only reads, so it may run beside a server; no
file is removed meanwhile. Called by the command line, and by a restore before it puts anything in
its place.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from storage.errors import NotFound
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.migrations import NEWEST_VERSION
from storage.sqlite.queries import statement
from storage.sqlite.schema_check import differences
from storage.versions.data_files import DataFiles, StoredFile
from storage.versions.manifests import parse_manifest

Told = Callable[[float, str], None]
"""Takes the done fraction, 0 to 1, and what is being looked at."""


@dataclass(frozen=True)
class Fault:
    """Something that isn't as it was written."""

    what: str
    problem: str


@dataclass(frozen=True)
class Findings:
    """What a check looked at, and what it found wrong."""

    commits: int
    files: int
    size_bytes: int
    faults: tuple[Fault, ...]


def open_to_read(database: Path) -> sqlite3.Connection:
    """The database, for reading alone.

    Raises
    ------
    NotFound
        There is none.
    """
    if not database.is_file():
        raise NotFound(f"There is no database at {database}.")
    return sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)


def check(directory: DataDirectory, told: Told) -> Findings:
    """Check the database, every commit and every data file."""
    with (
        closing(open_to_read(directory.database_path)) as connection,
        directory.files_lock.reading(),
    ):
        return _check(directory, connection, told)


def _check(directory: DataDirectory, connection: sqlite3.Connection, told: Told) -> Findings:
    faults: list[Fault] = []
    commits: list[tuple[int, str, str]] = []
    try:
        faults += _database_faults(connection)
        commits = connection.execute(statement("all_commits")).fetchall()
    except sqlite3.DatabaseError as error:
        faults.append(Fault("the database", f"it can't be read ({error})"))
    files: dict[str, StoredFile] = {}
    for dataset_id, commit_id, manifest in commits:
        if hashlib.sha256(manifest.encode()).hexdigest() != commit_id:
            faults.append(Fault(f"commit {commit_id}", "its manifest is not what its id says"))
            continue
        for file in parse_manifest(manifest).stored_files:
            files[file.sha256] = file
        if parse_manifest(manifest).dataset_id != dataset_id:
            faults.append(Fault(f"commit {commit_id}", "it belongs to another dataset"))
    store = DataFiles(directory.files_dir)
    whole = sum(file.size_bytes for file in files.values())
    done = 0
    for file in files.values():
        told(done / max(whole, 1), f"file {file.sha256[:12]}")
        faults += _file_faults(store, file)
        done += file.size_bytes
    told(1.0, "checked")
    return Findings(len(commits), len(files), whole, tuple(faults))


def _database_faults(connection: sqlite3.Connection) -> Iterator[Fault]:
    for (text,) in connection.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield Fault("the database", text)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == NEWEST_VERSION:  # an older one gets its schema when it is opened
        for difference in differences(connection):
            yield Fault("the database's schema", difference)
    for table, row, other, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Fault("the database", f"row {row} of {table} refers to a missing row of {other}")


def _file_faults(store: DataFiles, file: StoredFile) -> Iterator[Fault]:
    what = f"file {file.sha256}"
    path = store.path(file.sha256)
    if not path.is_file():
        yield Fault(what, "it is missing")
        return
    size = path.stat().st_size
    if size != file.size_bytes:
        yield Fault(what, f"it has {size:,} bytes, not {file.size_bytes:,}")
        return
    try:
        with path.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
                yield Fault(what, "its content has changed")
    except OSError as error:
        yield Fault(what, f"it can't be read ({error.strerror})")
