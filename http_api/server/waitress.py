"""Waitress around the app: address, limits, an orderly stop.

Owns: the listening sockets and the threads that answer requests. Invariant: after ``close`` no
socket is open, whichever thread called it.
"""

from __future__ import annotations

import errno
import logging
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.wasyncore import close_all, dispatcher, loop

from domain_errors import DomainError
from http_api.server.dispatcher import Dispatcher
from http_api.server.host_check import is_every_address
from http_api.server.request_limits import Gate, limited_channel
from job_runner.settings import Settings

STOP_S = 10
DRAIN_S = 5.0
"""How long requests that were taken in, and answers that are being sent, may take at a stop."""
OTHER_DESCRIPTORS = 256
"""More than the files, databases and streams that the service itself holds open."""
MIN_CONNECTIONS = 16
"""Waitress counts its listening sockets and its wake-up pipe as connections, too."""

logger = logging.getLogger("jobsvc.http")


class TooFewDescriptors(DomainError):
    """The system lets this process open too few files to serve anyone."""

    code = "too_few_descriptors"


class AddressInUse(DomainError):
    """Something else listens on the address, or it isn't this machine's."""

    code = "address_in_use"


class HttpServer:
    """A server that listens from the start and answers once it runs.

    Parameters
    ----------
    app : callable
        The WSGI app.
    settings : Settings
        Host, port, threads and connections.
    gate : Gate
        Which requests are taken in.
    slow_threads : int
        Threads for slow requests, beside those for quick ones.
    tell_refusal : callable
        Takes the code of each request that isn't.
    leave : callable
        Called first of all when a signal ends :meth:`run`.

    Raises
    ------
    AddressInUse
        The address can't be listened on.
    TooFewDescriptors
        The system's limit of open files is too low.
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
        self._closing = False
        self._stopped = threading.Event()
        self._stopped.set()
        # A warning for each request that finds all threads busy would be most of the log.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        threads = settings.http_threads + slow_threads
        try:
            self._server = create_server(
                app,
                map=self._channels,
                host=settings.host,
                port=settings.port,
                _dispatcher=Dispatcher(threads),
                # Beyond it nobody is let in before somebody leaves: a browser keeps up to six.
                connection_limit=possible_connections(settings.http_connections),
                asyncore_use_poll=True,  # select() takes no descriptor above 1023
                max_request_body_size=settings.body_max_kb * 1024,  # unless the gate says more
                channel_request_lookahead=1,  # a client that leaves is noticed
                cleanup_interval=sys.maxsize,  # each connection looks after itself
                ident=None,
                **_proxy(settings.trusted_proxy),
            )
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"can't be used ({error})"
            raise AddressInUse(
                "The address {host}, port {port}, {why}. Choose another with --host or --port.",
                host=settings.host,
                port=str(settings.port),
                why=why,
            ) from None
        except ValueError as error:
            raise AddressInUse(
                '"{host}", port {port}, isn\'t an address ({error}).',
                host=settings.host,
                port=str(settings.port),
                error=str(error),
            ) from None
        for listener in self._listeners():
            listener.channel_class = limited_channel(gate, on_refusal)
        self.port = int(self._listeners()[0].effective_port)
        self.url = f"http://{_reachable(settings.host)}:{self.port}"

    def run(self) -> None:
        """Answer requests until :meth:`close`, SystemExit or KeyboardInterrupt.

        After the latter two no connection is taken any more, and what was asked is answered.
        """
        with self._lock:
            if self._closing:
                return
            self._stopped.clear()
        try:
            self._loop()
        except (SystemExit, KeyboardInterrupt):
            self._leave()
            self._drain()
        finally:
            self._stopped.set()

    def _loop(self, timeout_s: float = 1.0, rounds: int | None = None) -> None:
        loop(timeout=timeout_s, use_poll=True, map=self._channels, count=rounds)

    def _drain(self) -> None:
        """Go on until every request is answered and every answer sent, but not for ever.

        A connection with neither is closed: nothing that it sends from now on would be answered.
        """
        for listener in self._listeners():
            dispatcher.close(listener)  # the listening socket alone; the loop is still woken
        end = time.monotonic() + DRAIN_S
        while time.monotonic() < end:
            connections = [one for one in self._channels.values() if isinstance(one, HTTPChannel)]
            busy = [one for one in connections if one.requests or one.total_outbufs_len]
            if not busy:
                return
            for idle in set(connections).difference(busy):
                idle.handle_close()
            self._loop(0.02, 1)

    def close(self) -> None:
        """Let requests finish, then close every connection.

        A thread that answers a request writes to the loop's wake-up pipe when it is done. So the
        pipe is closed only once no such thread is left: its number could be another file's by then.
        """
        with self._lock:
            self._closing = True
        self._server.task_dispatcher.shutdown(timeout=STOP_S)
        if self._server.task_dispatcher.threads:
            logger.warning("requests are still being answered; their connections end with this")
            return
        if not self._stopped.is_set():
            # The loop is another thread's: it must close its own sockets.
            with self._pulling:
                self._listeners()[0].trigger.pull_trigger(self._close_in_loop)
            self._stopped.wait(STOP_S)
        close_all(self._channels, ignore_all=True)

    def _close_in_loop(self) -> None:
        # Waitress hands this over before it wakes the loop: a loop that is awake already would
        # close the pipe that it is about to be woken by.
        with self._pulling:
            close_all(self._channels)

    def _listeners(self) -> list[Any]:
        return [one for one in self._channels.values() if isinstance(one, BaseWSGIServer)]


def _proxy(address: str) -> dict[str, Any]:
    """What is believed of a proxy; from anyone else, waitress drops these headers."""
    if not address:
        return {}
    return {
        "trusted_proxy": address,
        "trusted_proxy_count": 1,
        "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto x-forwarded-host",
    }


def possible_connections(wanted: int) -> int:
    """As many connections as are wanted, or as the system's limit of open files allows.

    The process's own limit, often 1,024, is raised as far as it takes.

    Raises
    ------
    TooFewDescriptors
        The limit allows fewer than ``MIN_CONNECTIONS``.
    """
    needed = wanted + OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        needed = min(needed, hard)
    if needed < OTHER_DESCRIPTORS + MIN_CONNECTIONS:
        raise TooFewDescriptors(
            "The system lets jobsvc open {limit} files, and it needs {needed}. Raise the limit "
            "(ulimit -Hn, LimitNOFILE).",
            limit=hard,
            needed=OTHER_DESCRIPTORS + MIN_CONNECTIONS,
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return needed - OTHER_DESCRIPTORS


def _reachable(host: str) -> str:
    """An address that a browser on this machine can open."""
    if is_every_address(host):
        return "[::1]" if ":" in host else "127.0.0.1"
    return f"[{host}]" if ":" in host else host
