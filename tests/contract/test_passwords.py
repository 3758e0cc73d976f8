"""Passwords: guessing and changing them, and what ends while it is checked."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

import composition_root
from application import sign_in
from application.credentials import DECOY, BadCredentials, check_password, hash_password
from application.throttle import SignInThrottle
from application.work_limits import work_limits
from tests.contract.problems import assert_problem
from tests.support.live_server import PASSWORD, LiveServer


class Held:
    """A step of the server that waits once it is done."""

    def __init__(self, step: Callable[..., object]) -> None:
        self.step = step
        self.done, self.may_go_on = threading.Event(), threading.Event()

    def __call__(self, *given: object) -> object:
        result = self.step(*given)
        self.done.set()
        assert self.may_go_on.wait(30)
        return result


def client_of(
    server: LiveServer, throttle: SignInThrottle, token: str | None = None
) -> httpx.Client:
    """A client of another app of the same service, with this throttle."""
    app = composition_root.build_app(server.service, throttle=throttle)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.Client(
        transport=httpx.WSGITransport(app=app), base_url=server.url, headers=headers
    )


def test_repeated_failures_are_slowed_for_that_account_alone(server: LiveServer) -> None:
    _, user = server.new_user()
    _, other = server.new_user()
    nobody = server.client(None)
    wrong = {"soeid": user["soeid"], "password": "not this one"}
    for _ in range(6):
        answer = nobody.post("/api/users/login", json=wrong)
    assert_problem(answer, 429, "too_many_attempts")
    assert int(answer.headers["Retry-After"]) >= 1
    login = nobody.post("/api/users/login", json={"soeid": other["soeid"], "password": PASSWORD})
    assert login.status_code == 200


def test_of_many_wrong_sign_ins_at_once_few_are_checked(server: LiveServer) -> None:
    now = [0.0]
    throttle = SignInThrottle(lambda: now[0])
    _, user = server.new_user()

    def at_once(password: str) -> Counter[int]:
        login = {"soeid": user["soeid"], "password": password}
        with client_of(server, throttle) as nobody, ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(nobody.post, "/api/users/login", json=login) for _ in range(12)]
            return Counter(one.result().status_code for one in asked)

    right = at_once(PASSWORD)
    assert set(right) <= {200, 429}
    assert right[200] >= 1
    assert at_once("not this one")[401] <= 5
    for _ in range(5):
        login = {"soeid": user["soeid"], "password": "not this one"}
        client_of(server, throttle).post("/api/users/login", json=login)
    now[0] += 1
    assert at_once("not this one")[401] <= 1
    now[0] += 60
    assert at_once(PASSWORD)[200] >= 1


def test_sign_ins_beyond_the_limit_are_refused_at_once(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address has half of the places; the other half is for other addresses."""
    _, user = server.new_user()
    begun, may_end = threading.Semaphore(0), threading.Event()

    def held(*given: Any) -> None:
        begun.release()
        assert may_end.wait(30)
        check_password(*given)

    monkeypatch.setattr(sign_in, "check_password", held)
    passwords = work_limits(server.service.settings).passwords
    login = {"soeid": user["soeid"], "password": PASSWORD}
    with server.client(None) as nobody, ThreadPoolExecutor(passwords.per_user) as pool:
        asked = [
            pool.submit(nobody.post, "/api/users/login", json=login)
            for _ in range(passwords.per_user)
        ]
        for _ in asked:
            assert begun.acquire(timeout=30)
        for soeid in (user["soeid"], "nobody0"):
            answer = nobody.post("/api/users/login", json={**login, "soeid": soeid})
            assert_problem(answer, 429, "too_many_sign_ins", "at once")
            assert answer.headers["Retry-After"] == "1"
        may_end.set()
        assert [one.result().status_code for one in asked] == [200] * passwords.per_user
    assert passwords.per_user < passwords.total


@pytest.mark.parametrize("path", ["/api/users/login", "/sign-in"])
def test_a_refused_sign_in_is_held_and_closes_its_connection(server: LiveServer, path: str) -> None:
    nobody, wrong = server.client(None), {"soeid": f"held{path}", "password": "not this one"}
    statuses = [nobody.post(path, data=wrong).status_code for _ in range(5)]
    assert statuses == [401] * 5
    body = b"soeid=held%b&password=wrong" % path.encode()
    lines = (f"POST {path} HTTP/1.1", f"Host: {server.url.removeprefix('http://')}")
    kind = "Content-Type: application/x-www-form-urlencoded"
    head = "\r\n".join((*lines, kind, f"Content-Length: {len(body)}", "", "")).encode()
    host, port = server.url.removeprefix("http://").split(":")
    begun = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(3 * (head + body))  # two follow without waiting
        assert nobody.get("/health").status_code == 200
        with connection.makefile("rb") as answers:
            received = answers.read()
    assert received.startswith(b"HTTP/1.1 429 ")
    assert received.count(b"HTTP/1.1 ") == 1
    assert 1 <= time.monotonic() - begun < 10


def test_an_unknown_account_costs_what_a_known_one_does() -> None:
    """The decoy has the parameters, the salt's length and the digest's length of a real hash."""
    (method, salt, digest), (decoy_method, decoy_salt, decoy_digest) = (
        one.split("$") for one in (hash_password("some password"), DECOY)
    )
    assert (method, len(salt), len(digest)) == (decoy_method, len(decoy_salt), len(decoy_digest))
    with pytest.raises(BadCredentials):
        check_password(None, "some password")


@pytest.mark.parametrize("change", ["PATCH", "DELETE"])
def test_a_password_that_ends_while_it_is_checked_opens_nothing(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    _, user = server.new_user()
    nobody, check = server.client(None), Held(check_password)
    login = {"soeid": user["soeid"], "password": PASSWORD}
    monkeypatch.setattr(sign_in, "check_password", check)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(nobody.post, "/api/users/login", json=login)
        assert check.done.wait(30)
        body = {"json": {"password": "a new password"}} if change == "PATCH" else {}
        answer = server.admin.request(change, f"/api/users/{user['id']}", **body)  # type: ignore[arg-type]
        check.may_go_on.set()
        assert answer.status_code == 200
        assert_problem(asked.result(), 401, "bad_credentials")


def test_a_user_changes_their_own_password(server: LiveServer) -> None:
    client, user = server.new_user()
    made = server.admin.post(f"/api/users/{user['id']}/sign-in-link").json()["link"]
    link = f"/sign-in?{made.partition('?')[2]}"
    assert server.client(None).get(link).status_code == 200
    body = {"password": "another password", "current_password": PASSWORD}
    assert client.patch(f"/api/users/{user['id']}", json=body).status_code == 200
    assert_problem(client.get("/api/users/me"), 401, "unauthorized")
    login = {"soeid": user["soeid"], "password": "another password"}
    assert server.client(None).post("/api/users/login", json=login).status_code == 200
    assert server.client(None).get(link).status_code == 404


def test_a_stolen_token_does_not_change_the_password_and_guesses_are_slowed(
    server: LiveServer,
) -> None:
    throttle = SignInThrottle(lambda: 0.0)
    stolen, user = server.new_user()
    token = stolen.headers["Authorization"].removeprefix("Bearer ")
    client = client_of(server, throttle, token)
    path, loc = f"/api/users/{user['id']}", ["body", "current_password"]
    answer = client.patch(path, json={"password": "a thief's own"})
    document = assert_problem(answer, 422, "invalid_request", "current password")
    assert document["errors"][0]["loc"] == loc
    wrong = {"password": "a thief's own", "current_password": "a guess"}
    for _ in range(5):
        document = assert_problem(client.patch(path, json=wrong), 422, "wrong_password", "current")
        assert document["errors"][0]["loc"] == loc
    assert_problem(client.patch(path, json=wrong), 429, "too_many_attempts")
    login = {"soeid": user["soeid"], "password": PASSWORD}
    answer = client_of(server, throttle).post("/api/users/login", json=login)
    assert_problem(answer, 429, "too_many_attempts")
    assert client.get("/api/users/me").json()["id"] == user["id"]


def test_a_user_without_a_password_sets_one_and_an_admin_sets_anyones(server: LiveServer) -> None:
    body = {"soeid": "nopassw", "role_name": "viewer"}
    user = server.admin.post("/api/users", json=body).json()
    made = server.admin.post("/api/tokens", json={"name": "x", "user_id": user["id"]}).json()
    path, nobody = f"/api/users/{user['id']}", server.client(None)
    for client, password in (
        (server.client(made["token"]), "the first password"),
        (server.admin, "the second password"),
    ):
        assert client.patch(path, json={"password": password}).status_code == 200
        login = {"soeid": user["soeid"], "password": password}
        assert nobody.post("/api/users/login", json=login).status_code == 200


def test_an_admin_sets_their_own_password_as_they_set_anyones(server: LiveServer) -> None:
    client, user = server.new_user("admin")
    body = {"password": "another password"}
    assert client.patch(f"/api/users/{user['id']}", json=body).status_code == 200
    login = {"soeid": user["soeid"], **body}
    assert server.client(None).post("/api/users/login", json=login).status_code == 200


def test_a_present_password_that_ends_while_it_is_checked_changes_nothing(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, user = server.new_user()
    path, check = f"/api/users/{user['id']}", Held(check_password)
    body = {"password": "a thief's own", "current_password": PASSWORD}
    monkeypatch.setattr(sign_in, "check_password", check)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.patch, path, json=body)
        assert check.done.wait(30)
        assert server.admin.patch(path, json={"password": "a new password"}).status_code == 200
        check.may_go_on.set()
        assert_problem(asked.result(), 401, "unauthorized")
    login = {"soeid": user["soeid"], "password": "a new password"}
    assert server.client(None).post("/api/users/login", json=login).status_code == 200
