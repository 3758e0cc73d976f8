"""Requests under another's name and from another's page, against a live server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from service.settings import Settings
from tests.contract.problems import assert_problem
from tests.support.live_server import PASSWORD, LiveServer, live_server


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that has a name of its own."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("named"), memory_mb=128, allowed_hosts="jobs.example.org"
    )
    with live_server(settings) as live:
        yield live


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server behind a proxy on the same machine."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("proxied"),
        memory_mb=128,
        allowed_hosts="jobs.example.org",
        trusted_proxy="127.0.0.1",
    )
    with live_server(settings) as live:
        yield live


FORWARDED = {
    "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "jobs.example.org",
}


def test_a_trusted_proxy_tells_who_asks_and_by_which_name(proxied: LiveServer) -> None:
    _, user = proxied.new_user()
    path = f"/api/users/{user['id']}/sign-in-link"
    made = proxied.admin.post(path, headers=FORWARDED)
    assert made.json()["link"].startswith("https://jobs.example.org/sign-in?code=")
    (entry, *_) = proxied.admin.get("/api/admin/audit").json()["entries"]
    assert (entry["action"], entry["client_address"]) == ("sign_in_link_made", "198.51.100.7")
    form = {"soeid": user["soeid"], "password": PASSWORD}
    answer = proxied.client(None).post("/sign-in", data=form, headers=FORWARDED)
    assert "Secure" in answer.headers["Set-Cookie"]
    other = {**FORWARDED, "X-Forwarded-Host": "evil.example"}
    assert_problem(proxied.admin.get("/health", headers=other), 421, "host_not_allowed")


def test_nobody_else_is_believed(server: LiveServer) -> None:
    _, user = server.new_user()
    made = server.admin.post(f"/api/users/{user['id']}/sign-in-link", headers=FORWARDED)
    assert made.json()["link"].startswith(f"{server.url}/sign-in?code=")
    (entry, *_) = server.admin.get("/api/admin/audit").json()["entries"]
    assert (entry["action"], entry["client_address"]) == ("sign_in_link_made", "127.0.0.1")


@pytest.mark.parametrize("path", ["/", "/health", "/api/datasets", "/api/docs", "/nothing"])
def test_another_name_gets_no_answer_on_any_path(server: LiveServer, path: str) -> None:
    answer = server.admin.get(path, headers={"Host": "evil.example:8000"})
    assert_problem(answer, 421, "host_not_allowed", "evil.example:8000", "allowed_hosts")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:8000"])
def test_loopback_names_are_answered_with_any_port(server: LiveServer, host: str) -> None:
    assert server.admin.get("/api/users/me", headers={"Host": host}).status_code == 200


def test_a_name_in_the_setting_is_answered_and_its_pages_may_change(named: LiveServer) -> None:
    host = {"Host": "jobs.example.org"}
    assert named.admin.get("/api/users/me", headers=host).status_code == 200
    body = {"name": "from the page"}
    page = {"Origin": "https://jobs.example.org"}
    assert named.admin.post("/api/datasets", json=body, headers=host | page).status_code == 200
    # A proxy that calls the server by its address:
    again = named.admin.post("/api/datasets", json={"name": "behind a proxy"}, headers=page)
    assert again.status_code == 200
    other = named.admin.get("/health", headers={"Host": "other.example.org"})
    assert_problem(other, 421, "host_not_allowed")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_elsewhere_changes_nothing_even_with_a_token(
    server: LiveServer, headers: dict[str, str]
) -> None:
    before = server.admin.get("/api/datasets").json()["total"]
    answer = server.admin.post("/api/datasets", json={"name": "planted"}, headers=headers)
    assert_problem(answer, 403, "origin_not_allowed", "may not change")
    assert server.admin.get("/api/datasets").json()["total"] == before
    assert server.admin.get("/api/datasets", headers=headers).status_code == 200


def test_a_page_elsewhere_cannot_try_passwords(server: LiveServer) -> None:
    form = {"username": "admin00", "password": "guess"}
    origin = {"Origin": "http://evil.example"}
    answer = server.client(None).post("/api/users/login", data=form, headers=origin)
    assert_problem(answer, 403, "origin_not_allowed")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /health HTTP/1.1", 421),
        ("GET /health HTTP/1.0", 200),
        ("GET /health HTTP/1.1\r\nHost:", 421),
        ("GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", 421),
        ("GET /health HTTP/1.1\r\nHost: localhost:x", 421),
        ("GET /health HTTP/1.1\r\nHost: local\xffhost", 421),
        ("GET http://evil.example/health HTTP/1.1\r\nHost: localhost", 200),
        ("GET http://localhost/health HTTP/1.1\r\nHost: evil.example", 421),
    ],
)
def test_a_host_that_is_missing_doubled_or_no_name_is_refused(
    server: LiveServer, head: str, status: int
) -> None:
    assert status_of(server, head) == status


def test_an_answer_that_an_older_protocol_got_without_a_host_is_not_given_by_a_newer_one(
    server: LiveServer,
) -> None:
    token = f"Authorization: {server.admin.headers['Authorization']}"
    heads = [f"GET /api/jobs HTTP/1.{minor}\r\n{token}" for minor in (0, 0, 1)]
    assert [status_of(server, head) for head in heads] == [200, 200, 421]


def status_of(server: LiveServer, head: str) -> int:
    """The status that a request is answered with, sent as it is."""
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as raw:
        raw.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    return int(answer.split(b" ", 2)[1])
