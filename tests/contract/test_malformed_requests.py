"""Requests that no honest client sends: heads and bodies that aren't what they should be."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.contract.problems import assert_problem
from tests.contract.raw_requests import Raw, refusal
from tests.support.live_server import LiveServer


def test_what_follows_a_refused_head_is_no_request(server: LiveServer) -> None:
    hidden = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Raw(server) as raw:
        size = f"Content-Length: {10**9}"
        raw.send("POST /api/datasets HTTP/1.1", "Host: localhost", size, body=hidden * 20)
        document = refusal(raw, 413, "too_large")
        assert document["title"]


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
        ("GET http://[ HTTP/1.1", "Host: localhost"),
        ("POST /api/datasets HTTP/1.1", "Content-Length: " + "1" * 5_000),
    ],
)
def test_a_request_that_two_servers_could_read_in_two_ways_is_refused(
    server: LiveServer, lines: tuple[str, ...]
) -> None:
    with Raw(server) as raw:
        raw.send(*lines, body=b"0\r\n\r\n")
        refusal(raw, 400, "malformed_request")


@pytest.mark.parametrize("end", ["\n", "\r"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_bare_line_end_is_refused_at_once(server: LiveServer, end: str, pieces: int) -> None:
    head = f"GET /health HTTP/1.1{end}Host: localhost{end}{end}".encode()
    with Raw(server) as raw:
        raw.socket.settimeout(5)
        step = len(head) // pieces + 1
        for start in range(0, len(head), step):
            raw.socket.sendall(head[start : start + step])
        document = refusal(raw, 400, "malformed_request")
    assert "CR LF" in document["detail"]


def test_a_crlf_in_two_pieces_is_a_line_end(server: LiveServer) -> None:
    with Raw(server) as raw:
        for piece in (
            "GET /health HTTP/1.1\r",
            "\nHost: localhost\r\nConnection: close\r\n\r",
            "\n",
        ):
            raw.socket.sendall(piece.encode())
            time.sleep(0.02)
        status, _, _ = raw.answer()
    assert status == 200


def test_an_unknown_transfer_encoding_is_refused(server: LiveServer) -> None:
    with Raw(server) as raw:
        raw.send("POST /api/datasets HTTP/1.1", "Transfer-Encoding: gzip, chunked")
        refusal(raw, 501, "not_implemented")


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
