"""Validation of the Host and Origin headers, against DNS rebinding and cross-site requests.

A refused request changes nothing and reads nothing. Scripts send no ``Origin``.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from apiflask import APIFlask
from flask import request

from application.sessions import SAFE_METHODS
from domain_errors import DomainError
from service.settings import Settings

OWN_SITES = ("same-origin", "none")
"""``Sec-Fetch-Site`` of this server's pages, and of the address bar."""

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::[0-9]{1,5})?")


class HostNotAllowed(DomainError):
    """The Host header has a name that isn't the server's."""

    code = "host_not_allowed"


class OriginNotAllowed(DomainError):
    """A page of another origin requests a change."""

    code = "origin_not_allowed"


def host_name(header: str) -> str | None:
    """The name or address in a ``Host`` header without the port, or None.

    >>> host_name("LocalHost.:8000")
    'localhost'
    >>> host_name("[::1]:8000")
    '::1'
    """
    found = _HOST.fullmatch(header)
    return None if found is None else found["name"].strip("[]").removesuffix(".").lower()


def is_every_address(host: str) -> bool:
    """Whether this host stands for every address of the machine.

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
    """The names of a server on ``host``, with those of the setting ``allowed_hosts``.

    Loopback names and the listening address always belong to it. If it listens on every address,
    so do all addresses (DNS rebinding needs a name) and the machine's name.
    """

    def __init__(self, host: str, configured: str) -> None:
        names = (host_name(name.strip()) for name in configured.split(","))
        self.configured = frozenset(name for name in names if name)
        self._any_address = is_every_address(host)
        own = socket.gethostname() if self._any_address else host
        self._own = frozenset({"localhost", own.lower().strip("[]")})

    def include(self, name: str | None) -> bool:
        """Whether this name belongs to the server."""
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
    """Refuse a request to another name; HTTP/1.0 may omit the name."""
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

    ``site`` is the header ``Sec-Fetch-Site``, which no page can set. Browsers send it to https and
    loopback addresses alone, so without it ``Origin`` must name the server.
    """
    if method in SAFE_METHODS or site in OWN_SITES or (site is None and origin is None):
        return
    if site is None and origin is not None:
        place = _place(origin)
        # A proxy may have replaced the Host header, so configured names count, too.
        if place and (place == host.lower() or host_name(place) in allowed.configured):
            return
    raise OriginNotAllowed(
        'A page of "{origin}" may not change anything here.',
        origin=(origin or "another origin")[:100],
    )


def _place(origin: str) -> str:
    """Return host and port of an origin; empty for ``null`` and invalid origins."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def register(app: APIFlask, settings: Settings) -> None:
    """Check every request before all other hooks."""
    allowed = AllowedHosts(settings.host, settings.allowed_hosts)

    @app.before_request
    def check_host_and_origin() -> None:
        host, version = request.headers.get("Host"), request.environ["SERVER_PROTOCOL"]
        refuse_other_hosts(allowed, host, version)
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        refuse_other_origins(allowed, request.method, host or "", origin, site)
