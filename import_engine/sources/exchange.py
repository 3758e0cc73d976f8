"""One time limit for a whole exchange with another server, whatever its steps.

Libraries limit each step: the look-up of the name not at all, and each address and each read anew,
so that a server that sends a byte now and then holds a thread for hours.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Overdue(Exception):
    """The exchange wasn't over within its time limit, or was cut off."""


class Exchange:
    """An exchange that takes at most ``limit_s`` seconds from now.

    It runs in a thread of its own. When the time is over, its connections are shut down, which ends
    each read and write. The look-up of a name ends by itself later; no connection is made then.
    """

    def __init__(self, limit_s: float) -> None:
        self._ends = time.monotonic() + limit_s
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._is_over = False
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self.was_cut = False

    @property
    def remaining_s(self) -> float:
        """The rest of the time limit, for the limits of single steps."""
        return max(self._ends - time.monotonic(), 0.001)

    def run(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, which guards the connections that it makes.

        Raises
        ------
        Overdue
            The time limit has passed, or :meth:`cut` was called.
        """
        result: Future[T] = Future()

        def run_work() -> None:
            try:
                result.set_result(work())
            except BaseException as error:
                result.set_exception(error)
            self._woken.set()
            self._end()

        thread = threading.Thread(target=run_work, name="exchange", daemon=True)
        with self._lock:
            if self._is_over:
                raise Overdue
            self._thread = thread
            thread.start()
        self._woken.wait(self.remaining_s)
        if not result.done() or (self.was_cut and result.exception() is not None):
            self._end()
            raise Overdue
        return result.result()

    def guard(self, connection: socket.socket) -> None:
        """Shut a new connection down when the exchange is over; raise Overdue if it is already."""
        own = connection.dup()  # TLS takes the descriptor of the first over
        with self._lock:
            if not self._is_over:
                self._connections.append(own)
                return
        _shut_down(own)
        raise Overdue

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Guard the connections of httpx: its extension ``trace``."""
        if event == "connection.connect_tcp.complete":  # before anything is sent
            stream = info["return_value"]
            try:
                self.guard(stream.get_extra_info("socket"))
            except Overdue:
                stream.close()
                raise

    def release(self) -> None:
        """Guard the connections no longer: their user limits what follows."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            connection.close()

    def cut(self) -> None:
        """End the exchange now."""
        self.was_cut = True
        self._woken.set()
        self._end()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the thread, which may outlast :meth:`run` by the look-up of a name."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
            connections, self._connections = self._connections, []
        for connection in connections:
            _shut_down(connection)


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
