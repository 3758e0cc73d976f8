"""The server's connections."""

from __future__ import annotations

import http.client
from contextlib import ExitStack, closing

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
