"""Sign-in by the header of a trusted proxy that has authenticated the user.

Guarantees that a header counts only from the address of ``trusted_proxy`` and with the proxy's
secret. A session that began by a header ends with it: each request needs the same user's header.
"""

from __future__ import annotations

import hmac
import json
import logging
from contextlib import suppress

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from application.access import Access
from application.credentials import SignInRefused
from application.providers.admission import PROXY_ISSUER, ProvedUser, admit, record_refusal
from application.sign_in import SignedIn, counted_attempt
from service.settings import Settings
from storage.accounts.audit_trail import Origin
from storage.accounts.identities import Identity
from storage.accounts.tokens import TokenHolder

SECRET_HEADER = "X-Jobsvc-Proxy-Secret"  # noqa: S105 - a name
PEER = "jobsvc.peer"
"""WSGI key of the address that opened the connection, before ``X-Forwarded-For`` replaces it."""
SESSION = "proxy"

logger = logging.getLogger("jobsvc.sign_in")


class UntrustedHeader(SignInRefused):
    """A user's header that isn't from the trusted proxy, or has a wrong secret."""

    code = "untrusted_header"


def sign_in_by_header(access: Access, request: Request, origin: Origin) -> SignedIn | None:
    """Begin a session of the user whom the proxy names; None if it names none.

    Raises
    ------
    UntrustedHeader, SignInRefused, TooManyAttempts
        The header isn't the proxy's; the user can't sign in; or there were too many such failures.
    """
    settings = access.service.settings
    name = _named_user(settings, request.headers)
    if name is None:
        return None
    if not _is_from_proxy(settings, request):
        with counted_attempt(access, "", origin, SESSION):
            logger.warning("refused a header of %s", request.environ.get(PEER))
            raise UntrustedHeader(
                "The request names a user, but isn't from the trusted proxy. Use the proxy's "
                "address, or ask an administrator to compare proxy_secret and trusted_proxy."
            )
    try:
        groups = _groups(settings, request.headers)
    except SignInRefused as refusal:
        record_refusal(access, name[:100], "proxy", origin, refusal)
        raise
    proved = ProvedUser(Identity(PROXY_ISSUER, name.casefold()), name, groups)
    return admit(access, proved, "proxy", origin)


def header_still_counts(settings: Settings, holder: TokenHolder, request: Request) -> bool:
    """Whether a request may use its token: one of a proxy's session needs the user's header."""
    if holder.kind != "session" or holder.token_name != SESSION:
        return True
    name = _named_user(settings, request.headers)
    return (
        name is not None
        and name.casefold() == holder.user.soeid.casefold()
        and _is_from_proxy(settings, request)
    )


def _named_user(settings: Settings, headers: Headers) -> str | None:
    header = settings.proxy_user_header
    return (headers.get(header) or None) if header else None


def _groups(settings: Settings, headers: Headers) -> tuple[str, ...]:
    """Return the groups of the header, which is in UTF-8; raise SignInRefused if it isn't valid."""
    text = headers.get(settings.proxy_groups_header, "")
    with suppress(UnicodeError):  # WSGI reads headers as Latin-1
        text = text.encode("latin-1").decode("utf-8")
    separator = settings.proxy_groups_separator
    if separator != "json":
        return tuple(part.strip() for part in text.split(separator) if part.strip())
    try:
        listed = json.loads(text or "[]")
    except ValueError:
        listed = None
    if not isinstance(listed, list) or not all(isinstance(group, str) for group in listed):
        raise SignInRefused(
            "The proxy's header of groups isn't a JSON list of names. Ask an administrator to "
            "compare proxy_groups_separator."
        )
    return tuple(listed)


def _is_from_proxy(settings: Settings, request: Request) -> bool:
    sent = request.headers.get(SECRET_HEADER, "")
    return request.environ.get(PEER) == settings.trusted_proxy and hmac.compare_digest(
        sent.encode(), settings.proxy_shared_secret.encode()
    )
