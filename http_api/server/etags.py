"""Conditional GET (RFC 9110): an ETag, and 304 while the database doesn't change.

Guarantees that a 304 means the same response to the same token. Used by the routes that are polled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import Any, TypeVar, cast

from flask import Response, make_response, request

from http_api.auth.access import caller
from http_api.state import state

View = TypeVar("View", bound=Callable[..., Any])


def with_etag(view: View) -> View:
    """Add an ETag to a GET view that reads the request and the database alone.

    Stands between the view's authentication and its input, so a 304 costs no query.
    """

    @wraps(view)
    def conditional(*args: Any, **values: Any) -> Response:
        etag = _etag()  # before the view reads: a later commit must change it
        known = request.if_none_match
        if known.contains_weak(etag) and not known.star_tag:
            response = Response(status=304)
        else:
            response = make_response(view(*args, **values))
        response.set_etag(etag)
        response.headers["Cache-Control"] = "private, no-cache"  # revalidate before each use
        return response

    return cast(View, conditional)


def _etag() -> str:
    """Digest of the database version, the token and the URL."""
    server = state()
    version = (server.instance_id, server.access.service.database.version)
    return sha256(repr((version, caller().holder.token_id, request.url)).encode()).hexdigest()[:32]
