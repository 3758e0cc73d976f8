"""Users who sign in by an identity provider, by the provider's id of each.

An account has an identity or is local. A user's name isn't the identity: providers may give a name
to somebody else later.
"""

from __future__ import annotations

from lazy_dataclasses import dataclass
from storage.accounts.users import DELETE_ACCESS, USERS, User
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, all_rows, first, run, run_each


@dataclass(frozen=True)
class Identity:
    """A provider's id of a user.

    Parameters
    ----------
    issuer : str
        The issuer of OpenID Connect, or ``proxy`` for the header of a proxy.
    """

    issuer: str
    subject: str


@dataclass(frozen=True)
class KnownUser:
    """The user of an identity, who may have been removed."""

    user: User
    removed: bool


def find_known_user(tx: Transaction, identity: Identity) -> KnownUser | None:
    """Return the user who last signed in with this identity."""
    row = first(tx, "user_of_identity", **vars(identity))
    return None if row is None else KnownUser(USERS.of(row), row["removed_at"] is not None)


def identity_of(tx: Transaction, user_id: int) -> Identity | None:
    """Return the identity of a user; None for a local account."""
    return Records(Identity).first(tx, "identity_of_user", user_id=user_id)


def link_identity(tx: Transaction, user: User, identity: Identity) -> None:
    """Let an identity sign in as this user, who loses their password, tokens and links."""
    run_each(tx, (*DELETE_ACCESS, "delete_password_of_user"), user_id=user.id)
    run(tx, "put_identity", user_id=user.id, **vars(identity))


def end_sessions(tx: Transaction, user: User, name: str) -> bool:
    """Delete a user's sessions of this name; return whether there were any."""
    return bool(all_rows(tx, "delete_sessions_of_user", user_id=user.id, name=name))


def end_own_tokens(tx: Transaction, user: User) -> None:
    """Delete a user's sessions and named tokens."""
    run(tx, "delete_own_tokens_of_user", user_id=user.id)
