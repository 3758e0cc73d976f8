"""Answers kept for as long as nothing changes.

Many clients ask for the same job or list again and again. What such an answer says is settled by
who asks, what is asked and what the database holds, so an answer is kept and sent again until the
next commit. Invariant: a kept answer is byte for byte what the view would give now. Whether the
token still holds is checked before, at every request.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response, current_app, make_response, request

from http_api.access import service, user
from http_api.kept import Kept

View = TypeVar("View", bound=Callable[..., Any])

KEPT = "jobsvc.kept_answers"
MOST_ANSWERS = 256
LARGEST_BYTES = 256 * 1024


def kept_while_unchanged(view: View) -> View:
    """Keep the JSON answers of a view that reads the database and nothing else."""

    @wraps(view)
    def answering(*args: Any, **values: Any) -> Response:
        kept: Kept[bytes] = current_app.extensions[KEPT]
        asking = user()
        key = (asking.id, asking.role_name, request.path, request.query_string)
        version = service().database.version
        answer = kept.get(version, key)
        if answer is not None:
            return Response(answer, mimetype="application/json")
        response = make_response(view(*args, **values))
        if response.status_code == 200 and len(body := response.get_data()) <= LARGEST_BYTES:
            kept.keep(version, key, body)
        return response

    return cast(View, answering)
