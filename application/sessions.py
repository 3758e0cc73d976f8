"""The session cookie of a browser, and its CSRF token.

Guarantees that no script reads the cookie (HttpOnly), and that a request with the cookie changes
something only with a token that pages of this server alone know.
"""

from __future__ import annotations

import hmac
from datetime import timedelta

from werkzeug.wrappers import Request, Response

from domain_errors import DomainError

COOKIE = "jobsvc_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SIGNED_OUT = "You were signed out. Sign in again, then repeat this."


class ForeignRequest(DomainError):
    """A request with a session cookie but without its CSRF token."""

    code = "forbidden"


class SignedOut(DomainError):
    """A form of a page whose session has ended."""

    code = "unauthorized"
    template = SIGNED_OUT


def csrf_token(secret: str) -> str:
    """Derive the session's CSRF token from its secret."""
    return hmac.new(secret.encode(), b"csrf", "sha256").hexdigest()


def require_own_page(request: Request, secret: str) -> None:
    """Require the CSRF token, except for safe methods."""
    if request.method in SAFE_METHODS:
        return
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and request.mimetype == "application/x-www-form-urlencoded":
        sent = request.form.get(CSRF_FIELD)
    if not hmac.compare_digest((sent or "").encode(), csrf_token(secret).encode()):
        raise ForeignRequest("The page is from an earlier session. Reload it and try again.")


def is_from_page(request: Request) -> bool:
    """Whether a page or a browser with a session cookie sent the request, instead of a program."""
    return CSRF_HEADER in request.headers or COOKIE in request.cookies


def put_cookie(response: Response, secret: str, lifetime: timedelta, *, secure: bool) -> None:
    """Set the session cookie."""
    response.set_cookie(
        COOKIE, secret, max_age=lifetime, httponly=True, samesite="Lax", secure=secure, path="/"
    )


def drop_cookie(response: Response) -> None:
    """Delete the session cookie."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax", path="/")
