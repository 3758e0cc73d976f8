"""``jobsvc connection``: places whose files tables attach."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import ApiClient
from command_line.options import YES, field_option, printed, with_client
from command_line.output import CommandFailed, confirm, print_items, print_line

PREFIX = "The URI of a folder, bucket or container: s3://, gs://, az:// or file://."
CREDENTIALS = (
    "How the names of variables in the server's environment begin, such as LAKE for "
    "LAKE_AWS_ACCESS_KEY_ID. Never a key."
)
USABLE_BY = "A user or a group that may attach its files; may be repeated."


@click.group()
def connection() -> None:
    """Manage connections to attached files (admins only)."""


def _print(found: list[dict[str, Any]]) -> None:
    print_items(
        found,
        {
            "name": "name",
            "prefix": "prefix",
            "credentials": "credentials",
            "usable by": lambda one: ", ".join(one["usable_by"]),
        },
    )


@connection.command("list")
@printed(_print)
def list_connections(client: ApiClient) -> Any:
    """List the connections; those that you may use, if you aren't an admin."""
    return client.all_of("/api/connections", "connections")


@connection.command("add")
@click.argument("name")
@click.argument("prefix")
@click.option("--credentials", default="", help=CREDENTIALS)
@field_option("--user", "usable_by", "usable_by", multiple=True, metavar="NAME", help=USABLE_BY)
@with_client
def add_connection(client: ApiClient, **body: Any) -> None:
    """Create a connection under the setting connection_prefixes.

    \b
    jobsvc connection add lake s3://audit-lake/ --credentials LAKE --user Auditors
    jobsvc connection add disk file:///data/lake/ --user everyone
    """
    _print([client.post("/api/connections", body)])


@connection.command("change")
@click.argument("name")
@field_option("--prefix", "prefix", help=PREFIX)
@field_option("--credentials", "credentials", help=CREDENTIALS)
@field_option("--user", "usable_by", "usable_by", multiple=True, metavar="NAME", help=USABLE_BY)
@with_client
def change_connection(
    client: ApiClient, name: str, usable_by: tuple[str, ...], **given: str | None
) -> None:
    """Change a connection; --user replaces all its users and groups.

    \b
    jobsvc connection change lake --user Auditors --user anna
    """
    body: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if usable_by:
        body["usable_by"] = usable_by
    _print([client.patch(f"/api/connections/{_id_of(client, name)}", body)])


@connection.command("delete")
@click.argument("name")
@YES
@with_client
def delete_connection(client: ApiClient, name: str, yes: bool) -> None:
    """Delete a connection; tables that are attached through it can't be read from then on."""
    connection_id = _id_of(client, name)
    if not yes:
        confirm(f"Delete the connection {name}? Tables that use it can't be read from then on.")
    client.delete(f"/api/connections/{connection_id}")
    print_line(f"Connection {name} was deleted.")


def _id_of(client: ApiClient, name: str) -> int:
    for found in client.all_of("/api/connections", "connections"):
        if found["name"] == name:
            return int(found["id"])
    raise CommandFailed('Connection "{name}" not found.', name=name)
