"""Attach tables: their files stay where they are, and a commit names them.

Connections are changed here, too: the server's settings limit their prefixes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from application.administration.grantees import find_grantee
from application.job_submission import Submission, require_ref_to_move, required_columns, submit
from contract.requests.automation import ConnectionRequest
from domain_errors import DomainError, InvalidRequest, counted
from import_engine import attaching
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
from import_engine.sources.uris import UriNotAllowed, parse_uri
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
from storage.accounts.datasets import Dataset
from storage.accounts.users import User
from storage.jobs.jobs import Job
from storage.jobs.kinds import ATTACHMENT
from storage.jobs.submission import NewJob
from storage.maintenance.checking import NotAllowedHere
from storage.sqlite.database import Transaction
from storage.versions.data_files import AttachedFile

MAX_FILES = attaching.MAX_FILES
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
    dataset: Dataset,
    tables: Sequence[TableToAttach],
    *,
    ref_name: str,
    commit_message: str | None = None,
    verifies: bool = False,
    require_columns: bool = False,
) -> Job:
    """Submit a job that attaches tables and moves a ref to their commit.

    ``verifies`` is whether the job reads the files whole, to check their footers.

    Raises
    ------
    InvalidRequest
        Two tables have the same key.
    Forbidden, UriNotAllowed, InvalidUri, CredentialsMissing
        The user may not use a connection, or it doesn't read a URI.
    """
    named = _with_connections(service, by.user, tables)
    uris = [uri for table in named for uri in table.uris]
    name = parse_uri(uris[0]).name if len(uris) == 1 else counted(len(uris), "URI")
    parameters: dict[str, Any] = {
        "ref": ref_name,
        "attach": [table.to_json() for table in named],
        "file_name": name,
        "commit_message": commit_message or f"Attach {name}",
        **required_columns(require_columns),
    }
    if verifies:
        parameters["verify"] = True
    new = by.new_job(service, ATTACHMENT, dataset, None, parameters, math.inf)

    def settle(tx: Transaction, new: NewJob) -> NewJob:
        usable_connections(service, tx, by.user, named)
        return require_ref_to_move(ref_name, tx, new)

    return submit(service, by, new, settle)


def preview_attach(
    service: Service, user: User, tables: Sequence[TableToAttach]
) -> list[dict[str, Any]]:
    """Describe tables as :func:`submit_attach` would attach them; nothing is stored."""
    named = _with_connections(service, user, tables)
    found = attach(service, service.parquet, user, named, ignore_progress)
    return [
        {
            "table_key": table.key,
            "connection": given.connection,
            "columns": list(table.columns),
            "row_count": table.row_count,
            "size_bytes": table.size_bytes,
            "file_count": len(table.files),
            "notes": notes_on(table),
            "files": list(table.attached_files[:MAX_FILES_SHOWN]),
        }
        for given, table in zip(named, found, strict=True)
    ]


def _with_connections(
    service: Service, user: User, tables: Sequence[TableToAttach]
) -> list[TableToAttach]:
    """Check tables; find the connection of each that names none, by its first URI."""
    keys = [table.key for table in tables]
    for at, key in enumerate(keys):
        if key in keys[:at]:
            raise InvalidRequest(
                'Two tables have the `table_key` "{key}".',
                loc=("body", "tables", at, "table_key"),
                key=key,
            )
    with service.database.read() as tx:
        found = [
            table
            if table.connection
            else replace(table, connection=_connection_of(tx, user, table))
            for table in tables
        ]
        usable_connections(service, tx, user, found)
    return found


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
