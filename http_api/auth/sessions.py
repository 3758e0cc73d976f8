"""A browser's session: a sign-in's token in a cookie, and the proof that a page of ours asks.

Owns: the cookie and the token against cross-site requests. Invariants: the cookie is HttpOnly, so
no script reads it; a request that comes with the cookie and may change something carries a value
that only our own pages know, so no other site can make one. Used by ``access`` and the pages.
"""

from __future__ import annotations

import hmac
from datetime import timedelta

from flask import Request
from werkzeug.wrappers import Response

from domain_errors import DomainError

COOKIE = "jobsvc_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class ForeignRequest(DomainError):
    """A request with a session's cookie that doesn't come from a page of ours."""

    code = "forbidden"


def csrf_token(secret: str) -> str:
    """What the session's own pages send along; the secret can't be found from it."""
    return hmac.new(secret.encode(), b"csrf", "sha256").hexdigest()


def require_own_page(request: Request, secret: str) -> None:
    """Let a request with the session's cookie change something only when a page of ours made it.

    Raises
    ------
    ForeignRequest
        The token is missing or another session's.
    """
    if request.method in SAFE_METHODS:
        return
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and request.mimetype == "application/x-www-form-urlencoded":
        sent = request.form.get(CSRF_FIELD)
    if not hmac.compare_digest((sent or "").encode(), csrf_token(secret).encode()):
        raise ForeignRequest("The page is from an earlier session. Load it again and repeat.")


def put_cookie(response: Response, secret: str, lifetime: timedelta, *, secure: bool) -> None:
    """Give a browser its session."""
    response.set_cookie(
        COOKIE, secret, max_age=lifetime, httponly=True, samesite="Lax", secure=secure, path="/"
    )


def drop_cookie(response: Response) -> None:
    """Take a browser's session away."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax", path="/")
