"""Users and groups by their names, as people type them."""

from __future__ import annotations

from storage.accounts.groups import Group, find_group
from storage.accounts.users import User, find_user
from storage.errors import NotFound
from storage.sqlite.database import Transaction


def find_member(tx: Transaction, name: str, *loc: str | int) -> User:
    """Return a user by name.

    Raises
    ------
    NotFound
        There is none; with the place ``loc`` in the request's body.
    """
    found = find_user(tx, name)
    if found is None:
        raise NotFound('There is no user "{name}".', loc=("body", *loc), name=name)
    return found


def find_grantee(tx: Transaction, name: str, *loc: str | int) -> User | Group:
    """Return a user or a group by name: no user and no group have the same name.

    Raises
    ------
    NotFound
        There is none; with the place ``loc`` in the request's body.
    """
    found = find_user(tx, name) or find_group(tx, name)
    if found is None:
        raise NotFound('There is no user or group "{name}".', loc=("body", *loc), name=name)
    return found
