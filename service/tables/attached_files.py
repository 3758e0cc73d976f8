"""Attached files of tables: which they are, whether they changed, and their way to DuckDB."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from itertools import chain
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
    read_footers,
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
from import_engine.sources.reading import OpenFolder
from import_engine.sources.uris import SourceUri
from import_engine.table_formats.delta import read_delta
from import_engine.table_formats.iceberg import read_iceberg
from import_engine.table_formats.snapshots import Snapshot, constants, laid_out
from lazy_dataclasses import dataclass
from parquet_tables.attached import VersionReader
from parquet_tables.columns import AttachedPath
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
FOOTERS_AT_ONCE, END_BYTES = 1_000, 1 << 16
"""Files whose footers are read at once, and the bytes of each; a longer footer is read alone."""

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
            connection.require(uri, version, folders[file.connection])
        service.attached.add(
            file.path,
            open_version,
            name=str(uri),
            belief="statistics" if file.verified else "counts",
            layout=file.file_layout,
        )

    remote = [file for file in files if file.e_tag is not None]
    with ExitStack() as closing_folders:
        folders = {name: closing_folders.enter_context(closing(OpenFolder())) for name in names}
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
            found = _verified(service, parquet, connection, found, checks)
        attached.append(found)
    return attached


def _verified(
    service: Service,
    parquet: ParquetDatabase,
    connection: OpenConnection,
    table: AttachedTable,
    on_progress: ProgressCallback,
) -> AttachedTable:
    """Read the files of a table whole, and return it with files that are verified."""
    files = table.stored.attached_files
    for at, (file, footer) in enumerate(zip(files, table.footers, strict=True)):
        part = progress_part(on_progress, at / len(files), (at + 1) / len(files))
        with parquet.cursor() as cursor:
            uri = connection.uri(file.uri)
            path = _openable(service, connection, uri, version_of(file))
            verify(cursor, uri, path, footer.columns, service.attached, part)
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
        versions, footers = _read_footers(service, parquet, connection, listed, on_progress)
        columns = require_equal_columns(list(zip(listed, footers, strict=True)))
        laid, partitions = partition_columns(listed, columns)
        files = tuple(
            AttachedFile(
                connection.name,
                str(uri),
                footer.rows,
                **vars(version),
                partition=values,
                layout=laid,
            )
            for uri, version, footer, values in zip(
                listed, versions, footers, partitions, strict=True
            )
        )
        stored = StoredTable(table.key, _columns(laid) or columns, files)
        return AttachedTable(stored, tuple(footers), np.empty(0, dtype=np.int64))
    read = {"delta": read_delta, "iceberg": read_iceberg}[table.format]
    with service.scratch_folder() as folder, parquet.cursor() as cursor:
        snapshot = read(connection, cursor, uris[0], table.version, folder, step)
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
    versions, footers = _read_footers(service, parquet, connection, listed, on_progress)
    laid, sources = laid_out(snapshot, footers)
    files = tuple(
        AttachedFile(
            connection.name,
            str(file.uri),
            footer.rows,
            **vars(version),
            partition=constants(laid, file, footer, own),
            sources=own,
            layout=laid,
        )
        for file, version, footer, own in zip(
            snapshot.files, versions, footers, sources, strict=True
        )
    )
    starts = np.cumsum([0, *(footer.rows for footer in footers)], dtype=np.int64)
    deleted = [
        file.deleted + start
        for file, start in zip(snapshot.files, starts[:-1], strict=True)
        if len(file.deleted)
    ]
    source = TableSource(
        snapshot.format,
        str(snapshot.uri),
        snapshot.version,
        snapshot.committed_at,
        sum(map(len, deleted)),
    )
    stored = StoredTable(key, _columns(laid), files, source=source)
    return AttachedTable(
        stored, tuple(footers), np.concatenate([np.empty(0, dtype=np.int64), *deleted])
    )


def _read_footers(
    service: Service,
    parquet: ParquetDatabase,
    connection: OpenConnection,
    uris: Sequence[SourceUri],
    on_progress: ProgressCallback,
) -> tuple[list[FileVersion], list[Footer]]:
    """The versions of files, and their footers."""
    versions: list[FileVersion] = []
    footers: list[Footer] = []
    with closing(_FooterReader(service, parquet, connection)) as reader:
        for part in _parts(uris, FOOTERS_AT_ONCE):
            on_progress(len(footers) / len(uris), f"reading the footer of {part[0].name}")
            now, read = reader.read(part)
            versions += now
            footers += read
    return versions, footers


def _openable(
    service: Service, connection: OpenConnection, uri: SourceUri, version: FileVersion
) -> AttachedPath:
    """Let DuckDB open a file that is being attached, with its footer and masked; its path."""
    path = AttachedFile(connection.name, str(uri), rows=0, **vars(version)).path
    opens = partial(connection.open, uri, version)
    service.attached.add(path, opens, name=str(uri), belief="footer")
    service.attached.add(masked(path), opens, name=str(uri), belief="counts")
    return path


class _FooterReader:
    """Reads the versions and footers of files; requests to an object store run at the same time."""

    def __init__(
        self, service: Service, parquet: ParquetDatabase, connection: OpenConnection
    ) -> None:
        self._service, self._parquet, self._connection = service, parquet, connection
        self._threads = ThreadPoolExecutor(REQUESTS_AT_ONCE)
        self._folder = OpenFolder()
        self._schemas: KnownSchemas = {}

    def close(self) -> None:
        self._folder.close()
        self._threads.shutdown()

    def read(self, uris: Sequence[SourceUri]) -> tuple[list[FileVersion], list[Footer]]:
        """The versions of files, and their footers."""
        end = partial(self._connection.end, most=END_BYTES, folder=self._folder)
        is_local = self._connection.prefix.scheme == "file"
        ends = [*map(end, uris)] if is_local else [*self._threads.map(end, uris)]
        versions = [version for version, _ in ends]
        footers = read_footers(
            [(version.size_bytes, content) for version, content in ends],
            self._schemas,
            lambda places: self._read_alone([(uris[at], versions[at]) for at in places]),
        )
        return versions, footers

    def _read_alone(self, files: Sequence[tuple[SourceUri, FileVersion]]) -> list[Footer]:
        # The time limit of a request is in its context, which one thread can enter at a time.
        tasks = [
            partial(copy_context().run, self._read_with_cursor, part)
            for part in _parts(files, FILES_OF_CURSOR)
        ]
        return list(chain.from_iterable(self._threads.map(lambda task: task(), tasks)))

    def _read_with_cursor(self, files: Sequence[tuple[SourceUri, FileVersion]]) -> list[Footer]:
        attached, footers = self._service.attached, []
        with self._parquet.cursor() as cursor:
            cursor.execute("SET SESSION parquet_metadata_cache = true")
            for uri, version in files:
                path = _openable(self._service, self._connection, uri, version)
                footers.append(read_footer(cursor, uri, path, attached, self._schemas))
        return footers


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
