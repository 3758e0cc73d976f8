"""A receiver of webhooks on a free local port, and an independent check of their signatures."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

WAIT_S = 30


@dataclass(frozen=True)
class Message:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def data(self) -> dict[str, Any]:
        """The facts of the event."""
        return dict(json.loads(self.body)["data"])

    def verified(self, secret: str) -> dict[str, Any]:
        """The body, once the reference implementation has accepted its signature."""
        return dict(Webhook(secret).verify(self.body, self.headers))


class Receiver:
    """Answers each path with its status: ``/500`` with 500, other paths with 204.

    ``/hang`` isn't answered before ``release``.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.messages: list[Message] = []
        self.answers: dict[str, int] = {}
        self.release = threading.Event()
        self._changed = threading.Condition()

    def add(self, message: Message) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def at(self, path: str) -> list[Message]:
        """The messages to a path."""
        return [message for message in self.messages if message.path == path]

    def wait(self, path: str, count: int = 1) -> list[Message]:
        """Wait for this many messages to a path."""
        with self._changed:
            found = self._changed.wait_for(lambda: len(self.at(path)) >= count, WAIT_S)
        assert found, f"{len(self.at(path))} of {count} messages came to {path}"
        return self.at(path)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listen until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.add(Message(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if self.path.startswith("/hang"):
                found.release.wait(WAIT_S)
            status = found.answers.get(self.path, 204)
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", f"{found.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield found
        finally:
            found.release.set()
            server.shutdown()
