"""Connections: places outside the data directory whose files tables attach.

An administrator makes a connection and says who may use it. It names credentials in the server's
environment and holds none. Manifests name a connection, so its name never changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain_errors import Loc
from lazy_dataclasses import dataclass
from storage.accounts.groups import Group
from storage.accounts.users import User
from storage.errors import Conflict, Forbidden, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, first, json_tuple, only, run, run_each


class ConnectionMissing(NotFound):
    """A table's files are read through a connection that doesn't exist."""

    code = "connection_missing"


@dataclass(frozen=True)
class Connection:
    """A connection.

    Parameters
    ----------
    prefix : str
        The URI of the folder, bucket or container whose files it reads.
    credentials : str
        How the names of its variables in the server's environment begin; empty for the server's
        own.
    usable_by : tuple of str
        The names of the users and groups that may attach its files.
    """

    id: int
    name: str
    prefix: str
    credentials: str
    usable_by: tuple[str, ...]
    created_at: str


_CONNECTIONS = Records(Connection, usable_by=json_tuple)


@dataclass(frozen=True)
class ConnectionFields:
    """The fields of a connection that an administrator sets, besides its name."""

    prefix: str
    credentials: str
    usable_by: Sequence[User | Group]


def add_connection(
    tx: Transaction, name: str, fields: ConnectionFields, clock: Clock
) -> Connection:
    """Add a connection; raise Conflict if one has this name, in any case."""
    if first(tx, "connection_by_name", name=name) is not None:
        raise Conflict('A connection "{name}" exists already.', loc=("name",), name=name)
    values = {"prefix": fields.prefix, "credentials": fields.credentials}
    row = only(tx, "insert_connection", name=name, **values, now=timestamp(clock()))
    _put_users(tx, row["id"], fields.usable_by)
    return get_connection(tx, row["id"])


def get_connection(tx: Transaction, connection_id: int) -> Connection:
    """Return a connection by id."""
    missing = NotFound("Connection {connection} not found.", connection=str(connection_id))
    connection = {"id": connection_id, "name": None, "user_id": None}
    return _CONNECTIONS.get(tx, "list_connections", missing, **connection)


def find_connection(tx: Transaction, name: str) -> Connection:
    """Return the connection of a table's files; raise ConnectionMissing if there is none."""
    missing = ConnectionMissing(
        'The connection "{name}" doesn\'t exist. An administrator can create it again.', name=name
    )
    return _CONNECTIONS.get(tx, "list_connections", missing, id=None, name=name, user_id=None)


def list_connections(tx: Transaction, user: User) -> list[Connection]:
    """Return the connections that a user may use, by name; all for an administrator."""
    user_id = None if user.is_admin else user.id
    return _CONNECTIONS.all(tx, "list_connections", id=None, name=None, user_id=user_id)


def usable_connection(tx: Transaction, user: User, name: str, loc: Loc = ()) -> Connection:
    """Return a connection that a user may use.

    Raises
    ------
    Forbidden
        There is none with this name for the user.
    """
    for connection in list_connections(tx, user):
        if connection.name == name:
            return connection
    raise Forbidden(
        'You can\'t use a connection "{name}". An administrator creates connections and says who '
        "may use them.",
        loc=loc,
        name=name,
    )


def change_connection(tx: Transaction, connection_id: int, fields: ConnectionFields) -> Connection:
    """Change everything but the name."""
    get_connection(tx, connection_id)
    values = {"prefix": fields.prefix, "credentials": fields.credentials}
    run(tx, "update_connection", id=connection_id, **values)
    _clear_users(tx, connection_id)
    _put_users(tx, connection_id, fields.usable_by)
    return get_connection(tx, connection_id)


def remove_connection(tx: Transaction, connection_id: int) -> Connection:
    """Delete a connection, and return it; tables that name it can't be read from then on."""
    connection = get_connection(tx, connection_id)
    _clear_users(tx, connection_id)
    run(tx, "delete_connection", id=connection_id)
    return connection


def _clear_users(tx: Transaction, connection_id: int) -> None:
    run_each(tx, ("delete_connection_users", "delete_connection_groups"), id=connection_id)


def _put_users(tx: Transaction, connection_id: int, usable_by: Sequence[User | Group]) -> None:
    for grantee in usable_by:
        name = "put_connection_user" if isinstance(grantee, User) else "put_connection_group"
        run(tx, name, connection_id=connection_id, grantee_id=grantee.id)
