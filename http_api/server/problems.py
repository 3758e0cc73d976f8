"""Every error response, as a problem document (RFC 9457), and the HTTP status of each error code.

Guarantees that a failed request gets a problem document with its request id. Stack traces and paths
go to the log alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any, NotRequired, TypedDict

from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, current_app, g, jsonify, request

from application.sessions import SIGNED_OUT, is_from_page
from application.throttle import HELD
from contract.declarations import Help
from domain_errors import DomainError, render
from http_api.schemas.fields import Message
from http_api.server.statuses import STATUS_OF_CODE
from http_api.state import state
from service.errors import transient_error
from storage.sqlite.database import damage

MAX_ERRORS = 100
"""Errors that one problem document lists: a body can hold a hundred thousand."""

_LOCATIONS = {
    "json": "body",
    "json_or_form": "body",
    "form": "body",
    "files": "body",
    "form_and_files": "body",
    "query": "query",
}


class ErrorItem(TypedDict):
    """An error, and where it is."""

    loc: Sequence[str | int]
    msg: Annotated[str, Help("The rendered sentence.")]
    type: str
    template: Annotated[
        str,
        Help("The sentence with API fields in backticks and the names of parameters in braces."),
    ]
    parameters: Annotated[
        Mapping[str, str | float | bool | None], Help("The values of the template by name.")
    ]


class ProblemJson(TypedDict):
    """An error (RFC 9457). Status 422 always has `errors`."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Help("A sentence for people.")]
    code: Annotated[str, Help("Stable.")]
    request_id: str
    errors: NotRequired[Sequence[ErrorItem]]


def error_item(
    loc: Sequence[str | int], kind: str, template: str, parameters: Mapping[str, object]
) -> ErrorItem:
    """One entry of a problem document's `errors`: a sentence, and what it is rendered from.

    >>> item = error_item(("body", "seed"), "invalid_seed", "`seed` is {seed}.", {"seed": -1})
    >>> item["msg"], item["template"], item["parameters"]
    ('seed is -1.', '`seed` is {seed}.', {'seed': -1})
    """
    return {
        "loc": list(loc),
        "msg": render(template, parameters),
        "type": kind,
        "template": template,
        "parameters": {
            name: value if isinstance(value, str | int | float | None) else str(value)
            for name, value in parameters.items()
        },
    }


def validation_errors(messages: Mapping[str, Any]) -> list[ErrorItem]:
    """List marshmallow's messages by location, at least one.

    >>> (error,) = validation_errors({"json": {"rounds": {0: {"method": ["Not a string."]}}}})
    >>> error["loc"], error["msg"]
    (['body', 'rounds', 0, 'method'], 'Not a string.')
    """
    found = islice(_flattened(messages), MAX_ERRORS)
    return [
        error_item(loc, "value_error", message.template, message.parameters)
        for loc, message in found
    ] or [error_item(("body",), "value_error", "The request can't be read.", {})]


def place(loc: Sequence[str | int]) -> str:
    """Write a location as a path.

    >>> place(["body", "rounds", 0, "method"])
    'rounds[0].method'
    """
    text = ""
    for part in loc[1:]:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or str(loc[0])


def _flattened(messages: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Message]]:
    """Yield marshmallow's nested messages as (location, message) pairs."""
    for location, nested in messages.items():
        for loc, message in _leaves(nested):
            yield (_LOCATIONS.get(location, location), *loc), message


def _leaves(nested: Any) -> Iterator[tuple[tuple[str | int, ...], Message]]:
    if isinstance(nested, Mapping):
        for key, value in nested.items():
            here = () if key == "_schema" else (key,)
            for loc, message in _leaves(value):
                yield (*here, *loc), message
    elif isinstance(nested, list | tuple):
        for item in nested:
            yield from _leaves(item)
    else:
        yield (), nested if isinstance(nested, Message) else Message("{text}", text=str(nested))


logger = logging.getLogger("jobsvc.http")

HELD_CODES = ("too_many_attempts", "too_many_sign_ins")

RETRY_AFTER_S = "5"
"""``Retry-After`` for a temporary fault of the machine, such as a full disk."""

PROBLEM = "application/problem+json"


def problem_document(
    status: int, code: str, detail: str, request_id: str, errors: Sequence[ErrorItem] = ()
) -> ProblemJson:
    """Build a problem document; a 422 always lists its errors."""
    document: ProblemJson = {
        "type": f"urn:jobsvc:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }
    if status == 422 or errors:
        document["errors"] = list(errors)
    return document


def problem(
    status: int,
    code: str,
    detail: str,
    errors: Sequence[ErrorItem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build the response with a problem document, or an error page for a browser."""
    page = state().problem_page(status, code, detail)
    if page is not None:
        page.headers.extend(dict(headers or {}))
        return page
    response = jsonify(problem_document(status, code, detail, g.get("request_id", ""), errors))
    response.status_code = status
    response.headers.extend(dict(headers or {}))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    response.content_type = PROBLEM
    return response


def of_domain_error(error: DomainError) -> Response:
    """Build the problem document of a domain error."""
    status = STATUS_OF_CODE.get(error.code, 500)
    if status >= 500:
        logger.error("%s: %s", error.code, error.message)
    errors = [_item_of(cause, status) for cause in (error.causes or (error,))[:MAX_ERRORS]]
    headers = {"Retry-After": str(error.retry_after_s)} if hasattr(error, "retry_after_s") else {}
    if error.code in HELD_CODES:
        request.environ[HELD] = True
    return problem(status, error.code, error.message, errors, headers)


def _item_of(error: DomainError, status: int) -> ErrorItem:
    """The entry of an error; what isn't found is named by the path, unless a field names it."""
    loc = error.loc
    if not loc or loc[0] not in ("body", "query", "path", "header"):
        place = "query" if request.method == "GET" else "body"
        loc = ("path",) if status == 404 and not loc else (place, *loc)
    return error_item(loc, error.code, error.template, error.parameters)


SIGN_IN_FIRST = (
    "Sign in first: send the header Authorization: Bearer and a token that is still valid."
)
TOO_LARGE = "The request is larger than this server accepts."
_HTTP_ERRORS = {
    401: ("unauthorized", SIGN_IN_FIRST),
    403: ("forbidden", ""),
    404: ("not_found", "This address doesn't exist."),
    405: ("method_not_allowed", ""),
    413: ("too_large", TOO_LARGE),
    415: ("unsupported_media_type", ""),
}
"""Code and sentence of each status; without a sentence, the error's own."""


def of_http_error(error: HTTPError) -> Response:
    """Build the problem document of an error of Flask, APIFlask or webargs."""
    if error.status_code in (400, 422):
        errors = validation_errors(error.detail if isinstance(error.detail, Mapping) else {})
        detail = "; ".join(f"{place(item['loc'])}: {item['msg']}" for item in errors[:5])
        return problem(422, "invalid_request", detail, errors)
    code, detail = _HTTP_ERRORS.get(error.status_code, ("http_error", ""))
    if error.status_code == 401 and is_from_page(request):
        detail = SIGNED_OUT
    headers = {
        name: str(value)
        for name, value in dict(error.headers).items()
        if name.lower() not in ("content-type", "www-authenticate")
    }
    return problem(error.status_code, code, detail or error.message or "", headers=headers)


def of_unexpected_error(error: Exception) -> Response:
    """Log an error that isn't foreseen, and build its problem document."""
    if current_app.testing:
        raise error
    logger.exception("request %s failed", g.get("request_id", ""))
    headers = {"Retry-After": RETRY_AFTER_S} if transient_error(error) else {}
    fault = damage(error) or transient_error(error)
    if fault is not None:
        status = STATUS_OF_CODE.get(fault.code, 503)
        return problem(status, fault.code, fault.message, headers=headers)
    detail = "Unexpected error. Give an administrator the request id."
    return problem(500, "internal_error", detail, headers=headers)


def register(app: APIFlask) -> None:
    """Register this module's error handlers."""
    app.error_processor(of_http_error)
    app.register_error_handler(DomainError, of_domain_error)
    app.register_error_handler(Exception, of_unexpected_error)
