"""Answers kept for as long as nothing changes.

Many clients ask for the same job or list again and again. What such an answer says is settled by
the request, all its headers but its own name, and by what the database holds. So it is kept where
it leaves the app, and the same request is answered there until the next commit: Flask takes nine
times as long to find the same. Invariants: a kept answer is what the app would give now; whether
the token still holds is looked at each time; the request is named, counted and logged as any other.

An answer that is asked for again by a client that takes gzip, as browsers do, is compressed once:
of a page of 100 jobs a tenth of 50 KB is left to send.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, wraps
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from apiflask import APIFlask
from flask import Response, make_response, request

from http_api.auth.access import holder
from http_api.server.metrics import Metrics
from http_api.server.observation import observe_kept, present_route
from http_api.server.request_ids import HEADER, request_id
from http_api.server.versioned_cache import Kept
from job_runner.service import Service
from storage.accounts.tokens import TokenHolder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


View = TypeVar("View", bound=Callable[..., Any])

MAY_KEEP = "jobsvc.may_keep"
MAX_ANSWERS = 256
MAX_BYTES = 96 * 1024
"""Twice a page of 100 jobs; so all that is kept takes less than 32 MiB."""
WORTH_COMPRESSING_BYTES = 8 * 1024
LEVEL = 1
"""A page of 100 jobs becomes a tenth in 0.3 ms; the best level takes eight times as long."""
LINE = ("PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL", "wsgi.url_scheme")
NAMES_OF_REQUESTS = frozenset({"HTTP_X_REQUEST_ID", "HTTP_TRACEPARENT", "HTTP_TRACESTATE"})
"""Headers that differ from request to request, and that no answer depends on."""
OWN_HEADERS = frozenset({HEADER.lower(), "content-length"})
"""What is made anew for each answer."""


@dataclass(frozen=True)
class Content:
    """What a view answered, to whom, and what the log and the metrics tell of it."""

    holder: TokenHolder
    path: str
    route: str
    body: bytes
    takes_gzip: bool


@dataclass(frozen=True)
class Answer:
    """An answer with its headers, and the same compressed, from when that is first asked for."""

    content: Content
    headers: list[tuple[str, str]]

    @cached_property
    def sent_again(self) -> tuple[bytes, list[tuple[str, str]]]:
        """Body and headers for who asks again."""
        body, headers = self.content.body, self.headers
        if self.content.takes_gzip and len(body) >= WORTH_COMPRESSING_BYTES:
            # Without a time, so that it is the same each time.
            body = gzip.compress(body, LEVEL, mtime=0)
            headers = [*headers, ("Content-Encoding", "gzip")]
        return body, [*headers, ("Content-Length", str(len(body)))]


def kept_while_unchanged(view: View) -> View:
    """Let the JSON answers of a view be kept; it reads the database and nothing else."""

    @wraps(view)
    def answering(*args: Any, **values: Any) -> Response:
        response = make_response(view(*args, **values))
        if response.status_code == 200 and len(body := response.get_data()) <= MAX_BYTES:
            takes_gzip = request.accept_encodings["gzip"] > 0
            content = Content(holder(), request.path, present_route(), body, takes_gzip)
            request.environ[MAY_KEEP] = content
        response.vary.add("Accept-Encoding")
        return response

    return cast(View, answering)


def register(app: APIFlask, service: Service, metrics: Metrics) -> None:
    """Keep the app's answers; registered last, since what stands around the app is passed by."""
    kept = ResponseCache(app.wsgi_app, service, metrics)
    app.wsgi_app = kept.answer  # type: ignore[method-assign]


class ResponseCache:
    """Answers by itself what the app was asked before, and else has the app answer."""

    def __init__(self, app: WSGIApplication, service: Service, metrics: Metrics) -> None:
        self._app = app
        self._service = service
        self._metrics = metrics
        self._kept = Kept[Answer](MAX_ANSWERS)

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Be the WSGI app."""
        if environ["REQUEST_METHOD"] != "GET" or environ.get("CONTENT_LENGTH", "") not in ("", "0"):
            return self._app(environ, start_response)
        began, key = perf_counter(), _asked(environ)
        version = self._service.database.version
        answer = self._kept.get(version, key)
        if answer is None or answer.content.holder.has_ended(self._service.clock):
            return self._app(environ, self._keeping(environ, start_response, version, key))
        name = request_id(environ.get("HTTP_X_REQUEST_ID"))
        body, headers = answer.sent_again
        start_response("200 OK", [*headers, (HEADER, name)])
        content = answer.content
        fields = {"request_id": name, "route": content.route, "user_id": content.holder.user.id}
        observe_kept(self._metrics, content.path, fields, perf_counter() - began, len(body))
        return [body]

    def _keeping(
        self, environ: WSGIEnvironment, start_response: StartResponse, version: int, key: bytes
    ) -> StartResponse:
        """Start an answer, and keep it if the view says that it may be."""

        def started(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            content = environ.get(MAY_KEEP)
            if content is not None and status.startswith("200 "):
                lasting = [pair for pair in headers if pair[0].lower() not in OWN_HEADERS]
                self._kept.keep(version, key, Answer(content, lasting))
            return start_response(status, headers, *error)

        return started


def _asked(environ: WSGIEnvironment) -> bytes:
    """Stands for all of a request without a body that its answer may depend on.

    Hashed, so that neither a token nor long headers are kept.
    """
    names = [name for name in environ if name.startswith("HTTP_") and name not in NAMES_OF_REQUESTS]
    asked = [(name, environ.get(name)) for name in (*LINE, *names)]
    return sha256(repr(asked).encode()).digest()
