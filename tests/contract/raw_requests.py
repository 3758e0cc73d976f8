"""Requests that are sent by hand, byte by byte, and what a refusal of one looks like."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

from http_api.server.headers import HEADERS
from tests.support.live_server import LiveServer


class Raw:
    """A connection of one's own making."""

    def __init__(self, server: LiveServer) -> None:
        where = urlsplit(server.url)
        self.socket = socket.create_connection((where.hostname, where.port), timeout=20)

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *lines: str, body: bytes = b"") -> None:
        self.socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body, once the server has closed."""
        received = b""
        while piece := self.socket.recv(65536):
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(first.split()[1]), headers, body


def refusal(raw: Raw, status: int, code: str) -> dict[str, Any]:
    """Check a refusal: a problem document with all headers, at the connection's end."""
    given, headers, body = raw.answer()
    assert given == status, body
    document: dict[str, Any] = json.loads(body)
    assert (document["status"], document["code"]) == (status, code)
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Request-Id"] == document["request_id"]
    assert headers["Connection"] == "close"
    assert int(headers["Content-Length"]) == len(body)
    for name, value in HEADERS.items():
        assert headers["-".join(part.capitalize() for part in name.split("-"))] == value
    return document


def import_lines(dataset: int, token: str | None, size: int) -> list[str]:
    """The head of an import's request."""
    lines = [f"POST /api/datasets/{dataset}/refs/main/import HTTP/1.1", "Host: localhost"]
    lines += ["Content-Type: multipart/form-data; boundary=b", f"Content-Length: {size}"]
    return lines if token is None else [*lines, f"Authorization: Bearer {token}"]


def form(content: bytes) -> bytes:
    """An import's body."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="t.csv"\r\n\r\n'
    return head + content + b"\r\n--b--\r\n"
