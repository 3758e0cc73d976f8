"""Sign-in, sign-out and passwords, for the API and the pages.

Guarantees the same response after the same work for an unknown user and a wrong password, an audit
entry for both, and no session for a password that has changed since its check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from ipaddress import ip_address

from application.access import Access, Caller
from application.credentials import (
    BadCredentials,
    SignInRefused,
    WrongPassword,
    check_password,
    hash_password,
)
from application.throttle import TooManyAttempts
from domain_errors import DomainError, InvalidRequest
from lazy_dataclasses import dataclass
from service.service import Service
from storage.accounts.audit_trail import Origin, record
from storage.accounts.identities import identity_of
from storage.accounts.tokens import issue_token, revoke_token, sign_in_link_user, use_sign_in_link
from storage.accounts.users import (
    User,
    admin_has_password,
    change_user,
    find_user,
    get_user,
    password_hash_of,
)
from storage.errors import NotFound
from storage.sqlite.database import Transaction


class NoPassword(DomainError):
    """The server may not listen beyond loopback yet."""

    code = "no_password"


@dataclass(frozen=True)
class SignedIn:
    """A new session. ``secret`` is its token, returned only here."""

    user: User
    secret: str
    lifetime: timedelta
    token_id: int


PASSWORD_SESSION = "sign-in"  # noqa: S105 - a name
"""The name of a session's token after a password or a link."""


def sign_in(access: Access, soeid: str, password: str, origin: Origin) -> SignedIn:
    """Check a password and begin a session.

    Raises
    ------
    BadCredentials, TooManyAttempts, TooMuchWork
        They are wrong; it is too soon for another try; or too many run at once.
    """
    address = origin.client_address
    with access.work_limits.passwords.piece(address), counted_attempt(access, soeid, origin):
        known_hash = _matching_hash(access, soeid, password)
        with access.service.database.write() as tx:
            return begin_session(access, tx, _user_with(tx, soeid, known_hash), origin)


def sign_in_by_link(access: Access, code: str, password: str, origin: Origin) -> SignedIn:
    """Set the password of a one-time link's user and begin a session.

    Raises
    ------
    NotFound, TooMuchWork
        The link has expired or was used; or too many sign-ins run at once.
    """
    service = access.service
    with access.work_limits.passwords.piece(origin.client_address):
        password_hash = access.work_limits.hashing.run(partial(hash_password, password))
    with service.database.write() as tx:
        user_id = use_sign_in_link(tx, code, service.clock)
        change_user(tx, user_id, role_name=None, password_hash=password_hash)
        record(
            tx,
            service.clock,
            "password_set",
            user_id=user_id,
            origin=origin,
            about=("user", user_id),
        )
        return begin_session(access, tx, get_user(tx, user_id), origin)


def sign_in_without_password(access: Access, code: str, origin: Origin) -> SignedIn:
    """Begin a session by a one-time link; the user sets a password later.

    Only for a browser on the server's own computer, since the link's text may be seen by others.

    Raises
    ------
    NotFound
        The link has expired or was used, the user has a password, or the browser is elsewhere.
    """
    service = access.service
    with service.database.write() as tx:
        user = sign_in_link_user(tx, code, service.clock)
        if (
            user is None
            or password_hash_of(tx, user.soeid) is not None
            or not is_loopback(origin.client_address or "")
        ):
            raise NotFound("This link can't sign in without a password.")
        use_sign_in_link(tx, code, service.clock)
        return begin_session(access, tx, user, origin)


def is_loopback(address: str) -> bool:
    """Return whether an address or host name means this computer alone.

    >>> is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def require_password(service: Service) -> None:
    """Require an administrator's password before the server listens beyond this computer."""
    host = service.settings.host
    with service.database.read() as tx:
        if is_loopback(host) or admin_has_password(tx):
            return
    raise NoPassword(
        "The server would listen beyond this computer ({host}), and no administrator has a "
        "password. Set one first: jobsvc serve --open --host 127.0.0.1, then My account; or "
        "jobsvc user add NAME --role admin.",
        host=host or "every address",
    )


def sign_out(caller: Caller) -> None:
    """Revoke the token of the request."""
    with caller.service.database.write() as tx:
        revoke_token(tx, caller.holder.token_id)
        caller.audit(tx, "signed_out", about=("token", caller.holder.token_id))


def must_confirm_password(who: User) -> bool:
    """Whether a user must give the current password to set a new one.

    Admins needn't: with an admin's token one can add another admin.
    """
    return not who.is_admin


def confirm_password(caller: Caller, password: str | None) -> None:
    """Check the current password of the caller; a wrong one is a failed sign-in.

    A user without a password passes. A concurrent change of the password revokes the request's
    token, so the write fails.

    Raises
    ------
    InvalidRequest, WrongPassword, TooManyAttempts
        It is missing or wrong, or the account isn't a local one; or it is too soon for another try.
    """
    access, soeid = caller.access, caller.user.soeid
    with access.service.database.read() as tx:
        known_hash = password_hash_of(tx, soeid)
        identity = identity_of(tx, caller.user.id)
    if identity is not None:
        raise InvalidRequest(
            "You sign in by the identity provider. Change your password there.",
            loc=("body", "password"),
        )
    if known_hash is None:
        return
    if password is None:
        raise InvalidRequest("Give your current password, too.", loc=("body", "current_password"))
    try:
        with (
            access.work_limits.passwords.piece(caller.user.id),
            counted_attempt(access, soeid, caller.origin),
        ):
            access.work_limits.hashing.run(partial(check_password, known_hash, password))
    except BadCredentials:
        raise WrongPassword from None


def begin_session(
    access: Access, tx: Transaction, user: User, origin: Origin, by: str = PASSWORD_SESSION
) -> SignedIn:
    """Issue a session token, named ``by``, to a user who has been authenticated."""
    service = access.service
    lifetime = timedelta(hours=service.settings.token_hours)
    secret, token = issue_token(
        tx, user.id, kind="session", name=by, scope="write", lifetime=lifetime, clock=service.clock
    )
    record(
        tx,
        service.clock,
        "signed_in",
        user_id=user.id,
        origin=origin,
        about=("token", token.id),
        details={} if by == PASSWORD_SESSION else {"by": by},
    )
    return SignedIn(user, secret, lifetime, token.id)


@contextmanager
def counted_attempt(
    access: Access, soeid: str, origin: Origin, by: str | None = None
) -> Iterator[None]:
    """Throttle one try; count it if it is refused, and audit it if it fails."""
    try:
        with access.throttle.attempt(soeid, origin.client_address or ""):
            try:
                yield
            except (BadCredentials, SignInRefused) as refusal:
                with access.service.database.write() as tx:
                    known = find_user(tx, soeid)
                    # People type passwords into the field of the name.
                    known_soeid = "" if known is None else known.soeid
                    reason = {} if by is None else {"by": by, "reason": refusal.message}
                    record_failure(access, tx, known_soeid, origin, reason)
                raise
    except (BadCredentials, SignInRefused, TooManyAttempts) as refusal:
        access.on_refusal(refusal)
        raise


def _matching_hash(access: Access, soeid: str, password: str) -> str | None:
    """Return the user's hash if the password matches; slow, so outside of a write."""
    with access.service.database.read() as tx:
        known_hash = password_hash_of(tx, soeid)
    access.work_limits.hashing.run(partial(check_password, known_hash, password))
    return known_hash


def _user_with(tx: Transaction, soeid: str, known_hash: str | None) -> User:
    """Return the user if their password is still the one that was checked."""
    found = find_user(tx, soeid)
    if found is None or password_hash_of(tx, soeid) != known_hash:
        raise BadCredentials
    return found


def record_failure(
    access: Access, tx: Transaction, soeid: str, origin: Origin, details: Mapping[str, str]
) -> None:
    """Record a failed sign-in."""
    record(
        tx,
        access.service.clock,
        "sign_in_failed",
        user_id=None,
        user_soeid=soeid,
        origin=origin,
        details=details,
    )
