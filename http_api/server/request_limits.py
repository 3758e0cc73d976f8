"""An answer's header is sent together with the start of its body.

Waitress sends the header by a call of the system and a packet of its own. Each call gives the
interpreter's lock away, so a small answer pays for two of them and waits twice. Invariant: the
same bytes are sent, in the same order. Used by ``request_limits``, whose connections these are.

What the server takes in before the app sees it: how much, from whom, how slowly.

Waitress collects a whole request before the app runs; what is refused by then is refused here, with
a problem document. Invariants: only an import by a known user may exceed ``body_max_kb``; a request
that arrives too slowly loses its connection; a client can read a refusal of a body in full.
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
from dataclasses import dataclass, field
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest

from http_api.server.problems import PROBLEM, RETRY_AFTER_S, TOO_LARGE, problem_document
from http_api.server.request_ids import HEADER, request_id
from http_api.server.security_headers import HEADERS
from job_runner.faults import passing_fault, unforeseen
from job_runner.log_context import logged_with

MAX_START_BYTES = 64 * 1024
"""A larger part isn't worth the copy."""


class BufferedTask(WSGITask):  # type: ignore[misc]
    """Answers one request."""

    def write(self, data: bytes) -> None:
        """Send a part of the body, and before the first part the header."""
        write = super().write
        if self.wrote_header or not 0 < len(data) <= MAX_START_BYTES:
            write(data)
        else:
            self.channel.send_buffered(lambda: write(data))


class BufferedChannel(HTTPChannel):  # type: ignore[misc]
    """A connection that can send several parts as one."""

    task_class = BufferedTask
    _gathered: list[bytes] | None = None

    def send_buffered(self, write: Callable[[], None]) -> None:
        """Send all that ``write`` sends by one call."""
        gathered: list[bytes] = []
        self._gathered = gathered
        try:
            write()
        finally:
            self._gathered = None
            if gathered:
                super().write_soon(b"".join(gathered))

    def write_soon(self, data: bytes) -> int:
        """Send, or keep for :meth:`send_buffered`; returns how much was taken."""
        if self._gathered is None:
            return int(super().write_soon(data))
        self._gathered.append(data)
        return len(data)


HEADERS_WITHIN_S = 20.0
BODY_WITHIN_S = 60.0  # an import may take longer, as long as data arrive
LINGER_S = 2.0
LINGER_BYTES = 8 * 1024**2

logger = logging.getLogger("jobsvc.http")


@dataclass(frozen=True)
class Refusal:
    """Why a request isn't taken in."""

    status: int
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


Gate = Callable[[str, str, Mapping[str, str]], "int | Refusal"]
"""From a request's method, path and headers (in waitress' spelling, ``CONTENT_TYPE``) to the
largest body in bytes that it may have, or why it may have none."""

CODES = {
    400: ("malformed_request", "The request can't be read as HTTP"),
    413: ("too_large", TOO_LARGE),
    431: ("headers_too_large", "The request's headers are larger than this server accepts."),
    501: ("not_implemented", "The request uses a transfer encoding that this server doesn't know."),
}


BARE_LINE_END = "A line ends with CR or LF alone; end each with CR LF"
_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")  # waitress would wait for CR LF CR LF


class LimitedParser(HTTPRequestParser):  # type: ignore[misc]
    """A request as it arrives, held to the gate's limit once its headers are there."""

    adj: Any
    completed: bool

    def __init__(self, gate: Gate, adj: Any) -> None:
        super().__init__(adj)
        self.began = time.monotonic()
        self._gate = gate
        self._refusal: Refusal | None = None
        self.may_be_slow = False

    def received(self, data: bytes) -> int:
        """Take in a piece; returns how much of it belongs to this request."""
        try:
            consumed: int = super().received(data)
        except Exception as error:  # the disk that holds spooled bodies, or the gate's database
            consumed = len(data)
            self._refusal = _not_kept(error)
        in_headers = not (self.completed or self.headers_finished)
        if in_headers and _BARE_LINE_END.search(self.header_plus[-len(data) - 1 :]):
            self.error, self.completed = BadRequest(BARE_LINE_END), True
        if self._refusal is not None:
            self.error, self.completed = self._refusal, True
        if self.error is not None:
            # Waitress 3.0.2 would ask for the body of a request that it has refused already.
            self.expect_continue = False
        return consumed

    def close(self) -> None:
        """Drop the body."""
        with suppress(OSError):  # what a full disk never took is written once more on closing
            super().close()

    def parse_header(self, header_plus: bytes) -> None:
        """Read the headers, and find the limit for what follows."""
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
        # The parser asks its adjustments, which all requests share, for the limit.
        self.adj = _adjusted(self.adj, limit + 1)

    def is_too_slow(self, now: float) -> bool:
        """Whether it should have arrived by now."""
        if not self.headers_finished:
            return now - self.began > HEADERS_WITHIN_S
        return not self.may_be_slow and now - self.began > BODY_WITHIN_S


class ProblemTask(ErrorTask):  # type: ignore[misc]
    """Answers a refused request with a problem document, and ends the connection."""

    def execute(self) -> None:
        """Write the answer."""
        refusal = _as_refusal(self.request.error)
        name = request_id(self.request.headers.get("X_REQUEST_ID"))
        where = self.channel.addr[0]
        with logged_with(request_id=name):
            logger.info("request %s of %s was refused: %s", name, where, refusal.detail)
        self.channel.on_refusal(refusal.code)
        document = problem_document(refusal.status, refusal.code, refusal.detail, name)
        body = json.dumps(document).encode()
        self.channel.refused = True
        self.status = f"{refusal.status} {document['title']}"
        headers = {**HEADERS, **refusal.headers, "Content-Type": PROBLEM, HEADER: name}
        self.response_headers.extend(headers.items())
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class LimitedChannel(BufferedChannel):
    """A connection that gives slow requests up, and refuses so that the client hears it.

    Closing a socket with unread data resets the connection and may lose the answer. After a refusal
    the sending side is closed first; what still arrives is discarded for a moment.
    """

    error_task_class = ProblemTask
    _lingers_until = 0.0
    _discarded_bytes = 0
    refused = False
    on_refusal: Callable[[str], None]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._silent_since: float | None = time.monotonic()

    @property
    def last_activity(self) -> float:
        """When a byte came or went, by the monotonic clock, in seconds."""
        return self._active_at

    @last_activity.setter
    def last_activity(self, _wall_clock_s: float) -> None:
        # Waitress would go by the wall clock, and keep the idle as long as that was set back.
        self._active_at = time.monotonic()

    def received(self, data: bytes) -> bool:
        """Take data in for the present request, or throw it away after a refusal."""
        self._silent_since = None
        if self._lingers_until:
            self._discarded_bytes += len(data)
            return False
        return bool(super().received(data))

    # The loop asks both of every connection whenever one of them has something to do, so the common
    # answer must be quick; super() would take as long as the rest.

    def readable(self) -> bool:
        """Whether the loop should wait for data."""
        return True if self._lingers_until else bool(HTTPChannel.readable(self))

    def writable(self) -> bool:
        """Whether the loop should call :meth:`handle_write`; asked every second at the least."""
        if self._lingers_until:
            return self._has_lingered()
        if not self.requests and not self.will_close:
            self._give_up_if_slow(time.monotonic())
        return bool(HTTPChannel.writable(self))

    def _has_lingered(self) -> bool:
        late = time.monotonic() > self._lingers_until
        if late or self._discarded_bytes > LINGER_BYTES:
            self.will_close = True
        return self.will_close

    def _give_up_if_slow(self, now: float) -> None:
        if self._is_too_slow(now):
            logger.info("a request of %s arrived too slowly", self.addr[0])
            self.will_close = True
        elif now - self._active_at > self.adj.channel_timeout:
            self.will_close = True

    def _is_too_slow(self, now: float) -> bool:
        if self._silent_since is not None:
            return now - self._silent_since > HEADERS_WITHIN_S
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


def limited_channel(gate: Gate, on_refusal: Callable[[str], None]) -> type[HTTPChannel]:
    """The class of a server's connections, with its gate and who is told of refusals."""
    parser = functools.partial(LimitedParser, gate)
    own = {"parser_class": staticmethod(parser), "on_refusal": staticmethod(on_refusal)}
    return type("GatedChannel", (LimitedChannel,), own)


@functools.lru_cache(maxsize=8)
def _adjusted(adj: Any, max_body_size: int) -> Any:
    """Waitress' adjustments with another limit; there are as many limits as a gate knows."""
    adjusted = copy.copy(adj)
    adjusted.max_request_body_size = max_body_size
    return adjusted


def _not_kept(error: Exception) -> Refusal:
    """Why a request can't be taken in."""
    logger.error("a request can't be taken in: %s", error)
    fault = passing_fault(error)
    code, detail = unforeseen(error) if fault is None else (fault.code, fault.message)
    return Refusal(503, code, detail, {"Retry-After": RETRY_AFTER_S})


def _as_refusal(error: Any) -> Refusal:
    """Waitress' own errors in the product's words."""
    if isinstance(error, Refusal):
        return error
    code, detail = CODES.get(error.code, ("internal_error", "Something unforeseen went wrong."))
    if error.code == 400:
        detail = f"{detail}: {str(error.body)[:200]}."
    return Refusal(error.code, code, detail)
