"""Sign-in, the page of a one-time link, and the account page.

A link sets one password and signs its user in. It can't be used again.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from flask import Response, jsonify, request
from werkzeug.wrappers import Response as AnyResponse

from application.credentials import BadCredentials, SignInRefused
from application.notifications.registering import Finder, webhook_by_id
from application.providers.proxy_header import UntrustedHeader, sign_in_by_header
from application.sessions import COOKIE, put_cookie
from application.sign_in import (
    SignedIn,
    must_confirm_password,
    sign_in,
    sign_in_by_link,
    sign_in_without_password,
)
from application.throttle import HELD, TooManyAttempts
from application.work_limits import TooMuchWork
from contract.fields import PASSWORD
from contract.requests.automation import USUAL_EMAIL_EVENTS
from contract.words import EVENTS
from storage.accounts.datasets import DatasetFilters, list_datasets
from storage.accounts.identities import identity_of
from storage.accounts.tokens import Token, list_tokens, sign_in_link_user
from storage.accounts.users import anyone_can_sign_in, password_hash_of
from storage.errors import NotFound
from storage.notifications.receivers import find_email, get_email, list_deliveries, list_webhooks
from web_ui.shell import (
    ListQuery,
    access,
    blueprint,
    caller,
    local_page,
    origin,
    own_csrf_token,
    service,
    show,
    to,
    visitor,
)


@blueprint.get("/sign-in", is_open=True)
def sign_in_form() -> AnyResponse:
    """Show the sign-in form or, for a link's code, the password form."""
    if "code" in request.args:
        code = request.args["code"]
        return _sign_in_first(code) if "later" in request.args else _choose_password(code)
    target = local_page(request.args.get("next", "/"))
    if visitor() is not None:
        return to(target)
    if "local" in request.args:
        return sign_in_page(200)
    try:
        found = sign_in_by_header(access(), request, origin())
    except SignInRefused as error:
        return sign_in_page(401 if isinstance(error, UntrustedHeader) else 403, error.message)
    except TooManyAttempts as error:
        return sign_in_page(429, error.message)
    return sign_in_page(200) if found is None else _with_session(to(target), found)


@blueprint.post("/sign-in", is_open=True)
def submit_sign_in() -> AnyResponse:
    """Process either form."""
    if "code" in request.form:
        return _set_password(request.form["code"])
    try:
        soeid, password = request.form.get("soeid", "").strip(), request.form.get("password", "")
        found = sign_in(access(), soeid, password, origin())
    except BadCredentials as error:
        return sign_in_page(401, error.message)
    except (TooManyAttempts, TooMuchWork) as error:
        return sign_in_page(429, error.message)
    return _with_session(to(local_page(request.form.get("next", "/"))), found)


@blueprint.get("/session", is_open=True)
def session_of_browser() -> Response:
    """The browser's session, for a page that was opened in an earlier one.

    Only pages of this server can read the response.
    """
    me = visitor()
    answer = jsonify(user=None if me is None else me.user.id, csrf=own_csrf_token())
    answer.headers["Cache-Control"] = "no-store"
    return answer


def sign_in_page(status: int, problem: str | None = None) -> Response:
    """The sign-in form, with the ways that the server's settings allow."""
    has_proxy = bool(service().settings.proxy_user_header)
    if status in (429, 503):
        request.environ[HELD] = True
    with service().database.read() as tx:
        no_password_set = not anyone_can_sign_in(tx)
    return show(
        "sign_in.html",
        status,
        problem=problem,
        no_password_set=no_password_set,
        soeid=request.form.get("soeid", ""),
        next=request.values.get("next", "/"),
        has_ended=status == 200 and COOKIE in request.cookies,
        provider=access().provider,
        by_header="local" in request.args and has_proxy,
        signs_in_elsewhere=has_proxy or access().provider is not None,
    )


def _sign_in_first(code: str) -> AnyResponse:
    """Sign in by a link of the server's own computer; the password is set later."""
    target = local_page(request.args.get("next", "/"))
    if visitor() is not None:
        return to(target)
    try:
        return _with_session(to(target), sign_in_without_password(access(), code, origin()))
    except NotFound:
        with service().database.read() as tx:
            user = sign_in_link_user(tx, code, service().clock)
            has_password = user is not None and password_hash_of(tx, user.soeid) is not None
    if has_password:
        return to(f"/sign-in?{urlencode({'next': target})}")
    return _choose_password(code)


def _choose_password(code: str, problem: str | None = None) -> Response:
    with service().database.read() as tx:
        user = sign_in_link_user(tx, code, service().clock)
    if user is None:
        return show("link_ended.html", 404)
    values = {"user": user, "code": code, "shortest": PASSWORD.least, "problem": problem}
    return show("set_password.html", 422 if problem else 200, **values)


def _set_password(code: str) -> AnyResponse:
    password = request.form.get("password", "")
    if problem := password_problem(password, request.form.get("again", "")):
        return _choose_password(code, problem)
    try:
        found = sign_in_by_link(access(), code, password, origin())
    except NotFound:
        return show("link_ended.html", 404)
    return _with_session(to("/"), found)


def password_problem(password: str, again: str) -> str | None:
    """Return what is wrong with a new password that was typed twice; None if nothing is."""
    if not PASSWORD.least <= len(password) <= PASSWORD.most:
        return f"A password has {PASSWORD.least} to {PASSWORD.most} characters."
    if password != again:
        return "The passwords differ."
    return None


def _with_session(response: AnyResponse, found: SignedIn) -> AnyResponse:
    put_cookie(response, found.secret, found.lifetime, secure=request.is_secure)
    return response


TOKENS_SHOWN = 500
DATASETS_OFFERED = 500
EVENT_TITLES = {
    "job.completed,job.failed": "ended jobs",
    "job.completed": "completed jobs",
    "job.failed": "failed jobs",
    "schedule.failed": "failed runs of schedules",
    "review.requested": "requested reviews",
    "sample.reviewed": "reviewed samples",
}


ENDS_SOON = timedelta(days=14)


def ending(tokens: list[Token]) -> dict[int, str]:
    """Say of each token that expires soon, or has expired, which, by its id."""
    clock = service().clock
    return {
        token.id: "expired" if token.ends_within(timedelta(), clock) else "expires soon"
        for token in tokens
        if token.ends_within(ENDS_SOON, clock)
    }


EMAIL_EVENTS = {
    "job.failed": "My jobs that failed",
    "job.completed": "My jobs that were completed",
    "schedule.failed": "Runs of my schedules that failed or were not submitted",
    "review.requested": "Reviews that I may do",
    "sample.reviewed": "Reviews of my samples",
}
TEST_TITLES = {"webhook.test": "test", "email.test": "Test"}


@blueprint.get("/account")
def account() -> Response:
    """Show the user's role, tokens and password form."""
    me = caller().user
    with service().database.read() as tx:
        tokens, total = list_tokens(tx, me.id, 0, TOKENS_SHOWN)
        webhooks = list_webhooks(tx, me)
        address = find_email(tx, me)
        datasets, _ = list_datasets(
            tx, me, DatasetFilters(), sort="name", offset=0, limit=DATASETS_OFFERED
        )
        is_local = identity_of(tx, me.id) is None
        asks_password = must_confirm_password(me) and password_hash_of(tx, me.soeid) is not None
    return show(
        "account.html",
        me=me,
        tokens=tokens,
        token_count=total,
        ending=ending(tokens),
        token_days=service().settings.token_days,
        asks_password=asks_password,
        is_local=is_local,
        shortest=PASSWORD.least,
        webhooks=webhooks,
        datasets=datasets,
        dataset_names={dataset.id: dataset.name for dataset in datasets},
        events=EVENT_TITLES,
        all_events=EVENTS,
        email=address,
        email_events=EMAIL_EVENTS,
        heard=USUAL_EMAIL_EVENTS if address is None else address.events,
        email_domains=service().settings.allowed_email_domains,
        sends_email=bool(service().settings.smtp_server),
        prefixes=[str(prefix) for prefix in service().settings.allowed_webhooks],
    )


@blueprint.get("/account/webhooks/<int:webhook_id>")
def webhook(webhook_id: int) -> Response:
    """Show the messages to a webhook, newest first."""
    find = webhook_by_id(webhook_id)
    return _messages("Webhook", f"/api/webhooks/{webhook_id}", find)


@blueprint.get("/account/email")
def email() -> Response:
    """Show the messages to the user's e-mail address, newest first."""
    return _messages("E-mail", "/api/users/me/email", get_email)


def _messages(title: str, api: str, find: Finder) -> Response:
    """The messages to a receiver, whose path in the API is given."""
    query = ListQuery()
    with service().database.read() as tx:
        receiver = find(tx, caller().user)
        deliveries, total = list_deliveries(tx, receiver, query.offset, query.limit)
    return show(
        "messages.html",
        title=title,
        api=api,
        receiver=receiver,
        titles=(EVENT_TITLES if receiver.kind == "webhook" else EMAIL_EVENTS) | TEST_TITLES,
        deliveries=deliveries,
        page=query.page(total),
    )
