"""``jobsvc group`` and ``access``."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import ApiClient, Target, connected
from command_line.options import AS_JSON, with_target
from command_line.output import CommandFailed, print_items, print_line, print_result

LEVELS = {"view": "read", "edit": "write", "owner": "admin"}
"""The API's levels by their names on screens."""
WORDS = {"read": "can view", "write": "can edit", "admin": "owner"}


@click.group()
def group() -> None:
    """Create groups of users, and change their members."""


@group.command("list")
@AS_JSON
@with_target
def list_groups(target: Target, as_json: bool) -> None:
    """List the groups."""
    with connected(target) as client:
        groups = client.all_of("/api/groups", "groups")
    print_result(
        groups,
        as_json,
        lambda found: print_items(
            found, {"group": "name", "users": "members", "datasets": "datasets"}
        ),
    )


@group.command("show")
@click.argument("name")
@AS_JSON
@with_target
def show(target: Target, name: str, as_json: bool) -> None:
    """List the users of a group."""
    with connected(target) as client:
        found = client.get(f"/api/groups/{_group_id(client, name)}")
    print_result(
        found,
        as_json,
        lambda group: print_items(group["users"], {"user name": "soeid", "role": "role_name"}),
    )


@group.command("create")
@click.argument("name")
@click.argument("users", nargs=-1)
@with_target
def create(target: Target, name: str, users: tuple[str, ...]) -> None:
    """Create a group, with users.

    \b
    jobsvc group create Auditors anna ben
    """
    with connected(target) as client:
        made = client.post("/api/groups", {"name": name, "users": users})
    _print_group(made)


@group.command("rename")
@click.argument("name")
@click.argument("new_name")
@with_target
def rename(target: Target, name: str, new_name: str) -> None:
    """Rename a group."""
    with connected(target) as client:
        changed = client.patch(f"/api/groups/{_group_id(client, name)}", {"name": new_name})
    _print_group(changed)


@group.command("add")
@click.argument("name")
@click.argument("users", nargs=-1, required=True)
@with_target
def add(target: Target, name: str, users: tuple[str, ...]) -> None:
    """Add users to a group.

    \b
    jobsvc group add Auditors chris
    """
    with connected(target) as client:
        path = f"/api/groups/{_group_id(client, name)}/members"
        changed = client.put(path, {"users": users})
    _print_group(changed)


@group.command("remove")
@click.argument("name")
@click.argument("users", nargs=-1, required=True)
@with_target
def remove(target: Target, name: str, users: tuple[str, ...]) -> None:
    """Remove users from a group."""
    with connected(target) as client:
        path = f"/api/groups/{_group_id(client, name)}/members"
        for user in users:
            changed = client.delete(path, {"user": user})
    _print_group(changed)


@group.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Delete without confirmation.")
@with_target
def delete(target: Target, name: str, yes: bool) -> None:
    """Delete a group; its users lose the access that it gives."""
    with connected(target) as client:
        group_id = _group_id(client, name)
        if not yes:
            click.confirm(f"Delete the group {name}?", abort=True)
        client.delete(f"/api/groups/{group_id}")
    print_line(f"Group {name} was deleted.")


def _print_group(group: dict[str, Any]) -> None:
    names = ", ".join(user["soeid"] for user in group["users"]) or "no users"
    print_line(f"Group {group['name']}: {names}.")


def _group_id(client: ApiClient, name: str) -> int:
    for found in client.all_of("/api/groups", "groups", q=name):
        if found["name"].lower() == name.lower():
            return int(found["id"])
    raise CommandFailed('Group "{group}" not found.', group=name)


@click.command()
@click.argument("dataset")
@click.option(
    "--grant",
    nargs=2,
    type=(str, click.Choice(tuple(LEVELS))),
    multiple=True,
    metavar="NAME LEVEL",
    help="Give a user or a group the access view, edit or owner; may be repeated.",
)
@click.option("--revoke", metavar="NAME", multiple=True, help="Remove an access; may be repeated.")
@AS_JSON
@with_target
def access(
    target: Target,
    dataset: str,
    grant: tuple[tuple[str, str], ...],
    revoke: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show or change who can access a dataset.

    \b
    jobsvc access sales
    jobsvc access sales --grant Auditors edit --grant everyone view
    jobsvc access sales --revoke anna
    """
    with connected(target) as client:
        path = f"/api/datasets/{client.dataset_id(dataset)}/permissions"
        for name, level in grant:
            client.put(path, {"name": name, "permission": LEVELS[level]})
        for name in revoke:
            client.delete(path, _key_of(client.get(path), name))
        found = client.get(path)
    print_result(found, as_json, _print_access)


def _key_of(found: dict[str, Any], name: str) -> dict[str, int]:
    """Return the id by which the API removes the access of a user or a group."""
    for one in found["permissions"]:
        if one["user_soeid"].lower() == name.lower():
            return {"user_id": one["user_id"]}
    for one in found["groups"]:
        if one["group_name"].lower() == name.lower():
            return {"group_id": one["group_id"]}
    raise CommandFailed('"{name}" has no access to this dataset.', name=name)


def _print_access(found: dict[str, Any]) -> None:
    rows = [
        *({"name": one["group_name"], "kind": "group", **one} for one in found["groups"]),
        *({"name": one["user_soeid"], "kind": "user", **one} for one in found["permissions"]),
    ]
    print_items(
        rows, {"name": "name", "kind": "kind", "access": lambda row: WORDS[row["permission"]]}
    )
