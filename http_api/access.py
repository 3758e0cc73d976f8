"""Who asks, and whether they may.

Owns: the bearer token's way to a user, and the checks of role, scope and dataset level. Invariant:
a dataset that one may not see answers exactly like one that isn't there.
"""

from __future__ import annotations

from typing import cast

from apiflask import HTTPTokenAuth
from apiflask.exceptions import HTTPError
from flask import Response, current_app, request

from domain_errors import DomainError
from http_api.problems import of_http_error
from job_runner.service import Service
from storage.datasets import Dataset, Level, get_dataset
from storage.errors import NotFound
from storage.jobs import Job, get_job
from storage.tokens import TokenHolder, holder_of
from storage.users import Role, User

bearer = HTTPTokenAuth(scheme="Bearer", description="A token of POST /api/users/login.")

SERVICE = "jobsvc.service"


class Forbidden(DomainError):
    """A known user without the right."""

    code = "forbidden"


def service() -> Service:
    """The service that this app serves."""
    return cast(Service, current_app.extensions[SERVICE])


@bearer.verify_token  # type: ignore[untyped-decorator]
def _holder(token: str) -> TokenHolder | None:
    if not token:
        return None
    holder = holder_of(service().database.single(), token, service().clock)
    if holder is not None and holder.scope == "read" and request.method not in ("GET", "HEAD"):
        raise Forbidden("This token may only read. Use one with the scope write.")
    return holder


@bearer.error_processor
def _not_signed_in(error: HTTPError) -> Response:
    return of_http_error(error)


def holder() -> TokenHolder:
    """Whose token the request came with."""
    return cast(TokenHolder, bearer.current_user)


def user() -> User:
    """Who asks."""
    return holder().user


def require_role(*roles: Role) -> User:
    """Refuse whoever has none of the roles.

    Raises
    ------
    Forbidden
        Says which role it takes.
    """
    asking = user()
    if asking.role_name not in roles:
        raise Forbidden(f"This takes the role {' or '.join(roles)}; yours is {asking.role_name}.")
    return asking


def dataset_for(dataset_id: int, level: Level) -> Dataset:
    """A dataset in which the user has at least this level.

    Raises
    ------
    NotFound, Forbidden
        It isn't there or not visible; or the user's role or level doesn't reach so far.
    """
    asking = user()
    with service().database.read() as tx:
        dataset = get_dataset(tx, dataset_id, asking)
    if level != "read" and asking.role_name == "viewer":
        raise Forbidden("This takes the role analyst or admin; yours is viewer.")
    if not dataset.allows(level):
        raise Forbidden(
            f"This takes the level {level} in dataset {dataset_id}; yours is {dataset.level}."
        )
    return dataset


def job_for(job_id: str) -> Job:
    """A job in a dataset that the user may read."""
    with service().database.read() as tx:
        job = get_job(tx, job_id)
        try:
            get_dataset(tx, job.dataset_id, user())
        except NotFound:
            raise NotFound(f'There is no job "{job_id}".') from None
    return job
