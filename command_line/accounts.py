"""``jobsvc user`` and ``jobsvc token``."""

from __future__ import annotations

import sys
from typing import Any

import click

from command_line.api_client import ApiClient
from command_line.connection import Target, connected
from command_line.failures import CommandFailed
from command_line.options import AS_JSON, with_target
from command_line.output import print_json, print_line, print_table, utc_text
from storage.accounts.users import ROLES


@click.group()
def user() -> None:
    """Add and list users."""


@user.command("add")
@click.argument("soeid")
@click.option("--role", type=click.Choice(ROLES), default="analyst", show_default=True)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input (one line)."
)
@AS_JSON
@with_target
def add(target: Target, soeid: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Add a user; prompt for the password unless it is read from standard input.

    \b
    jobsvc user add bg54677 --role analyst
    printf %s "$PASSWORD" | jobsvc user add bg54677 --password-stdin
    """
    body = {"soeid": soeid, "role_name": role}
    if password_stdin:
        body["password"] = sys.stdin.readline().rstrip("\r\n")
    with connected(target, "jobsvc user add") as client:
        added = client.post("/api/users", body)  # checks the name before the password prompt
        if not password_stdin:
            _ask_password(client, added, target.options)
    if as_json:
        print_json(added)
    else:
        print_line(f"User {added['soeid']} ({added['role_name']}) has the id {added['id']}.")


def _ask_password(client: ApiClient, added: dict[str, Any], options: str) -> None:
    """Prompt for a new user's password and set it.

    Raises
    ------
    CommandFailed
        No password was set; the message says how to set one.
    """
    try:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        client.patch(f"/api/users/{added['id']}", {"password": password})
    except (click.Abort, CommandFailed) as error:
        why = f"{error.message} " if isinstance(error, CommandFailed) else ""
        raise CommandFailed(
            f"{why}User {added['soeid']} was added without a password. A link lets them set one: "
            f"jobsvc user link {added['soeid']}{options}"
        ) from None


@user.command("list")
@AS_JSON
@with_target
def list_users(target: Target, as_json: bool) -> None:
    """List the users."""
    with connected(target, "jobsvc user list") as client:
        users = _all_users(client)
    if as_json:
        print_json(users)
        return
    print_table(
        ("id", "user name", "role", "created"),
        [
            (str(user["id"]), user["soeid"], user["role_name"], utc_text(user["created_at"]))
            for user in users
        ],
    )


@user.command("link")
@click.argument("soeid")
@with_target
def link(target: Target, soeid: str) -> None:
    """Print a one-time link with which a user sets a new password.

    \b
    jobsvc user link bg54677
    """
    with connected(target, "jobsvc user link") as client:
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
    with connected(target, "jobsvc token create") as client:
        body = {"name": name, "scope": scope, "user_id": _user_id(client, soeid)}
        created = client.post("/api/tokens", {**body, "expires_in_days": expires_in_days})
    print_line(created["token"])


def _user_id(client: ApiClient, soeid: str) -> int:
    for found in _all_users(client):
        if found["soeid"].lower() == soeid.lower():
            return int(found["id"])
    raise CommandFailed(f'User "{soeid}" not found.')


def _all_users(client: ApiClient) -> list[dict[str, Any]]:
    users: list[dict[str, Any]] = []
    while True:
        page = client.get("/api/users", offset=len(users), limit=1000)
        users += page["users"]
        if len(users) >= page["total"] or not page["users"]:
            return users
