"""What is told of each request: a line in the log, the metrics, and what records are about.

Owns: the hooks around every request. Invariant: each request has one access line and is counted
once, whatever becomes of it. The line tells the path without its query, which may hold the code of
a link or values of a table. The time is that to the start of the answer: how long a client takes to
read a stream says nothing of the server.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from urllib.parse import quote

from apiflask import APIFlask
from flask import Response, g, request

from http_api.server.metrics import UNMATCHED, Metrics
from job_runner import log_context

MAX_PATH_LENGTH = 200
STAND_IN_PATHS = "/:@!$&'()*+,;="
"""What may stand in an address's path as it is (RFC 3986, section 3.3), with letters and digits."""
access = logging.getLogger("jobsvc.access")


@dataclass
class _Observed:
    """A request under way; ``fields`` are those of its log records."""

    began: float
    method: str
    route: str
    fields: dict[str, object]


def register(app: APIFlask, metrics: Metrics) -> None:
    """Observe every request of the app; ``g.request_id`` is set before."""

    @app.before_request
    def begin() -> None:
        began = perf_counter()
        rule, method = request.url_rule, request.method
        route = UNMATCHED if rule is None else _route(rule.rule)
        fields = {"request_id": g.request_id, "method": method, "route": route}
        g.observed = _Observed(began, method, route, fields)
        log_context.enter(fields)
        metrics.in_progress.inc()

    @app.after_request
    def end(response: Response) -> Response:
        observed: _Observed = g.observed
        seconds = perf_counter() - observed.began
        status, received = response.status_code, request.content_length or 0
        count_sent = metrics.answered(observed.method, observed.route, status, seconds, received)
        line = _Line(observed.method, request.path, status, seconds, received)
        size = _size(observed.method, response)
        if size is None and not response.direct_passthrough:
            parts = response.iter_encoded()
            response.response = _Followed(parts, observed.fields, count_sent, line)
        else:
            count_sent(size or 0)
            line.write(size or 0)
        return response

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        if "observed" in g:
            metrics.in_progress.dec()
            log_context.enter(None)


@dataclass(frozen=True)
class _Line:
    """The access line of one request, but for the bytes sent."""

    method: str
    path: str
    status: int
    seconds: float
    received: int

    def write(self, sent: int) -> None:
        if not access.isEnabledFor(logging.INFO):
            return
        duration_ms = round(1000 * self.seconds, 2)
        measured = {
            "path": _shown(self.path),
            "status": self.status,
            "duration_ms": duration_ms,
            "received_bytes": self.received,
            "sent_bytes": sent,
        }
        words = (self.method, _one_word(self.path), self.status, duration_ms, sent)
        # access.info() would look for its caller, which takes as long as the rest.
        access.handle(
            access.makeRecord(
                access.name,
                logging.INFO,
                __file__,
                0,
                "%s %s %d %s ms %d bytes",
                words,
                None,
                "write",
                measured,
            )
        )


class _Followed:
    """A streamed body that counts its bytes and is told of when it ends.

    By then Flask has left the request, so the fields of the log are entered anew for each part.
    """

    def __init__(
        self,
        parts: Iterable[bytes],
        fields: dict[str, object],
        count_sent: Callable[[float], None],
        line: _Line,
    ) -> None:
        self._parts = iter(parts)
        self._fields = fields
        self._count_sent = count_sent
        self._line = line
        self._sent = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with log_context.logged_with(**self._fields):
            part = next(self._parts)
        self._sent += len(part)
        self._count_sent(len(part))
        return part

    def close(self) -> None:
        """Called by the response when the server is done with it, once."""
        with log_context.logged_with(**self._fields):
            self._line.write(self._sent)


def _size(method: str, response: Response) -> int | None:
    """How many bytes the answer's body has; None for a stream, or a file of unknown size."""
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
    """A path as it stands in an address, so that nothing in it looks like what follows it.

    >>> _one_word("/api/jobs/7 200 0.1 ms [user_id=1]")
    '/api/jobs/7%20200%200.1%20ms%20%5Buser_id=1%5D'
    """
    return _cut(quote(path, safe=STAND_IN_PATHS, errors="replace"))


def _cut(path: str) -> str:
    return path if len(path) <= MAX_PATH_LENGTH else f"{path[:MAX_PATH_LENGTH]}…"
