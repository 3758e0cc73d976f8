"""The server's connections."""

from __future__ import annotations

import http.client
from contextlib import ExitStack, closing

import pytest

from http_api.request_limits import LimitedChannel
from tests.live_server import LiveServer

CLIENTS = 200


def test_many_clients_that_stay_connected_are_all_answered(server: LiveServer) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with ExitStack() as stack:
        clients = [
            stack.enter_context(closing(http.client.HTTPConnection(host, int(port), timeout=20)))
            for _ in range(CLIENTS)
        ]
        for _ in range(2):
            for client in clients:
                client.request("GET", "/health")
                answer = client.getresponse()
                assert (answer.status, answer.read()) == (200, b'{"status":"ok"}\n')


def sends_of(server: LiveServer, path: str) -> tuple[list[int], http.client.HTTPResponse, bytes]:
    """How many bytes each call of the server sent of one answer."""
    sizes: list[int] = []
    original = LimitedChannel.send

    def send(channel: LimitedChannel, data: bytes, **options: object) -> int:
        sizes.append(len(data))
        return int(original(channel, data, **options))

    host, port = server.url.removeprefix("http://").split(":")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(LimitedChannel, "send", send)
        with closing(http.client.HTTPConnection(host, int(port), timeout=20)) as client:
            headers = {"Authorization": f"Bearer {server.token}"}
            client.request("GET", path, headers=headers)
            answer = client.getresponse()
            return sizes, answer, answer.read()


def test_a_small_answer_is_sent_by_one_call(server: LiveServer) -> None:
    sizes, answer, body = sends_of(server, "/health")
    assert (answer.status, body) == (200, b'{"status":"ok"}\n')
    assert len(sizes) == 1


def test_an_answer_of_any_size_arrives_whole(server: LiveServer) -> None:
    for rows in (1, 3_000, 12_000):
        dataset = server.new_table(rows)
        path = f"/api/datasets/{dataset}/refs/main/tables/primary/data?format=csv"
        sizes, answer, body = sends_of(server, path)
        assert answer.status == 200
        assert body.count(b"\n") == rows + 1
        assert sum(sizes) > len(body)


def test_an_answer_without_a_body_has_its_header(server: LiveServer) -> None:
    answer = server.admin.head("/health")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["X-Request-ID"]
