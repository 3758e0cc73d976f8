"""JSON responses by orjson, and JSON request bodies with precise errors.

Guarantees that any invalid body is the client's error (422 or 415). Flask's own provider writes the
values that orjson refuses: integers over 64 bits and invalid Unicode.
"""

from __future__ import annotations

import json
from typing import Any, cast

import orjson
from apiflask.schema_adapters.marshmallow import parser
from flask import Request, Response
from flask.json.provider import DefaultJSONProvider
from marshmallow import missing

from domain_errors import DomainError, InvalidRequest


class OrjsonProvider(DefaultJSONProvider):
    """Flask's provider with a faster writer that preserves the order of keys."""

    sort_keys = False

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Build a response with the JSON of the arguments."""
        value = self._prepare_response_obj(args, kwargs)
        try:
            body = orjson.dumps(value, default=self.default, option=orjson.OPT_APPEND_NEWLINE)
        except orjson.JSONEncodeError:
            return cast(Response, super().response(*args, **kwargs))
        return Response(body, mimetype=self.mimetype)


FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class WrongMediaType(DomainError):
    """The route doesn't accept the body's content type."""

    code = "unsupported_media_type"


def load_json(request: Request, schema: Any) -> Any:
    """Read a JSON body; an empty one is missing."""
    body = request.get_data(cache=True)
    if not body:
        return missing
    if not request.is_json:
        raise _wrong_media_type(request, "application/json")
    try:
        return json.loads(body.decode("utf-8"))
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            "The body isn't JSON: {problem} at line {line}, column {column}.",
            loc=("body",),
            problem=error.msg,
            line=str(error.lineno),
            column=str(error.colno),
        ) from None
    except UnicodeDecodeError:
        problem = "The body isn't JSON: it isn't UTF-8."
    except RecursionError:
        problem = "The JSON is nested too deeply."
    except ValueError:  # Python's limit for the digits of an integer
        problem = "The JSON has a number with too many digits."
    raise InvalidRequest(problem, loc=("body",))


def load_json_or_form(request: Request, schema: Any) -> Any:
    """Read a body that is JSON or a form."""
    if request.is_json or not request.content_length:
        return load_json(request, schema)
    if request.mimetype not in FORMS:
        raise _wrong_media_type(request, f"application/json or {FORMS[0]}")
    return parser.load_form(request, schema)


def _wrong_media_type(request: Request, wanted: str) -> WrongMediaType:
    given = request.mimetype or "missing"
    return WrongMediaType(
        "The Content-Type of the body is {given}. Send {wanted}.",
        loc=("header", "Content-Type"),
        given=given,
        wanted=wanted,
    )


def register() -> None:
    """Register the readers for all views."""
    parser.location_loader("json")(load_json)
    parser.location_loader("json_or_form")(load_json_or_form)
