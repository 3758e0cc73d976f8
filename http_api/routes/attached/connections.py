"""Routes of connections: places whose files tables attach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from application.attaching import connection_fields
from contract.declarations import Help
from contract.requests.automation import ConnectionChangeRequest, ConnectionRequest
from contract.requests.pages import PageRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas.base import MessageOut
from http_api.schemas.contract import Listing, list_schema, page_of
from lazy_dataclasses import dataclass
from storage.accounts.connections import (
    Connection,
    add_connection,
    change_connection,
    get_connection,
    list_connections,
    remove_connection,
)

blueprint = SignedInBlueprint("connections", "Attach", "/api/connections")


@dataclass(frozen=True)
class ShownConnection:
    """A connection, as far as a user may see it."""

    id: int
    name: Annotated[str, Help("Tables name it, so it never changes.")]
    prefix: Annotated[str, Help("The URI of the folder, bucket or container whose files it reads.")]
    created_at: str
    credentials: Annotated[str | None, Help("Null for users who aren't admins.")]
    usable_by: Annotated[
        Sequence[str], Help("Users and groups; empty for users who aren't admins.")
    ]

    @classmethod
    def of(cls, connection: Connection, *, to_admin: bool = True) -> ShownConnection:
        """What an admin sees, or another user."""
        shown = cls(**vars(connection))
        return shown if to_admin else replace(shown, credentials=None, usable_by=())


@blueprint.get("", output=list_schema("connections", ShownConnection))
def connections(query: PageRequest) -> Listing:
    """The connections that you may use, by name; all for admins."""
    user = caller().user
    with service().database.read() as tx:
        usable = list_connections(tx, user)
    shown = [ShownConnection.of(connection, to_admin=user.is_admin) for connection in usable]
    return page_of(shown, query)


@blueprint.post("")
def create_connection(given: ConnectionRequest) -> ShownConnection:
    """Create a connection, as an admin.

    The body holds no keys: they are variables of the server's environment.
    """
    caller().require_role("admin")
    with caller().writing() as tx:
        checked = connection_fields(service(), tx, given)
        connection = add_connection(tx, given.name, checked, service().clock)
        _audit(tx, "connection_made", connection)
        return ShownConnection.of(connection)


@blueprint.patch("/<int:connection_id>")
def change(connection_id: int, given: ConnectionChangeRequest) -> ShownConnection:
    """Change a connection, as an admin; its name stays.

    Tables whose files aren't under a new prefix can't be read.
    """
    caller().require_role("admin")
    with caller().writing() as tx:
        before = get_connection(tx, connection_id)
        kept = {name: getattr(before, name) for name in ("name", "prefix", "credentials")}
        request = ConnectionRequest(**kept, usable_by=before.usable_by)
        checked = connection_fields(service(), tx, replace(request, **given.given()), before)
        changed = change_connection(tx, connection_id, checked)
        _audit(tx, "connection_changed", changed)
        return ShownConnection.of(changed)


@blueprint.delete("/<int:connection_id>", output=MessageOut)
def delete(connection_id: int) -> dict[str, str]:
    """Delete a connection, as an admin; its files stay.

    Tables that name it can't be read until there is one of the same name.
    """
    caller().require_role("admin")
    with caller().writing() as tx:
        _audit(tx, "connection_deleted", remove_connection(tx, connection_id))
    return {"message": "Connection deleted"}


def _audit(tx: Any, action: Any, connection: Connection) -> None:
    caller().audit(
        tx,
        action,
        about=("connection", connection.id),
        name=connection.name,
        prefix=connection.prefix,
        credentials=connection.credentials,
        usable_by=list(connection.usable_by),
    )
