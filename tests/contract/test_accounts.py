"""Signing in, tokens, users, roles."""

from __future__ import annotations

from pathlib import Path

import pytest

from job_runner.settings import Settings
from tests.contract.problems import assert_problem
from tests.live_server import PASSWORD, LiveServer, live_server


def test_one_signs_in_with_json_or_the_oauth2_form_under_either_name(server: LiveServer) -> None:
    _, user = server.new_user()
    nobody = server.client(None)
    for given in (
        {"json": {"soeid": user["soeid"], "password": PASSWORD}},
        {"json": {"username": user["soeid"].upper(), "password": PASSWORD}},
        {"data": {"username": user["soeid"], "password": PASSWORD, "grant_type": "password"}},
    ):
        for path in ("/api/users/login", "/api/users/token", "/api/users/login/"):
            answer = nobody.post(path, **given)  # type: ignore[arg-type]
            assert answer.status_code == 200, answer.text
            body = answer.json()
            assert body["token_type"] == "bearer"
            assert body["expires_in"] == 12 * 3600
            assert (body["user_id"], body["soeid"]) == (user["id"], user["soeid"])
            assert body["role_name"] == "analyst"
            me = server.client(body["access_token"]).get("/api/users/me").json()
            assert me.items() <= user.items()


def test_wrong_password_and_unknown_user_get_the_same_answer(server: LiveServer) -> None:
    _, user = server.new_user()
    nobody = server.client(None)
    answers = [
        nobody.post("/api/users/login", json={"soeid": soeid, "password": "not this one"})
        for soeid in (user["soeid"], "nobody0")
    ]
    documents = [assert_problem(answer, 401, "bad_credentials") for answer in answers]
    for document in documents:
        del document["request_id"]
    assert documents[0] == documents[1]
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer \xff"},
        {"Authorization": "Basic YTpi"},
    ],
)
def test_without_a_valid_token_there_is_401(server: LiveServer, headers: dict[str, str]) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = server.client(None).get("/api/jobs", headers=raw)
    assert_problem(answer, 401, "unauthorized", "Sign in")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_after_signing_out_the_token_stops_working_at_once(server: LiveServer) -> None:
    client, _ = server.new_user()
    assert client.post("/api/users/logout").status_code == 200
    assert_problem(client.get("/api/users/me"), 401, "unauthorized")


def test_a_named_token_is_shown_once_and_ends_when_it_is_deleted(server: LiveServer) -> None:
    client, _ = server.new_user()
    made = client.post("/api/tokens", json={"name": "ci", "expires_in_days": 7}).json()
    script = server.client(made["token"])
    assert script.get("/api/users/me").status_code == 200
    listed = client.get("/api/tokens").json()
    assert listed["total"] == 1
    assert "token" not in listed["tokens"][0]
    assert listed["tokens"][0]["expires_at"] > made["created_at"]
    assert client.delete(f"/api/tokens/{made['id']}").status_code == 200
    assert_problem(script.get("/api/users/me"), 401, "unauthorized")
    assert_problem(client.delete(f"/api/tokens/{made['id']}"), 404, "not_found")


def test_a_read_token_reads_and_changes_nothing(server: LiveServer) -> None:
    client, _ = server.new_user()
    made = client.post("/api/tokens", json={"name": "look", "scope": "read"}).json()
    reader = server.client(made["token"])
    assert reader.get("/api/datasets").status_code == 200
    assert_problem(reader.post("/api/datasets", json={"name": "x"}), 403, "forbidden", "read")


def test_only_admins_make_tokens_for_others(server: LiveServer) -> None:
    client, user = server.new_user()
    _, other = server.new_user()
    body = {"name": "x", "user_id": other["id"]}
    assert_problem(client.post("/api/tokens", json=body), 403, "forbidden")
    made = server.admin.post("/api/tokens", json={"name": "x", "user_id": user["id"]}).json()
    assert server.client(made["token"]).get("/api/users/me").json()["id"] == user["id"]


def test_users_are_the_admins_business(server: LiveServer) -> None:
    client, user = server.new_user()
    body = {"soeid": "abcdefg", "role_name": "viewer", "password": PASSWORD}
    for answer in (
        client.get("/api/users"),
        client.post("/api/users", json=body),
        client.get(f"/api/users/{user['id']}"),
        client.patch(f"/api/users/{user['id']}", json={"role_name": "admin"}),
        client.delete(f"/api/users/{user['id']}"),
        client.post(f"/api/users/{user['id']}/sign-in-link"),
    ):
        assert_problem(answer, 403, "forbidden", "admin", "analyst")


def test_an_admin_adds_changes_and_removes_users(server: LiveServer) -> None:
    client, user = server.new_user()
    path = f"/api/users/{user['id']}"
    again = {"soeid": user["soeid"], "role_name": "viewer", "password": PASSWORD}
    assert_problem(server.admin.post("/api/users", json=again), 409, "conflict", user["soeid"])
    assert server.admin.patch(path, json={"role_name": "viewer"}).json()["role_name"] == "viewer"
    assert_problem(client.post("/api/datasets", json={"name": "x"}), 403, "forbidden", "viewer")
    listed = server.admin.get("/api/users", params={"limit": 1000}).json()
    assert listed["total"] == len(listed["users"])
    sought = server.admin.get("/api/users", params={"q": user["soeid"].upper()[1:]}).json()
    (found,) = sought["users"]
    assert (found["id"], found["role_name"], sought["total"]) == (user["id"], "viewer", 1)
    assert server.admin.get(path).json()["soeid"] == user["soeid"]
    assert server.admin.delete(path).status_code == 200
    assert_problem(client.get("/api/users/me"), 401, "unauthorized")
    assert_problem(server.admin.get(path), 404, "not_found")


def test_the_last_admin_stays(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, memory_mb=256)
    with live_server(settings) as alone:
        me = alone.admin.get("/api/users/me").json()
        path = f"/api/users/{me['id']}"
        assert_problem(alone.admin.delete(path), 409, "conflict", "last admin")
        change = alone.admin.patch(path, json={"role_name": "viewer"})
        assert_problem(change, 409, "conflict", "last admin")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"password": "short"}, "8 to 1,000"),
        ({"soeid": "too long a name"}, "1 to 64 letters of A to Z, digits"),
        ({"role_name": "boss"}, "admin, analyst, viewer"),
    ],
)
def test_a_user_that_cannot_be_is_refused(
    server: LiveServer, change: dict[str, str], part: str
) -> None:
    body = {"soeid": "zyxwvut", "role_name": "viewer", "password": PASSWORD, **change}
    answer = server.admin.post("/api/users", json=body)
    assert answer.status_code == 422
    assert part in answer.json()["detail"]
