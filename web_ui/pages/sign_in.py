"""Sign-in, sign-out, and the page of a one-time link.

A link sets one password and signs its user in. It can't be used again.
"""

from __future__ import annotations

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from http_api.auth.access import service, session
from http_api.auth.auditing import origin
from http_api.auth.passwords import MAX_LENGTH, MIN_LENGTH, BadCredentials, hash_password
from http_api.auth.sessions import drop_cookie, put_cookie
from http_api.auth.sign_in import SignedIn, begin_session, sign_in, sign_out
from http_api.auth.throttle import TooManyAttempts
from http_api.server.work_limits import TooManySignIns, hashing
from storage.accounts.audit import record
from storage.accounts.tokens import sign_in_link_user, use_sign_in_link
from storage.accounts.users import anyone_can_sign_in, change_user, get_user
from storage.errors import NotFound
from web_ui.shell import blueprint, local_page, show, signed_in, to


@blueprint.get("/sign-in")
def sign_in_form() -> AnyResponse:
    """Show the sign-in form or, for a link's code, the password form."""
    if "code" in request.args:
        return _choose_password(request.args["code"])
    if session() is not None:
        return to(local_page(request.args.get("next", "/")))
    return _form(200)


@blueprint.post("/sign-in")
def submit_sign_in() -> AnyResponse:
    """Process either form."""
    if "code" in request.form:
        return _set_password(request.form["code"])
    try:
        found = sign_in(request.form.get("soeid", "").strip(), request.form.get("password", ""))
    except BadCredentials as error:
        return _form(401, error.message)
    except (TooManyAttempts, TooManySignIns) as error:
        return _form(429, error.message)
    return _with_session(to(local_page(request.form.get("next", "/"))), found)


@blueprint.post("/sign-out")
@signed_in
def submit_sign_out() -> AnyResponse:
    """End the session."""
    sign_out()
    response = to("/sign-in")
    drop_cookie(response)
    return response


def _form(status: int, problem: str | None = None) -> Response:
    with service().database.read() as tx:
        no_password_set = not anyone_can_sign_in(tx)
    return show(
        "sign_in.html",
        status,
        problem=problem,
        no_password_set=no_password_set,
        soeid=request.form.get("soeid", ""),
        next=request.values.get("next", "/"),
    )


def _choose_password(code: str) -> Response:
    with service().database.read() as tx:
        user = sign_in_link_user(tx, code, service().clock)
    if user is None:
        return show("link_ended.html", 404)
    return show("set_password.html", user=user, code=code, shortest=MIN_LENGTH)


def _set_password(code: str) -> AnyResponse:
    password = request.form.get("password", "")
    with service().database.read() as tx:
        user = sign_in_link_user(tx, code, service().clock)
    if user is None:
        return show("link_ended.html", 404)
    problem = _problem(password, request.form.get("again", ""))
    if problem:
        given = {"user": user, "code": code, "shortest": MIN_LENGTH, "problem": problem}
        return show("set_password.html", 422, **given)
    with hashing():
        password_hash = hash_password(password)
    try:
        with service().database.write() as tx:
            user_id = use_sign_in_link(tx, code, service().clock)
            change_user(tx, user_id, role_name=None, password_hash=password_hash)
            record(
                tx,
                service().clock,
                "password_set",
                user_id=user_id,
                origin=origin(),
                about=("user", user_id),
            )
            found = begin_session(tx, get_user(tx, user_id))
    except NotFound:
        return show("link_ended.html", 404)
    return _with_session(to("/"), found)


def _problem(password: str, again: str) -> str | None:
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters."
    if password != again:
        return "The passwords differ."
    return None


def _with_session(response: AnyResponse, found: SignedIn) -> AnyResponse:
    put_cookie(response, found.secret, found.lifetime, secure=request.is_secure)
    return response
