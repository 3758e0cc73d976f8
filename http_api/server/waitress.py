"""The waitress server around the app: address, threads, limits, graceful stop.

Guarantees that ``/health`` is answered however busy all other threads are, and that after ``close``
no socket is open, whichever thread called it.
"""

from __future__ import annotations

import errno
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher
from waitress.wasyncore import close_all, dispatcher, loop

from application.providers.proxy_header import PEER
from domain_errors import DomainError
from http_api.server.host_check import is_every_address
from http_api.server.request_limits import Gate, limited_channel
from operating_system import raise_open_files
from service.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

STOP_S = 10
DRAIN_S = 5.0
"""Time limit of open requests and responses at a stop."""
OTHER_DESCRIPTORS = 256
"""More than the files and databases that the service itself opens."""
MIN_CONNECTIONS = 16
"""Waitress counts its listening sockets and its wake-up pipe as connections."""

HEALTH = "/health"
logger = logging.getLogger("jobsvc.http")


class TooFewDescriptors(DomainError):
    """The system's limit of open files is too low to serve requests."""

    code = "too_few_descriptors"


class AddressInUse(DomainError):
    """The address is in use or doesn't belong to this machine."""

    code = "address_in_use"


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Gives each request to one of its threads; ``/health`` has a thread of its own."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self._health = ThreadedTaskDispatcher()
        self.set_thread_count(threads)

    def set_thread_count(self, count: int) -> None:
        """Start or stop threads."""
        super().set_thread_count(count)
        self._health.set_thread_count(min(count, 1))

    def add_task(self, task: Any) -> None:
        """Queue a connection for its first request."""
        path = getattr(task.requests[0], "path", "") if task.requests else ""
        if path == HEALTH:
            self._health.add_task(task)
        else:
            super().add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Stop all threads after their requests."""
        self._health.shutdown(cancel_pending, timeout)
        return bool(super().shutdown(cancel_pending, timeout))


class HttpServer:
    """A server that listens at once and answers after :meth:`run`.

    Parameters
    ----------
    gate : Gate
        Limits requests by their headers.
    on_refusal : callable
        Called with the error code of each request that the gate or parser refuses.
    leave : callable
        Called first when :meth:`stop` ends :meth:`run`.
    slow_threads : int
        Threads for slow requests, in addition to those for quick ones.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        settings: Settings,
        gate: Gate,
        on_refusal: Callable[[str], None],
        leave: Callable[[], None] = lambda: None,
        *,
        slow_threads: int = 0,
    ) -> None:
        self._leave = leave
        self._channels: dict[int, Any] = {}
        self._lock = threading.Lock()
        self._pulling = threading.Lock()
        self._closing = self._leaving = False
        self._stopped = threading.Event()
        self._stopped.set()
        # It warns of each request that waits for a thread.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        threads = settings.http_threads + slow_threads
        try:
            self._server = create_server(
                app,
                map=self._channels,
                host=settings.host,
                port=settings.port,
                _dispatcher=Dispatcher(threads),
                # A browser opens up to six.
                connection_limit=possible_connections(settings.http_connections),
                asyncore_use_poll=True,  # select() takes no descriptor above 1023
                max_request_body_size=settings.body_max_kb * 1024,  # the gate may allow more
                channel_request_lookahead=1,  # notices disconnected clients
                channel_timeout=settings.idle_s,
                cleanup_interval=sys.maxsize,  # LimitedChannel closes itself
                ident=None,
                **_proxy(settings.trusted_proxy),
            )
        except (OSError, ValueError) as error:
            raise _address_error(settings, error) from None
        for listener in self._listeners():
            listener.channel_class = limited_channel(gate, on_refusal, settings)
            listener.application = partial(_with_peer, listener.application)
        self._wake_up = self._listeners()[0].trigger.pull_trigger
        self.port = int(self._listeners()[0].effective_port)
        self.url = f"http://{_reachable(settings.host)}:{self.port}"

    def run(self) -> None:
        """Answer until :meth:`close`, or until :meth:`stop`; then finish open requests."""
        with self._lock:
            if self._closing:
                return
            self._stopped.clear()
        try:
            while self._channels and not self._leaving:
                self._loop(1.0)
            if self._leaving:
                self._leave()
                self._drain()
        finally:
            self._stopped.set()

    def stop(self) -> None:
        """End :meth:`run`; for signal handlers, as it takes no lock."""
        self._leaving = True
        self._wake_up()

    def _loop(self, timeout_s: float) -> None:
        loop(timeout=timeout_s, use_poll=True, map=self._channels, count=1)

    def _drain(self) -> None:
        """Answer open requests within ``DRAIN_S``, and close idle connections."""
        for listener in self._listeners():
            dispatcher.close(listener)  # only the listening socket; the loop keeps its wake-up pipe
        end = time.monotonic() + DRAIN_S
        while time.monotonic() < end:
            connections = [c for c in self._channels.values() if isinstance(c, HTTPChannel)]
            busy = [c for c in connections if c.requests or c.total_outbufs_len]
            if not busy:
                return
            for idle in set(connections).difference(busy):
                idle.handle_close()
            self._loop(0.02)

    def close(self) -> None:
        """Let requests finish, then close every connection.

        Each request's thread writes to the loop's wake-up pipe at its end. So the pipe is closed
        after the last thread: its descriptor could be another file's by then.
        """
        with self._lock:
            self._closing = True
        self._server.task_dispatcher.shutdown(timeout=STOP_S)
        if self._server.task_dispatcher.threads:
            logger.warning("requests are still in progress; their connections are closed")
            return
        if not self._stopped.is_set():
            # The loop runs in another thread, which must close its own sockets.
            with self._pulling:
                self._wake_up(self._close_in_loop)
            self._stopped.wait(STOP_S)
        close_all(self._channels, ignore_all=True)

    def _close_in_loop(self) -> None:
        # Waitress calls this possibly before it writes to the wake-up pipe, which this closes.
        with self._pulling:
            close_all(self._channels)

    def _listeners(self) -> list[Any]:
        return [c for c in self._channels.values() if isinstance(c, BaseWSGIServer)]


def _address_error(settings: Settings, error: OSError | ValueError) -> AddressInUse:
    if isinstance(error, ValueError):
        template = '"{host}", port {port}, isn\'t an address ({error}).'
    elif error.errno == errno.EADDRINUSE:
        template = "The address {host}, port {port}, is in use."
    else:
        template = "The address {host}, port {port}, can't be used ({error})."
    if isinstance(error, OSError):
        template += " Choose another with --host or --port."
    port = str(settings.port)  # without a thousands separator
    return AddressInUse(template, host=settings.host, port=port, error=str(error))


def _with_peer(
    app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Keep the connection's address, which ``X-Forwarded-For`` replaces."""
    environ[PEER] = environ["REMOTE_ADDR"]
    return app(environ, start_response)


def _proxy(address: str) -> dict[str, Any]:
    """The settings for a trusted proxy; waitress drops these headers of all others."""
    if not address:
        return {}
    return {
        "trusted_proxy": address,
        "trusted_proxy_count": 1,
        "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto x-forwarded-host",
    }


def possible_connections(wanted: int) -> int:
    """The wanted number of connections, or fewer if the system's limit of open files is low.

    The process's own limit, often 1,024, is raised if needed.
    """
    needed = wanted + OTHER_DESCRIPTORS
    possible = raise_open_files(needed)
    if possible < OTHER_DESCRIPTORS + MIN_CONNECTIONS:
        raise TooFewDescriptors(
            "The system lets jobsvc open {limit} files, and it needs {needed}. Raise the limit "
            "(ulimit -Hn, LimitNOFILE).",
            limit=possible,
            needed=OTHER_DESCRIPTORS + MIN_CONNECTIONS,
        )
    return possible - OTHER_DESCRIPTORS


def _reachable(host: str) -> str:
    """Return an address that a browser on this machine can open."""
    if is_every_address(host):
        return "[::1]" if ":" in host else "127.0.0.1"
    return f"[{host}]" if ":" in host else host
