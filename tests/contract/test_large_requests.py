"""What is too large is refused before it is taken in, tried with sockets as a stranger would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from http_api.server.problems import PROBLEM
from service.settings import Settings
from tests.contract.problems import assert_problem
from tests.contract.raw_requests import Raw, form, import_lines, refusal
from tests.support.live_server import LiveServer, live_server

SMALL = 64 * 1024
"""The shared server's largest body that isn't a file."""


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
    headers = {"Content-Type": "application/json"}
    answer = server.admin.post("/api/datasets", content=b" " * SMALL, headers=headers)
    assert answer.status_code == 422


def test_a_client_that_asks_first_gets_no_continue(server: LiveServer) -> None:
    with Raw(server) as raw:
        size = f"Content-Length: {10**12}"
        raw.send("POST /api/datasets HTTP/1.1", "Host: localhost", size, "Expect: 100-continue")
        refusal(raw, 413, "too_large")
    with Raw(server) as raw:
        raw.send(
            "POST /api/users/login HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
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
    with live_server(settings) as live:
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


def test_an_address_that_is_too_long_gets_a_page(server: LiveServer) -> None:
    for path, kind in (("/datasets/1", "text/html; charset=utf-8"), ("/api/jobs", PROBLEM)):
        with Raw(server) as raw:
            with suppress(OSError):
                raw.socket.sendall(f"GET {path}?filter={'x' * 270_000}".encode())
            status, headers, body = raw.answer()
        assert (status, headers["Content-Type"]) == (431, kind)
        assert (b"<h1>Address too long</h1>" in body) == (kind != PROBLEM)


def test_a_form_has_few_parts(server: LiveServer, tmp_path: Path) -> None:
    path = f"/api/datasets/{server.new_dataset()}/refs/main/import"
    files = [("file", ("t.csv", b"a\n1\n"))] * 30
    assert_problem(server.admin.post(path, files=files), 413, "too_large")
