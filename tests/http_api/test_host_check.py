"""Which names are the server's own, and which origins may change something."""

from __future__ import annotations

import socket

import pytest

from http_api.server.host_check import (
    AllowedHosts,
    HostNotAllowed,
    OriginNotAllowed,
    host_name,
    refuse_other_hosts,
    refuse_other_origins,
)

LOOPBACK = AllowedHosts("127.0.0.1", "")
EVERYWHERE = AllowedHosts("0.0.0.0", "")
PROXIED = AllowedHosts("127.0.0.1", "jobs.example.org, Other.example.org.")


def ask(allowed: AllowedHosts, method: str, headers: dict[str, str]) -> None:
    """Have a request to localhost:8000 with these headers checked."""
    origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site")
    refuse_other_origins(allowed, method, "localhost:8000", origin, site)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST.:80", "localhost"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("[::1]:8000", "::1"),
        ("jobs.example.org:443", "jobs.example.org"),
        ("", None),
        ("localhost:", None),
        ("localhost:8000:9", None),
        ("localhost, evil.example", None),
        ("user@localhost", None),
        ("localhost/..", None),
        ("local host", None),
        ("löcalhost", None),
        ("[localhost]", None),
        ("::1", None),
    ],
)
def test_a_host_header_is_a_name_with_or_without_a_port(header: str, name: str | None) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize(
    ("allowed", "host", "included"),
    [
        (LOOPBACK, "localhost:8000", True),
        (LOOPBACK, "127.0.0.1", True),
        (LOOPBACK, "127.8.9.10", True),
        (LOOPBACK, "[::1]:8000", True),
        (LOOPBACK, "192.168.1.5", False),
        (LOOPBACK, "evil.example", False),
        (LOOPBACK, "127.0.0.1.evil.example", False),
        (LOOPBACK, "localhost.evil.example", False),
        (EVERYWHERE, "192.168.1.5:8000", True),
        (EVERYWHERE, "[2001:db8::1]:8000", True),
        (EVERYWHERE, socket.gethostname().upper(), True),
        (EVERYWHERE, "evil.example", False),
        (AllowedHosts("192.168.1.5", ""), "192.168.1.5:8000", True),
        (AllowedHosts("192.168.1.5", ""), "192.168.1.6:8000", False),
        (AllowedHosts("::1", ""), "[::1]", True),
        (AllowedHosts("build-7.local", ""), "BUILD-7.local:8000", True),
        (PROXIED, "jobs.example.org", True),
        (PROXIED, "other.EXAMPLE.org:8443", True),
        (PROXIED, "deep.jobs.example.org", False),
    ],
)
def test_own_names_are_loopback_the_address_listened_on_and_those_of_the_setting(
    allowed: AllowedHosts, host: str, included: bool
) -> None:
    assert allowed.include(host_name(host)) == included


def test_a_request_without_a_host_is_refused_but_for_the_old_protocol() -> None:
    refuse_other_hosts(LOOPBACK, None, "HTTP/1.0")
    with pytest.raises(HostNotAllowed, match="allowed_hosts"):
        refuse_other_hosts(LOOPBACK, None, "HTTP/1.1")
    with pytest.raises(HostNotAllowed, match=r"evil\.example"):
        refuse_other_hosts(LOOPBACK, "evil.example", "HTTP/1.0")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:8000"},
        {"Origin": "https://LOCALHOST:8000"},
        {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://jobs.example.org"},
    ],
)
def test_the_servers_own_pages_and_scripts_may_change_something(headers: dict[str, str]) -> None:
    ask(PROXIED, "POST", headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost:8000.evil.example"},
        {"Origin": "http://localhost:8000@evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "LINK"])
def test_a_page_of_another_origin_may_not(method: str, headers: dict[str, str]) -> None:
    with pytest.raises(OriginNotAllowed, match="may not change"):
        ask(LOOPBACK, method, headers)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_no_change(method: str) -> None:
    ask(LOOPBACK, method, {"Origin": "http://evil.example"})
