"""What is wrong with a request by its schema, as the list of errors of a problem document.

Every error answer, as an RFC 9457 problem document.

Owns: the one table from an error's code to its HTTP status, and the one shape of an error.
Invariant: whatever goes wrong in a request, the answer is a problem document with a request id;
what the client can't know (a trace, a path) stays in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any

from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, current_app, g, jsonify

from domain_errors import DomainError
from job_runner.faults import passing_fault
from storage.sqlite.database import damage

MAX_ERRORS = 100
"""A document lists so many errors at the most: a body can hold a hundred thousand."""

_LOCATIONS = {
    "json": "body",
    "json_or_form": "body",
    "form": "body",
    "files": "body",
    "form_and_files": "body",
    "query": "query",
}


def validation_errors(messages: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Errors with their places, of marshmallow's messages by the request's part; never empty.

    >>> validation_errors({"json": {"rounds": {0: {"method": ["Not a valid string."]}}}})
    [{'loc': ['body', 'rounds', 0, 'method'], 'msg': 'Not a valid string.', 'type': 'value_error'}]
    """
    errors = [
        {"loc": list(loc), "msg": message, "type": "value_error"}
        for loc, message in islice(_flattened(messages), MAX_ERRORS)
    ]
    unread = {"loc": ["body"], "msg": "The request can't be read.", "type": "value_error"}
    return errors or [unread]


def place(loc: Sequence[str | int]) -> str:
    """A place as a person reads it.

    >>> place(["body", "rounds", 0, "method"])
    'rounds[0].method'
    """
    text = ""
    for part in loc[1:]:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or str(loc[0])


def _flattened(messages: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Marshmallow's nested messages as (place, message) pairs."""
    for location, nested in messages.items():
        for loc, message in _leaves(nested):
            yield (_LOCATIONS.get(location, location), *loc), message


def _leaves(nested: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(nested, Mapping):
        for key, value in nested.items():
            here = () if key == "_schema" else (key,)
            for loc, message in _leaves(value):
                yield (*here, *loc), message
    elif isinstance(nested, list | tuple):
        for item in nested:
            yield from _leaves(item)
    else:
        yield (), str(nested)


logger = logging.getLogger("jobsvc.http")

STATUS_OF_CODE: Mapping[str, int] = {
    "not_found": 404,
    "pruned": 404,
    "conflict": 409,
    "ref_moved": 409,
    "stale_job": 409,
    "files_in_use": 409,
    "job_not_completed": 409,
    "comparison_not_ready": 409,
    "idempotency_key_reused": 409,
    "forbidden": 403,
    "origin_not_allowed": 403,
    "host_not_allowed": 421,
    "unauthorized": 401,
    "bad_credentials": 401,
    "wrong_password": 422,
    "too_many_attempts": 429,
    "too_many_streams": 429,
    "too_many_waiting_jobs": 429,
    "too_many_queries": 429,
    "too_many_previews": 429,
    "too_many_reads": 429,
    "too_many_downloads": 429,
    "too_many_uploads": 429,
    "too_many_sign_ins": 429,
    "invalid_value": 422,
    "invalid_request": 422,
    "unknown_column": 422,
    "invalid_filter": 422,
    "invalid_numbers": 422,
    "invalid_parameter": 422,
    "invalid_selection": 422,
    "unknown_stratum": 422,
    "no_reserves": 422,
    "unknown_round": 404,
    "unknown_row": 404,
    "too_large_for_sheet": 422,
    "invalid_size": 422,
    "invalid_rounds": 422,
    "invalid_seed": 422,
    "invalid_strata_columns": 422,
    "minimum_exceeds_sample": 422,
    "too_many_strata": 422,
    "unreadable_file": 422,
    "workbook_too_large": 422,
    "invalid_sql": 422,
    "sql_refused": 422,
    "sql_failed": 422,
    "sql_too_large": 422,
    "sql_out_of_memory": 422,
    "sql_timeout": 422,
    "page_too_large": 422,
    "preview_too_large": 422,
    "preview_too_slow": 422,
    "request_too_slow": 422,
    "preview_unclear": 422,
    "unsupported_media_type": 415,
    "storage_not_writable": 503,
    "disk_full": 503,
    "data_directory_in_use": 503,
    "newer_schema": 503,
    "older_schema": 503,
    "unknown_schema": 503,
    "foreign_directory": 503,
    "no_data_directory": 503,
    "damaged_database": 503,
    "cannot_open_database": 503,
    "address_in_use": 503,
    "too_few_descriptors": 503,
    "invalid_setting": 500,
    "rows_missing": 503,
    "damaged_data": 503,
    "timed_out": 500,
}
"""A code that isn't here is a mistake of ours: 500. A test holds the table against all errors."""

RETRY_AFTER_S = "5"
"""When to come back after a fault of the machine that may pass, such as a full disk."""

PROBLEM = "application/problem+json"


class InvalidRequest(DomainError):
    """A request that isn't what the API takes; ``loc`` starts with ``body`` or ``query``."""

    code = "invalid_request"


def problem_document(
    status: int, code: str, detail: str, request_id: str, errors: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """An error as RFC 9457 has it; a 422 lists its errors."""
    document: dict[str, Any] = {
        "type": f"urn:jobsvc:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }
    if status == 422:
        document["errors"] = list(errors)
    return document


def problem(
    status: int,
    code: str,
    detail: str,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with a problem document."""
    response = jsonify(problem_document(status, code, detail, g.get("request_id", ""), errors))
    response.status_code = status
    response.headers.extend(dict(headers or {}))
    response.content_type = PROBLEM
    return response


def of_domain_error(error: DomainError) -> Response:
    """A domain error's problem document."""
    status = STATUS_OF_CODE.get(error.code, 500)
    if status >= 500:
        logger.error("%s: %s", error.code, error.message)
    loc = error.loc
    if not loc or loc[0] not in ("body", "query", "path", "header"):
        loc = ("body", *loc)
    errors = [{"loc": list(loc), "msg": error.message, "type": error.code}]
    headers = {"Retry-After": str(error.retry_after_s)} if hasattr(error, "retry_after_s") else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, error.code, error.message, errors, headers)


_CODES = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
}

SIGN_IN_FIRST = (
    "Sign in first: send the header Authorization: Bearer and a token that is still valid."
)
TOO_LARGE = "The request is larger than this server accepts."

DETAILS = {
    401: SIGN_IN_FIRST,
    404: "There is nothing at this address.",
    413: TOO_LARGE,
}


def of_http_error(error: HTTPError) -> Response:
    """The problem document of an error that Flask, APIFlask or webargs raised."""
    if error.status_code in (400, 422):
        errors = validation_errors(error.detail if isinstance(error.detail, Mapping) else {})
        detail = "; ".join(f"{place(item['loc'])}: {item['msg']}" for item in errors[:5])
        return problem(422, "invalid_request", detail, errors)
    code = _CODES.get(error.status_code, "http_error")
    detail = DETAILS.get(error.status_code, error.message or "")
    headers = {
        name: str(value)
        for name, value in dict(error.headers).items()
        if name.lower() != "content-type"
    }
    if error.status_code == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(error.status_code, code, detail, headers=headers)


def register(app: APIFlask) -> None:
    """Have every error of the app answered by this module."""
    app.error_processor(of_http_error)
    app.register_error_handler(DomainError, of_domain_error)

    @app.errorhandler(Exception)
    def answer_unforeseen(error: Exception) -> Response:
        if current_app.testing:
            raise error
        status, code, detail = unforeseen(error)
        headers = {"Retry-After": RETRY_AFTER_S} if passing_fault(error) else {}
        return problem(status, code, detail, headers=headers)


def unforeseen(error: Exception) -> tuple[int, str, str]:
    """Status, code and sentence of an error that nobody foresaw; the log tells all of it."""
    logger.exception("request %s failed", g.get("request_id", ""))
    told = damage(error) or passing_fault(error)
    if told is not None:
        return STATUS_OF_CODE.get(told.code, 503), told.code, told.message
    return (
        500,
        "internal_error",
        "Something unforeseen went wrong. Tell the server's keeper the request id.",
    )
