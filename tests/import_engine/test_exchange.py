"""The time limit of a whole exchange with another server."""

from __future__ import annotations

import socket
import threading
import time
from functools import partial

import httpx
import pytest

from import_engine.sources.exchange import Exchange, Overdue
from tests.support.slow_peers import (
    Hold,
    drips_headers,
    drips_interim,
    drips_status,
    silent,
    slow_peer,
)

LIMIT_S = 0.5


def asked(exchange: Exchange, url: str) -> int:
    with httpx.Client(timeout=60, verify=False) as client:
        return client.get(url, extensions={"trace": exchange.trace}).status_code


@pytest.mark.parametrize("hold", [silent, drips_status, drips_headers, drips_interim])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_peer_that_holds_the_connection_is_cut_off(hold: Hold, scheme: str) -> None:
    with slow_peer(hold) as port:
        exchange, begun = Exchange(LIMIT_S), time.monotonic()
        with pytest.raises((Overdue, httpx.ConnectError)) as raised:  # a byte may be no TLS
            exchange.run(partial(asked, exchange, f"{scheme}://127.0.0.1:{port}/"))
        exchange.join(30)
        assert time.monotonic() - begun < 10  # the library's own limit is 60 seconds
        assert scheme == "https" or raised.type is Overdue


def test_what_can_not_be_cut_off_is_left_and_connects_to_nothing() -> None:
    resolved = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)

        def look_up_slowly() -> None:
            resolved.wait(5)
            with socket.create_connection(listening.getsockname()) as connection:
                exchange.guard(connection)
                connection.sendall(b"too late")

        exchange = Exchange(LIMIT_S)
        begun = time.monotonic()
        with pytest.raises(Overdue):
            exchange.run(look_up_slowly)
        assert time.monotonic() - begun < 2
        resolved.set()
        exchange.join(5)
        with listening.accept()[0] as connection:
            assert connection.recv(100) == b""


def test_a_cut_ends_an_exchange_at_once() -> None:
    with slow_peer(silent) as port:
        exchange = Exchange(60)
        threading.Timer(0.2, exchange.cut).start()
        with pytest.raises(Overdue):
            exchange.run(partial(asked, exchange, f"http://127.0.0.1:{port}/"))
        exchange.join(5)
        assert exchange.was_cut
    with pytest.raises(Overdue):
        exchange.run(lambda: None)


def test_results_and_errors_pass_through() -> None:
    assert Exchange(5).run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        Exchange(5).run(lambda: 1 / 0)
