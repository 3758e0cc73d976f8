"""Work limits of requests: reads of tables, large uploads, password hashes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, TypeVar, cast

from flask import request

from application.work_limits import WorkLimits
from http_api.auth.access import access, caller

SMALL_UPLOAD_BYTES = 8 * 1024**2
"""Takes a tenth of a second to copy."""

View = TypeVar("View", bound=Callable[..., Any])


def limits() -> WorkLimits:
    """Return the limits of this app."""
    return access().work_limits


def reading() -> AbstractContextManager[None]:
    """Count the block as a read of tables by the request's user."""
    return caller().reading()


def large_uploads(view: View) -> View:
    """Count a request with a large file as slow work, since its thread copies the file.

    Stands between the view's authentication and its input.
    """

    @wraps(view)
    def counted(*args: Any, **values: Any) -> Any:
        size_bytes = request.content_length
        if size_bytes is not None and size_bytes <= SMALL_UPLOAD_BYTES:
            return view(*args, **values)
        with limits().uploads.piece(caller().user.id):
            return view(*args, **values)

    return cast(View, counted)


def hashing(who: Hashable) -> AbstractContextManager[None]:
    """Count the block as a password hash for a user."""
    return limits().passwords.piece(who)
