"""Routes of connections: places whose files tables attach."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import fields

from application.attaching import connection_fields
from application.job_submission import MAX_URI_LENGTH
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas import out
from http_api.schemas.base import (
    MessageOut,
    PageOut,
    PageQuery,
    StrictSchema,
    name_text,
    page_of,
    text,
)
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


class ConnectionOut(Schema):
    id = out.integer()
    name = out.string("Tables name it, so it never changes.")
    prefix = out.string("The URI of the folder, bucket or container whose files it reads.")
    created_at = out.string()
    credentials = out.string("Null for users who aren't admins.", null=True)
    usable_by = out.list_of(fields.String(), "Users and groups; empty for users who aren't admins.")


class ConnectionsOut(PageOut):
    connections = out.list_of(ConnectionOut)


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


@blueprint.get("", query=PageQuery, output=ConnectionsOut)
def connections(query: dict[str, int]) -> dict[str, Any]:
    """The connections that you may use, by name; all for admins."""
    user = caller().user
    with service().database.read() as tx:
        found = list_connections(tx, user)
    shown = [_shown(one, is_admin=user.is_admin) for one in found]
    return page_of("connections", shown, query)


@blueprint.post("", body=ConnectionIn, output=ConnectionOut)
def create_connection(given: dict[str, Any]) -> dict[str, Any]:
    """Create a connection, as an admin.

    The body holds no keys: they are variables of the server's environment.
    """
    caller().require_role("admin")
    name = given.pop("name")
    with caller().writing() as tx:
        checked = connection_fields(service(), tx, **given)
        made = add_connection(tx, name, checked, service().clock)
        _audit(tx, "connection_made", made)
        return _shown(made, is_admin=True)


@blueprint.patch("/<int:connection_id>", body=ConnectionChangeIn, output=ConnectionOut)
def change(connection_id: int, given: dict[str, Any]) -> dict[str, Any]:
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
        return _shown(changed, is_admin=True)


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


def _shown(connection: Connection, *, is_admin: bool) -> dict[str, Any]:
    shown = vars(connection)
    return shown if is_admin else {**shown, "credentials": None, "usable_by": []}
