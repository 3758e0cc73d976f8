"""Check a data directory: recompute every hash, every manifest and every ledger.

A check only reads, so it can run while a server runs; a prune is refused meanwhile.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Set
from contextlib import closing, suppress
from pathlib import Path

from lazy_dataclasses import dataclass
from storage.certificates.ledger import all_ledger_faults
from storage.errors import CannotOpenDatabase, NotFound
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.queries import statement
from storage.sqlite.schema import differences, require_newest_version
from storage.versions.data_files import AttachedFile, DataFiles, StoredFile
from storage.versions.manifests import parse_manifest

ProgressCallback = Callable[[float, str], None]
"""Takes the finished fraction, 0 to 1, and the current step."""


@dataclass(frozen=True)
class Fault:
    """A damaged object and its damage."""

    what: str
    problem: str


@dataclass(frozen=True)
class Unchecked:
    """An attached file that couldn't be checked, and why; this isn't a fault of the data."""

    uri: str
    reason: str


@dataclass(frozen=True)
class Findings:
    """The number of checked objects, the faults, and the attached files that weren't checked.

    ``files`` has those of ``attachments`` of samples; ``attached_files`` are the data files outside
    of the server.
    """

    commits: int
    files: int
    attachments: int
    ledger_entries: int
    attached_files: int
    size_bytes: int
    faults: tuple[Fault, ...]
    not_checked: tuple[Unchecked, ...]


class NotAllowedHere(Exception):
    """This process may not read an attached file: it lacks a setting or variable of the server."""


FindProblem = Callable[[AttachedFile, str, str], str | None]
"""Takes an attached file, and its connection's prefix and credentials; returns its problem.

It raises :class:`NotAllowedHere` with the reason if the file can't be checked."""


CLOSED_TO_US = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
"""The errors of a database whose log needs files that SQLite can't create."""


def open_to_read(database: Path) -> sqlite3.Connection:
    """Open the database read-only, also in a directory that can't be written.

    Raises
    ------
    NotFound, CannotOpenDatabase
        It doesn't exist; or its log, which isn't empty, can't be read without writing.
    """
    if not database.is_file():
        raise NotFound("No database at {path}.", path=str(database))
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    try:
        connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in CLOSED_TO_US:
            return connection  # the check reports what is damaged
        connection.close()
        log = database.with_name(f"{database.name}-wal")
        if log.exists() and log.stat().st_size > 0:
            raise CannotOpenDatabase(
                "{log} has changes that SQLite can't read, since the directory can't be written. "
                "Make it writable, or use a copy of the directory.",
                log=str(log),
            ) from None
        # Without a log all changes are in the file, and no server has it open.
        connection = sqlite3.connect(f"{database.as_uri()}?immutable=1", uri=True)
    return connection


def check(
    directory: DataDirectory, on_progress: ProgressCallback, find_problem: FindProblem | None = None
) -> Findings:
    """Check the database, every commit and every data file; by ``find_problem`` attached files.

    Raises
    ------
    NotFound, CannotOpenDatabase, NewerSchema, OlderSchema, UnmigratedSchema, UnknownSchema
        There is no database, or it isn't one that this version reads.
    """
    with (
        closing(open_to_read(directory.database_path)) as connection,
        directory.files_lock.reading(),
    ):
        with suppress(sqlite3.DatabaseError):  # reported as a fault
            require_newest_version(connection)
        return _check(directory, connection, on_progress, find_problem)


def _check(
    directory: DataDirectory,
    connection: sqlite3.Connection,
    on_progress: ProgressCallback,
    find_problem: FindProblem | None,
) -> Findings:
    faults: list[Fault] = []
    commits: list[tuple[int, str, str]] = []
    uploaded: list[tuple[str, int, int]] = []
    ledger_entries = attachments = 0
    try:
        faults += _database_faults(connection)
        commits = connection.execute(statement("all_commits")).fetchall()
        uploaded = connection.execute(statement("uploaded_files")).fetchall()
        (attachments,) = connection.execute(statement("attachment_count")).fetchone()
        ledger_entries, broken = all_ledger_faults(connection, statement("all_ledgers"))
        faults += [Fault("the ledger", problem) for problem in broken]
        faults += _replacement_faults(connection)
        faults += _certificate_faults(connection)
    except sqlite3.DatabaseError as error:
        faults.append(Fault("the database", f"it can't be read ({error})"))
    files: dict[str, StoredFile] = {}
    attached: set[AttachedFile] = set()  # those that are checked
    for dataset_id, commit_id, text in commits:
        if hashlib.sha256(text.encode()).hexdigest() != commit_id:
            faults.append(Fault(f"commit {commit_id}", "its manifest is not what its id says"))
            continue
        manifest = parse_manifest(text)
        files |= {file.sha256: file for file in manifest.stored_files}
        attached |= set() if find_problem is None else manifest.attached_files
        if manifest.dataset_id != dataset_id:
            faults.append(Fault(f"commit {commit_id}", "it belongs to another dataset"))
    files |= {row[0]: StoredFile(*row) for row in uploaded}
    store = DataFiles(directory.files_dir)
    total_bytes = sum(file.size_bytes for file in files.values())
    done_bytes = 0
    for file in files.values():
        on_progress(done_bytes / max(total_bytes, 1), f"file {file.sha256[:12]}")
        faults += _file_faults(store, file)
        done_bytes += file.size_bytes
    not_checked: list[Unchecked] = []
    if find_problem is not None:
        for finding in _attached_findings(connection, attached, find_problem, on_progress):
            if isinstance(finding, Fault):
                faults.append(finding)
            else:
                not_checked.append(finding)
    on_progress(1.0, "checked")
    return Findings(
        commits=len(commits),
        files=len(files),
        attachments=attachments,
        ledger_entries=ledger_entries,
        attached_files=len(attached) - len(not_checked),
        size_bytes=total_bytes,
        faults=tuple(faults),
        not_checked=tuple(not_checked),
    )


def _attached_findings(
    connection: sqlite3.Connection,
    files: Set[AttachedFile],
    find_problem: FindProblem,
    on_progress: ProgressCallback,
) -> Iterator[Fault | Unchecked]:
    rows = connection.execute(statement("connection_places")).fetchall() if files else []
    places = {name: (prefix, credentials) for name, prefix, credentials in rows}
    for file in sorted(files, key=lambda file: (file.connection, file.uri)):
        on_progress(1.0, f"attached file {file.uri.rpartition('/')[2]}")
        problem: str | None = f'its connection "{file.connection}" doesn\'t exist'
        if file.connection in places:
            try:
                problem = find_problem(file, *places[file.connection])
            except NotAllowedHere as refusal:
                yield Unchecked(file.uri, str(refusal))
                continue
        if problem is not None:
            yield Fault(f"attached file {file.uri}", problem)


def _database_faults(connection: sqlite3.Connection) -> Iterator[Fault]:
    for (text,) in connection.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield Fault("the database", text)
    for difference in differences(connection):
        yield Fault("the database's schema", difference)
    for table, row, other, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Fault("the database", f"row {row} of {table} refers to a missing row of {other}")


def _replacement_faults(connection: sqlite3.Connection) -> Iterator[Fault]:
    """Compare the replaced rows of samples with the entries of the ledgers, both ways."""
    for job_id, row_id, replacement_id in connection.execute(statement("unrecorded_replacements")):
        what = f"replacement of row {row_id} by {replacement_id} of job {job_id}"
        yield Fault(what, "the ledger has no such entry")
    for dataset_id, number, job_id in connection.execute(statement("missing_replacements")):
        what = f"entry {number} of the ledger of dataset {dataset_id}"
        yield Fault(what, f"the sample of job {job_id} has no such replacement")


def _certificate_faults(connection: sqlite3.Connection) -> Iterator[Fault]:
    for kind, job_id, issue, payload, sha256 in connection.execute(statement("all_certificates")):
        if hashlib.sha256(payload.encode()).hexdigest() != sha256:
            yield Fault(f"{kind} {issue} of job {job_id}", "its payload has changed")


def _file_faults(store: DataFiles, file: StoredFile) -> Iterator[Fault]:
    what = f"file {file.sha256}"
    path = store.path(file.sha256)
    if not path.is_file():
        yield Fault(what, "it is missing")
        return
    size_bytes = path.stat().st_size
    if size_bytes != file.size_bytes:
        yield Fault(what, f"it has {size_bytes:,} bytes, not {file.size_bytes:,}")
        return
    try:
        with path.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
                yield Fault(what, "its content has changed")
    except OSError as error:
        yield Fault(what, f"it can't be read ({error.strerror})")
