"""Uploaded files: the size limit of each body, and where werkzeug writes a file.

Guarantees that only an import, preview, upload of values or attachment by a user with write access
exceeds ``body_max_kb``, that none leaves less than ``min_free_mb`` on the disk, and that a file
that nothing took over is deleted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from apiflask import APIFlask
from flask import Flask, Request, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_cookie

from application.import_preview import MAX_BYTES
from application.sessions import COOKIE
from contract.requests.findings import MAX_ATTACHMENT_BYTES
from http_api.access import service
from http_api.server.problems import SIGN_IN_FIRST
from http_api.server.request_limits import Gate, Refusal
from http_api.server.statuses import STATUS_OF_CODE
from service.service import Service
from service.settings import Settings
from storage.accounts.tokens import find_token_holder
from storage.contents import INCOMING
from storage.errors import NotWritable
from storage.maintenance.health import DiskFull, check_room

MAX_FORM_PARTS = 20
"""An import has two or three; each file is stored on disk."""
FRAMING_BYTES = 64 * 1024
"""The multipart framing around a file."""


class UploadRequest(Request):
    """A request whose files are written to the data directory."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        stream = tempfile.NamedTemporaryFile(  # noqa: SIM115 - werkzeug writes and reads it
            dir=service().directory.uploads_dir, prefix=INCOMING, delete=False
        )
        self.__dict__.setdefault("incoming", []).append(stream)
        return stream

    def discard_uploads(self) -> None:
        """Close the request's files and delete those that nothing took over."""
        for stream in self.__dict__.pop("incoming", []):
            stream.close()
            Path(stream.name).unlink(missing_ok=True)


def written_path(stream: Any) -> Path:
    """Flush an uploaded file and return its path."""
    stream.flush()
    return Path(stream.name)


def _large_bodies(settings: Settings) -> dict[str, int]:
    """The endpoints that take a file, with the size limit of their bodies in bytes."""
    preview_bytes = MAX_BYTES + FRAMING_BYTES
    return {
        "imports.import_file": settings.upload_max_mb * 1024**2,
        "imports.preview": preview_bytes,
        "imports.first_preview": preview_bytes,
        "findings.enter_all": preview_bytes,
        "findings.preview_of_file": preview_bytes,
        "attachments.attach_one": MAX_ATTACHMENT_BYTES + FRAMING_BYTES,
        "sample_values.preview": preview_bytes,
        "sample_values.store": preview_bytes,
    }


def register(app: APIFlask, settings: Settings) -> None:
    """Limit bodies for werkzeug, and discard unused uploads."""
    large_bodies = _large_bodies(settings)
    app.request_class = UploadRequest
    app.config["MAX_FORM_PARTS"] = MAX_FORM_PARTS
    app.config["MAX_CONTENT_LENGTH"] = settings.body_max_kb * 1024

    @app.before_request
    def allow_large_files() -> None:
        if request.endpoint in large_bodies:
            request.max_content_length = large_bodies[request.endpoint]

    @app.teardown_request
    def drop_unused_uploads(_: BaseException | None) -> None:
        cast(UploadRequest, request).discard_uploads()


def gate(app: Flask, service: Service) -> Gate:
    """Limit bodies for the server, by the headers; the view checks the dataset afterwards."""
    addresses = app.url_map.bind("localhost")
    small_bytes = service.settings.body_max_kb * 1024
    large_bodies = _large_bodies(service.settings)

    def endpoint(method: str, path: str) -> str:
        with suppress(HTTPException):
            decoded = path.encode("latin-1").decode("utf-8", "replace")
            return str(addresses.match(decoded, method=method)[0])
        return ""

    def limit(method: str, path: str, headers: Mapping[str, str]) -> int | Refusal:
        if not headers.get("CONTENT_TYPE", "").lower().startswith("multipart/"):
            return small_bytes  # no file: saves most requests a second routing
        target = endpoint(method, path)
        if target not in large_bodies:
            return small_bytes
        holder = find_token_holder(service.database.single(), _secret(headers))
        if holder is None or holder.has_ended(service.clock):
            challenge = {"WWW-Authenticate": "Bearer"}
            return Refusal(401, "unauthorized", SIGN_IN_FIRST, challenge)
        if holder.scope == "read" or holder.user.role_name == "viewer":
            return small_bytes  # the view explains
        return _disk_refusal(service, headers) or large_bodies[target]

    return limit


def _disk_refusal(service: Service, headers: Mapping[str, str]) -> Refusal | None:
    """Refuse a file that would fill the disk."""
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
    """The token of the header or of the session cookie."""
    scheme, _, token = headers.get("AUTHORIZATION", "").partition(" ")
    if scheme:
        return token.strip() if scheme.lower() == "bearer" else ""
    return parse_cookie(headers.get("COOKIE", "")).get(COOKIE, "")
