"""Attached files of tables: which they are, whether they changed, and their way to DuckDB."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from contract.words import TableFormat
from domain_errors import counted
from import_engine.attaching import (
    Footer,
    KnownSchemas,
    files_of,
    masked,
    read_footer,
    require_equal_columns,
    verify,
)
from import_engine.partitions import partition_columns, partition_note
from import_engine.sources.connections import (
    FileVersion,
    ObjectStores,
    OpenConnection,
    connection_prefix,
    credentials_from,
    named_version,
)
from import_engine.sources.uris import SourceUri, parse_uri
from import_engine.table_formats.delta import read_delta
from import_engine.table_formats.iceberg import read_iceberg
from import_engine.table_formats.snapshots import Snapshot, laid_out
from lazy_dataclasses import dataclass
from parquet_tables.attached import VersionReader
from parquet_tables.database import ParquetDatabase
from parquet_tables.layouts import LaidColumn
from parquet_tables.progress import ProgressCallback, progress_part
from parquet_tables.tables import Column, Int64s
from service.service import Service
from service.settings import Settings
from storage.accounts.connections import Connection, find_connection, usable_connection
from storage.accounts.users import User
from storage.sqlite.database import Transaction
from storage.versions.data_files import AttachedFile
from storage.versions.manifests import StoredTable, TableSource

REQUESTS_AT_ONCE = 16
"""Requests to an object store that run at the same time."""
FOOTER_SHARE = 0.1
"""The part of the progress for footers if the files are read whole."""
FILES_OF_CURSOR = 10
"""Files whose footers are read with one cursor."""

Item = TypeVar("Item")


def open_connection(
    name: str, prefix: str, credentials: str, settings: Settings, stores: ObjectStores
) -> OpenConnection:
    """Open a connection for reads.

    Raises
    ------
    UriNotAllowed
        The setting ``connection_prefixes`` doesn't allow its prefix.
    CredentialsMissing
        The environment lacks its credentials.
    """
    folder = connection_prefix(prefix, settings.allowed_connections)
    config = credentials_from(os.environ, folder.scheme, credentials, name)
    return OpenConnection(name, folder, config, stores)


def _opened(service: Service, connection: Connection) -> OpenConnection:
    return open_connection(
        connection.name,
        connection.prefix,
        connection.credentials,
        service.settings,
        service.object_stores,
    )


def open_attached(service: Service, table: StoredTable) -> None:
    """Check that each attached file of a table has its version, and let DuckDB read it.

    Raises
    ------
    SourceChanged
        A file has changed, or doesn't exist any more.
    ConnectionMissing, UriNotAllowed, CredentialsMissing
        Its connection can't be used.
    SourceDenied, SourceUnavailable
        It can't be read now.
    """
    files = table.attached_files
    if not files:
        return
    of_version = None if table.source is None else table.source.text
    names = {file.connection for file in files}
    with service.database.read() as tx:
        found = {name: find_connection(tx, name) for name in names}
    connections = {name: _opened(service, one) for name, one in found.items()}

    def open_one(file: AttachedFile) -> None:
        connection = connections[file.connection]
        uri, version = connection.uri(file.uri), version_of(file)

        def open_version() -> VersionReader:
            with named_version(of_version):
                return connection.open(uri, version)

        with named_version(of_version):
            connection.require(uri, version)
        service.attached.add(
            file.path,
            open_version,
            name=str(uri),
            belief="statistics" if file.verified else "counts",
            layout=file.file_layout,
        )

    remote = [file for file in files if file.e_tag is not None]
    for file in files:
        if file.e_tag is None:
            open_one(file)
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
        list(threads.map(open_one, remote))


def version_of(file: AttachedFile) -> FileVersion:
    """The version of a file that a manifest names."""
    return FileVersion(file.size_bytes, file.e_tag, file.modified_ns, file.inode)


@dataclass(frozen=True)
class TableToAttach:
    """A table to attach: URIs of files, of folders or patterns; or a table at a version."""

    key: str
    uris: tuple[str, ...]
    connection: str
    format: TableFormat = "parquet"
    version: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The table as the run parameters of a job have it."""
        fields: dict[str, Any] = {
            "table_key": self.key,
            "uris": list(self.uris),
            "connection": self.connection,
        }
        if self.format != "parquet":
            version = None if self.version is None else str(self.version)
            fields |= {"format": self.format, "version": version}
        return fields

    @staticmethod
    def from_json(fields: dict[str, Any]) -> TableToAttach:
        """Read a table from the run parameters of a job."""
        version = fields.get("version")
        return TableToAttach(
            fields["table_key"],
            tuple(fields["uris"]),
            fields["connection"],
            fields.get("format", "parquet"),
            None if version is None else int(version),
        )


@dataclass(frozen=True)
class AttachedTable:
    """A table whose files were read: the table, and its deleted rows as ordinals, sorted.

    ``footers`` are those of its files. Who stores the table gives it a deletion vector.
    """

    stored: StoredTable
    footers: tuple[Footer, ...]
    deleted: Int64s

    @property
    def row_count(self) -> int:
        """Rows without the deleted ones."""
        return self.stored.row_count - len(self.deleted)


def usable_connections(
    service: Service, tx: Transaction, user: User, tables: Sequence[TableToAttach]
) -> list[tuple[OpenConnection, list[SourceUri]]]:
    """Return the connection and the URIs of each table, if the user may use it.

    Raises
    ------
    Forbidden, UriNotAllowed, InvalidUri, CredentialsMissing
        With the place in the request.
    """
    opened = []
    for at, table in enumerate(tables):
        loc = ("body", "tables", at)
        connection = _opened(
            service, usable_connection(tx, user, table.connection, (*loc, "connection"))
        )
        uris = [
            connection.uri(uri, (*loc, "uri", *((place,) if len(table.uris) > 1 else ())))
            for place, uri in enumerate(table.uris)
        ]
        opened.append((connection, uris))
    return opened


def attach(
    service: Service,
    parquet: ParquetDatabase,
    user: User,
    tables: Sequence[TableToAttach],
    on_progress: ProgressCallback,
    *,
    verifies: bool = False,
) -> list[AttachedTable]:
    """Find the files of tables, and read their versions and footers.

    ``verifies`` is whether each file is read whole, to count its rows and to check its statistics.

    Raises
    ------
    Forbidden, UriNotAllowed, InvalidUri, CredentialsMissing
        The user may not use a connection, or it can't be used.
    SourceNotFound, SourceDenied, SourceUnavailable, SourceChanged
        A file can't be read, or changes meanwhile.
    UnreadableFile, UnservableFile
        A file isn't Parquet, its footer is wrong, or the files make no table.
    """
    with service.database.read() as tx:
        opened = usable_connections(service, tx, user, tables)
    attached = []
    for at, (table, (connection, uris)) in enumerate(zip(tables, opened, strict=True)):
        part = progress_part(on_progress, at / len(tables), (at + 1) / len(tables))
        reads = progress_part(part, 0.0, FOOTER_SHARE if verifies else 1.0)
        found = _attach_one(service, parquet, table, connection, uris, reads)
        if verifies:
            checks = progress_part(part, FOOTER_SHARE, 1.0)
            found = _verified(service, parquet, found, checks)
        open_attached(service, found.stored)
        attached.append(found)
    return attached


def _verified(
    service: Service,
    parquet: ParquetDatabase,
    table: AttachedTable,
    on_progress: ProgressCallback,
) -> AttachedTable:
    """Read the files of a table whole, and return it with files that are verified."""
    files = table.stored.attached_files
    for at, (file, footer) in enumerate(zip(files, table.footers, strict=True)):
        part = progress_part(on_progress, at / len(files), (at + 1) / len(files))
        with parquet.cursor() as cursor:
            path = replace(file, rows=0, partition=(), sources=(), layout=()).path
            verify(cursor, parse_uri(file.uri), path, footer.columns, service.attached, part)
    verified = tuple(replace(file, verified=True) for file in files)
    return replace(table, stored=replace(table.stored, files=verified))


def _attach_one(
    service: Service,
    parquet: ParquetDatabase,
    table: TableToAttach,
    connection: OpenConnection,
    uris: Sequence[SourceUri],
    on_progress: ProgressCallback,
) -> AttachedTable:
    def step() -> None:
        on_progress(0.0, "listing files")

    if table.format == "parquet":
        listed = files_of(connection, uris, step)
        files, footers = _read_footers(service, parquet, connection, listed, on_progress)
        columns = require_equal_columns(list(zip(listed, footers, strict=True)))
        laid, partitions = partition_columns(listed, columns)
        stored = StoredTable(
            table.key,
            _columns(laid) or columns,
            tuple(
                replace(file, partition=values, layout=laid)
                for file, values in zip(files, partitions, strict=True)
            ),
        )
        return AttachedTable(stored, tuple(footers), np.empty(0, dtype=np.int64))
    read = {"delta": read_delta, "iceberg": read_iceberg}[table.format]
    with (
        tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder,
        parquet.cursor() as cursor,
    ):
        snapshot = read(connection, cursor, uris[0], table.version, Path(folder), step)
    return _attached_snapshot(service, parquet, table.key, connection, snapshot, on_progress)


def _attached_snapshot(
    service: Service,
    parquet: ParquetDatabase,
    key: str,
    connection: OpenConnection,
    snapshot: Snapshot,
    on_progress: ProgressCallback,
) -> AttachedTable:
    """Read the footers of a version's files, and lay its columns out in them."""
    listed = [file.uri for file in snapshot.files]
    files, footers = _read_footers(service, parquet, connection, listed, on_progress)
    laid, sources = laid_out(snapshot, footers)
    attached = []
    for file, footer, of, own in zip(files, footers, snapshot.files, sources, strict=True):
        source_of = {column.name: column.source for column in laid} | dict(own)
        values = tuple(
            (name, value)
            for name, value in of.values.items()
            if source_of[name] not in footer.types
        )
        attached.append(replace(file, partition=values, sources=own, layout=laid))
    starts = np.cumsum([0, *(file.rows for file in files)], dtype=np.int64)
    deleted = [of.deleted + start for of, start in zip(snapshot.files, starts[:-1], strict=True)]
    source = TableSource(
        snapshot.format,
        str(snapshot.uri),
        snapshot.version,
        snapshot.committed_at,
        sum(map(len, deleted)),
    )
    stored = StoredTable(key, _columns(laid), tuple(attached), source=source)
    return AttachedTable(
        stored, tuple(footers), np.concatenate([np.empty(0, dtype=np.int64), *deleted])
    )


def _read_footers(
    service: Service,
    parquet: ParquetDatabase,
    connection: OpenConnection,
    uris: Sequence[SourceUri],
    on_progress: ProgressCallback,
) -> tuple[list[AttachedFile], list[Footer]]:
    """The files at their versions with their rows, and their footers."""

    def found(uri: SourceUri) -> AttachedFile:
        version = connection.version(uri)
        file = AttachedFile(connection.name, str(uri), rows=0, **vars(version))
        add = partial(
            service.attached.add, open_version=lambda: connection.open(uri, version), name=str(uri)
        )
        add(file.path, belief="footer")
        add(masked(file.path), belief="counts")
        return file

    def read_footers(pairs: Sequence[tuple[SourceUri, AttachedFile]]) -> list[Footer]:
        with parquet.cursor() as cursor:
            cursor.execute("SET SESSION parquet_metadata_cache = true")
            return [
                read_footer(cursor, uri, file.path, service.attached, schemas)
                for uri, file in pairs
            ]

    files: list[AttachedFile] = []
    footers: list[Footer] = []
    schemas: KnownSchemas = {}
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
        for part in _parts(uris, REQUESTS_AT_ONCE * FILES_OF_CURSOR):
            on_progress(len(footers) / len(uris), f"reading the footer of {part[0].name}")
            now = list(threads.map(found, part))
            pairs = _parts(list(zip(part, now, strict=True)), FILES_OF_CURSOR)
            # The time limit of a request is in its context, which one thread can enter at a time.
            tasks = [partial(copy_context().run, read_footers, pair) for pair in pairs]
            footers += chain.from_iterable(threads.map(lambda task: task(), tasks))
            files += now
    with_rows = [
        replace(file, rows=footer.rows) for file, footer in zip(files, footers, strict=True)
    ]
    return with_rows, footers


def _columns(laid: Sequence[LaidColumn]) -> tuple[Column, ...]:
    return tuple(Column(column.name, column.type) for column in laid)


def notes_on(table: StoredTable) -> list[str]:
    """What a reader of an attached table should know about its files."""
    notes = [] if table.trust is None else [table.trust]
    if table.source is None:
        return [*notes, *partition_note(table.layout)]
    deleted = ""
    if table.source.deleted_rows:
        deleted = f" {counted(table.source.deleted_rows, 'row')} of its files are deleted."
    return [f"{table.source.text[0].upper()}{table.source.text[1:]}.{deleted}", *notes]


def _parts(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
