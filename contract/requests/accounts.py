"""Requests of users, tokens, groups and permissions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from contract.declarations import Help, Option, RefusedField, Request, Rule
from contract.fields import PASSWORD, Bounds, Choice, Count, Flag, Items, Name, Text
from contract.requests.pages import PageRequest
from contract.words import Level, Role

MAX_MEMBERS = 1000
"""Most users that one request adds to a group."""
SOEID = Text(1, 100)
MAX_EMAIL_LENGTH = 254


class UsersRequest(PageRequest):
    """The users."""

    q: Annotated[str | None, Text(1, 100), Help("Part of the SOEID, in any case.")] = None


class UserRequest(Request):
    """A user to add."""

    soeid: Annotated[str, Name(most=100)]
    password: Annotated[
        str | None, PASSWORD, Help("Without it, the user sets one by a one-time link.")
    ] = None
    role_name: Annotated[Role, Choice.of(Role), Option("--role")]


_GROUP_NAME = Text(1, 64)
_SHOW_LINK = Help("Send no e-mail, and answer with the link to hand over.")


class InvitationRequest(Request):
    """A person to invite by address."""

    address: Annotated[
        str,
        Text(1, MAX_EMAIL_LENGTH),
        Help("An e-mail address; to be sent, of a domain of the setting `email_domains`."),
        Option(None),
    ]
    role_name: Annotated[Role, Choice.of(Role), Option("--role"), Help("The person's role.")] = (
        "analyst"
    )
    groups: Annotated[
        tuple[str, ...],
        Items(_GROUP_NAME, most=20),
        Help("Names of the groups that the person joins."),
        Option("--group"),
    ] = ()
    show_link: Annotated[bool, Flag(), _SHOW_LINK] = False


class ResendRequest(Request):
    """A new link of an invitation."""

    show_link: Annotated[bool, Flag(), _SHOW_LINK] = False


class UserChangeRequest(Request):
    """Another role or password of a user."""

    password: Annotated[str | None, PASSWORD] = None
    current_password: Annotated[
        str | None, Text(1, PASSWORD.most), Help("Required for a new password of one's own.")
    ] = None
    role_name: Annotated[Role | None, Choice.of(Role)] = None


class LoginRequest(Request):
    """A sign-in; other fields of the OAuth2 password form are accepted and not used."""

    aliases: ClassVar = {"username": "soeid"}

    soeid: Annotated[str, Text(1, 200)]
    password: Annotated[str, Text(1, PASSWORD.most)]
    grant_type: Annotated[str | None, Text()] = None
    scope: Annotated[str | None, Text()] = None
    client_id: Annotated[str | None, Text()] = None
    client_secret: Annotated[str | None, Text()] = None


def all_or_one(given: Mapping[str, Any]) -> None:
    """The tokens of one user, or those of all."""
    if given.get("all") and "user_id" in given:
        raise RefusedField("user_id", "user_id can't be combined with all.")


class TokensRequest(PageRequest):
    """Named tokens."""

    rules = (all_or_one,)

    user_id: Annotated[int | None, Count(), Help("Those of another user, for admins.")] = None
    all: Annotated[bool, Flag(), Help("Those of all users, for admins.")] = False
    q: Annotated[
        str | None, Text(1, 100), Help("Part of the name of a token or of its user, in any case.")
    ] = None


Scope = Literal["read", "write"]


class TokenRequest(Request):
    """A token to create."""

    name: Annotated[str, Name(most=100)]
    expires_in_days: Annotated[
        int | None, Count(Bounds(0, 3650)), Help("By default the setting `token_days`; 0 is never.")
    ] = None
    scope: Annotated[Scope, Choice.of(Scope)] = "write"
    user_id: Annotated[int | None, Count(), Help("For another user, as an admin.")] = None


class GroupsRequest(PageRequest):
    """The groups."""

    q: Annotated[str | None, Text(1, 100), Help("Part of the name, in any case.")] = None


class GroupChangeRequest(Request):
    """Another name of a group."""

    name: Annotated[str, Name(most=64)]


class MembersRequest(Request):
    """Users of a group."""

    users: Annotated[
        tuple[str, ...], Items(SOEID, most=MAX_MEMBERS), Help("Names of users to add.")
    ] = ()


class GroupRequest(MembersRequest, GroupChangeRequest):
    """A group to create."""


class MemberRequest(Request):
    """A user to remove from a group."""

    aliases: ClassVar = {"user": "user_soeid"}

    user_soeid: Annotated[str, SOEID]


def exactly_one_of(*names: str) -> Rule:
    """Exactly one of several fields is given."""

    def check(given: Mapping[str, Any]) -> None:
        if sum(name in given for name in names) != 1:
            listed = ", ".join(f"`{name}`" for name in names)
            raise RefusedField(names[0], "Give exactly one of {names}.", names=listed)

    return check


class PermissionRequest(Request):
    """A user, by id or name, or a group, by id; or either by ``name``; and a level."""

    rules = (exactly_one_of("user_id", "user_soeid", "group_id", "name"),)

    user_id: Annotated[int | None, Count()] = None
    user_soeid: Annotated[str | None, SOEID] = None
    group_id: Annotated[int | None, Count()] = None
    name: Annotated[str | None, Text(1, 100), Help("Of a user or a group.")] = None
    permission: Annotated[Level, Choice.of(Level)]


class PermissionKeyRequest(Request):
    """A user or a group, whose permission is removed."""

    rules = (exactly_one_of("user_id", "group_id"),)

    user_id: Annotated[int | None, Count()] = None
    group_id: Annotated[int | None, Count()] = None


class QuotaRequest(Request):
    """A quota of disk of a user or of a dataset."""

    size_mb: Annotated[
        int | None,
        Count(Bounds(0, 10**9)),
        Help("MiB; 0 is no quota. Without it, the setting is the quota."),
    ] = None
