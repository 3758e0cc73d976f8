"""Roles and permission levels, checked when a request arrives and again in its transaction.

:func:`write_as` checks the token, the roles and the levels, so that a running request of a removed
administrator changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from contract.words import Level, Role
from lazy_dataclasses import dataclass
from storage.accounts.datasets import DatasetRecord, get_dataset
from storage.accounts.tokens import find_token_user
from storage.accounts.users import User
from storage.errors import Forbidden, TokenEnded
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database, Transaction


@dataclass(frozen=True)
class Authority:
    """The token, roles and levels that authorized a request.

    The user has one role of each tuple of ``roles``, and these levels by dataset id.
    """

    token_id: int
    roles: tuple[tuple[Role, ...], ...] = ()
    levels: tuple[tuple[int, Level], ...] = ()


@contextmanager
def write_as(
    database: Database, authority: Authority | None, clock: Clock
) -> Iterator[Transaction]:
    """Yield a write transaction if the authority is still valid; None is the service itself.

    Raises
    ------
    TokenEnded, Forbidden, NotFound
        The token, a role or a level was removed. Nothing is written.
    """
    with database.write() as tx:
        if authority is not None:
            _check(tx, authority, clock)
        yield tx


def require_role(user: User, roles: tuple[Role, ...]) -> None:
    """Raise Forbidden if the user has none of the roles."""
    if user.role_name not in roles:
        raise Forbidden(
            "This requires the role {required}; yours is {role}.",
            required=" or ".join(roles),
            role=user.role_name,
        )


def require_level(tx: Transaction, user: User, dataset_id: int, level: Level) -> DatasetRecord:
    """Return a dataset for which the user has at least this level.

    Raises
    ------
    NotFound, Forbidden
        The dataset doesn't exist or isn't visible; or the user's role or level is too low.
    """
    dataset = get_dataset(tx, dataset_id, user)
    if level != "read" and user.role_name == "viewer":
        raise Forbidden("This requires the role analyst or admin; yours is viewer.")
    if not dataset.allows(level):
        raise Forbidden(
            "This requires the right {required} in dataset {dataset}; yours is {level}.",
            required=level,
            dataset=str(dataset_id),
            level=dataset.level,
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
