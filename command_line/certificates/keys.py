"""``jobsvc key``: the key that signs certificates."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import ApiClient
from command_line.options import YES, printed, with_client
from command_line.output import confirm, print_items, print_line, utc_text


@click.group()
def key() -> None:
    """Show and rotate the key that signs certificates."""


def _print_keys(keys: list[dict[str, Any]]) -> None:
    print_items(
        keys,
        {
            "key id": "key_id",
            "public key": "public_key",
            "created": lambda one: utc_text(one["created_at"]),
            "retired": lambda one: utc_text(one["retired_at"]) if one["retired_at"] else "",
        },
    )


@key.command("list")
@printed(_print_keys)
def list_keys(client: ApiClient) -> Any:
    """List the public keys, the current one first.

    \b
    jobsvc key list
    """
    return client.all_of("/api/signing-keys", "keys")


@key.command("rotate")
@YES
@with_client
def rotate(client: ApiClient, yes: bool) -> None:
    """Create a new key. The old public key stays listed.

    \b
    jobsvc key rotate --yes
    """
    if not yes:
        confirm("Replace the key that signs certificates?")
    print_line(client.post("/api/signing-keys/rotate")["key_id"])
