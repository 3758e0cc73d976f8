"""Waitress connections that limit requests while they arrive, by size, sender and speed.

Guarantees that a refused request gets a problem document that the client can read, that a slow
request loses its connection, and that a response's header and first bytes are one packet.
"""

from __future__ import annotations

import copy
import functools
import json
import logging
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest

from application.throttle import HELD
from http_api.server.headers import HEADER, HEADERS, request_id
from http_api.server.problems import PROBLEM, RETRY_AFTER_S, TOO_LARGE, problem_document
from lazy_dataclasses import dataclass
from service.errors import unexpected_error
from service.log_context import logged_with
from service.settings import ServiceLimits

HOLD_S = 1.0
MAX_START_BYTES = 64 * 1024
"""Larger parts are sent without a copy."""


class BufferedTask(WSGITask):  # type: ignore[misc]
    """Writes one response, its header together with the first part of the body."""

    def write(self, data: bytes) -> None:
        """Send a part of the body, with the header before the first part."""
        write = super().write
        if not self.wrote_header and self.environ.get(HELD):
            self.set_close_on_finish()  # it drops requests that follow without waiting
            self.channel.hold(HOLD_S)
        if self.wrote_header or not 0 < len(data) <= MAX_START_BYTES:
            write(data)
        else:
            self.channel.send_buffered(lambda: write(data))


class BufferedChannel(HTTPChannel):  # type: ignore[misc]
    """A connection that can send several parts by one system call."""

    task_class = BufferedTask
    _pending: list[bytes] | None = None
    _held_until = 0.0

    def hold(self, time_s: float) -> None:
        """Send nothing for some time; the loop goes on after at most a second more."""
        self._held_until = time.monotonic() + time_s

    @property
    def is_held(self) -> bool:
        """Whether the response waits."""
        return self._held_until > 0.0 and time.monotonic() < self._held_until

    def _flush_some(self, do_close: bool = True) -> bool:
        return not self.is_held and bool(super()._flush_some(do_close))

    def send_buffered(self, write: Callable[[], None]) -> None:
        """Send everything that ``write`` sends by one call."""
        pending: list[bytes] = []
        self._pending = pending
        try:
            write()
        finally:
            self._pending = None
            if pending:
                super().write_soon(b"".join(pending))

    def write_soon(self, data: bytes) -> int:
        """Send, or buffer for :meth:`send_buffered`; return the number of bytes taken."""
        if self._pending is None:
            return int(super().write_soon(data))
        self._pending.append(data)
        return len(data)


LINGER_S = 2.0

logger = logging.getLogger("jobsvc.http")


@dataclass(frozen=True)
class Refusal:
    """The problem of a request that is refused before it reaches the app."""

    status: int
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


Gate = Callable[[str, str, Mapping[str, str]], "int | Refusal"]
"""Maps method, path and headers (spelled ``CONTENT_TYPE``) to the body's size limit in bytes or a
refusal."""

CODES = {
    400: ("malformed_request", "The request can't be read as HTTP"),
    413: ("too_large", TOO_LARGE),
    431: ("headers_too_large", "The request's headers are larger than this server accepts."),
    501: ("not_implemented", "The request uses a transfer encoding that this server doesn't know."),
}


TOO_LONG_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Address too long – jobsvc</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>Address too long</h1>
<p>The address, with its filters, is longer than this server accepts. Go back and shorten the filters.</p>
<p><a href="/">Start page</a></p></main></body></html>
"""  # noqa: E501
_PAGE_LINE = re.compile(rb"GET /(?!api/)\S*\Z")
"""The start of a request for a page, whose address alone is too long."""

BARE_LINE_END = "A line ends with CR or LF alone; end each with CR LF"
_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")  # waitress would wait for CR LF CR LF


class LimitedParser(HTTPRequestParser):  # type: ignore[misc]
    """A request as it arrives, limited by the gate after its headers."""

    adj: Any
    completed: bool

    def __init__(self, gate: Gate, limits: ServiceLimits, adj: Any) -> None:
        super().__init__(adj)
        self._limits = limits
        self.began = time.monotonic()
        self._gate = gate
        self._refusal: Refusal | None = None
        self.may_be_slow = False

    def received(self, data: bytes) -> int:
        """Parse a piece; return the number of bytes that belong to this request."""
        try:
            consumed: int = super().received(data)
        except Exception as error:  # the disk that holds spooled bodies, or the gate's database
            consumed = len(data)
            self._refusal = _parser_fault(error)
        in_headers = not (self.completed or self.headers_finished)
        if in_headers and _BARE_LINE_END.search(self.header_plus[-len(data) - 1 :]):
            self.error, self.completed = BadRequest(BARE_LINE_END), True
        if self._refusal is not None:
            self.error, self.completed = self._refusal, True
        if self.error is not None:
            # Waitress 3.0.2 would request the body of a refused request.
            self.expect_continue = False
        return consumed

    @property
    def wants_page(self) -> bool:
        """Whether a browser's address is too long, so that its other headers are unknown."""
        is_too_large = getattr(self.error, "code", None) == 431
        return is_too_large and _PAGE_LINE.match(self.header_plus) is not None

    def close(self) -> None:
        """Delete the body."""
        with suppress(OSError):  # closing writes again what a full disk refused
            super().close()

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the headers and get the limit of the body."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # of urlsplit, or of int for thousands of digits
            raise ParsingError("Its target or its Content-Length is invalid") from error
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("It has a Content-Length and is chunked")
        if self.body_rcv is None:
            return
        limit = self._gate(self.command, self.path, self.headers)
        if isinstance(limit, Refusal):
            self._refusal = limit
            return
        self.may_be_slow = limit > self.adj.max_request_body_size
        # The parser reads the limit from its adjustments, which all requests share.
        self.adj = _adjusted(self.adj, limit + 1)

    def is_too_slow(self, now: float) -> bool:
        """Whether the request has exceeded its time limit."""
        if not self.headers_finished:
            return now - self.began > self._limits.headers_within_s
        return not self.may_be_slow and now - self.began > self._limits.body_within_s


class ProblemTask(ErrorTask):  # type: ignore[misc]
    """Sends the problem document of a refused request, and closes the connection."""

    def execute(self) -> None:
        """Write the response."""
        refusal = _as_refusal(self.request.error)
        name = request_id(self.request.headers.get("X_REQUEST_ID"))
        where = self.channel.addr[0]
        with logged_with(request_id=name):
            logger.info("request %s of %s was refused: %s", name, where, refusal.detail)
        self.channel.on_refusal(refusal.code)
        document = problem_document(refusal.status, refusal.code, refusal.detail, name)
        body, kind = json.dumps(document).encode(), PROBLEM
        if self.request.wants_page:
            body, kind = TOO_LONG_PAGE.encode(), "text/html; charset=utf-8"
        self.channel.refused = True
        self.status = f"{refusal.status} {document['title']}"
        headers = {**HEADERS, **refusal.headers, "Content-Type": kind, HEADER: name}
        self.response_headers.extend(headers.items())
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class LimitedChannel(BufferedChannel):
    """A connection that drops slow requests, and lingers after a refusal.

    Closing a socket with unread data resets the connection and may lose the response. So after a
    refusal the sending side is closed first, and incoming data are discarded for a moment.
    """

    error_task_class = ProblemTask
    _lingers_until = 0.0
    _discarded_bytes = 0
    refused = False
    on_refusal: Callable[[str], None]
    limits: ServiceLimits

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._silent_since: float | None = time.monotonic()

    @property
    def last_activity(self) -> float:
        """Monotonic time of the last byte received or sent, in seconds."""
        return self._active_at

    @last_activity.setter
    def last_activity(self, _wall_clock_s: float) -> None:
        # Waitress uses the wall clock, which may be set back.
        self._active_at = time.monotonic()

    def received(self, data: bytes) -> bool:
        """Parse data, or discard it after a refusal."""
        self._silent_since = None
        if self._lingers_until:
            self._discarded_bytes += len(data)
            return False
        return bool(super().received(data))

    # The loop calls both for every connection at each event, so they avoid the cost of super().

    def readable(self) -> bool:
        """Whether the loop should wait for data."""
        return True if self._lingers_until else bool(HTTPChannel.readable(self))

    def writable(self) -> bool:
        """Whether the loop should call :meth:`handle_write`; called at least every second."""
        if self._lingers_until:
            return self._has_lingered()
        if self._held_until and self.is_held:
            return False
        if not self.requests and not self.will_close:
            self._close_if_slow(time.monotonic())
        return bool(HTTPChannel.writable(self))

    def _has_lingered(self) -> bool:
        late = time.monotonic() > self._lingers_until
        if late or self._discarded_bytes > self.limits.linger_kb * 1024:
            self.will_close = True
        return self.will_close

    def _close_if_slow(self, now: float) -> None:
        if self._is_too_slow(now):
            logger.info("a request of %s arrived too slowly", self.addr[0])
            self.will_close = True
        elif now - self._active_at > self.adj.channel_timeout:
            self.will_close = True

    def _is_too_slow(self, now: float) -> bool:
        if self._silent_since is not None:
            return now - self._silent_since > self.limits.headers_within_s
        arriving = self.request
        return arriving is not None and arriving.is_too_slow(now)

    def handle_close(self) -> None:
        """Close at once, or linger after a refusal."""
        if self.refused and self.connected and not self._lingers_until:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                self._lingers_until = time.monotonic() + LINGER_S
                self.will_close = False
                return
        super().handle_close()


def limited_channel(
    gate: Gate, on_refusal: Callable[[str], None], limits: ServiceLimits
) -> type[HTTPChannel]:
    """Build the class of a server's connections."""
    own = {
        "parser_class": staticmethod(functools.partial(LimitedParser, gate, limits)),
        "on_refusal": staticmethod(on_refusal),
        "limits": limits,
    }
    return type("GatedChannel", (LimitedChannel,), own)


@functools.lru_cache(maxsize=8)
def _adjusted(adj: Any, max_body_size: int) -> Any:
    """Copy waitress' adjustments with another limit; a gate has few limits."""
    adjusted = copy.copy(adj)
    adjusted.max_request_body_size = max_body_size
    return adjusted


def _parser_fault(error: Exception) -> Refusal:
    """Refuse a request that can't be received."""
    logger.error("a request can't be received: %s", error)
    fault = unexpected_error(error)
    return Refusal(503, fault.code, fault.message, {"Retry-After": RETRY_AFTER_S})


def _as_refusal(error: Any) -> Refusal:
    """Convert an error of waitress to a refusal."""
    if isinstance(error, Refusal):
        return error
    code, detail = CODES.get(error.code, ("internal_error", "Unexpected error."))
    if error.code == 400:
        detail = f"{detail}: {str(error.body)[:200]}."
    return Refusal(error.code, code, detail)
