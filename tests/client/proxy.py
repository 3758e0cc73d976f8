"""A proxy before a server: it records requests, and can lose answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class FaultyProxy(ThreadingHTTPServer):
    """Forwards requests; for each of ``faults`` it loses an answer or answers with a status."""

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Forwarding)
        self.target = target
        self.faults: list[str | int] = []
        self.requests: list[str] = []
        self.bodies: list[tuple[str, bytes]] = []
        """Paths and contents of POST requests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Forwarding(BaseHTTPRequestHandler):
    server: FaultyProxy

    def forward(self) -> None:
        self.server.requests.append(self.command)
        fault = self.server.faults.pop(0) if self.server.faults else None
        content = self._content()
        if self.command == "POST":
            self.server.bodies.append((self.path, content))
        if isinstance(fault, int):
            self.send_response(fault)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault == "lost request":
            self.close_connection = True
            return
        headers = {
            name: value
            for name, value in self.headers.items()
            if name in ("Authorization", "Content-Type", "Idempotency-Key")
        }
        answer = httpx.request(
            self.command, self.server.target + self.path, content=content, headers=headers
        )
        if fault == "lost answer":
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def _content(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    do_GET = do_POST = forward  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def proxy_of(url: str) -> Iterator[FaultyProxy]:
    """A running proxy before the server of an address."""
    with FaultyProxy(url) as opened:
        thread = threading.Thread(target=opened.serve_forever, args=(0.02,))
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()
