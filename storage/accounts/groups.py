"""Groups of users, which have permission levels in datasets as users have.

The group ``everyone`` always exists: every user is a member, new ones included. No user and no
group have the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from contract.declarations import Help
from lazy_dataclasses import dataclass
from storage.accounts.users import USERS, User, require_free_name
from storage.errors import Conflict, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, first, only, required, run, run_each

EVERYONE = 1
"""The id of the group of all users."""


@dataclass(frozen=True)
class Group:
    """A group, with the numbers of its members and of the datasets in which it has a level."""

    id: int
    name: str
    created_at: str
    members: Annotated[int, Help("The number of its users.")]
    datasets: Annotated[int, Help("The number of datasets in which it has a level.")]

    @property
    def is_everyone(
        self,
    ) -> Annotated[bool, Help("The group of all users, which can't be changed.")]:
        """Whether it is the group of all users."""
        return self.id == EVERYONE


_GROUPS = Records(Group)


def add_group(tx: Transaction, name: str, clock: Clock) -> Group:
    """Add an empty group; raise Conflict if a user or a group has this name."""
    require_free_name(tx, name)
    row = only(tx, "insert_group", name=name, now=timestamp(clock()))
    return get_group(tx, row["id"])


def get_group(tx: Transaction, group_id: int) -> Group:
    """Return a group by id."""
    missing = NotFound("Group {group} not found.", group=str(group_id))
    return _GROUPS.get(tx, "list_groups", missing, id=group_id, q=None)


def find_group(tx: Transaction, name: str) -> Group | None:
    """Return a group by its name, in any case."""
    row = first(tx, "group_by_name", name=name)
    return None if row is None else get_group(tx, row["id"])


def list_groups(
    tx: Transaction, offset: int, limit: int, q: str | None = None
) -> tuple[list[Group], int]:
    """Return a page of the groups by name, and their number; ``q`` is a part of the name."""
    return _GROUPS.page(tx, "list_groups", offset, limit, id=None, q=q)


def members_of(tx: Transaction, group: Group) -> list[User]:
    """Return the members by SOEID; none for everyone."""
    return USERS.all(tx, "group_members", id=group.id)


def rename_group(tx: Transaction, group_id: int, name: str) -> Group:
    """Rename a group; raise Conflict for everyone, and for a name in use."""
    group = _changeable(tx, group_id)
    if name.casefold() != group.name.casefold():
        require_free_name(tx, name)
    run(tx, "rename_group", id=group_id, name=name)
    return get_group(tx, group_id)


def remove_group(tx: Transaction, group_id: int) -> Group:
    """Delete a group with its levels in datasets, and return it; raise Conflict for everyone."""
    group = _changeable(tx, group_id)
    run_each(
        tx,
        (
            *("delete_members_of_group", "delete_permissions_of_group"),
            *("delete_connections_of_group", "delete_invitations_of_group", "delete_group"),
        ),
        id=group_id,
    )
    return group


def add_members(tx: Transaction, group_id: int, users: Sequence[User]) -> list[User]:
    """Add users to a group, and return those who weren't members; Conflict for everyone."""
    _changeable(tx, group_id)
    return [
        user
        for user in users
        if first(tx, "put_group_member", group_id=group_id, user_id=user.id) is not None
    ]


def remove_member(tx: Transaction, group_id: int, user: User) -> None:
    """Remove a user from a group; raise NotFound if they aren't a member."""
    group = _changeable(tx, group_id)
    missing = NotFound('"{user}" isn\'t a member of "{group}".', user=user.soeid, group=group.name)
    required(tx, "delete_group_member", missing, group_id=group_id, user_id=user.id)


def _changeable(tx: Transaction, group_id: int) -> Group:
    group = get_group(tx, group_id)
    if group.is_everyone:
        raise Conflict('The group "{name}" always has all users.', name=group.name)
    return group
