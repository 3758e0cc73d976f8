"""When a connection ends: not between requests, but when what is sent never ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from service.settings import Settings
from tests.contract.raw_requests import Raw, form, import_lines
from tests.support.live_server import LiveServer, live_server


def ends_within(raw: Raw, seconds: float) -> bool:
    raw.socket.settimeout(seconds)
    with suppress(ConnectionResetError):
        return raw.socket.recv(1) == b""
    return True


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that waits half a second for a request."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("impatient"),
        memory_mb=256,
        headers_within_s=0.5,
        body_within_s=0.5,
        linger_kb=1024,
    )
    with live_server(settings) as live:
        yield live


def test_headers_that_trickle_in_lose_the_connection(impatient: LiveServer) -> None:
    with Raw(impatient) as raw, Raw(impatient) as silent:
        raw.socket.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
        assert ends_within(raw, 5)
        assert ends_within(silent, 5)


def test_a_body_that_trickles_in_loses_the_connection_but_a_file_may(
    impatient: LiveServer,
) -> None:
    body = form(b"a\n1\n")
    dataset = impatient.new_dataset()
    with Raw(impatient) as raw, Raw(impatient) as upload:
        upload.send(*import_lines(dataset, impatient.token, len(body)), "Connection: close")
        raw.send("POST /api/datasets HTTP/1.1", "Host: localhost", "Content-Length: 10", body=b"{")
        assert ends_within(raw, 5)
        upload.socket.sendall(body)
        assert upload.answer()[0] == 200


def sending_fails_within(raw: Raw, seconds: float) -> bool:
    end = time.monotonic() + seconds
    with suppress(OSError):
        while time.monotonic() < end:
            raw.socket.sendall(b"x" * 65536)
    return time.monotonic() < end


def test_after_a_refusal_the_connection_ends_though_the_client_goes_on(
    impatient: LiveServer,
) -> None:
    with Raw(impatient) as raw:
        raw.send("POST /api/datasets HTTP/1.1", "Host: localhost", f"Content-Length: {10**12}")
        assert sending_fails_within(raw, 20)


def test_a_connection_serves_one_request_after_the_other(server: LiveServer) -> None:
    with httpx.Client(base_url=server.url) as client:
        for _ in range(3):
            assert client.get("/health").status_code == 200
