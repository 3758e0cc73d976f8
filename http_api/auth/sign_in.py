"""Signing in and out: the steps that the API and the pages share; and proving it's oneself.

Invariants: an unknown user and a wrong password get the same answer after the same work, and both
are in the audit trail; a password that has ended since it was checked opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from flask import request

from http_api.auth.access import holder, service, user
from http_api.auth.auditing import audit, origin
from http_api.auth.passwords import BadCredentials, WrongPassword, check_password
from http_api.auth.throttle import SignInThrottle
from http_api.server.metrics import refusals_counted
from http_api.server.problems import InvalidRequest
from http_api.server.work_limits import hashing
from storage.accounts.audit import record
from storage.accounts.tokens import issue_token, revoke_token
from storage.accounts.users import User, find_user, password_hash_of
from storage.sqlite.database import Transaction

throttle = SignInThrottle()


@dataclass(frozen=True)
class SignedIn:
    """A new session. ``secret`` is its token, told this once."""

    user: User
    secret: str
    lifetime: timedelta


def sign_in(soeid: str, password: str) -> SignedIn:
    """Check a password and begin a session.

    Raises
    ------
    BadCredentials, TooManyAttempts, TooManySignIns
        They don't fit; it is too soon for another try; or too many are under way.
    """
    with hashing(), _try_of_password(soeid):
        fitting = _fitting_hash(soeid, password)
        with service().database.write() as tx:
            return begin_session(tx, _user_with(tx, soeid, fitting))


def begin_session(tx: Transaction, user: User) -> SignedIn:
    """Issue a sign-in's token to a user who has proved who they are."""
    lifetime = timedelta(hours=service().settings.token_hours)
    secret, token = issue_token(
        tx,
        user.id,
        kind="session",
        name="sign-in",
        scope="write",
        lifetime=lifetime,
        clock=service().clock,
    )
    record(
        tx,
        service().clock,
        "signed_in",
        user_id=user.id,
        origin=origin(),
        about=("token", token.id),
    )
    return SignedIn(user, secret, lifetime)


def sign_out() -> None:
    """End the token that the request came with."""
    with service().database.write() as tx:
        revoke_token(tx, holder().token_id)
        audit(tx, "signed_out", about=("token", holder().token_id))


def must_confirm_password(who: User) -> bool:
    """Whether a user gives their present password for a new one.

    Whoever has an admin's token can make another admin with it, so to ask admins guards nothing.
    """
    return who.role_name != "admin"


def confirm_password(password: str | None) -> None:
    """Hold a password against that of the user who asks; a wrong one is a failed sign-in.

    A user without a password passes. A password that changes meanwhile ends the request's token, so
    that the write is refused.

    Raises
    ------
    InvalidRequest, WrongPassword, TooManyAttempts
        It is missing or wrong; or it is too soon for another try.
    """
    soeid = user().soeid
    with service().database.read() as tx:
        known_hash = password_hash_of(tx, soeid)
    if known_hash is None:
        return
    if password is None:
        raise InvalidRequest("Give your current password, too.", loc=("body", "current_password"))
    try:
        with hashing(user().id), _try_of_password(soeid):
            check_password(known_hash, password)
    except BadCredentials:
        raise WrongPassword from None


@contextmanager
def _try_of_password(soeid: str) -> Iterator[None]:
    """Wrap one try: slowed after failures; counted, and in the audit trail, if it fails."""
    with refusals_counted(), throttle.attempt(soeid, request.remote_addr or ""):
        try:
            yield
        except BadCredentials:
            _tell_failure(soeid)
            raise


def _fitting_hash(soeid: str, password: str) -> str | None:
    """The user's hash, which the password fits; checked outside of a write, since it takes long."""
    with service().database.read() as tx:
        known_hash = password_hash_of(tx, soeid)
    check_password(known_hash, password)
    return known_hash


def _user_with(tx: Transaction, soeid: str, known_hash: str | None) -> User:
    """The user, if their password is still the one that was checked."""
    found = find_user(tx, soeid)
    if found is None or password_hash_of(tx, soeid) != known_hash:
        raise BadCredentials
    return found


def _tell_failure(soeid: str) -> None:
    with service().database.write() as tx:
        known = find_user(tx, soeid)
        record(
            tx,
            service().clock,
            "sign_in_failed",
            user_id=None,
            user_soeid=known.soeid if known is not None else _tried(soeid),
            origin=origin(),
        )


def _tried(soeid: str) -> str:
    """What was typed, if it could be an SOEID: else it may be a password in the wrong field."""
    return soeid if re.fullmatch(service().settings.soeid_pattern, soeid) else ""
