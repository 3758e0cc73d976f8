"""Invitations by address: a one-time link, a role and groups.

Only the SHA-256 of a link's code is stored. Accepting or withdrawing an invitation deletes it; the
audit trail has both. An expired one is kept for a time, so that it can be sent again.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from contract.declarations import Help
from contract.words import Role
from lazy_dataclasses import dataclass
from storage.accounts.groups import Group
from storage.accounts.tokens import hash_secret
from storage.accounts.users import User
from storage.errors import Conflict, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, all_rows, json_tuple, only, run, run_each

KEEP_EXPIRED = timedelta(days=30)
"""Time that an expired invitation is kept."""
_DELETE = ("delete_groups_of_invitation", "delete_invitation")


@dataclass(frozen=True)
class Invitation:
    """An open or expired invitation, without its link."""

    id: int
    address: str
    role_name: Role
    groups: Annotated[tuple[str, ...], Help("Names of the groups that the person joins.")]
    user_soeid: Annotated[str, Help("The administrator who invited.")]
    created_at: str
    expires_at: Annotated[str, Help("Of the current link.")]
    has_expired: bool
    sent_at: Annotated[
        str | None, Help("When the mail server took the current link; null if it wasn't sent.")
    ]
    problem: Annotated[str | None, Help("Why the e-mail wasn't sent.")]


_INVITATIONS = Records(Invitation, groups=json_tuple, has_expired=bool)


@dataclass(frozen=True)
class InvitationFields:
    """What an administrator says of an invitation."""

    address: str
    role_name: Role
    groups: Sequence[Group]


def add_invitation(
    tx: Transaction, by: User, given: InvitationFields, lifetime: timedelta, clock: Clock
) -> tuple[str, Invitation]:
    """Add an invitation; return the code of its link, which isn't stored, and the invitation.

    Raises
    ------
    Conflict
        The address has been invited already.
    """
    now = clock()
    for row in all_rows(tx, "obsolete_invitations", before=timestamp(now - KEEP_EXPIRED)):
        run_each(tx, _DELETE, id=row["id"])
    if _find(tx, clock, address=given.address) is not None:
        raise Conflict(
            "There is an invitation of {address} already. Send it again, or withdraw it first.",
            loc=("address",),
            address=given.address,
        )
    code = secrets.token_urlsafe(32)
    row = only(
        tx,
        "insert_invitation",
        address=given.address,
        role_name=given.role_name,
        user_id=by.id,
        code_hash=hash_secret(code),
        now=timestamp(now),
        expires_at=timestamp(now + lifetime),
    )
    for group in given.groups:
        run(tx, "put_invitation_group", id=row["id"], group_id=group.id)
    return code, get_invitation(tx, row["id"], clock)


def renew_invitation(
    tx: Transaction, invitation_id: int, lifetime: timedelta, clock: Clock
) -> tuple[str, Invitation]:
    """Replace the link of an invitation; the earlier link is of no use any more."""
    get_invitation(tx, invitation_id, clock)
    code = secrets.token_urlsafe(32)
    link = {"code_hash": hash_secret(code), "expires_at": timestamp(clock() + lifetime)}
    run(tx, "renew_invitation", id=invitation_id, **link)
    return code, get_invitation(tx, invitation_id, clock)


def get_invitation(tx: Transaction, invitation_id: int, clock: Clock) -> Invitation:
    """Return an invitation by id."""
    found = _find(tx, clock, id=invitation_id)
    if found is None:
        raise NotFound("Invitation {invitation} not found.", invitation=str(invitation_id))
    return found


def list_invitations(
    tx: Transaction, offset: int, limit: int, clock: Clock
) -> tuple[list[Invitation], int]:
    """Return a page of the invitations, newest first, and their number."""
    every = {"id": None, "address": None, "code_hash": None}
    return _INVITATIONS.page(tx, "list_invitations", offset, limit, now=timestamp(clock()), **every)


def invitation_of(tx: Transaction, code: str, clock: Clock) -> Invitation | None:
    """Return the invitation of a link that hasn't expired, without using the link."""
    return _find(tx, clock, code_hash=hash_secret(code))


def note_sent(
    tx: Transaction, invitation_id: int, code: str, problem: str | None, clock: Clock
) -> Invitation:
    """Record the outcome of the e-mail with a link, unless the link was replaced meanwhile."""
    sent_at = timestamp(clock()) if problem is None else None
    outcome = {"sent_at": sent_at, "problem": problem, "code_hash": hash_secret(code)}
    run(tx, "note_invitation_sent", id=invitation_id, **outcome)
    return get_invitation(tx, invitation_id, clock)


def use_invitation(tx: Transaction, code: str, clock: Clock) -> tuple[Invitation, list[int]]:
    """Delete the invitation of a link; return it and the ids of its groups.

    Raises
    ------
    NotFound
        The link was used, replaced or withdrawn, or has expired.
    """
    found = invitation_of(tx, code, clock)
    if found is None:
        raise NotFound("This invitation was used or withdrawn, or has expired.")
    groups = [row["group_id"] for row in all_rows(tx, "invitation_group_ids", id=found.id)]
    run_each(tx, _DELETE, id=found.id)
    return found, groups


def withdraw_invitation(tx: Transaction, invitation_id: int, clock: Clock) -> Invitation:
    """Delete an invitation, and return it."""
    found = get_invitation(tx, invitation_id, clock)
    run_each(tx, _DELETE, id=invitation_id)
    return found


def _find(tx: Transaction, clock: Clock, **by: str | int) -> Invitation | None:
    every: dict[str, str | int | None] = {"id": None, "address": None, "code_hash": None}
    return _INVITATIONS.first(tx, "list_invitations", now=timestamp(clock()), **{**every, **by})
