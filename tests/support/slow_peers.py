"""Peers that take connections and hold them: they say nothing, or a byte now and then."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

DRIP_S = 0.2
Hold = Callable[[socket.socket, threading.Event], None]


def silent(connection: socket.socket, ended: threading.Event) -> None:
    """Say nothing: also not in a TLS handshake."""
    ended.wait()


def _dripping(start: bytes, drop: bytes, *, speaks_first: bool = False) -> Hold:
    def hold(connection: socket.socket, ended: threading.Event) -> None:
        if not speaks_first:  # a client refuses an answer that is there before its request
            connection.recv(1)
        connection.sendall(start)
        while not ended.wait(DRIP_S):
            connection.sendall(drop)

    return hold


drips_status = _dripping(b"H", b"T")
drips_headers = _dripping(b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x")
drips_interim = _dripping(b"", b"HTTP/1.1 102 Processing\r\n\r\n")
drips_body = _dripping(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{", b" ")
drips_smtp = _dripping(b"220-mail\r\n", b"220-please wait\r\n", speaks_first=True)


@contextmanager
def slow_peer(hold: Hold) -> Iterator[int]:
    """Listen on a port of this machine until the block ends, and hold each connection."""
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            hold(connection, ended)

    def accept(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        threading.Thread(target=accept, args=(listening,), daemon=True).start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            ended.set()
            listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def deaf_peer() -> Iterator[int]:
    """A port whose connections are never taken, so that the handshake of TCP gets no answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]  # they fill the backlog
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
            yield int(address[1])
        finally:
            for one in waiting:
                one.close()
