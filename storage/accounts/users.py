"""Users and their roles.

The last admin can't be removed or demoted. The caller hashes passwords with scrypt. A removed user
can't sign in; their jobs and commits stay.
"""

from __future__ import annotations

from typing import Annotated

from contract.declarations import Help
from contract.words import Role
from lazy_dataclasses import dataclass
from storage.errors import Conflict, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, first, json_tuple, number, run, run_each


@dataclass(frozen=True)
class User:
    """A user, without secrets."""

    id: int
    soeid: str
    role_name: Role
    created_at: str

    @property
    def is_admin(self) -> bool:
        return self.role_name == "admin"


USERS = Records(User)
DELETE_ACCESS = (
    *("delete_own_tokens_of_user", "delete_sign_in_links_of_user", "delete_identity_of_user"),
)
"""The statements that end what a user has from before another way to sign in."""
_WITHDRAW = ("delete_groups_of_invitations_by_user", "delete_invitations_by_user")


@dataclass(frozen=True)
class ListedUser(User):
    """A user in a list, with the names of their groups.

    They are invited if they have no password and sign in by no provider.
    """

    has_password: Annotated[bool, Help("False until an invited user has set one.")]
    by_provider: Annotated[bool, Help("Whether the user signs in by the identity provider.")]
    link_expires_at: Annotated[str | None, Help("Of an unused one-time link.")]
    groups: Annotated[tuple[str, ...], Help("Names of the user's groups, without everyone.")]


_LISTED_USERS = Records(ListedUser, has_password=bool, by_provider=bool, groups=json_tuple)


def add_user(
    tx: Transaction, soeid: str, role_name: Role, password_hash: str | None, clock: Clock
) -> User:
    """Add a user; raise Conflict if an active user or a group has this name."""
    require_free_name(tx, soeid, "soeid")
    return USERS.only(
        tx,
        "insert_user",
        soeid=soeid,
        role_name=role_name,
        password_hash=password_hash,
        created_at=timestamp(clock()),
    )


def require_free_name(tx: Transaction, name: str, field: str = "name") -> None:
    """Raise Conflict, with the field, if an active user or a group has this name, in any case."""
    if first(tx, "user_by_soeid", soeid=name) is not None:
        raise Conflict('A user "{name}" exists already.', loc=(field,), name=name)
    if first(tx, "group_by_name", name=name) is not None:
        raise Conflict('A group "{name}" exists already.', loc=(field,), name=name)


def get_user(tx: Transaction, user_id: int) -> User:
    """Return an active user by id."""
    row = first(tx, "user_by_id", id=user_id)
    if row is None or row["removed_at"] is not None:
        raise NotFound("User {user} not found.", user=str(user_id))
    return USERS.of(row)


def find_user(tx: Transaction, soeid: str) -> User | None:
    """Return an active user by SOEID, ignoring case."""
    return USERS.first(tx, "user_by_soeid", soeid=soeid)


def password_hash_of(tx: Transaction, soeid: str) -> str | None:
    """Return a user's password hash; None if the user or the password doesn't exist."""
    row = first(tx, "user_by_soeid", soeid=soeid)
    return None if row is None else row["password_hash"]


def list_users(
    tx: Transaction, offset: int, limit: int, q: str | None = None, *, clock: Clock
) -> tuple[list[ListedUser], int]:
    """Return a page of the users by SOEID, and their number; ``q`` is a substring of the SOEID."""
    return _LISTED_USERS.page(tx, "list_users", offset, limit, q=q, now=timestamp(clock()))


def first_admin(tx: Transaction) -> User | None:
    """Return the oldest active admin."""
    return USERS.first(tx, "first_admin")


def anyone_can_sign_in(tx: Transaction) -> bool:
    """Return whether a user has a password."""
    return number(tx, "count_users_with_password") > 0


def admin_has_password(tx: Transaction) -> bool:
    """Return whether an administrator has a password."""
    return number(tx, "count_admins_with_password") > 0


def change_user(
    tx: Transaction, user_id: int, *, role_name: Role | None, password_hash: str | None
) -> User:
    """Change a role, a password, or both; a new password deletes the user's tokens and links.

    A new password also makes the account a local one; see :mod:`storage.accounts.identities`.
    The invitations of a demoted admin are withdrawn. Raise Conflict for the last admin.
    """
    user = get_user(tx, user_id)
    if role_name not in (None, "admin"):
        _require_another_admin(tx, user)
        run_each(tx, _WITHDRAW, user_id=user_id)
    if password_hash is not None:
        run_each(tx, DELETE_ACCESS, user_id=user_id)
    return USERS.only(
        tx, "update_user", id=user_id, role_name=role_name, password_hash=password_hash
    )


def remove_user(tx: Transaction, user_id: int, clock: Clock) -> None:
    """Remove a user, their tokens, memberships, receivers and invitations; pause their schedules.

    Raise Conflict for the last admin.
    """
    _require_another_admin(tx, get_user(tx, user_id))
    run_each(
        tx,
        (
            *("delete_tokens_of_user", "delete_memberships_of_user", "delete_connections_of_user"),
            *("delete_deliveries_of_user", "delete_receivers_of_user"),
            *("delete_reviewers_of_user", "delete_reservations_of_user"),
            *_WITHDRAW,
        ),
        user_id=user_id,
    )
    run(tx, "pause_schedules_of_user", user_id=user_id, now=timestamp(clock()))
    run(tx, "remove_user", id=user_id, removed_at=timestamp(clock()))


def _require_another_admin(tx: Transaction, user: User) -> None:
    if user.is_admin and number(tx, "count_admins") == 1:
        raise Conflict(
            '"{soeid}" is the last admin. Make another user admin first.', soeid=user.soeid
        )
