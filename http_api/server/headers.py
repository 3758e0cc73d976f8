"""The headers of every response, also of errors and files: security headers and the request id.

The policy for API responses loads and runs nothing, and allows calls of the API from a browser's
console. A page sets its own ``Content-Security-Policy``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from apiflask import APIFlask
from flask import Response, g, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
    ),
    # Not "no-referrer": with it, a browser calls a form's origin "null".
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # The next user of the browser may be another one.
    "Cache-Control": "no-store",
}
HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,128}")
_BY_NAME = {name.lower(): (name, value) for name, value in HEADERS.items()}


def register(app: APIFlask) -> None:
    """Add the request id, and the security headers that a response doesn't set itself.

    A WSGI layer adds the latter, since Werkzeug's checks of headers would cost 10 µs more.
    """
    app.wsgi_app = partial(_with_headers, app.wsgi_app)  # type: ignore[method-assign]

    @app.before_request
    def set_request_id() -> None:
        g.request_id = request_id(request.headers.get(HEADER))

    @app.after_request
    def send_request_id(response: Response) -> Response:
        response.headers[HEADER] = g.get("request_id") or request_id(None)
        return response


def _with_headers(
    app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        present = {name.lower() for name, _ in headers}
        added = [pair for name, pair in _BY_NAME.items() if name not in present]
        return start_response(status, headers + added, *error)

    return app(environ, start)


def request_id(given: str | None) -> str:
    """Return the id that the client sent if it is valid, else a new one."""
    return given if given is not None and _GIVEN.fullmatch(given) else str(uuid.uuid4())
