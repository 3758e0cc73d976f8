"""The page of an invitation: choose a user name and a password, or join by an account."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from application.credentials import user_name_rule
from application.inviting import accept_as, accept_as_new_user, open_invitation
from application.sessions import put_cookie
from application.throttle import HELD, TooManyAttempts
from application.work_limits import TooMuchWork
from contract.fields import PASSWORD
from storage.errors import Conflict, InvalidValue, NotFound
from web_ui.pages.account import password_problem
from web_ui.shell import access, blueprint, caller, origin, service, show, to, visitor

PATH = "/invitation"


@blueprint.get(PATH, is_open=True)
def invitation() -> AnyResponse:
    """Show an invitation with the ways to accept it."""
    return _page(request.args.get("code", ""))


@blueprint.post(PATH, is_open=True)
def accept_invitation() -> AnyResponse:
    """Make a user of an invited person."""
    code, soeid = request.form.get("code", ""), request.form.get("soeid", "").strip()
    password = request.form.get("password", "")
    if problem := password_problem(password, request.form.get("again", "")):
        return _page(code, problem, 422)
    try:
        session = accept_as_new_user(access(), code, soeid, password, origin())
    except NotFound:
        return show("invitation_ended.html", 404)
    except (InvalidValue, Conflict) as error:
        return _page(code, error.message, 422)
    except (TooManyAttempts, TooMuchWork) as error:
        request.environ[HELD] = True
        return _page(code, error.message, 429)
    response = to("/")
    put_cookie(response, session.secret, session.lifetime, secure=request.is_secure)
    return response


@blueprint.post(f"{PATH}/join")
def join_by_invitation() -> AnyResponse:
    """Give the signed-in user what an invitation gives."""
    try:
        accept_as(caller(), request.form.get("code", ""))
    except NotFound:
        return show("invitation_ended.html", 404)
    return to("/")


def _page(code: str, problem: str | None = None, status: int = 200) -> Response:
    try:
        shown = open_invitation(service(), code)
    except NotFound:
        return show("invitation_ended.html", 404)
    me = visitor()
    return show(
        "invitation.html",
        status,
        invitation=shown,
        code=code,
        problem=problem,
        me=None if me is None else me.user,
        soeid=request.form.get("soeid", ""),
        next=urlencode({"next": f"{PATH}?{urlencode({'code': code})}"}),
        provider=access().provider,
        shortest=PASSWORD.least,
        soeid_rule=user_name_rule(service().settings),
    )
