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

View = TypeVar("View", bound=Callable[..., Any])

KEPT = "jobsvc.kept_answers"
MOST_ANSWERS = 256
LARGEST_BYTES = 256 * 1024


class KeptAnswers:
    """The answers of one version of the database; kept in the app's extensions."""

    def __init__(self) -> None:
        self._of_version: tuple[int, dict[Any, bytes]] = (-1, {})

    def get(self, version: int, key: Any) -> bytes | None:
        """The answer, if it was kept at this version."""
        kept_at, answers = self._of_version
        return answers.get(key) if kept_at == version else None

    def keep(self, version: int, key: Any, answer: bytes) -> None:
        """Keep an answer that was computed after the database had this version."""
        kept_at, answers = self._of_version
        if kept_at != version:
            answers = {}
            self._of_version = (version, answers)
        if len(answers) < MOST_ANSWERS and len(answer) <= LARGEST_BYTES:
            answers[key] = answer


def kept_while_unchanged(view: View) -> View:
    """Keep the JSON answers of a view that reads the database and nothing else."""

    @wraps(view)
    def answering(*args: Any, **values: Any) -> Response:
        kept: KeptAnswers = current_app.extensions[KEPT]
        asking = user()
        key = (asking.id, asking.role_name, request.path, request.query_string)
        version = service().database.version
        answer = kept.get(version, key)
        if answer is not None:
            return Response(answer, mimetype="application/json")
        response = make_response(view(*args, **values))
        if response.status_code == 200:
            kept.keep(version, key, response.get_data())
        return response

    return cast(View, answering)
