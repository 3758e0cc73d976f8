"""The start page, and the page behind a one-time sign-in link.

Invariant: a link sets one password and is used up by it; the page loads nothing from elsewhere.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from http_api.access import service
from http_api.auditing import origin
from http_api.passwords import LONGEST, SHORTEST, hash_password
from storage.audit import record
from storage.errors import NotFound
from storage.tokens import sign_in_link_user, use_sign_in_link
from storage.users import change_user, get_user

blueprint = Blueprint(
    "pages",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/pages",
)

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@blueprint.get("/")
def home() -> Response:
    """What this server is and where its documentation lies."""
    return _page("home.html", 200)


@blueprint.get("/sign-in")
def sign_in() -> Response:
    """The form that a one-time link leads to."""
    code = request.args.get("code", "")
    with service().database.read() as tx:
        user = sign_in_link_user(tx, code, service().clock)
    if user is None:
        return _page("link_ended.html", 404)
    return _page("set_password.html", 200, user=user, code=code, shortest=SHORTEST)


@blueprint.post("/sign-in")
def set_password() -> Response:
    """Set the password and use the link up."""
    code = request.form.get("code", "")
    password = request.form.get("password", "")
    with service().database.read() as tx:
        user = sign_in_link_user(tx, code, service().clock)
    if user is None:
        return _page("link_ended.html", 404)
    problem = _problem(password, request.form.get("again", ""))
    if problem:
        return _page(
            "set_password.html", 422, user=user, code=code, shortest=SHORTEST, problem=problem
        )
    password_hash = hash_password(password)
    try:
        with service().database.write() as tx:
            user_id = use_sign_in_link(tx, code, service().clock)
            change_user(tx, user_id, role_name=None, password_hash=password_hash)
            user = get_user(tx, user_id)
            record(
                tx,
                service().clock,
                "password_set",
                user_id=user_id,
                origin=origin(),
                about=("user", user_id),
            )
    except NotFound:
        return _page("link_ended.html", 404)
    return _page("password_set.html", 200, user=user, base=request.host_url.rstrip("/"))


def _problem(password: str, again: str) -> str | None:
    if not SHORTEST <= len(password) <= LONGEST:
        return f"A password has at least {SHORTEST} characters."
    if password != again:
        return "The two passwords are not the same."
    return None


def _page(template: str, status: int, **values: object) -> Response:
    response = make_response(render_template(template, **values), status)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "same-origin"  # its form must tell its origin
    response.headers["Cache-Control"] = "no-store"
    return response
