"""Error responses: a page for a browser, a problem document for a script or program."""

from __future__ import annotations

from apiflask.exceptions import HTTPError
from flask import Response, g, request
from werkzeug.exceptions import HTTPException

from domain_errors import DomainError
from http_api.server.host_check import HostNotAllowed, OriginNotAllowed
from http_api.server.problems import (
    DETAILS,
    STATUS_OF_CODE,
    of_domain_error,
    of_http_error,
    problem,
    unexpected_error,
)
from web_ui.shell import blueprint, show

TITLES = {
    403: "Not allowed",
    404: "Not found",
    409: "Not possible now",
    413: "Too large",
    422: "Invalid request",
    429: "Too many requests",
    503: "Not available now",
}
KINDS = ("application/json", "text/html")
"""Media types of a 404 response; the first is the default."""


@blueprint.errorhandler(DomainError)
def refused(error: DomainError) -> Response:
    """Show a domain error; a request of another origin gets a problem document."""
    if isinstance(error, HostNotAllowed | OriginNotAllowed) or _is_script():
        return of_domain_error(error)
    status = STATUS_OF_CODE.get(error.code, 500)
    return problem_page(status, error.message)


@blueprint.errorhandler(HTTPException)
def not_served(error: HTTPException) -> Response:
    """Show an HTTP error."""
    status = error.code or 500
    if _is_script():
        return of_http_error(HTTPError(status, error.name))
    return problem_page(status, DETAILS.get(status, error.description or ""))


@blueprint.errorhandler(Exception)
def broken(error: Exception) -> Response:
    """Show an unexpected error."""
    status, code, detail = unexpected_error(error)
    return problem(status, code, detail) if _is_script() else problem_page(status, detail)


@blueprint.app_errorhandler(404)
@blueprint.app_errorhandler(405)
def no_page(error: HTTPException) -> Response:
    """Show an unknown URL: a page for a browser, else a problem document."""
    is_page = request.method == "GET" and not request.path.startswith("/api/")
    if is_page and request.accept_mimetypes.best_match(KINDS) == "text/html":
        return problem_page(404, DETAILS[404])
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return of_http_error(HTTPError(error.code or 404, error.name, headers=headers))


def _is_script() -> bool:
    """Whether the pages' scripts sent the request: they prefer JSON, a browser prefers HTML."""
    return request.accept_mimetypes.best == KINDS[0]


def problem_page(status: int, detail: str) -> Response:
    """Render an error page."""
    return show(
        "problem.html",
        status,
        title=TITLES.get(status, "Something went wrong"),
        status=status,
        detail=detail,
        request_id=g.get("request_id", ""),
    )
