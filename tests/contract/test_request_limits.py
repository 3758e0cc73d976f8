"""What the server refuses to take in, tried with sockets as a stranger would."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import composition_root
from http_api import request_limits
from http_api.security_headers import HEADERS
from job_runner.settings import Settings
from tests.contract.problems import assert_problem
from tests.live_server import LiveServer

SMALL = 64 * 1024
"""The shared server's largest body that isn't a file."""


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


@pytest.mark.parametrize(
    "line",
    [
        "POST /api/users/login",
        "POST /api/datasets",
        "GET /api/datasets",
        "POST /nothing/there",
        "POST /api/datasets/1/refs/main/import/more",
        "GET /api/datasets/1/refs/main/import",
        "POST /sign-in",
    ],
)
def test_a_large_body_is_refused_before_it_is_sent(server: LiveServer, line: str) -> None:
    for kind in ("application/json", "multipart/form-data; boundary=b"):
        with Raw(server) as raw:
            size = f"Content-Length: {SMALL + 1}"
            raw.send(f"{line} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", size)
            refusal(raw, 413, "too_large")


def test_only_a_form_can_bring_a_large_file(server: LiveServer) -> None:
    token = server.admin.headers["Authorization"].split()[1]
    lines = import_lines(server.new_dataset(), token, SMALL + 1)
    for kind in ("text/csv", "application/x-www-form-urlencoded"):
        with Raw(server) as raw:
            raw.send(*(f"Content-Type: {kind}" if "multipart" in one else one for one in lines))
            refusal(raw, 413, "too_large")


def test_a_body_of_the_largest_size_is_taken_in(server: LiveServer) -> None:
    answer = server.admin.post("/api/datasets", content=b" " * SMALL)
    assert answer.status_code == 422


def test_a_client_that_asks_first_is_not_told_to_go_on(server: LiveServer) -> None:
    with Raw(server) as raw:
        size = f"Content-Length: {10**12}"
        raw.send("POST /api/datasets HTTP/1.1", "Host: localhost", size, "Expect: 100-continue")
        refusal(raw, 413, "too_large")
    with Raw(server) as raw:
        raw.send(
            "POST /api/users/login HTTP/1.1",
            "Host: localhost",
            "Content-Length: 2",
            "Expect: 100-continue",
        )
        assert raw.socket.recv(100).startswith(b"HTTP/1.1 100 Continue")
        raw.socket.sendall(b"{}")
        assert raw.socket.recv(100).startswith(b"HTTP/1.1 422")


def test_a_chunked_body_is_refused_once_it_is_too_large(server: LiveServer) -> None:
    with Raw(server) as raw:
        raw.send("POST /api/datasets HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked")
        chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
        for _ in range(SMALL // 0x1000 + 1):
            raw.socket.sendall(chunk)
        refusal(raw, 413, "too_large")
    with Raw(server) as raw:
        raw.send("POST /api/datasets HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked")
        with suppress(OSError):
            raw.socket.sendall(b"1;" + b"x" * 2 * SMALL)  # an extension without an end
        assert raw.answer()[0] in (400, 413)


def test_a_client_that_sends_everything_first_still_hears_the_refusal(server: LiveServer) -> None:
    with Raw(server) as raw:
        body = b"x" * (4 * 1024**2)
        raw.send("POST /api/datasets HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}")
        raw.socket.sendall(body)
        refusal(raw, 413, "too_large")
    answer = server.admin.post("/api/datasets", content=b"x" * (4 * 1024**2))
    assert_problem(answer, 413, "too_large", "larger than this server accepts")


def test_what_follows_a_refused_head_is_no_request(server: LiveServer) -> None:
    hidden = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Raw(server) as raw:
        size = f"Content-Length: {10**9}"
        raw.send("POST /api/datasets HTTP/1.1", "Host: localhost", size, body=hidden * 20)
        document = refusal(raw, 413, "too_large")
        assert document["title"]


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_strangers_file_is_refused_before_it_is_sent(
    server: LiveServer, token: str | None
) -> None:
    with Raw(server) as raw:
        raw.send(*import_lines(1, token, 10**9), "X-Request-ID: mine")
        document = refusal(raw, 401, "unauthorized")
        assert document["request_id"] == "mine"
        assert "Sign in first" in document["detail"]


def test_a_file_of_whoever_may_not_write_is_no_larger_than_another_body(
    server: LiveServer,
) -> None:
    viewer, _ = server.new_user("viewer")
    reading = server.admin.post("/api/tokens", json={"name": "r", "scope": "read"}).json()["token"]
    for token in (viewer.headers["Authorization"].split()[1], reading):
        with Raw(server) as raw:
            raw.send(*import_lines(1, token, SMALL + 1))
            refusal(raw, 413, "too_large")
        answer = server.client(token).post("/api/datasets/1/refs/main/import", files={"file": b"a"})
        assert answer.status_code in (403, 404)


def test_a_users_file_may_be_large_also_in_chunks(server: LiveServer) -> None:
    dataset = server.new_dataset()
    content = b"id\n" + b"123456789\n" * 50_000
    path = f"/api/datasets/{dataset}/refs/main/import"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    body = form(content)
    for sent in (body, iter([body[:100_000], body[100_000:]])):
        answer = server.admin.post(path, content=sent, headers=headers)
        assert answer.status_code == 200, answer.text
        job = server.finished(answer.json()["job_id"])
        assert job["output_summary"]["tables"][0]["rows"] == 50_000


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that takes files of a mebibyte."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("tight"), memory_mb=128, upload_max_mb=1)
    with (
        composition_root.serving_in_background(settings, "tests") as here,
        LiveServer(here) as live,
    ):
        yield live


def test_a_file_has_a_largest_size_too(tight: LiveServer) -> None:
    with Raw(tight) as raw:
        raw.send(*import_lines(1, tight.token, 1024**2 + 1))
        refusal(raw, 413, "too_large")
    path = f"/api/datasets/{tight.new_dataset()}/refs/main/import"
    answer = tight.admin.post(path, content=iter([b"x" * 2**20, b"x"]))
    assert_problem(answer, 413, "too_large")
    uploads = tight.service.directory.uploads_dir
    assert list(uploads.iterdir()) == []


def test_headers_have_a_largest_size(server: LiveServer) -> None:
    with Raw(server) as raw, suppress(OSError):
        raw.send("GET /health HTTP/1.1", "Host: localhost", "X-Filler: " + "x" * 300_000)
    with Raw(server) as raw:
        with suppress(OSError):
            raw.socket.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 270_000)
        refusal(raw, 431, "headers_too_large")


@pytest.mark.parametrize(
    "lines",
    [
        ("POST /api/datasets HTTP/1.1", "Content-Length: 3", "Transfer-Encoding: chunked"),
        ("POST /api/datasets HTTP/1.1", "Content-Length: 3", "Content-Length: 4"),
        ("POST /api/datasets HTTP/1.1", "Content-Length: -1"),
        ("POST /api/datasets HTTP/1.1", "Content-Length: +5"),
        ("GET /health HTTP/1.1", "no colon"),
        ("GET /health HTTP/1.1", "Host : localhost"),
        ("get /health HTTP/1.1",),
        ("GET  /health HTTP/1.1",),
    ],
)
def test_a_request_that_two_servers_could_read_in_two_ways_is_refused(
    server: LiveServer, lines: tuple[str, ...]
) -> None:
    with Raw(server) as raw:
        raw.send(*lines, body=b"0\r\n\r\n")
        refusal(raw, 400, "malformed_request")


def test_an_unknown_transfer_encoding_is_refused(server: LiveServer) -> None:
    with Raw(server) as raw:
        raw.send("POST /api/datasets HTTP/1.1", "Transfer-Encoding: gzip, chunked")
        refusal(raw, 501, "not_implemented")


def ends_within(raw: Raw, seconds: float) -> bool:
    raw.socket.settimeout(seconds)
    with suppress(ConnectionResetError):
        return raw.socket.recv(1) == b""
    return True


def test_headers_that_trickle_in_lose_the_connection(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "HEADERS_WITHIN_S", 0.2)
    with Raw(server) as raw, Raw(server) as silent:
        raw.socket.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
        assert ends_within(raw, 5)
        assert ends_within(silent, 5)


def test_a_body_that_trickles_in_loses_the_connection_but_a_file_may(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "BODY_WITHIN_S", 0.2)
    body = form(b"a\n1\n")
    with Raw(server) as raw, Raw(server) as upload:
        upload.send(
            *import_lines(server.new_dataset(), server.token, len(body)), "Connection: close"
        )
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
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "LINGER_BYTES", 1024**2)
    with Raw(server) as raw:
        raw.send("POST /api/datasets HTTP/1.1", "Host: localhost", f"Content-Length: {10**12}")
        assert sending_fails_within(raw, 20)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("[" * 50_000, "nested too deeply"),
        ('{"name":' + "[" * 20_000 + "]" * 20_000 + "}", "nested too deeply"),
        ('{"name":' + "1" * 50_000 + "}", "too many digits"),
        ('{"name": "x", "tags": [' + "1," * 20_000 + "1]}", "maximum length 100"),
        ('{"name": "x",\n "tags": [}', "Expecting value at line 2, column 11"),
        ('"\xff"', "isn't UTF-8"),
    ],
)
def test_json_that_no_one_means_is_refused_quickly(
    server: LiveServer, body: str, part: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = server.admin.post("/api/datasets", content=body.encode("latin-1"), headers=headers)
    assert_problem(answer, 422, "invalid_request", part)


@pytest.mark.parametrize("kind", ["json", "data"])
def test_ten_thousand_wrong_fields_get_a_short_answer(server: LiveServer, kind: str) -> None:
    fields: Any = {f"a{place}": "" for place in range(5_000)}
    given = {kind: fields}
    answer = server.client(None).post("/api/users/login", **given)
    document = assert_problem(answer, 422, "invalid_request", "Unknown field")
    assert len(document["errors"]) == 100
    assert len(answer.content) < 20_000


def test_a_form_has_few_parts(server: LiveServer, tmp_path: Path) -> None:
    path = f"/api/datasets/{server.new_dataset()}/refs/main/import"
    files = [("file", ("t.csv", b"a\n1\n"))] * 30
    assert_problem(server.admin.post(path, files=files), 413, "too_large")


def test_a_connection_serves_one_request_after_the_other(server: LiveServer) -> None:
    with httpx.Client(base_url=server.url) as client:
        for _ in range(3):
            assert client.get("/health").status_code == 200
