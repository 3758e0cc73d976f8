"""What a request may do, checked when it arrives and again in the transaction that writes.

Owns: the rules for roles and levels. Invariant: a write through :func:`write_as` is made by a token
that is valid, of a user who has the roles and levels at that moment: a removed administrator's
request in flight changes nothing. Used by the routes and by whatever submits, cancels or prunes for
a user.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from storage.accounts.datasets import Dataset, Level, get_dataset
from storage.accounts.tokens import find_token_user
from storage.accounts.users import Role, User
from storage.errors import Forbidden, TokenEnded
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database, Transaction


@dataclass(frozen=True)
class Authority:
    """Why a request was allowed.

    Parameters
    ----------
    token_id : int
        The token that the request came with.
    roles : tuple of tuple of Role
        Of each of these the user has one.
    levels : tuple of (dataset id, level)
        The user has these levels.
    """

    token_id: int
    roles: tuple[tuple[Role, ...], ...] = ()
    levels: tuple[tuple[int, Level], ...] = ()


@contextmanager
def write_as(
    database: Database, authority: Authority | None, clock: Clock
) -> Iterator[Transaction]:
    """A write transaction for whoever still has the authority; None is the service itself.

    Raises
    ------
    TokenEnded, Forbidden, NotFound
        The token, a role or a level is gone. Nothing was written.
    """
    with database.write() as tx:
        if authority is not None:
            _check(tx, authority, clock)
        yield tx


def require_role(user: User, roles: tuple[Role, ...]) -> None:
    """Refuse a user with none of the roles.

    Raises
    ------
    Forbidden
        Names the role that is needed.
    """
    if user.role_name not in roles:
        raise Forbidden(f"This takes the role {' or '.join(roles)}; yours is {user.role_name}.")


def require_level(tx: Transaction, user: User, dataset_id: int, level: Level) -> Dataset:
    """A dataset in which the user has at least this level.

    Raises
    ------
    NotFound, Forbidden
        It isn't there or not visible; or the user's role or level doesn't reach so far.
    """
    dataset = get_dataset(tx, dataset_id, user)
    if level != "read" and user.role_name == "viewer":
        raise Forbidden("This takes the role analyst or admin; yours is viewer.")
    if not dataset.allows(level):
        raise Forbidden(
            f"This takes the level {level} in dataset {dataset_id}; yours is {dataset.level}."
        )
    return dataset


def _check(tx: Transaction, authority: Authority, clock: Clock) -> None:
    user = find_token_user(tx, authority.token_id, clock)
    if user is None:
        raise TokenEnded
    for roles in authority.roles:
        require_role(user, roles)
    for dataset_id, level in authority.levels:
        require_level(tx, user, dataset_id, level)
