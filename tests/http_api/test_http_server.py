"""The server's connections."""

from __future__ import annotations

import http.client
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from signal import SIGTERM, signal
from types import FrameType
from typing import Any

import httpx
import pytest

from http_api.server.request_limits import LimitedChannel
from http_api.server.waitress import HttpServer
from service.settings import Settings
from tests.support.live_server import LiveServer

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


def test_health_is_answered_while_all_other_threads_work() -> None:
    working, may_end = threading.Semaphore(0), threading.Event()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] != "/health":
            working.release()
            assert may_end.wait(30)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    settings = Settings(port=0, http_threads=2)
    server = HttpServer(app, settings, lambda *_: 1000, lambda code: None, slow_threads=1)
    loop = threading.Thread(target=server.run)
    loop.start()
    with httpx.Client(base_url=server.url, timeout=30) as client, ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(client.get, "/other") for _ in range(5)]
        for _ in range(3):
            assert working.acquire(timeout=30)
        for _ in range(3):
            assert client.get("/health").text == "ok"
        assert not working.acquire(blocking=False)
        may_end.set()
        assert [one.result().text for one in asked] == ["ok"] * 5
    server.close()
    loop.join(30)
    assert not loop.is_alive()


@pytest.mark.parametrize("point", range(45))
def test_a_signal_at_any_point_of_the_start_ends_the_server(point: int) -> None:
    settings = Settings(port=0, http_threads=2)
    server = HttpServer(lambda *_: [], settings, lambda *_: 1000, lambda code: None)
    left = [point]

    def count(_frame: FrameType, event: str, _about: Any) -> None:
        if event in ("return", "c_return"):
            left[0] -= 1
            if left[0] < 0:
                sys.setprofile(None)
                os.kill(os.getpid(), SIGTERM)

    before = signal(SIGTERM, lambda *_: server.stop())
    began = time.monotonic()
    try:
        sys.setprofile(count)
        server.run()
    finally:
        sys.setprofile(None)
        signal(SIGTERM, before)
    server.close()
    assert left[0] < 0, "the server ended before the signal"
    assert time.monotonic() - began < 3
