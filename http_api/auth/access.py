"""Authentication by bearer token or browser session, and checks of role, scope and dataset level.

Guarantees that a dataset that the user can't see gets the same response as a missing one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from apiflask import APIBlueprint, HTTPTokenAuth
from apiflask.exceptions import HTTPError
from flask import Response, current_app, g, request
from werkzeug.datastructures import Authorization

from http_api.auth.sessions import COOKIE, require_own_page
from http_api.server.problems import of_http_error
from http_api.state import state
from job_runner import log_context
from job_runner.service import Service
from storage.accounts import authority as checks
from storage.accounts.authority import Authority, write_as
from storage.accounts.datasets import Dataset, Level, get_dataset
from storage.accounts.tokens import TokenHolder, find_token_holder, hash_secret
from storage.accounts.users import Role, User
from storage.errors import Forbidden, NotFound
from storage.jobs.jobs import Job, get_job, job_ids_by_prefix
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

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view after its authentication."""
        register = super().route(rule, **options)
        return lambda view: register(self.auth_required(bearer)(view))


MAX_HOLDERS = 1_000
SHORT_ID = re.compile("[0-9a-f]{8}[0-9a-f-]{0,27}")
"""The first digits of a job id; pages show eight."""
MAX_SHORT_ID_MATCHES = 20
"""Of ten million jobs a few share eight digits."""
ROLES, LEVELS = "jobsvc.roles", "jobsvc.levels"
"""Keys in ``g`` for the checks that the request has passed."""
NO_DATASET = 0


def service() -> Service:
    """Return the service that this app serves."""
    return state().service


def _holder_of(secret: str) -> TokenHolder | None:
    """Find a token's holder, once for each database version."""
    here = service()
    cache = state().token_holders
    key, version = hash_secret(secret), here.database.version
    found = cache.get(version, key)
    if found is None:
        found = find_token_holder(here.database.single(), secret, here.clock)
        if found is not None:
            cache.put(version, key, found)
    elif found.has_ended(here.clock):
        return None
    return found


@bearer.verify_token  # type: ignore[untyped-decorator]
def _holder(token: str) -> TokenHolder | None:
    if not token:
        return None
    holder = _holder_of(token)
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


@dataclass(frozen=True)
class Session:
    """A browser's session: its secret and its holder."""

    secret: str
    holder: TokenHolder


def session() -> Session | None:
    """Return the browser's valid session, or None. A script's token can't open pages."""
    if "session" not in g:
        secret = request.cookies.get(COOKIE, "")
        found = _holder_of(secret)
        is_session = found is not None and found.kind == "session"
        g.session = Session(secret, found) if found is not None and is_session else None
    return cast(Session | None, g.session)


def adopt_session(found: Session) -> None:
    """Make a session's holder the user of this request."""
    g.flask_httpauth_user = found.holder


@bearer.error_processor
def _not_signed_in(error: HTTPError) -> Response:
    return of_http_error(error)


def holder() -> TokenHolder:
    """Return the holder of the request's token."""
    return cast(TokenHolder, bearer.current_user)


def user() -> User:
    """Return the user who sends the request."""
    return holder().user


def authority() -> Authority:
    """Return the request's token and the checks that it has passed."""
    return Authority(holder().token_id, tuple(_passed(ROLES)), tuple(_passed(LEVELS)))


@contextmanager
def writing() -> Iterator[Transaction]:
    """Open a write transaction that checks the request's authority again.

    Raises
    ------
    TokenEnded, Forbidden, NotFound
        The token, role or level was revoked during the request.
    """
    with write_as(service().database, authority(), service().clock) as tx:
        yield tx


def require_role(*roles: Role) -> User:
    """Require one of the roles, now and in the request's write.

    Raises
    ------
    Forbidden
        The user has another role.
    """
    checks.require_role(user(), roles)
    _passed(ROLES).append(roles)
    return user()


def dataset_for(dataset_id: int, level: Level) -> Dataset:
    """Return a dataset; require at least this level, now and in the request's write.

    Raises
    ------
    NotFound, Forbidden
        It is missing or not visible; or the user's role or level is too low.
    """
    with service().database.read() as tx:
        dataset = checks.require_level(tx, user(), dataset_id, level)
    _passed(LEVELS).append((dataset_id, level))
    return dataset


def _passed(kind: str) -> list[Any]:
    """Return the checks of a kind that the request has passed."""
    passed: list[Any] = g.setdefault(kind, [])
    return passed


def may(dataset: Dataset, level: Level) -> bool:
    """Whether :func:`dataset_for` allows the user this level: a viewer only reads."""
    return dataset.allows(level) and (level == "read" or user().role_name != "viewer")


def job_for(job_id: str) -> Job:
    """Return a job that the user may read, by its id or at least eight digits of it.

    Raises
    ------
    NotFound
        It is missing or not visible (the same response after the same steps); or several match.
    """
    with service().database.read() as tx:
        ids = (
            job_ids_by_prefix(tx, job_id, MAX_SHORT_ID_MATCHES)
            if SHORT_ID.fullmatch(job_id)
            else [job_id]
        )
        visible = [job for each in ids or [job_id] if (job := _visible_job(tx, each)) is not None]
    if len(visible) > 1:
        raise NotFound('Several job ids begin with "{id}". Give more digits.', id=job_id)
    if not visible:
        raise NotFound('Job "{job}" not found.', job=job_id)
    return visible[0]


def _visible_job(tx: Transaction, job_id: str) -> Job | None:
    job: Job | None = None
    with suppress(NotFound):
        job = get_job(tx, job_id)
    with suppress(NotFound):
        get_dataset(tx, NO_DATASET if job is None else job.dataset_id, user())
        return job
    return None
