"""Authentication by bearer token or browser session; the caller of the request.

:mod:`application.access` has the checks of role, scope and dataset level.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

from apiflask import APIBlueprint, HTTPTokenAuth, Schema
from apiflask.exceptions import HTTPError
from flask import Response, current_app, g, request
from marshmallow import RAISE
from werkzeug.datastructures import Authorization

from application.access import Access, Caller
from application.sessions import COOKIE, require_own_page
from http_api.server.problems import of_http_error
from http_api.state import state
from job_runner import log_context
from job_runner.service import Service
from storage.accounts.authority import Authority
from storage.accounts.datasets import Dataset, Level
from storage.accounts.tokens import TokenHolder
from storage.accounts.users import Role, User
from storage.errors import Forbidden
from storage.jobs.jobs import Job
from storage.sqlite.database import Transaction


class BearerOrSession(HTTPTokenAuth):
    """A token in the Authorization header, or else the browser's session cookie."""

    def get_auth(self) -> Authorization | None:
        given: Authorization | None = super().get_auth()
        if given is not None:
            return given
        secret = request.cookies.get(COOKIE)
        if secret is None:
            return None
        require_own_page(request, secret)
        return Authorization("bearer", token=secret)


bearer = BearerOrSession(scheme="Bearer", description="A token of POST /api/users/login.")

View = TypeVar("View", bound=Callable[..., Any])


class SignedInBlueprint(APIBlueprint):
    """A blueprint of which every route requires a valid token or session."""

    def route(
        self,
        rule: str,
        *,
        query: type[Schema] | None = None,
        body: type[Schema] | None = None,
        form: type[Schema] | None = None,
        output: type[Schema] | None = None,
        guard: Callable[[View], View] = lambda view: view,
        **options: Any,
    ) -> Callable[[View], View]:
        """Register a view: authentication, guard, input, output.

        The view gets a query as ``query``, and a body or a form with files as ``given``.
        """

        def register(view: View) -> View:
            if output is not None:
                view = self.output(output)(view)
            if body is not None:
                view = self.input(body, arg_name="given")(view)
            if form is not None:
                view = self.input(form, location="form_and_files", unknown=RAISE, arg_name="given")(
                    view
                )
            if query is not None:
                view = self.input(query, location="query", unknown=RAISE, arg_name="query")(view)
            view = self.auth_required(bearer)(guard(view))
            return super(SignedInBlueprint, self).route(rule, **options)(view)

        return register


def access() -> Access:
    """Return what all requests of this server share."""
    return state().access


def service() -> Service:
    """Return the service that this app serves."""
    return access().service


@bearer.verify_token  # type: ignore[untyped-decorator]
def _holder(token: str) -> TokenHolder | None:
    if not token:
        return None
    holder = access().holder_of(token)
    if holder is not None and holder.scope == "read" and not _only_reads():
        raise Forbidden("This token can only read. Use a token with `scope` write.")
    if holder is not None:
        log_context.add(user_id=holder.user.id)
    return holder


def reads(view: View) -> View:
    """Mark a view as read-only whatever its method, so that a read token may call it."""
    view.__dict__["only_reads"] = True
    return view


def _only_reads() -> bool:
    """Whether the request is read-only."""
    view = current_app.view_functions.get(request.endpoint or "")
    return request.method in ("GET", "HEAD") or hasattr(view, "only_reads")


@bearer.error_processor
def _not_signed_in(error: HTTPError) -> Response:
    return of_http_error(error)


def holder() -> TokenHolder:
    """Return the holder of the request's token."""
    return cast(TokenHolder, bearer.current_user)


def caller() -> Caller:
    """Return the user who sends the request, with the checks that it has passed."""
    if "caller" not in g:
        g.caller = Caller(access(), holder(), request.remote_addr, g.get("request_id"))
    return cast(Caller, g.caller)


def user() -> User:
    """Return the user who sends the request."""
    return holder().user


def authority() -> Authority:
    """Return the request's token and the checks that it has passed."""
    return caller().authority()


def writing() -> AbstractContextManager[Transaction]:
    """Open a write transaction that checks the request's authority again."""
    return caller().writing()


def require_role(*roles: Role) -> User:
    """Require one of the roles, now and in the request's write."""
    return caller().require_role(*roles)


def dataset_for(dataset_id: int, level: Level) -> Dataset:
    """Return a dataset; require at least this level, now and in the request's write."""
    return caller().dataset(dataset_id, level)


def job_for(job_id: str) -> Job:
    """Return a job that the user may read, by its id or at least eight digits of it."""
    return caller().job(job_id)
