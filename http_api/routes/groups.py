"""Routes of groups of users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from application.administration.grantees import find_member
from contract.declarations import Help
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas.base import MessageOut, PageQuery, StrictSchema, text
from http_api.schemas.contract import Listing, list_schema, listed
from http_api.schemas.fields import BoundedList, StrictString, TextLength, check_name, check_visible
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

blueprint = SignedInBlueprint("groups", __name__, url_prefix="/api/groups", tag="Users")
MAX_MEMBERS = 1000
"""Most users that one request adds."""


@dataclass(frozen=True)
class GroupWithUsers(Group):
    """A group with its users."""

    users: Annotated[list[User], Help("Empty for everyone: `GET /api/users` lists them.")]


class GroupsQuery(PageQuery):
    q = text(1, 100, description="Part of the name, in any case.")


class GroupName(StrictString):
    """A name without spaces around it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        check_visible(name)
        check_name(name)
        return name.strip()


def _name() -> GroupName:
    return GroupName(required=True, validate=TextLength(1, 64))


def _users() -> BoundedList:
    return BoundedList(
        text(1, 100), most=MAX_MEMBERS, load_default=list, description="Names of users to add."
    )


class GroupIn(StrictSchema):
    name = _name()
    users = _users()


class GroupChangeIn(StrictSchema):
    name = _name()


class MembersIn(StrictSchema):
    users = _users()


class MemberIn(StrictSchema):
    user = text(1, 100, required=True, description="A user's name.")


@blueprint.get("", query=GroupsQuery, output=list_schema("groups", Group))
def groups(query: dict[str, Any]) -> Listing:
    """The groups by name, everyone first, for all users."""
    with service().database.read() as tx:
        return listed(list_groups(tx, **query), query)


@blueprint.post("", body=GroupIn, output=GroupWithUsers)
def create_group(given: dict[str, Any]) -> GroupWithUsers:
    """Create a group, as an admin."""
    caller().require_role("admin")
    with caller().writing() as tx:
        group = add_group(tx, given["name"], service().clock)
        caller().audit(tx, "group_made", about=("group", group.id), name=group.name)
        _add(tx, group, given["users"])
        return _with_users(tx, group.id)


@blueprint.get("/<int:group_id>", output=GroupWithUsers)
def one_group(group_id: int) -> GroupWithUsers:
    """One group with its users, for admins."""
    caller().require_role("admin")
    with service().database.read() as tx:
        return _with_users(tx, group_id)


@blueprint.patch("/<int:group_id>", body=GroupChangeIn, output=GroupWithUsers)
def change_group(group_id: int, given: dict[str, Any]) -> GroupWithUsers:
    """Rename a group, as an admin."""
    caller().require_role("admin")
    with caller().writing() as tx:
        before = get_group(tx, group_id).name
        name = rename_group(tx, group_id, given["name"]).name
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


@blueprint.put("/<int:group_id>/members", body=MembersIn, output=GroupWithUsers)
def put_members(group_id: int, given: dict[str, Any]) -> GroupWithUsers:
    """Add users to a group, as an admin."""
    caller().require_role("admin")
    with caller().writing() as tx:
        _add(tx, get_group(tx, group_id), given["users"])
        return _with_users(tx, group_id)


@blueprint.delete("/<int:group_id>/members", body=MemberIn, output=GroupWithUsers)
def delete_member(group_id: int, given: dict[str, Any]) -> GroupWithUsers:
    """Remove a user from a group, as an admin."""
    caller().require_role("admin")
    with caller().writing() as tx:
        group, user = get_group(tx, group_id), find_member(tx, given["user"], "user")
        remove_member(tx, group_id, user)
        caller().audit(
            tx,
            "group_member_removed",
            about=("group", group_id),
            name=group.name,
            soeid=user.soeid,
        )
        return _with_users(tx, group_id)


def _add(tx: Transaction, group: Group, names: list[str]) -> None:
    """Add users by name; each is recorded."""
    users = [find_member(tx, name, "users", place) for place, name in enumerate(names)]
    for user in add_members(tx, group.id, users) if users else ():
        caller().audit(
            tx, "group_member_added", about=("group", group.id), name=group.name, soeid=user.soeid
        )


def _with_users(tx: Transaction, group_id: int) -> GroupWithUsers:
    group = get_group(tx, group_id)
    return GroupWithUsers(**vars(group), users=members_of(tx, group))
