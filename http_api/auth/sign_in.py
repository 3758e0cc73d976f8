"""Sign-in, sign-out and confirmation of a password, for the API and the pages.

Guarantees the same response after the same work for an unknown user and a wrong password, an audit
entry for both, and no session for a password that has changed since its check.
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
    """A new session. ``secret`` is its token, returned only here."""

    user: User
    secret: str
    lifetime: timedelta


def sign_in(soeid: str, password: str) -> SignedIn:
    """Check a password and begin a session.

    Raises
    ------
    BadCredentials, TooManyAttempts, TooManySignIns
        They are wrong; it is too soon for another try; or too many run at once.
    """
    with hashing(), _password_attempt(soeid):
        known_hash = _matching_hash(soeid, password)
        with service().database.write() as tx:
            return begin_session(tx, _user_with(tx, soeid, known_hash))


def begin_session(tx: Transaction, user: User) -> SignedIn:
    """Issue a session token to a user whose password or sign-in link was checked."""
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
    """Revoke the token of the request."""
    with service().database.write() as tx:
        revoke_token(tx, holder().token_id)
        audit(tx, "signed_out", about=("token", holder().token_id))


def must_confirm_password(who: User) -> bool:
    """Whether a user must give the current password to set a new one.

    Admins needn't: with an admin's token one can add another admin.
    """
    return who.role_name != "admin"


def confirm_password(password: str | None) -> None:
    """Check the current password of the request's user; a wrong one is a failed sign-in.

    A user without a password passes. A concurrent change of the password revokes the request's
    token, so the write fails.

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
        with hashing(user().id), _password_attempt(soeid):
            check_password(known_hash, password)
    except BadCredentials:
        raise WrongPassword from None


@contextmanager
def _password_attempt(soeid: str) -> Iterator[None]:
    """Throttle one try; count and audit it if it fails."""
    with refusals_counted(), throttle.attempt(soeid, request.remote_addr or ""):
        try:
            yield
        except BadCredentials:
            _audit_failure(soeid)
            raise


def _matching_hash(soeid: str, password: str) -> str | None:
    """Return the user's hash if the password matches; slow, so outside of a write."""
    with service().database.read() as tx:
        known_hash = password_hash_of(tx, soeid)
    check_password(known_hash, password)
    return known_hash


def _user_with(tx: Transaction, soeid: str, known_hash: str | None) -> User:
    """Return the user if their password is still the one that was checked."""
    found = find_user(tx, soeid)
    if found is None or password_hash_of(tx, soeid) != known_hash:
        raise BadCredentials
    return found


def _audit_failure(soeid: str) -> None:
    with service().database.write() as tx:
        known = find_user(tx, soeid)
        record(
            tx,
            service().clock,
            "sign_in_failed",
            user_id=None,
            user_soeid=known.soeid if known is not None else _shown_soeid(soeid),
            origin=origin(),
        )


def _shown_soeid(soeid: str) -> str:
    """Return the input if it could be an SOEID; else it may be a password in the wrong field."""
    return soeid if re.fullmatch(service().settings.soeid_pattern, soeid) else ""
