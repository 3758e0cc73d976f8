"""Sign-in by an OpenID Connect provider: to its page, back from it, and sign-out there.

The cookie of an attempt is the browser's proof that it began the sign-in. No address of another
host comes from a request: the provider's are in its metadata.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Response, abort, g, jsonify, request
from werkzeug.wrappers import Response as AnyResponse

from application.credentials import SignInRefused
from application.providers.answers import ProviderUnavailable, SignInAttempt
from application.providers.attempts import (
    ATTEMPT_S,
    SESSION,
    sign_in_by_provider,
    sign_out_by_provider,
)
from application.providers.proxy_header import SESSION as PROXY_SESSION
from application.sessions import drop_cookie, put_cookie
from application.sign_in import sign_out
from application.throttle import TooManyAttempts
from application.work_limits import TooMuchWork
from web_ui.pages.account import sign_in_page
from web_ui.shell import (
    access,
    blueprint,
    caller,
    local_page,
    origin,
    show,
    signed_in,
    to,
    visitor,
)

if TYPE_CHECKING:
    from application.providers.openid import OpenidProvider

ATTEMPT_COOKIE = "jobsvc_sign_in"
PATH = "/sign-in/provider"


@blueprint.get(PATH, is_open=True)
def begin_at_provider() -> AnyResponse:
    """Send the browser to the provider's sign-in page."""
    attempt = SignInAttempt.to_page(local_page(request.args.get("next", "/")))
    try:
        response = to(_provider().authorization_url(attempt, _own_url(f"{PATH}/return")))
    except (ProviderUnavailable, TooMuchWork) as error:
        return _try_later(error)
    response.set_cookie(
        ATTEMPT_COOKIE,
        attempt.text(),
        max_age=timedelta(seconds=ATTEMPT_S),
        path=PATH,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
    return response


@blueprint.get(f"{PATH}/return", is_open=True)
def return_from_provider() -> AnyResponse:
    """Begin the session of the user whom the provider has authenticated."""
    attempt = SignInAttempt.of_text(request.cookies.get(ATTEMPT_COOKIE, ""))
    try:
        found = sign_in_by_provider(
            access(),
            _provider(),
            attempt,
            request.args,
            _own_url(f"{PATH}/return"),
            origin(),
        )
    except SignInRefused as error:
        response: AnyResponse = sign_in_page(403, error.message)
    except (ProviderUnavailable, TooMuchWork) as error:
        response = _try_later(error)
    else:
        response = to(local_page(attempt.target if attempt else "/"))
        put_cookie(response, found.secret, found.lifetime, secure=request.is_secure)
    response.delete_cookie(ATTEMPT_COOKIE, path=PATH, httponly=True, samesite="Lax")
    return response


@blueprint.post(f"{PATH}/sign-out", is_open=True)
def sign_out_from_provider() -> AnyResponse:
    """End the sessions of a user who has signed out at the provider, which sends this request."""
    provider = _provider()
    try:
        sign_out_by_provider(access(), provider, request.form.get("logout_token", ""), origin())
    except SignInRefused as error:
        return _logout_error(400, error.message)
    except ProviderUnavailable as error:
        return _logout_error(503, error.message)
    except (TooManyAttempts, TooMuchWork) as error:
        return _logout_error(429, error.message)
    return Response("", 200)


def _try_later(error: ProviderUnavailable | TooMuchWork) -> Response:
    """The sign-in form with a problem that may pass."""
    status = 503 if isinstance(error, ProviderUnavailable) else 429
    response = sign_in_page(status, error.message)
    response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _logout_error(status: int, description: str) -> Response:
    """The error of a sign-out by the provider, as its specification wants it."""
    response = jsonify(error="invalid_request", error_description=description)
    response.status_code = status
    return response


@blueprint.post("/sign-out", is_open=True)
def submit_sign_out() -> AnyResponse:
    """End the session, unless it has ended."""
    return to("/sign-in") if visitor() is None else _sign_out()


@signed_in
def _sign_out() -> AnyResponse:
    """End the session, and show the way to end the provider's."""
    holder, provider = caller().holder, access().provider
    sign_out(caller())
    there = None
    if provider is not None and holder.token_name == SESSION:
        there = provider.end_session_url(holder.token_id, _own_url("/sign-in"))
    if there is not None:
        g.pop("visitor")
        response: AnyResponse = show("signed_out.html", there=there, name=_provider().name)
        # Not a redirect: the pages' policy forbids that a form leads to another host.
        response.headers["Refresh"] = f"0; url={there}"
    else:
        # Otherwise the proxy's header would sign the user in again.
        query = {"local": "1"} if holder.token_name == PROXY_SESSION else {}
        response = to(f"/sign-in?{urlencode(query)}".rstrip("?"))
    drop_cookie(response)
    return response


def _provider() -> OpenidProvider:
    provider = access().provider
    if provider is None:
        abort(404)
    return provider


def _own_url(path: str) -> str:
    """An address of this server as the browser knows it; the host check has accepted its name."""
    return f"{request.host_url.rstrip('/')}{path}"
