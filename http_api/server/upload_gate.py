"""The size limit of each request's body, decided from its headers.

Guarantees that only an import or preview by a user with write access exceeds ``body_max_kb``, and
that none leaves less than ``min_free_mb`` on the disk. The view checks the dataset afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_cookie

from application.sessions import COOKIE
from http_api.routes.imports import ENDPOINT, PREVIEW_BYTES, PREVIEW_ENDPOINTS
from http_api.server.problems import SIGN_IN_FIRST, STATUS_OF_CODE
from http_api.server.request_limits import Gate, Refusal
from job_runner.service import Service
from storage.accounts.tokens import find_token_holder
from storage.errors import NotWritable
from storage.maintenance.health import DiskFull, check_room


def gate(app: Flask, service: Service) -> Gate:
    """Build the gate of an app."""
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
            return small_bytes  # no file: saves most requests a second routing
        target = endpoint(method, path)
        if target not in large_bytes:
            return small_bytes
        holder = find_token_holder(service.database.single(), _secret(headers), service.clock)
        if holder is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            return Refusal(401, "unauthorized", SIGN_IN_FIRST, challenge)
        if holder.scope == "read" or holder.user.role_name == "viewer":
            return small_bytes  # the view explains
        return _disk_refusal(service, headers) or large_bytes[target]

    return limit


def _disk_refusal(service: Service, headers: Mapping[str, str]) -> Refusal | None:
    """Refuse a file that would fill the disk; None if it fits."""
    length = headers.get("CONTENT_LENGTH", "")
    # The upload is written when it arrives, and again for its job.
    needed_bytes = 2 * int(length) if length.isdecimal() else 0
    try:
        check_room(service.directory, service.settings.min_free_mb, needed_bytes)
    except (DiskFull, NotWritable) as error:
        retry = {"Retry-After": str(error.retry_after_s)}
        return Refusal(STATUS_OF_CODE[error.code], error.code, error.message, retry)
    return None


def _secret(headers: Mapping[str, str]) -> str:
    """Return the token of the header or of the session cookie."""
    scheme, _, token = headers.get("AUTHORIZATION", "").partition(" ")
    if scheme:
        return token.strip() if scheme.lower() == "bearer" else ""
    return parse_cookie(headers.get("COOKIE", "")).get(COOKIE, "")
