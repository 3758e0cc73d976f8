"""The access log and the request metrics: hooks around every request.

Guarantees one access line and one count for each request, also for one that fails. The line has no
query string, which may hold a sign-in code or values of a table.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from time import perf_counter
from urllib.parse import quote

from apiflask import APIFlask
from flask import Response, g, request

from http_api.server.metrics import UNMATCHED, Metrics
from service import log_context

MAX_PATH_LENGTH = 200
UNESCAPED = "/:@!$&'()*+,;="
"""Characters of a URL path that need no escape (RFC 3986, section 3.3)."""
access = logging.getLogger("jobsvc.access")


class _Request:
    """A request in progress; ``fields`` are those of its log records."""

    status = 0
    seconds = 0.0

    def __init__(self, request_id: str) -> None:
        self.began = perf_counter()
        self.method, self.path = request.method, request.path
        self.received = request.content_length or 0
        rule = request.url_rule
        self.route = UNMATCHED if rule is None else _route(rule.rule)
        self.fields = {"request_id": request_id, "method": self.method, "route": self.route}

    def write(self, sent: int) -> None:
        """Write the access line, with the number of bytes sent."""
        duration_ms = round(1000 * self.seconds, 2)
        measured = {
            "path": _shown(self.path),
            "status": self.status,
            "duration_ms": duration_ms,
            "received_bytes": self.received,
            "sent_bytes": sent,
        }
        access.info(
            "%s %s %d %s ms %d bytes",
            *(self.method, _one_word(self.path), self.status, duration_ms, sent),
            extra=measured,
        )


def register(app: APIFlask, metrics: Metrics) -> None:
    """Log and count every request of the app; ``g.request_id`` must be set before."""

    @app.before_request
    def begin() -> None:
        g.logged = _Request(g.request_id)
        log_context.enter(g.logged.fields)
        metrics.in_progress.inc()

    @app.after_request
    def end(response: Response) -> Response:
        logged: _Request = g.logged
        logged.seconds = perf_counter() - logged.began
        logged.status = response.status_code
        count_sent = metrics.answered(
            logged.method, logged.route, logged.status, logged.seconds, logged.received
        )
        size = _size(logged.method, response)
        if size is None and not response.direct_passthrough:
            response.response = _CountedBody(response.iter_encoded(), logged, count_sent)
        else:
            count_sent(size or 0)
            logged.write(size or 0)
        return response

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        if "logged" in g:
            metrics.in_progress.dec()
            log_context.enter(None)


class _CountedBody:
    """A streamed body that counts its bytes, and writes the access line when it ends.

    Flask has left the request by then, so each part enters the log fields again.
    """

    def __init__(
        self, parts: Iterable[bytes], logged: _Request, count_sent: Callable[[float], None]
    ) -> None:
        self._parts = iter(parts)
        self._logged, self._count_sent = logged, count_sent
        self._sent = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with log_context.logged_with(**self._logged.fields):
            part = next(self._parts)
        self._sent += len(part)
        self._count_sent(len(part))
        return part

    def close(self) -> None:
        """Write the access line; the response calls it once."""
        with log_context.logged_with(**self._logged.fields):
            self._logged.write(self._sent)


def _size(method: str, response: Response) -> int | None:
    """The body's size in bytes; None for a stream, or a file of unknown size."""
    if method == "HEAD" or response.status_code in (204, 304):
        return 0
    if response.is_sequence:
        return sum(map(len, response.iter_encoded()))
    return response.content_length


@cache
def _route(rule: str) -> str:
    """A route as docs/API.md writes it.

    >>> _route("/api/datasets/<int:dataset_id>/refs/<ref>")
    '/api/datasets/{dataset_id}/refs/{ref}'
    """
    return re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", rule)


def _shown(path: str) -> str:
    """A path on one line, of bounded length.

    >>> _shown("/api/jobs/7\\n8")
    '/api/jobs/7%0A8'
    """
    if not (path.isascii() and path.isprintable()):
        path = quote(path, errors="replace")
    return _cut(path)


def _one_word(path: str) -> str:
    """A path escaped as in a URL, so that it can't imitate the fields after it.

    >>> _one_word("/api/jobs/7 200 0.1 ms [user_id=1]")
    '/api/jobs/7%20200%200.1%20ms%20%5Buser_id=1%5D'
    """
    return _cut(quote(path, safe=UNESCAPED, errors="replace"))


def _cut(path: str) -> str:
    return path if len(path) <= MAX_PATH_LENGTH else f"{path[:MAX_PATH_LENGTH]}…"
