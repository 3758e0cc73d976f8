"""``jobsvc user``, ``token``, ``group``, ``access`` and ``audit``."""

from __future__ import annotations

import sys
from typing import Any

import click

from application.administration.overview import size_text
from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import (
    OFFSET,
    YES,
    WholeNumber,
    body_of,
    deleting,
    field_option,
    limit_option,
    printed,
    with_client,
)
from command_line.output import (
    CommandFailed,
    confirm,
    page_of,
    print_items,
    print_line,
    table_of,
    utc_text,
)
from contract.requests.accounts import InvitationRequest, ResendRequest
from contract.requests.administration import EntriesRequest
from contract.words import LEVELS, ROLES
from domain_errors import counted

COMMIT_DIGITS = 64


class Days(WholeNumber):
    """A number of days, or "never"."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; 0 for never, as in the API."""
        return 0 if value == "never" else super().convert(value, param, ctx)


@click.group()
def user() -> None:
    """Invite, list and remove users."""


def _print_added(user: dict[str, Any]) -> None:
    print_line(f"User {user['soeid']} ({user['role_name']}) has the id {user['id']}.")
    if user["link"] is not None:
        print_line(f"One-time link to set a password, until {utc_text(user['link_expires_at'])}:")
        print_line(user["link"])


def _lasting(client: ApiClient, made: dict[str, Any]) -> dict[str, Any]:
    """The answer with the path of its link alone, if its server ends with the command."""
    link = made["link"]
    if link is None or not client.has_own_server or not link.startswith(f"{client.url}/"):
        return made
    print_line(
        "No server runs here, so the link has no address: put that of your server before it, which "
        "jobsvc serve prints.",
        err=True,
    )
    return {**made, "link": link.removeprefix(client.url)}


@user.command("add")
@click.argument("soeid", metavar="NAME")
@click.option("--role", type=click.Choice(ROLES), default="analyst", show_default=True)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input (one line)."
)
@printed(_print_added, creates=True)
def add_user(client: ApiClient, soeid: str, role: str, password_stdin: bool) -> Any:
    """Add a user, and print a one-time link with which they set a password.

    \b
    jobsvc user add anna --role analyst
    printf %s "$PASSWORD" | jobsvc user add anna --password-stdin
    """
    body = {"soeid": soeid, "role_name": role}
    if password_stdin:
        body["password"] = sys.stdin.readline().rstrip("\r\n")
    return _lasting(client, client.post("/api/users", body))


@user.command("role")
@click.argument("soeid", metavar="NAME")
@click.argument("role", type=click.Choice(ROLES))
@printed("User {soeid} has the role {role_name}.")
def change_role(client: ApiClient, soeid: str, role: str) -> Any:
    """Change the role of a user.

    \b
    jobsvc user role anna viewer
    """
    return client.patch(f"/api/users/{client.id_of('user', soeid)}", {"role_name": role})


@user.command("remove")
@click.argument("soeid", metavar="NAME")
@deleting("Remove the user {soeid}?", "User {soeid} was removed.")
def remove_user(client: ApiClient, soeid: str) -> str:
    """Remove a user; their jobs and versions stay.

    \b
    jobsvc user remove anna
    """
    return f"/api/users/{client.id_of('user', soeid)}"


def _state_of(user: dict[str, Any]) -> str:
    if user["has_password"]:
        return "active"
    if user["by_provider"]:
        return "by provider"
    return "invited" if user["link_expires_at"] else "no password"


@user.command("list")
@printed(
    {
        "id": "id",
        "user name": "soeid",
        "role": "role_name",
        "state": _state_of,
        "groups": "groups",
        "created": "created_at",
    }
)
def list_users(client: ApiClient) -> Any:
    """List the users."""
    return client.all_of("/api/users", "users")


@user.command("link")
@click.argument("soeid", metavar="NAME")
@printed("{link}")
def link(client: ApiClient, soeid: str) -> Any:
    """Print a one-time link with which a user sets a new password.

    \b
    jobsvc user link anna
    """
    made = client.post(f"/api/users/{client.id_of('user', soeid)}/sign-in-link", {})
    return _lasting(client, made)


def _print_invited(made: dict[str, Any]) -> None:
    print_line(made["message"])
    if made["link"] is not None:
        print_line(made["link"])


@user.command("invite")
@click.argument("address")
@with_request(InvitationRequest)
@printed(_print_invited)
def invite(client: ApiClient, address: str, **values: Any) -> Any:
    """Invite a person by address; they choose their user name and password, or sign in.

    Without a mail server, and with --show-link, it prints the one-time link to hand over.

    \b
    jobsvc user invite anna.meier@bank.example --role viewer --group Auditors
    """
    return client.post("/api/invitations", {**body_of(values), "address": address})


def _state_of_invitation(invitation: dict[str, Any]) -> str:
    if invitation["has_expired"]:
        return "expired"
    if invitation["problem"] is not None:
        return f"not sent: {invitation['problem']}"
    return "sent" if invitation["sent_at"] else "link created"


@user.command("invitations")
@printed(
    {
        "address": "address",
        "role": "role_name",
        "groups": "groups",
        "by": "user_soeid",
        "expires": lambda invitation: utc_text(invitation["expires_at"]),
        "state": _state_of_invitation,
    }
)
def list_invitations(client: ApiClient) -> Any:
    """List the open and expired invitations."""
    return client.all_of("/api/invitations", "invitations")


def _invitation_path(client: ApiClient, address: str) -> str:
    for invitation in client.all_of("/api/invitations", "invitations"):
        if invitation["address"].lower() == address.lower():
            return f"/api/invitations/{invitation['id']}"
    raise CommandFailed('There is no invitation of "{address}".', address=address)


@user.command("resend")
@click.argument("address")
@with_request(ResendRequest)
@printed(_print_invited)
def resend(client: ApiClient, address: str, **values: Any) -> Any:
    """Send an invitation again with a new link; the earlier link ends.

    \b
    jobsvc user resend anna.meier@bank.example
    """
    return client.post(f"{_invitation_path(client, address)}/resend", body_of(values))


@user.command("withdraw")
@click.argument("address")
@deleting("Withdraw the invitation of {address}?", "The invitation of {address} was withdrawn.")
def withdraw(client: ApiClient, address: str) -> str:
    """Withdraw an invitation; its link ends.

    \b
    jobsvc user withdraw anna.meier@bank.example
    """
    return _invitation_path(client, address)


@click.group()
def token() -> None:
    """Create, list and end tokens for scripts."""


@token.command("create")
@click.argument("soeid")
@field_option("--name", default="command line", show_default=True, help="What it is for.")
@field_option("--scope", type=click.Choice(("read", "write")), default="write", show_default=True)
@field_option(
    "--expires-in-days",
    type=Days(1, 3650),
    help="Or never. By default the setting token_days (90).",
)
@printed("{token}")
def create_token(client: ApiClient, soeid: str, **chosen: Any) -> Any:
    """Print a new token of a user, without other output.

    \b
    TOKEN=$(jobsvc token create bg54677 --scope read --expires-in-days 30)
    """
    body = {**body_of(chosen), "user_id": client.id_of("user", soeid)}
    return client.post("/api/tokens", body)


@token.command("list")
@click.argument("soeid", metavar="[NAME]", required=False)
@click.option("--all", "everyone", is_flag=True, help="Those of all users, for admins.")
@click.option("--find", metavar="TEXT", help="Part of the name of a token or of its user.")
@printed(
    {
        "id": "id",
        "user name": "user_soeid",
        "name": "name",
        "scope": "scope",
        "created": "created_at",
        "last used": lambda token: utc_text(token["last_used_at"]) or "never",
        "expires": lambda token: utc_text(token["expires_at"]) or "never",
    }
)
def list_tokens(client: ApiClient, soeid: str | None, everyone: bool, find: str | None) -> Any:
    """List the tokens of a user, by default one's own, newest first.

    The time of the last use is within a minute. An expired token is listed for 30 days.

    \b
    jobsvc token list
    jobsvc token list --all --find nightly
    """
    if soeid is not None and everyone:
        raise click.UsageError("NAME can't be combined with --all.")
    query: dict[str, Any] = {"all": "true"} if everyone else {}
    if soeid is not None:
        query = {"user_id": client.id_of("user", soeid)}
    if find is not None:
        query["q"] = find
    return client.all_of("/api/tokens", "tokens", **query)


@token.command("end")
@click.argument("token_ids", metavar="ID...", type=int, nargs=-1, required=True)
@YES
@with_client
def end_tokens(client: ApiClient, token_ids: tuple[int, ...], yes: bool) -> None:
    """End tokens at once; scripts that use them stop working. Admins end those of any user.

    \b
    jobsvc token end 17 18
    """
    confirm(f"End {counted(len(token_ids), 'token')}?", yes)
    for token_id in token_ids:
        client.delete(f"/api/tokens/{token_id}")
        print_line(f"Token {token_id} has ended.")


@click.group()
def group() -> None:
    """Create groups of users, and change their members."""


@group.command("list")
@printed({"group": "name", "users": "members", "datasets": "datasets"})
def list_groups(client: ApiClient) -> Any:
    """List the groups."""
    return client.all_of("/api/groups", "groups")


@group.command("show")
@click.argument("name")
@printed(table_of({"user name": "soeid", "role": "role_name"}, "users"))
def show_group(client: ApiClient, name: str) -> Any:
    """List the users of a group."""
    return client.get(f"/api/groups/{client.id_of('group', name)}")


def _print_group(group: dict[str, Any]) -> None:
    names = ", ".join(user["soeid"] for user in group["users"]) or "no users"
    print_line(f"Group {group['name']}: {names}.")


@group.command("create")
@click.argument("name")
@click.argument("users", nargs=-1)
@printed(_print_group)
def create_group(client: ApiClient, **body: Any) -> Any:
    """Create a group, with users.

    \b
    jobsvc group create Auditors anna ben
    """
    return client.post("/api/groups", body)


@group.command("rename")
@click.argument("name")
@click.argument("new_name")
@printed(_print_group)
def rename_group(client: ApiClient, name: str, new_name: str) -> Any:
    """Rename a group."""
    return client.patch(f"/api/groups/{client.id_of('group', name)}", {"name": new_name})


@group.command("add")
@click.argument("name")
@click.argument("users", nargs=-1, required=True)
@printed(_print_group)
def add_members(client: ApiClient, name: str, users: tuple[str, ...]) -> Any:
    """Add users to a group.

    \b
    jobsvc group add Auditors chris
    """
    return client.put(f"/api/groups/{client.id_of('group', name)}/members", {"users": users})


@group.command("remove")
@click.argument("name")
@click.argument("users", nargs=-1, required=True)
@printed(_print_group)
def remove_members(client: ApiClient, name: str, users: tuple[str, ...]) -> Any:
    """Remove users from a group."""
    path = f"/api/groups/{client.id_of('group', name)}/members"
    return [client.delete(path, {"user_soeid": user}) for user in users][-1]


@group.command("delete")
@click.argument("name")
@deleting("Delete the group {name}?", "Group {name} was deleted.")
def delete_group(client: ApiClient, name: str) -> str:
    """Delete a group; its users lose the access that it gives."""
    return f"/api/groups/{client.id_of('group', name)}"


class QuotaSize(WholeNumber):
    """MiB, "none" or "default"."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the MiB; 0 for none, as in the API, and the word for the setting's quota."""
        if value == "default":
            return value
        return 0 if value == "none" else super().convert(value, param, ctx)


def _print_quota(use: dict[str, Any]) -> None:
    limit = use["limit_bytes"]
    of = "no quota" if limit is None else f"quota {size_text(limit)}"
    print_line(f"{size_text(use['used_bytes'])} used, {of}{', full' if use['is_full'] else ''}.")


@click.group()
def quota() -> None:
    """Show or set the disk space of a user or a dataset."""


@quota.command("user")
@click.argument("soeid", metavar="NAME")
@click.argument("size", metavar="[MIB|none|default]", type=QuotaSize(0, 10**9), required=False)
@printed(_print_quota)
def user_quota(client: ApiClient, soeid: str, size: int | str | None) -> Any:
    """Show or set the quota of a user's data files (admins set it, and see that of others).

    \b
    jobsvc quota user anna
    jobsvc quota user anna 5000
    """
    own = client.get("/api/users/me")  # only admins may list users
    is_own = own["soeid"].lower() == soeid.lower()
    user_id = own["id"] if is_own else client.id_of("user", soeid)
    return _quota(client, f"/api/users/{user_id}/quota", size)


@quota.command("dataset")
@click.argument("dataset", metavar="NAME")
@click.argument("size", metavar="[MIB|none|default]", type=QuotaSize(0, 10**9), required=False)
@printed(_print_quota)
def dataset_quota(client: ApiClient, dataset: str, size: int | str | None) -> Any:
    """Show or set the quota of a dataset's data files (admins set it).

    \b
    jobsvc quota dataset sales
    jobsvc quota dataset sales default
    """
    return _quota(client, f"/api/datasets/{client.dataset_id(dataset)}/quota", size)


def _quota(client: ApiClient, path: str, size: int | str | None) -> Any:
    if size is None:
        return client.get(path)
    return client.put(path, {} if size == "default" else {"size_mb": size})


def _print_access(found: dict[str, Any]) -> None:
    rows = [
        *({"name": one["group_name"], "kind": "group", **one} for one in found["groups"]),
        *({"name": one["user_soeid"], "kind": "user", **one} for one in found["permissions"]),
    ]
    print_items(rows, {"name": "name", "kind": "kind", "access": "permission"})


@click.command()
@click.argument("dataset")
@click.option(
    "--grant",
    nargs=2,
    type=(str, click.Choice(LEVELS)),
    multiple=True,
    metavar="NAME LEVEL",
    help="Give a user or a group the right read, write or admin; may be repeated.",
)
@click.option("--revoke", metavar="NAME", multiple=True, help="Remove an access; may be repeated.")
@printed(_print_access)
def access(
    client: ApiClient, dataset: str, grant: tuple[tuple[str, str], ...], revoke: tuple[str, ...]
) -> Any:
    """Show or change who can access a dataset.

    \b
    jobsvc access sales
    jobsvc access sales --grant Auditors write --grant everyone read
    jobsvc access sales --revoke anna
    """
    path = f"/api/datasets/{client.dataset_id(dataset)}/permissions"
    for name, level in grant:
        client.put(path, {"name": name, "permission": level})
    for name in revoke:
        client.delete(path, _key_of(_levels(client, path), name))
    return _levels(client, path)


def _levels(client: ApiClient, path: str) -> dict[str, Any]:
    """Return all levels of users and groups in a dataset."""
    found: dict[str, Any] = {"permissions": [], "groups": []}
    while True:
        offset = sum(map(len, found.values()))
        page = client.get(path, offset=offset, limit=1000)
        for name, listed in found.items():
            listed += page[name]
        if offset + 1000 >= page["total"]:
            return found


def _key_of(found: dict[str, Any], name: str) -> dict[str, int]:
    """Return the id by which the API removes the access of a user or a group."""
    for one in found["permissions"]:
        if one["user_soeid"].lower() == name.lower():
            return {"user_id": one["user_id"]}
    for one in found["groups"]:
        if one["group_name"].lower() == name.lower():
            return {"group_id": one["group_id"]}
    raise CommandFailed('"{name}" has no access to this dataset.', name=name)


def _token_of(entry: dict[str, Any]) -> str | None:
    """The kind of a token, and the name of a named one: others can't be named so."""
    kind, name = entry["token_kind"], entry["token_name"]
    return f"named: {name}" if kind == "named" else kind


def _details_of(entry: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in entry["details"].items())


def _short(value: Any) -> str:
    """Shorten a commit id to its first digits."""
    text = str(value)
    return text[:12] if len(text) == COMMIT_DIGITS and text.isalnum() else text


@click.command("audit")
@with_request(EntriesRequest)
@click.option("--dataset", help="Name or id; the id for one that was removed.")
@limit_option(50)
@OFFSET
@printed(
    page_of(
        "entries",
        {
            "at": lambda entry: utc_text(entry["at"]),
            "activity": "sentence",
            "action": "action",
            "from": "client_address",
            "token": _token_of,
            "details": _details_of,
        },
    )
)
def audit_command(client: ApiClient, dataset: str | None, **values: Any) -> Any:
    """List the activity of users, newest first (admins only).

    \b
    jobsvc audit --user bg54677 --created-after 2025-07-07
    jobsvc audit --action rows_downloaded --dataset Sales --json
    """
    query = body_of(values) | values
    if dataset is not None:  # an id is used as it is, since a removed dataset has no name
        found = int(dataset) if dataset.isdecimal() else client.dataset_id(dataset)
        query["dataset_id"] = found
    return client.get("/api/admin/audit", **query)
