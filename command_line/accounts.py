"""``jobsvc user``, ``token`` and ``audit``."""

from __future__ import annotations

import sys
from typing import Any

import click

from command_line.connection import ApiClient, Target, connected
from command_line.options import AS_JSON, with_target
from command_line.output import CommandFailed, print_items, print_line, print_result, utc_text
from storage.accounts.audit import ACTIONS
from storage.accounts.users import ROLES

COMMIT_DIGITS = 64


@click.group()
def user() -> None:
    """Invite, list and remove users."""


@user.command("add")
@click.argument("soeid", metavar="NAME")
@click.option("--role", type=click.Choice(ROLES), default="analyst", show_default=True)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input (one line)."
)
@AS_JSON
@with_target
def add(target: Target, soeid: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Add a user, and print a one-time link with which they set a password.

    \b
    jobsvc user add anna --role analyst
    printf %s "$PASSWORD" | jobsvc user add anna --password-stdin
    """
    body = {"soeid": soeid, "role_name": role}
    if password_stdin:
        body["password"] = sys.stdin.readline().rstrip("\r\n")
    with connected(target) as client:
        added = client.post("/api/users", body)
    print_result(added, as_json, _print_added)


def _print_added(user: dict[str, Any]) -> None:
    print_line(f"User {user['soeid']} ({user['role_name']}) has the id {user['id']}.")
    if user["link"] is not None:
        print_line(f"One-time link to set a password, until {utc_text(user['link_expires_at'])}:")
        print_line(user["link"])


@user.command("role")
@click.argument("soeid", metavar="NAME")
@click.argument("role", type=click.Choice(ROLES))
@with_target
def change_role(target: Target, soeid: str, role: str) -> None:
    """Change the role of a user.

    \b
    jobsvc user role anna viewer
    """
    with connected(target) as client:
        changed = client.patch(f"/api/users/{_user_id(client, soeid)}", {"role_name": role})
    print_line(f"User {changed['soeid']} has the role {changed['role_name']}.")


@user.command("remove")
@click.argument("soeid", metavar="NAME")
@click.option("--yes", is_flag=True, help="Remove without confirmation.")
@with_target
def remove(target: Target, soeid: str, yes: bool) -> None:
    """Remove a user; their jobs and versions stay.

    \b
    jobsvc user remove anna
    """
    with connected(target) as client:
        user_id = _user_id(client, soeid)
        if not yes:
            click.confirm(f"Remove the user {soeid}?", abort=True)
        client.delete(f"/api/users/{user_id}")
    print_line(f"User {soeid} was removed.")


@user.command("list")
@AS_JSON
@with_target
def list_users(target: Target, as_json: bool) -> None:
    """List the users."""
    with connected(target) as client:
        users = client.all_of("/api/users", "users")
    print_result(users, as_json, _print_users)


def _print_users(users: list[dict[str, Any]]) -> None:
    print_items(
        users,
        {
            "id": lambda user: str(user["id"]),
            "user name": "soeid",
            "role": "role_name",
            "state": _state_of,
            "groups": lambda user: ", ".join(user["groups"]),
            "created": lambda user: utc_text(user["created_at"]),
        },
    )


def _state_of(user: dict[str, Any]) -> str:
    if user["has_password"]:
        return "active"
    return "invited" if user["link_expires_at"] else "no password"


@user.command("link")
@click.argument("soeid", metavar="NAME")
@with_target
def link(target: Target, soeid: str) -> None:
    """Print a one-time link with which a user sets a new password.

    \b
    jobsvc user link anna
    """
    with connected(target) as client:
        user_id = _user_id(client, soeid)
        created = client.post(f"/api/users/{user_id}/sign-in-link", {})
    print_line(created["link"])


@click.group()
def token() -> None:
    """Create tokens for scripts."""


@token.command("create")
@click.argument("soeid")
@click.option("--name", default="command line", show_default=True, help="What it is for.")
@click.option("--scope", type=click.Choice(("read", "write")), default="write", show_default=True)
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="Default: never.")
@with_target
def create(target: Target, soeid: str, name: str, scope: str, expires_in_days: int | None) -> None:
    """Print a new token of a user, without other output.

    \b
    TOKEN=$(jobsvc token create bg54677 --scope read --expires-in-days 30)
    """
    with connected(target) as client:
        body = {"name": name, "scope": scope, "user_id": _user_id(client, soeid)}
        created = client.post("/api/tokens", {**body, "expires_in_days": expires_in_days})
    print_line(created["token"])


def _user_id(client: ApiClient, soeid: str) -> int:
    for found in client.all_of("/api/users", "users", q=soeid):
        if found["soeid"].lower() == soeid.lower():
            return int(found["id"])
    raise CommandFailed('User "{user}" not found.', user=soeid)


@click.command("audit")
@click.option("--user", "user_soeid", metavar="SOEID", help="The user who acted.")
@click.option("--action", type=click.Choice(ACTIONS), multiple=True, help="May be repeated.")
@click.option("--dataset", help="Name or id; the id for one that was removed.")
@click.option("--object", "object_id", help="A job, a ref, a table, or a token's or user's id.")
@click.option("--after", metavar="TIME", help="At this time or later, such as 2025-07-07.")
@click.option("--before", metavar="TIME", help="Before this time.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0, help="Entries to skip.")
@AS_JSON
@with_target
def audit_command(target: Target, dataset: str | None, as_json: bool, **given: Any) -> None:
    """List the activity of users, newest first (admins only).

    \b
    jobsvc audit --user bg54677 --after 2025-07-07
    jobsvc audit --action rows_downloaded --dataset Sales --json
    """
    with connected(target) as client:
        dataset_id = None if dataset is None else _dataset_id(client, dataset)
        page = client.get("/api/admin/audit", dataset_id=dataset_id, **given)
    print_result(page, as_json, _print_entries)


def _print_entries(page: dict[str, Any]) -> None:
    print_items(
        page["entries"],
        {
            "at": lambda entry: utc_text(entry["at"]),
            "activity": "sentence",
            "action": "action",
            "from": "client_address",
            "token": "token_name",
            "details": _details_of,
        },
    )
    print_line(f"{len(page['entries']):,} of {page['total']:,} entries.")


def _dataset_id(client: ApiClient, name_or_id: str) -> int:
    """Resolve a name; an id is used as it is, since a removed dataset has no name."""
    return int(name_or_id) if name_or_id.isdecimal() else client.dataset_id(name_or_id)


def _details_of(entry: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in entry["details"].items())


def _short(value: Any) -> str:
    """Shorten a commit id to its first digits."""
    text = str(value)
    return text[:12] if len(text) == COMMIT_DIGITS and text.isalnum() else text
