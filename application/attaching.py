"""Attach tables: their files stay where they are, and a commit names them.

Connections are changed here, too: the server's settings limit their prefixes.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

from application.administration.grantees import find_grantee
from application.job_submission import Submission, require_ref_to_move, required_columns, submit
from contract.declarations import Help
from contract.requests.attaching import AttachRequest
from contract.requests.automation import ConnectionRequest
from contract.words import VERSION_NOUNS, VersionedFormat
from domain_errors import DomainError, InvalidRequest, Loc, counted
from import_engine.sources.connections import (
    CREDENTIALS,
    EXAMPLES,
    VARIABLES,
    CredentialsMissing,
    ObjectStores,
    attachable_uri,
    connection_prefix,
    credentials_from,
)
from import_engine.sources.reading import SourceUnavailable
from import_engine.sources.uris import UriNotAllowed, parse_uri
from import_engine.table_formats.delta import newest_version
from import_engine.table_formats.iceberg import newest_snapshot
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from parquet_tables.progress import ignore_progress
from service.service import Service
from service.settings import Settings
from service.tables.attached_files import (
    TableToAttach,
    attach,
    notes_on,
    open_connection,
    usable_connections,
    version_of,
)
from storage.accounts.connections import Connection, ConnectionFields, list_connections
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import ATTACHMENT
from storage.jobs.submission import NewJob
from storage.maintenance.checking import NotAllowedHere
from storage.sqlite.database import Transaction
from storage.versions.column_changes import TableShape
from storage.versions.data_files import AttachedFile
from storage.versions.manifests import StoredTable, TableSource

LOOK_S, LOOK_BYTES = 3.0, 10_000_000
"""Limits of the look for a newer version, by which a page waits."""
MAX_FILES_SHOWN = 100
"""Files of each table that a preview lists."""


def connection_fields(
    service: Service,
    tx: Transaction,
    request: ConnectionRequest,
    before: Connection | None = None,
) -> ConnectionFields:
    """Check what an administrator says about a connection.

    Parameters
    ----------
    before : Connection, optional
        The connection that is changed; the variables of its credentials may be missing by now.

    Raises
    ------
    InvalidUri, UriNotAllowed
        The prefix isn't one, or the setting ``connection_prefixes`` doesn't allow it.
    InvalidRequest
        The credentials aren't the beginning of a variable's name, or there is no such variable.
    NotFound
        There is no such user or group.
    """
    credentials = request.credentials
    uri = connection_prefix(
        request.prefix, service.settings.allowed_connections, ("body", "prefix")
    )
    if credentials and (uri.scheme not in VARIABLES or CREDENTIALS.fullmatch(credentials) is None):
        raise InvalidRequest(
            "`credentials` is how the names of variables in the server's environment begin: "
            "capital letters, digits and underscores, such as LAKE for LAKE_AWS_ACCESS_KEY_ID. "
            "Never send a key. A folder has none.",
            loc=("body", "credentials"),
        )
    if before is None or credentials != before.credentials:
        _require_variables(uri.scheme, credentials)
    grantees = [
        find_grantee(tx, name, "usable_by", place) for place, name in enumerate(request.usable_by)
    ]
    return ConnectionFields(str(uri), credentials, grantees)


def _require_variables(scheme: str, credentials: str) -> None:
    try:
        credentials_from(os.environ, scheme, credentials, "")
    except CredentialsMissing:
        start = f"{credentials}_{VARIABLES[scheme]}"
        raise InvalidRequest(
            "The server's environment has no variable {start}…, such as {example}. `credentials` "
            "is how these names begin, never a key. Set the variables and start the server again "
            "first.",
            loc=("body", "credentials"),
            start=start,
            example=start + EXAMPLES[scheme],
        ) from None


def problem_finder(settings: Settings) -> Callable[[AttachedFile, str, str], str | None]:
    """Return what finds the problem of an attached file, for :func:`storage.maintenance.check`."""
    stores = ObjectStores()

    def find(file: AttachedFile, prefix: str, credentials: str) -> str | None:
        try:
            opened = open_connection(file.connection, prefix, credentials, settings, stores)
        except (UriNotAllowed, CredentialsMissing) as error:
            raise NotAllowedHere(error.message) from None
        except DomainError as error:
            return error.message
        try:
            opened.require(opened.uri(file.uri), version_of(file))
        except DomainError as error:
            return error.message
        return None

    return find


def submit_attach(
    service: Service,
    by: Submission,
    dataset: DatasetRecord,
    ref: str,
    request: AttachRequest,
    tables: Sequence[TableToAttach],
) -> JobRecord:
    """Submit a job that attaches tables and moves a ref to their commit.

    Raises
    ------
    InvalidRequest
        Two tables have the same key.
    Forbidden, UriNotAllowed, InvalidUri, CredentialsMissing
        The user may not use a connection, or it doesn't read a URI.
    """
    named = _with_connections(service, by.user, tables)
    name = name_of_uris([uri for table in named for uri in table.uris])
    parameters: dict[str, Any] = {
        "ref": ref,
        "attach": [table.to_json() for table in named],
        "file_name": name,
        "commit_message": request.commit_message or f"Attach {name}",
        **required_columns(request.require_columns),
    }
    if request.verify:
        parameters["verify"] = True
    new = by.new_job(service, ATTACHMENT, dataset, None, parameters, math.inf)

    def settle(tx: Transaction, new: NewJob) -> NewJob:
        usable_connections(service, tx, by.user, named)
        return require_ref_to_move(ref, tx, new)

    return submit(service, by, new, settle)


def name_of_uris(uris: Sequence[str]) -> str:
    """What lists call the files of an attachment."""
    return parse_uri(uris[0]).name if len(uris) == 1 else counted(len(uris), "URI")


def check_connections(service: Service, user: User, tables: Sequence[TableToAttach]) -> None:
    """Check that a user may attach tables by their connections; no file is read."""
    _with_connections(service, user, tables)


@dataclass(frozen=True)
class NewerTableVersion:
    """A newer version of an attached table, as attaching it names it."""

    connection: str
    format: VersionedFormat
    uri: str
    version: str

    @property
    def noun(self) -> str:
        """What the format calls a version."""
        return VERSION_NOUNS[self.format]


@dataclass(frozen=True)
class FilePreview:
    """A file of a table to attach."""

    uri: str
    row_count: int
    size_bytes: int


@dataclass(frozen=True)
class TablePreview:
    """A table as attaching it would make it."""

    table_key: str
    connection: str
    columns: tuple[Column, ...]
    row_count: int
    size_bytes: int
    file_count: int
    files: Annotated[list[FilePreview], Help("The first files.")]
    notes: Annotated[list[str], Help("What is to be known about the files and the version.")]
    source: Annotated[
        TableSource | None, Help("The table of a format with versions, and its version.")
    ]
    partition_columns: Annotated[
        list[str], Help("Columns whose values are in folders or the table's metadata.")
    ]

    @property
    def shape(self) -> TableShape:
        """Its columns, to compare with those of a version."""
        return TableShape(self.table_key, self.columns, self.row_count)


def preview_attach(
    service: Service, user: User, tables: Sequence[TableToAttach]
) -> list[TablePreview]:
    """Describe tables as :func:`submit_attach` would attach them; nothing is stored."""
    named = _with_connections(service, user, tables)
    attached = attach(service, service.parquet, user, named, ignore_progress)
    return [
        TablePreview(
            table.stored.key,
            to_attach.connection,
            table.stored.columns,
            table.row_count,
            table.stored.size_bytes,
            len(table.stored.files),
            [
                FilePreview(file.uri, file.rows, file.size_bytes)
                for file in table.stored.attached_files[:MAX_FILES_SHOWN]
            ],
            notes_on(table.stored),
            table.stored.source,
            [column.name for column in table.stored.layout if column.source is None],
        )
        for to_attach, table in zip(named, attached, strict=True)
    ]


def newer_version(service: Service, user: User, table: StoredTable) -> NewerTableVersion | None:
    """The newest version of an attached table, if it isn't the attached one.

    Raises
    ------
    DomainError
        It isn't known: the user can't use the connection, or a short look at the table failed.
    """
    source = table.source
    if source is None or not table.attached_files:
        return None
    connection = table.attached_files[0].connection
    wanted = TableToAttach(table.key, (source.uri,), connection, source.format)
    newest = {"delta": newest_version, "iceberg": newest_snapshot}[source.format]
    deadline = time.monotonic() + LOOK_S

    def step() -> None:
        if time.monotonic() > deadline:
            raise SourceUnavailable("{uri} can't be read in time.", uri=source.uri)

    with service.database.read() as tx:
        ((opened, (uri,)),) = usable_connections(service, tx, user, [wanted])
    version = newest(opened, uri, step, LOOK_BYTES)
    if version in ("", source.version):
        return None
    return NewerTableVersion(connection, source.format, source.uri, version)


def _with_connections(
    service: Service, user: User, tables: Sequence[TableToAttach]
) -> list[TableToAttach]:
    """Check tables; find the connection of each that names none, by its first URI."""
    keys = [table.key for table in tables]
    for at, table in enumerate(tables):
        if table.key in keys[:at]:
            raise InvalidRequest(
                'Two tables have the `table_key` "{key}".',
                loc=("body", "tables", at, "table_key"),
                key=table.key,
            )
        _check_format(table, ("body", "tables", at))
    with service.database.read() as tx:
        found = [
            table
            if table.connection
            else replace(table, connection=_connection_of(tx, user, table))
            for table in tables
        ]
        usable_connections(service, tx, user, found)
    return found


def _check_format(table: TableToAttach, loc: Loc) -> None:
    """Check which fields of a table go together."""
    if table.format == "parquet" and table.version is not None:
        raise InvalidRequest(
            "Parquet files have no versions. Name the `format` of the table: delta or iceberg.",
            loc=(*loc, "version"),
        )
    if table.format != "parquet" and (len(table.uris) > 1 or "*" in table.uris[0]):
        raise InvalidRequest(
            "A table of the format {format} is one folder: name its URI alone.",
            loc=(*loc, "uri"),
            format=table.format,
        )


def _connection_of(tx: Transaction, user: User, table: TableToAttach) -> str:
    """The usable connection with the longest prefix over a table's first URI."""
    uri = attachable_uri(table.uris[0], ("body", "tables"))
    fitting = [each for each in list_connections(tx, user) if uri.is_under(parse_uri(each.prefix))]
    if not fitting:
        raise InvalidRequest(
            "You can use no connection that reads {uri}. An administrator creates connections and "
            "says who may use them.",
            loc=("body", "tables"),
            uri=str(uri),
        )
    longest = max(len(each.prefix) for each in fitting)
    names = [each.name for each in fitting if len(each.prefix) == longest]
    if len(names) > 1:
        raise InvalidRequest(
            "The connections {names} have the same prefix over {uri}. Name one of them in "
            "`connection`.",
            loc=("body", "tables"),
            names=", ".join(f'"{name}"' for name in names),
            uri=str(uri),
        )
    return names[0]
