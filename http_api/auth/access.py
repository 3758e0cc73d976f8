"""Who asks, and whether they may.

Owns: a token's way to a user, from a bearer header or from a browser's session, and the checks of
role, scope and dataset level. Invariant: a dataset that one may not see answers exactly like one
that isn't there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from apiflask import HTTPTokenAuth
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
    """A token in the Authorization header or, where there is none, a browser's session."""

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

MAX_HOLDERS = 1_000
BEGINNING = re.compile("[0-9a-f]{8}[0-9a-f-]{0,27}")
"""An id of a job that isn't given in full; pages show eight digits."""
MAX_ALIKE = 20
"""So many ids that begin alike are looked at; of ten million jobs a few share eight digits."""
ROLES, LEVELS = "jobsvc.roles", "jobsvc.levels"
"""Where a request notes the checks that it has passed."""
NOWHERE = 0
"""The id of no dataset."""


def service() -> Service:
    """The service that this app serves."""
    return state().service


def _holder_of(secret: str) -> TokenHolder | None:
    """Whom a token stands for: looked up once for each version of the database."""
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
    """Mark a view that changes nothing, whatever its method, so that a read token may ask it."""
    view.__dict__["only_reads"] = True
    return view


def _only_reads() -> bool:
    """Whether the present request changes nothing."""
    view = current_app.view_functions.get(request.endpoint or "")
    return request.method in ("GET", "HEAD") or hasattr(view, "only_reads")


@dataclass(frozen=True)
class Session:
    """A browser's session: its secret and whom it stands for."""

    secret: str
    holder: TokenHolder


def session() -> Session | None:
    """The session of the browser that asks for a page; None when it has none that is valid.

    A token that wasn't made by signing in is none, so that a script's can't open the pages.
    """
    if "session" not in g:
        secret = request.cookies.get(COOKIE, "")
        found = _holder_of(secret)
        is_session = found is not None and found.kind == "session"
        g.session = Session(secret, found) if found is not None and is_session else None
    return cast(Session | None, g.session)


def adopt_session(found: Session) -> None:
    """Have :func:`user` and the checks below speak of a session's user."""
    g.flask_httpauth_user = found.holder


@bearer.error_processor
def _not_signed_in(error: HTTPError) -> Response:
    return of_http_error(error)


def holder() -> TokenHolder:
    """Whose token the request came with."""
    return cast(TokenHolder, bearer.current_user)


def user() -> User:
    """Who asks."""
    return holder().user


def authority() -> Authority:
    """Why the present request was allowed so far: its token, and the checks that it has passed."""
    return Authority(holder().token_id, tuple(_passed(ROLES)), tuple(_passed(LEVELS)))


@contextmanager
def writing() -> Iterator[Transaction]:
    """A write transaction that checks the request's authority again.

    Raises
    ------
    TokenEnded, Forbidden, NotFound
        The token, the role or the level has gone while the request was under way.
    """
    with write_as(service().database, authority(), service().clock) as tx:
        yield tx


def require_role(*roles: Role) -> User:
    """Refuse whoever has none of the roles, now and in the request's write.

    Raises
    ------
    Forbidden
        Says which role it takes.
    """
    checks.require_role(user(), roles)
    _passed(ROLES).append(roles)
    return user()


def dataset_for(dataset_id: int, level: Level) -> Dataset:
    """A dataset in which the user has at least this level, now and in the request's write.

    Raises
    ------
    NotFound, Forbidden
        It isn't there or not visible; or the user's role or level doesn't reach so far.
    """
    with service().database.read() as tx:
        dataset = checks.require_level(tx, user(), dataset_id, level)
    _passed(LEVELS).append((dataset_id, level))
    return dataset


def _passed(kind: str) -> list[Any]:
    """The checks of a kind that the present request has passed."""
    passed: list[Any] = g.setdefault(kind, [])
    return passed


def may(dataset: Dataset, level: Level) -> bool:
    """Whether :func:`dataset_for` gives the user this level: a viewer only reads."""
    return dataset.allows(level) and (level == "read" or user().role_name != "viewer")


def job_for(job_id: str) -> Job:
    """A job in a dataset that the user may read, by its id or its first eight digits or more.

    Raises
    ------
    NotFound
        It isn't there or not visible: the same answer after the same steps. Or several begin so.
    """
    with service().database.read() as tx:
        ids = job_ids_by_prefix(tx, job_id, MAX_ALIKE) if BEGINNING.fullmatch(job_id) else [job_id]
        seen = [job for one in ids or [job_id] if (job := _seen_job(tx, one)) is not None]
    if len(seen) > 1:
        raise NotFound('Several job ids begin with "{id}". Give more digits.', id=job_id)
    if not seen:
        raise NotFound('Job "{job}" not found.', job=job_id)
    return seen[0]


def _seen_job(tx: Transaction, job_id: str) -> Job | None:
    job: Job | None = None
    with suppress(NotFound):
        job = get_job(tx, job_id)
    with suppress(NotFound):
        get_dataset(tx, NOWHERE if job is None else job.dataset_id, user())
        return job
    return None
