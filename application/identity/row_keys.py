"""The row key of a table: declared by a user, and its state in each version.

A key is checked in the background; a request waits for a small table only. The state of a version
that wasn't checked says so, and the next request has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated

from application.access import Caller, RowSource
from contract.declarations import Help
from contract.requests.datasets import RowKeyRequest
from contract.words import Duplicates, KeyState
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.cached_files import table_identity
from parquet_tables.progress import ProgressCallback
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.tables import TableFiles
from profiling_engine.comparison.shared_columns import proposed_key
from service.service import Service
from service.tables.key_checks import (
    KeyCheck,
    cached_check,
    change_text,
    check_key,
    check_text,
    fault_of,
)
from service.tables.open_tables import open_requested, open_table, table_files
from storage.accounts.users import get_user
from storage.errors import NotFound
from storage.sqlite.database import Transaction
from storage.versions.manifests import Commit, history
from storage.versions.refs import get_ref
from storage.versions.row_keys import DeclaredKey, delete_row_key, row_key_of, set_row_key

WAIT_S = 3.0
"""How long a request waits for the check of a key."""
AUDITED = "row key"


@dataclass(frozen=True)
class SharedKeyOfVersion:
    """A key that several rows have."""

    key: str
    row_ids: Annotated[list[str], Help("The first rows that have it.")]


@dataclass(frozen=True)
class KeyOfVersion:
    """The state of a row key in a version."""

    commit_id: str
    message: str
    created_at: str
    state: KeyState
    text: Annotated[str, Help("The state in a sentence, with examples of what is wrong.")]
    rows: int | None
    missing: Annotated[int | None, Help("Rows without a value in a column of the key.")]
    missing_rows: Annotated[list[str], Help("Three of them.")]
    repeated: Annotated[int | None, Help("Rows that share their key with another row.")]
    repeated_keys: Annotated[list[SharedKeyOfVersion], Help("Three of their keys.")]
    new: Annotated[int | None, Help("Keys that the version before doesn't have; null without one.")]
    gone: Annotated[int | None, Help("Keys that only the version before has.")]
    kept: Annotated[int | None, Help("Keys that both versions have.")]
    change: Annotated[str | None, Help("The three numbers in a sentence.")]


@dataclass(frozen=True)
class TableKey:
    """The row key of a table."""

    dataset_id: int
    table_key: str
    columns: list[str]
    duplicates: Duplicates
    set_at: str
    set_by: Annotated[str, Help("The SOEID of the user who declared it.")]

    @classmethod
    def of(cls, tx: Transaction, declared: DeclaredKey) -> TableKey:
        """A stored key with its user's name."""
        return cls(**{**vars(declared), "set_by": get_user(tx, declared.set_by).soeid})


@dataclass(frozen=True)
class TableKeyState(TableKey):
    """The row key of a table, and its state in each version of a ref."""

    source_ref: str
    versions: Annotated[list[KeyOfVersion], Help("Newest first.")]
    total: Annotated[int, Help("Versions of the ref.")]
    offset: int
    limit: int


def declare_row_key(caller: Caller, dataset_id: int, request: RowKeyRequest) -> TableKey:
    """Declare the row key of a table, in place of an earlier one.

    Raises
    ------
    NotFound
        The ref has no such table.
    UnknownColumn, InvalidKey
        The newest version lacks a column, or its type can't be in a key.
    KeyMissing, KeyNotUnique
        The key doesn't hold in the newest version. A check that takes long refuses nothing; the
        state of the version has its result.
    """
    service = caller.service
    caller.dataset(dataset_id, "write")
    with caller.reading():
        table = open_requested(service, dataset_id, request.source_ref, request.table_key)
        key = RowKey(tuple(request.columns), request.duplicates)
        columns = key.of(table.files, ("body", "columns"))
        key = RowKey(tuple(column.name for column in columns), request.duplicates)
        check = _checked(service, table.files, key)
    fault = None if check is None else fault_of(check, key)
    if fault is not None:
        caller.audit_view(RowSource(dataset_id, table.commit_id, table.key), AUDITED)
        fault.loc = ("body", "columns")
        raise fault
    with caller.writing() as tx:
        declared = set_row_key(
            tx, dataset_id, table.key, key.columns, key.duplicates, caller.user.id, service.clock
        )
        caller.audit(
            tx,
            "row_key_set",
            dataset_id=dataset_id,
            table_key=table.key,
            columns=list(key.columns),
            duplicates=key.duplicates,
        )
        return TableKey.of(tx, declared)


def remove_row_key(caller: Caller, dataset_id: int, table_key: str) -> TableKey:
    """Delete the row key of a table; NotFound if it has none. Rows have their row ids again."""
    caller.dataset(dataset_id, "write")
    with caller.writing() as tx:
        declared = _declared(tx, dataset_id, table_key)
        delete_row_key(tx, dataset_id, table_key)
        caller.audit(tx, "row_key_deleted", dataset_id=dataset_id, table_key=table_key)
        return TableKey.of(tx, declared)


def row_key_state(
    caller: Caller, dataset_id: int, table_key: str, source_ref: str, offset: int, limit: int
) -> TableKeyState:
    """The row key of a table and its state in a page of the versions of a ref.

    Raises
    ------
    NotFound
        The table has no row key, or the dataset no such ref.
    """
    service = caller.service
    caller.dataset(dataset_id, "read")
    with service.database.read() as tx:
        declared = _declared(tx, dataset_id, table_key)
        shown = TableKey.of(tx, declared)
        head = get_ref(tx, dataset_id, source_ref).commit_id
        commits, total = list[Commit](), 0
        if head is not None:
            commits, total = history(tx, dataset_id, head, offset, limit + 1)
    key = RowKey(tuple(declared.columns), declared.duplicates)
    with caller.reading():
        versions = _states(service, dataset_id, declared, key, commits, limit)
    if any(version.repeated_keys for version in versions):
        caller.audit_view(RowSource(dataset_id, versions[0].commit_id, table_key), AUDITED)
    return TableKeyState(
        **vars(shown),
        source_ref=source_ref,
        versions=versions,
        total=total,
        offset=offset,
        limit=limit,
    )


def likely_row_key(
    caller: Caller, dataset_id: int, commit_id: str, table_key: str
) -> tuple[str, ...]:
    """The columns that may be the row key of a table: unique in its first rows."""
    with caller.reading():
        table = open_table(caller.service, dataset_id, commit_id, table_key)
        with caller.service.parquet.cursor(table.files) as cursor:
            return proposed_key(cursor, table.files)


def _declared(tx: Transaction, dataset_id: int, table_key: str) -> DeclaredKey:
    declared = row_key_of(tx, dataset_id, table_key)
    if declared is None:
        raise NotFound('Table "{table_key}" has no row key.', table_key=table_key)
    return declared


def _checked(service: Service, table: TableFiles, key: RowKey) -> KeyCheck | None:
    """The check of a version by itself; None if it takes long."""
    directory = service.directory.counts_dir
    cached = cached_check(directory, table, key, None)
    if cached is not None:
        return cached
    found: KeyCheck | None = service.background.result(
        ("row_key", json.dumps(table_identity(table)), key),
        lambda on_progress: check_key(
            service.parquet_of("long"), directory, table, key, None, on_progress
        ),
        WAIT_S,
    )
    return found


@dataclass(frozen=True)
class _Version:
    """A version, with its table and that of the version before; None if it can't be read."""

    commit: Commit
    table: TableFiles | None
    before: TableFiles | None
    problem: DomainError | None


def _states(
    service: Service,
    dataset_id: int,
    declared: DeclaredKey,
    key: RowKey,
    commits: Sequence[Commit],
    limit: int,
) -> list[KeyOfVersion]:
    """The states of the first commits, of which the next one is the version before."""
    versions = list(_versions(service, declared.table_key, key, commits, limit))
    directory = service.directory.counts_dir
    unknown = [
        (version.table, version.before)
        for version in versions
        if version.table is not None
        and cached_check(directory, version.table, key, version.before) is None
    ]
    if unknown:

        def check_all(on_progress: ProgressCallback) -> bool:
            for table, before in unknown:
                check_key(service.parquet_of("long"), directory, table, key, before, on_progress)
            return True

        task = ("row_keys", dataset_id, declared.table_key, key, versions[0].commit.id)
        service.background.result(task, check_all, WAIT_S)
    return [_state(service, declared.table_key, key, version) for version in versions]


def _versions(
    service: Service, table_key: str, key: RowKey, commits: Sequence[Commit], limit: int
) -> Iterator[_Version]:
    for commit, earlier in zip(commits[:limit], [*commits[1:], None], strict=False):
        try:
            table = table_files(service, commit.manifest.table(table_key))
            key.of(table)
        except DomainError as error:
            yield _Version(commit, None, None, error)
            continue
        before = None
        if earlier is not None:
            try:
                before = table_files(service, earlier.manifest.table(table_key))
            except DomainError:  # it hasn't the table, or its files can't be read
                before = None
        yield _Version(commit, table, before, None)


def _state(service: Service, table_key: str, key: RowKey, version: _Version) -> KeyOfVersion:
    commit = version.commit
    check = None
    if version.table is not None:
        check = cached_check(service.directory.counts_dir, version.table, key, version.before)
    state: KeyState
    if version.problem is not None:
        state, text = "not_possible", version.problem.message
    elif check is None:
        state, text = "not_checked", "Not checked yet."
    else:
        state = "holds" if fault_of(check, key) is None else "fails"
        text = check_text(check, key)
    manifest = commit.manifest
    facts = (commit.id, manifest.message, manifest.created_at, state, text)
    if check is None:
        return KeyOfVersion(*facts, None, None, [], None, [], None, None, None, None)

    def ids(rows: Sequence[int]) -> list[str]:
        return [f"{table_key}:{row}" for row in rows]

    return KeyOfVersion(
        *facts,
        rows=check["rows"],
        missing=check["missing"],
        missing_rows=ids(check["missing_rows"]),
        repeated=check["repeated"],
        repeated_keys=[
            SharedKeyOfVersion(each["key"], ids(each["rows"])) for each in check["repeated_keys"]
        ],
        new=check["new"],
        gone=check["gone"],
        kept=check["kept"],
        change=change_text(check),
    )
