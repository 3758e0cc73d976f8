"""What went wrong, as a page.

Owns: the pages' own answers to errors. Invariant: whoever looks at a page is answered with one, and
a program with a problem document; so is a script that sends a page's form and shows on that page
what became of it. Used by every page, by way of the blueprint.
"""

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
    unforeseen,
)
from web_ui.shell import blueprint, show

TITLES = {
    403: "Not allowed",
    404: "Not found",
    409: "Not now",
    413: "Too large",
    422: "That can't be",
    429: "Too many requests at once",
    503: "Not at this moment",
}
KINDS = ("application/json", "text/html")
"""What the answer to an unknown address may be; whoever takes either gets the first."""


@blueprint.errorhandler(DomainError)
def refused(error: DomainError) -> Response:
    """A refusal as a page; one of whoever asks from elsewhere isn't worth a page."""
    if isinstance(error, HostNotAllowed | OriginNotAllowed) or _asked_by_script():
        return of_domain_error(error)
    status = STATUS_OF_CODE.get(error.code, 500)
    return problem_page(status, error.message)


@blueprint.errorhandler(HTTPException)
def not_served(error: HTTPException) -> Response:
    """An error of HTTP as a page."""
    status = error.code or 500
    if _asked_by_script():
        return of_http_error(HTTPError(status, error.name))
    return problem_page(status, DETAILS.get(status, error.description or ""))


@blueprint.errorhandler(Exception)
def broken(error: Exception) -> Response:
    """An error that nobody foresaw, as a page; one of HTTP or of ours has a handler above."""
    status, code, detail = unforeseen(error)
    return problem(status, code, detail) if _asked_by_script() else problem_page(status, detail)


@blueprint.app_errorhandler(404)
@blueprint.app_errorhandler(405)
def no_page(error: HTTPException) -> Response:
    """An address that leads nowhere: a page for a browser that looks for one, else a document."""
    looks = request.method == "GET" and not request.path.startswith("/api/")
    if looks and request.accept_mimetypes.best_match(KINDS) == "text/html":
        return problem_page(404, DETAILS[404])
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return of_http_error(HTTPError(error.code or 404, error.name, headers=headers))


def _asked_by_script() -> bool:
    """Whether one of our scripts asks: it takes JSON first, a browser that goes to a page HTML."""
    return request.accept_mimetypes.best == KINDS[0]


def problem_page(status: int, detail: str) -> Response:
    """What went wrong, and where to go from here."""
    return show(
        "problem.html",
        status,
        title=TITLES.get(status, "Something went wrong"),
        status=status,
        detail=detail,
        request_id=g.get("request_id", ""),
    )
