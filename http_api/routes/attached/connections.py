"""Routes of connections: places whose files tables attach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from marshmallow import fields

from application.attaching import connection_fields
from contract.declarations import Help
from contract.requests.importing import MAX_URI_LENGTH
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas.base import (
    MessageOut,
    PageQuery,
    StrictSchema,
    name_text,
    text,
)
from http_api.schemas.contract import Listing, list_schema, page_of
from http_api.schemas.fields import BoundedList
from storage.accounts.connections import (
    Connection,
    add_connection,
    change_connection,
    get_connection,
    list_connections,
    remove_connection,
)

blueprint = SignedInBlueprint("connections", __name__, url_prefix="/api/connections", tag="Attach")
MAX_USERS = 1000


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


def _prefix(**options: Any) -> fields.Field[Any]:
    return text(
        1,
        MAX_URI_LENGTH,
        description="The URI of a folder, under the setting `connection_prefixes`: `s3://`, "
        "`gs://`, `az://` or `file://`.",
        **options,
    )


def _credentials(**options: Any) -> fields.Field[Any]:
    return text(
        0,
        63,
        description="How the names of variables in the server's environment begin: `LAKE` for "
        "`LAKE_AWS_ACCESS_KEY_ID` and so on. Empty for the server's own. Never a key.",
        **options,
    )


def _usable_by(**options: Any) -> BoundedList:
    return BoundedList(
        text(1, 100),
        most=MAX_USERS,
        description="The names of users and groups that may attach its files; admins always may.",
        **options,
    )


class ConnectionIn(StrictSchema):
    name = name_text(64, required=True)
    prefix = _prefix(required=True)
    credentials = _credentials(load_default="")
    usable_by = _usable_by(load_default=list)


class ConnectionChangeIn(StrictSchema):
    prefix = _prefix()
    credentials = _credentials()
    usable_by = _usable_by()


@blueprint.get("", query=PageQuery, output=list_schema("connections", ShownConnection))
def connections(query: dict[str, int]) -> Listing:
    """The connections that you may use, by name; all for admins."""
    user = caller().user
    with service().database.read() as tx:
        found = list_connections(tx, user)
    is_admin = user.role_name == "admin"
    shown = [ShownConnection.of(one, to_admin=is_admin) for one in found]
    return page_of(shown, query)


@blueprint.post("", body=ConnectionIn, output=ShownConnection)
def create_connection(given: dict[str, Any]) -> ShownConnection:
    """Create a connection, as an admin.

    The body holds no keys: they are variables of the server's environment.
    """
    caller().require_role("admin")
    name = given.pop("name")
    with caller().writing() as tx:
        checked = connection_fields(service(), tx, **given)
        made = add_connection(tx, name, checked, service().clock)
        _audit(tx, "connection_made", made)
        return ShownConnection.of(made)


@blueprint.patch("/<int:connection_id>", body=ConnectionChangeIn, output=ShownConnection)
def change(connection_id: int, given: dict[str, Any]) -> ShownConnection:
    """Change a connection, as an admin; its name stays.

    Tables whose files aren't under a new prefix can't be read.
    """
    caller().require_role("admin")
    with caller().writing() as tx:
        before = get_connection(tx, connection_id)
        kept = {"prefix": before.prefix, "credentials": before.credentials}
        checked = connection_fields(
            service(), tx, **{**kept, "usable_by": before.usable_by, **given}, before=before
        )
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
