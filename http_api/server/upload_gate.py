"""Who may send how much: asked for each request once its headers have arrived.

Invariant: only an import, or a look at a file before it, by a user who may write can be larger than
the setting ``body_max_kb``, and none is taken in that would leave less than ``min_free_mb`` free on
the disk. The view checks the dataset and its level afterwards, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_cookie

from http_api.auth.sessions import COOKIE
from http_api.routes.imports import ENDPOINT, PREVIEW_BYTES, PREVIEW_ENDPOINTS
from http_api.server.problems import SIGN_IN_FIRST, STATUS_OF_CODE
from http_api.server.request_limits import Gate, Refusal
from job_runner.service import Service
from storage.accounts.tokens import find_token_holder
from storage.errors import NotWritable
from storage.maintenance.health import DiskFull, check_room


def gate(app: Flask, service: Service) -> Gate:
    """The limits of an app's requests."""
    addresses = app.url_map.bind("localhost")
    small_bytes = service.settings.body_max_kb * 1024
    large_bytes = {
        ENDPOINT: service.settings.upload_max_mb * 1024**2,
        **dict.fromkeys(PREVIEW_ENDPOINTS, PREVIEW_BYTES),
    }

    def endpoint(method: str, path: str) -> str:
        with suppress(HTTPException):
            decoded = path.encode("latin-1").decode("utf-8", "replace")
            return str(addresses.match(decoded, method=method)[0])
        return ""

    def limit(method: str, path: str, headers: Mapping[str, str]) -> int | Refusal:
        if not headers.get("CONTENT_TYPE", "").lower().startswith("multipart/"):
            return small_bytes  # no file can come; most requests don't have to be matched twice
        asked = endpoint(method, path)
        if asked not in large_bytes:
            return small_bytes
        holder = find_token_holder(service.database.single(), _secret(headers), service.clock)
        if holder is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            return Refusal(401, "unauthorized", SIGN_IN_FIRST, challenge)
        if holder.scope == "read" or holder.user.role_name == "viewer":
            return small_bytes  # the view says what is missing
        return _without_room(service, headers) or large_bytes[asked]

    return limit


def _without_room(service: Service, headers: Mapping[str, str]) -> Refusal | None:
    """The refusal of a file that would all but fill the disk; None when there is room."""
    length = headers.get("CONTENT_LENGTH", "")
    # It is written as it arrives, and again where it waits for its job.
    coming_bytes = 2 * int(length) if length.isdecimal() else 0
    try:
        check_room(service.directory, service.settings.min_free_mb, coming_bytes)
    except (DiskFull, NotWritable) as error:
        retry = {"Retry-After": str(error.retry_after_s)}
        return Refusal(STATUS_OF_CODE[error.code], error.code, error.message, retry)
    return None


def _secret(headers: Mapping[str, str]) -> str:
    """The token of a header, or of a browser's session."""
    scheme, _, token = headers.get("AUTHORIZATION", "").partition(" ")
    if scheme:
        return token.strip() if scheme.lower() == "bearer" else ""
    return parse_cookie(headers.get("COOKIE", "")).get(COOKIE, "")
