"""Routes of groups of users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from application.administration.grantees import find_member
from contract.declarations import Help
from contract.requests.accounts import (
    GroupChangeRequest,
    GroupRequest,
    GroupsRequest,
    MemberRequest,
    MembersRequest,
)
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas.base import MessageOut
from http_api.schemas.contract import Listing, list_schema, listed
from lazy_dataclasses import dataclass
from storage.accounts.groups import (
    Group,
    add_group,
    add_members,
    get_group,
    list_groups,
    members_of,
    remove_group,
    remove_member,
    rename_group,
)
from storage.accounts.users import User
from storage.sqlite.database import Transaction

blueprint = SignedInBlueprint("groups", "Users", "/api/groups")


@dataclass(frozen=True)
class GroupWithUsers(Group):
    """A group with its users."""

    users: Annotated[list[User], Help("Empty for everyone: `GET /api/users` lists them.")]


@blueprint.get("", output=list_schema("groups", Group))
def groups(query: GroupsRequest) -> Listing:
    """The groups by name, everyone first, for all users."""
    with service().database.read() as tx:
        return listed(list_groups(tx, **vars(query)), query)


@blueprint.post("")
def create_group(given: GroupRequest) -> GroupWithUsers:
    """Create a group, as an admin."""
    caller().require_role("admin")
    with caller().writing() as tx:
        group = add_group(tx, given.name.strip(), service().clock)
        caller().audit(tx, "group_made", about=("group", group.id), name=group.name)
        _add(tx, group, given.users)
        return _with_users(tx, group.id)


@blueprint.get("/<int:group_id>")
def one_group(group_id: int) -> GroupWithUsers:
    """One group with its users, for admins."""
    caller().require_role("admin")
    with service().database.read() as tx:
        return _with_users(tx, group_id)


@blueprint.patch("/<int:group_id>")
def change_group(group_id: int, given: GroupChangeRequest) -> GroupWithUsers:
    """Rename a group, as an admin."""
    caller().require_role("admin")
    with caller().writing() as tx:
        before = get_group(tx, group_id).name
        name = rename_group(tx, group_id, given.name.strip()).name
        caller().audit(
            tx, "group_renamed", about=("group", group_id), name=name, name_before=before
        )
        return _with_users(tx, group_id)


@blueprint.delete("/<int:group_id>", output=MessageOut)
def delete_group(group_id: int) -> dict[str, str]:
    """Delete a group with its levels in datasets, as an admin."""
    caller().require_role("admin")
    with caller().writing() as tx:
        group = remove_group(tx, group_id)
        caller().audit(
            tx,
            "group_deleted",
            about=("group", group_id),
            name=group.name,
            members=group.members,
            datasets=group.datasets,
        )
    return {"message": "Group deleted"}


@blueprint.put("/<int:group_id>/members")
def put_members(group_id: int, given: MembersRequest) -> GroupWithUsers:
    """Add users to a group, as an admin."""
    caller().require_role("admin")
    with caller().writing() as tx:
        _add(tx, get_group(tx, group_id), given.users)
        return _with_users(tx, group_id)


@blueprint.delete("/<int:group_id>/members")
def delete_member(group_id: int, given: MemberRequest) -> GroupWithUsers:
    """Remove a user from a group, as an admin."""
    caller().require_role("admin")
    with caller().writing() as tx:
        group, user = get_group(tx, group_id), find_member(tx, given.user_soeid, "user_soeid")
        remove_member(tx, group_id, user)
        caller().audit(
            tx, "group_member_removed", about=("group", group_id), name=group.name, soeid=user.soeid
        )
        return _with_users(tx, group_id)


def _add(tx: Transaction, group: Group, names: Sequence[str]) -> None:
    """Add users by name; each is recorded."""
    users = [find_member(tx, name, "users", place) for place, name in enumerate(names)]
    for user in add_members(tx, group.id, users) if users else ():
        caller().audit(
            tx, "group_member_added", about=("group", group.id), name=group.name, soeid=user.soeid
        )


def _with_users(tx: Transaction, group_id: int) -> GroupWithUsers:
    group = get_group(tx, group_id)
    return GroupWithUsers(**vars(group), users=members_of(tx, group))
