"""Whom the server answers to: its own names alone, and changes from its own pages alone.

A page elsewhere can reach this server through a visitor's browser: by a name of its own that it
lets point here (DNS rebinding), or by sending requests across. Owns: the names that a request may
call the server by, and the origins that may change something. Invariant: a request that was refused
here has changed nothing and told nothing. Scripts send no ``Origin`` and are not concerned.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from apiflask import APIFlask
from flask import request

from domain_errors import DomainError
from job_runner.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = ("same-origin", "none")
"""What ``Sec-Fetch-Site`` says of a page of ours, and of a person at the address bar."""

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::[0-9]{1,5})?")


class HostNotAllowed(DomainError):
    """A request under a name that isn't the server's."""

    code = "host_not_allowed"


class OriginNotAllowed(DomainError):
    """A change that a page of another origin asks for."""

    code = "origin_not_allowed"


def host_name(header: str) -> str | None:
    """The name or address in a ``Host`` header, without the port; None when it holds none.

    >>> host_name("LocalHost.:8000")
    'localhost'
    >>> host_name("[::1]:8000")
    '::1'
    """
    found = _HOST.fullmatch(header)
    return None if found is None else found["name"].strip("[]").removesuffix(".").lower()


def is_every_address(host: str) -> bool:
    """Whether a server that listens on this host listens on every address of the machine.

    >>> is_every_address("0:0:0:0:0:0:0:0")
    True
    >>> is_every_address("localhost")
    False
    """
    try:
        return not host or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


class AllowedHosts:
    """The names and addresses that are the server's own.

    Loopback names always are, and the address listened on. A server that listens on every address
    answers to any address, since only names can be made to point elsewhere, and to the machine's
    own name.

    Parameters
    ----------
    host : str
        The address listened on.
    configured : str
        More names, separated by commas.
    """

    def __init__(self, host: str, configured: str) -> None:
        names = (host_name(name.strip()) for name in configured.split(","))
        self.configured = frozenset(name for name in names if name)
        self._any_address = is_every_address(host)
        own = socket.gethostname() if self._any_address else host
        self._own = frozenset({"localhost", own.lower().strip("[]")})

    def include(self, name: str | None) -> bool:
        """Whether the server answers to this name."""
        if name is None:
            return False
        if name in self._own or name in self.configured:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address or address.is_loopback


def refuse_other_hosts(allowed: AllowedHosts, host: str | None, version: str) -> None:
    """Refuse a request under another's name; HTTP/1.0 may leave the name out.

    Raises
    ------
    HostNotAllowed
        Says the name, and what to do when it is the server's.
    """
    if host is None and version == "HTTP/1.0":
        return
    if not allowed.include(host_name(host or "")):
        raise HostNotAllowed(
            '"{host}" isn\'t a name of this server. If it should be, add it to the setting '
            "allowed_hosts.",
            host=(host or "")[:100],
        )


def refuse_other_origins(
    allowed: AllowedHosts, method: str, host: str, origin: str | None, site: str | None
) -> None:
    """Refuse a change that a browser sends for a page of another origin.

    ``site``, the header ``Sec-Fetch-Site``, is the browser's own word, which no page can set.
    Browsers send it to https and to loopback addresses alone, so without it ``Origin`` must name
    the server.

    Raises
    ------
    OriginNotAllowed
        Says the origin.
    """
    if method in SAFE_METHODS or site in OWN_SITES or (site is None and origin is None):
        return
    if site is None and origin is not None:
        place = _place(origin)
        if place and (place == host.lower() or _names(allowed, place)):
            return
    raise OriginNotAllowed(
        'A page of "{origin}" may not change anything here.',
        origin=(origin or "another origin")[:100],
    )


def _place(origin: str) -> str:
    """Host and port of an origin; empty for ``null`` and for what is no origin."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _names(allowed: AllowedHosts, place: str) -> bool:
    """Whether a configured name is meant: a proxy may have put another into ``Host``."""
    return host_name(place) in allowed.configured


def register(app: APIFlask, settings: Settings) -> None:
    """Have every request checked before anything else looks at it."""
    allowed = AllowedHosts(settings.host, settings.allowed_hosts)

    @app.before_request
    def check_host_and_origin() -> None:
        host, version = request.headers.get("Host"), request.environ["SERVER_PROTOCOL"]
        refuse_other_hosts(allowed, host, version)
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        refuse_other_origins(allowed, request.method, host or "", origin, site)
