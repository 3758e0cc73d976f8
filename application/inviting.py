"""Invite people by address: send the link or hand it over, and accept it.

A link is of use once, until it expires, is replaced or withdrawn. All four give the same answer, so
nobody learns which addresses were invited. The link's code is sent at once and isn't stored, so an
e-mail that the mail server doesn't take isn't repeated: its link is answered instead.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated

from application.access import Access, Caller
from application.credentials import check_soeid, hash_password
from application.notifications.registering import domain_of, email_address
from application.sign_in import SignedIn, begin_session
from contract.declarations import Help
from contract.requests.accounts import InvitationRequest
from contract.words import ROLES, Role
from lazy_dataclasses import dataclass
from service.service import Service
from storage.accounts.audit_trail import Origin, record
from storage.accounts.groups import Group, add_members, find_group
from storage.accounts.identities import identity_of
from storage.accounts.invitations import (
    Invitation,
    InvitationFields,
    add_invitation,
    get_invitation,
    invitation_of,
    note_sent,
    renew_invitation,
    use_invitation,
    withdraw_invitation,
)
from storage.accounts.users import User, add_user, change_user
from storage.errors import NotFound
from storage.sqlite.database import Transaction

LinkTo = Callable[[str], str]
"""Returns the URL of a page for browsers."""


@dataclass(frozen=True)
class NewInvitation(Invitation):
    """An invitation with its new link, unless that was sent."""

    link: Annotated[
        str | None, Help("The one-time link, shown only here; null if it was sent by e-mail.")
    ]
    message: Annotated[str, Help("What happened to the link, as a sentence.")]


def invite(by: Caller, request: InvitationRequest, link_to: LinkTo) -> NewInvitation:
    """Invite a person, as an admin.

    Raises
    ------
    InvalidValue, NotFound, Conflict, TooManyMessages
        The address isn't one, or not of a domain to which e-mails are sent; there is no such group;
        the address has been invited already; or too many invitations were made.
    """
    by.require_role("admin")
    address = request.address.strip()
    sends = _sends(by.service, address, show_link=request.show_link)
    by.access.invitation_rate.count(by.user.id)
    with by.writing() as tx:
        groups = _groups_named(tx, request.groups)
        code, made = add_invitation(
            tx,
            by.user,
            InvitationFields(address, request.role_name, groups),
            _lifetime(by.service),
            by.service.clock,
        )
        by.audit(
            tx,
            "invitation_made",
            about=("invitation", made.id),
            address=made.address,
            role_name=made.role_name,
            groups=list(made.groups) or None,
        )
    return _hand_over(by, made, code, link_to, sends=sends)


def invite_again(
    by: Caller, invitation_id: int, link_to: LinkTo, *, show_link: bool
) -> NewInvitation:
    """Replace the link of an invitation and send it, as an admin."""
    by.require_role("admin")
    with by.service.database.read() as tx:
        address = get_invitation(tx, invitation_id, by.service.clock).address
    sends = _sends(by.service, address, show_link=show_link)
    by.access.invitation_rate.count(by.user.id)
    with by.writing() as tx:
        code, made = renew_invitation(tx, invitation_id, _lifetime(by.service), by.service.clock)
        by.audit(tx, "invitation_resent", about=("invitation", made.id), address=made.address)
    return _hand_over(by, made, code, link_to, sends=sends)


def withdraw(by: Caller, invitation_id: int) -> None:
    """Withdraw an invitation, as an admin; its link is of no use any more."""
    by.require_role("admin")
    with by.writing() as tx:
        ended = withdraw_invitation(tx, invitation_id, by.service.clock)
        by.audit(tx, "invitation_withdrawn", about=("invitation", ended.id), address=ended.address)


def open_invitation(service: Service, code: str) -> Invitation:
    """Return the invitation of a link, whose code has 256 random bits; NotFound if it has ended."""
    with service.database.read() as tx:
        found = invitation_of(tx, code, service.clock)
    if found is None:
        raise NotFound("This invitation was used or withdrawn, or has expired.")
    return found


def accept_as_new_user(
    access: Access, code: str, soeid: str, password: str, origin: Origin
) -> SignedIn:
    """Make a user of an invited person, and begin a session.

    Raises
    ------
    NotFound, TooManyAttempts, TooMuchWork
        The link is of no use; there were too many tries; or too many sign-ins run at once.
    InvalidValue, Conflict
        The name isn't valid, or is in use.
    """
    service = access.service
    invitation = open_invitation(service, code)
    check_soeid(service.settings, soeid)
    with access.work_limits.passwords.piece(origin.client_address):
        password_hash = access.work_limits.hashing.run(partial(hash_password, password))
    # Each name in use counts as a failed sign-in, so an invitation finds few names.
    attempt = access.throttle.attempt(f"invitation {invitation.id}", origin.client_address or "")
    with attempt, service.database.write() as tx:
        invitation, groups = use_invitation(tx, code, service.clock)
        user = add_user(tx, soeid, invitation.role_name, password_hash, service.clock)
        _join(tx, user, groups)
        _record_accepted(service, tx, user, invitation, origin)
        return begin_session(access, tx, user, origin)


def accept_as(by: Caller, code: str) -> None:
    """Give the signed-in user the groups of an invitation, and its role if that allows more.

    The role of a user of an identity provider comes from the provider.

    Raises
    ------
    NotFound
        The link is of no use.
    """
    service = by.service
    with by.writing() as tx:
        invitation, groups = use_invitation(tx, code, service.clock)
        user = by.user_in(tx)
        if identity_of(tx, user.id) is None and _allows_more(invitation.role_name, user):
            user = change_user(tx, user.id, role_name=invitation.role_name, password_hash=None)
        _join(tx, user, groups)
        _record_accepted(service, tx, user, invitation, by.origin)


def _allows_more(role: Role, user: User) -> bool:
    return ROLES.index(role) < ROLES.index(user.role_name)


def _join(tx: Transaction, user: User, group_ids: Sequence[int]) -> None:
    for group_id in group_ids:
        add_members(tx, group_id, [user])


def _record_accepted(
    service: Service, tx: Transaction, user: User, invitation: Invitation, origin: Origin
) -> None:
    record(
        tx,
        service.clock,
        "invitation_accepted",
        user_id=user.id,
        origin=origin,
        about=("user", user.id),
        details={
            "soeid": user.soeid,
            "address": invitation.address,
            "role_name": user.role_name,
            "groups": list(invitation.groups),
        },
    )


def _lifetime(service: Service) -> timedelta:
    return timedelta(days=service.settings.invitation_days)


def _sends(service: Service, address: str, *, show_link: bool) -> bool:
    """Whether the link is sent; raise InvalidValue for an address that can't be invited so."""
    loc = ("body", "address")
    if show_link or not service.settings.smtp_server:
        domain_of(address, loc)
        return False
    email_address(service.settings, address, loc)
    return True


def _groups_named(tx: Transaction, names: Sequence[str]) -> list[Group]:
    """Return groups by their names; everyone has all users already."""
    groups = []
    for place, name in enumerate(names):
        found = find_group(tx, name)
        if found is None or found.is_everyone:
            raise NotFound(
                'There is no group "{name}" to join.', loc=("body", "groups", place), name=name
            )
        groups.append(found)
    return groups


def _hand_over(
    by: Caller, made: Invitation, code: str, link_to: LinkTo, *, sends: bool
) -> NewInvitation:
    """Send the link, or return it with the invitation."""
    link = link_to(f"/invitation?code={code}")
    if not sends:
        message = f"Send this link to {made.address}. It works once."
        return NewInvitation(**vars(made), link=link, message=message)
    problem = _sent(by, made, link)
    with by.service.database.write() as tx:
        noted = note_sent(tx, made.id, code, problem, by.service.clock)
    if problem is None:
        message = f"The mail server took the e-mail to {made.address}."
        return NewInvitation(**vars(noted), link=None, message=message)
    message = f"{problem} Send this link to {made.address} yourself, or send the e-mail again."
    return NewInvitation(**vars(noted), link=link, message=message)


def _sent(by: Caller, made: Invitation, link: str) -> str | None:
    """Send the e-mail once; return the problem if the mail server didn't take it."""
    # Few requests send an e-mail, and the libraries take 0.1 s.
    from application.notifications.mail_texts import MailText, one_line
    from application.notifications.mailing import message_of, send_message
    from import_engine.sources.exchange import Exchange

    settings, day = by.service.settings, made.expires_at[:10]
    text = MailText(
        "[jobsvc] Invitation",
        (
            f"{one_line(by.user.soeid)} invites you to jobsvc, as {made.role_name}.",
            "",
            f"Open: {link}",
            "",
            f"The link works once, until {day} (UTC). It lets you choose a user name and a",
            "password, or sign in. Don't pass it on. If you don't know the sender, ignore it.",
        ),
    )
    message_id = f"invitation_{secrets.token_hex(16)}"
    now = by.service.clock()
    message = message_of(settings.smtp_sender, made.address, message_id, text, now)
    exchange = Exchange(settings.smtp_limit_s)
    problem = send_message(settings, made.address, message, exchange).problem
    by.access.on_attempt("email", "delivered" if problem is None else "failed")
    return problem
