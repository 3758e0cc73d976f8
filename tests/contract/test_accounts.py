"""Signing in, tokens, users, roles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings
from tests.contract.problems import assert_problem
from tests.support.live_server import PASSWORD, LiveServer, live_server
from tests.web_ui.reader import Reader


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


def days_of(token: dict[str, Any]) -> float | None:
    if token["expires_at"] is None:
        return None
    ends, made = (datetime.fromisoformat(token[name]) for name in ("expires_at", "created_at"))
    return (ends - made).total_seconds() / 86_400


def test_a_token_expires_after_90_days_unless_asked_otherwise(server: LiveServer) -> None:
    client, _ = server.new_user()
    for asked, expected in (({}, 90), ({"expires_in_days": 7}, 7), ({"expires_in_days": 0}, None)):
        made = client.post("/api/tokens", json={"name": "ci", **asked}).json()
        assert days_of(made) == expected
    refused = client.post("/api/tokens", json={"name": "ci", "expires_in_days": -1})
    assert_problem(refused, 422, "invalid_request")


def test_an_expired_token_says_when_it_expired(tmp_path: Path) -> None:
    now = datetime(2025, 7, 7, tzinfo=UTC)
    settings = Settings(data_dir=tmp_path / "data", memory_mb=256, token_days=7)
    with live_server(settings, clock=lambda: now) as own:
        client, _ = own.new_user()
        made = own.admin.post("/api/tokens", json={"name": "nightly"}).json()
        assert days_of(made) == 7
        script = own.client(made["token"])
        assert script.get("/api/users/me").status_code == 200
        now += timedelta(days=7)
        refused = script.get("/api/users/me")
        assert_problem(refused, 401, "unauthorized", 'The token "nightly" expired at 2025-07-14')
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        # Of a session, nothing is said.
        assert_problem(client.get("/api/users/me"), 401, "unauthorized", "Sign in first")


def test_the_last_use_is_noted_once_a_minute_and_later(server: LiveServer) -> None:
    client, _ = server.new_user()
    made = client.post("/api/tokens", json={"name": "ci", "scope": "read"}).json()
    assert made["last_used_at"] is None
    script = server.client(made["token"])
    before = server.service.database.version
    for _ in range(20):
        assert script.get("/api/users/me").status_code == 200
    server.service.background.result("a task after it", lambda progress: True, 30)
    assert server.service.database.version - before == 2  # one commit
    (listed,) = client.get("/api/tokens").json()["tokens"]
    assert listed["last_used_at"] >= made["created_at"]


def test_admins_list_and_end_the_tokens_of_others(server: LiveServer) -> None:
    client, user = server.new_user()
    other, _ = server.new_user()
    made = client.post("/api/tokens", json={"name": "ci"}).json()
    theirs = {"user_id": user["id"]}
    for query in (theirs, {"all": "true"}):
        assert_problem(other.get("/api/tokens", params=query), 403, "forbidden")
        found = server.admin.get("/api/tokens", params=query).json()["tokens"]
        assert made["id"] in [token["id"] for token in found]
    assert client.get("/api/tokens", params=theirs).json()["total"] == 1
    found = server.admin.get("/api/tokens", params={"all": True, "q": user["soeid"].upper()})
    assert [token["id"] for token in found.json()["tokens"]] == [made["id"]]
    assert_problem(other.delete(f"/api/tokens/{made['id']}"), 404, "not_found")
    assert server.admin.delete(f"/api/tokens/{made['id']}").status_code == 200
    assert_problem(server.client(made["token"]).get("/api/users/me"), 401, "unauthorized")
    entry = server.admin.get("/api/admin/audit", params={"action": "token_ended"}).json()
    assert entry["entries"][0]["details"] == {"owner": user["soeid"], "name": "ci"}


def test_pages_show_the_last_use_and_warn_of_the_end(server: LiveServer) -> None:
    reader, admin = Reader(server), Reader(server, "admin")
    made = [
        reader.api.post("/api/tokens", json={"name": name, "expires_in_days": days}).json()
        for name, days in (("weekly", 14), ("yearly", 365), ("endless", 0))
    ]
    page = reader.text("/account")
    assert "weekly expires in" in page
    assert "Create a new token for the script before the old one expires." in page
    assert page.count("expires soon") == 1
    page = admin.page("/admin/tokens")
    assert all(f'data-api="DELETE /api/tokens/{token["id"]}"' in page for token in made)
    assert reader.get("/admin/tokens").status_code == 403


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
