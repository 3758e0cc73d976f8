"""Sign-in by the header of a trusted proxy, and headers that others send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import composition_root
from application.sessions import COOKIE
from service.settings import Settings
from tests.support.live_server import PASSWORD, LiveServer, live_server

SECRET = "a secret of the proxy"
PROXY = {"X-Jobsvc-Proxy-Secret": SECRET, "X-Forwarded-For": "198.51.100.7"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    secret_file: Path = tmp_path_factory.mktemp("secrets") / "proxy"
    secret_file.write_text(f"{SECRET}\n", encoding="utf-8")
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("proxied"),
        memory_mb=128,
        trusted_proxy="127.0.0.1",
        proxy_user_header="X-Forwarded-User",
        proxy_groups_header="X-Forwarded-Groups",
        proxy_secret_file=str(secret_file),
        group_roles="auditors=analyst,it=admin",
        role_without_group="viewer",
        link_local_accounts=True,
    )
    with live_server(settings) as live:
        yield live


def of(user: str, groups: str = "auditors") -> dict[str, str]:
    return {**PROXY, "X-Forwarded-User": user, "X-Forwarded-Groups": groups}


def role_of(browser: httpx.Client, headers: dict[str, str]) -> str:
    answer = browser.get("/api/users/me", headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["role_name"])


def test_the_proxy_signs_its_user_in(server: LiveServer) -> None:
    browser = server.client(None)
    asked = browser.get("/jobs", headers=of("pr10001", "sales, auditors"))
    answer = browser.get(asked.headers["Location"], headers=of("pr10001", "sales, auditors"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs")
    assert role_of(browser, of("pr10001")) == "analyst"
    assert browser.get("/jobs", headers=of("PR10001")).status_code == 200
    (begun, *_) = server.admin.get("/api/admin/audit").json()["entries"]
    assert (begun["action"], begun["user_soeid"]) == ("signed_in", "pr10001")
    assert (begun["client_address"], begun["details"]) == ("198.51.100.7", {"by": "proxy"})


def test_only_the_sign_in_page_begins_a_session(server: LiveServer) -> None:
    browser = server.client(None)
    for path, status in (("/", 303), ("/api/users/me", 401)):
        answer = browser.get(path, headers=of("pr10010"))
        assert (answer.status_code, dict(answer.cookies)) == (status, {})
    assert COOKIE in browser.get("/sign-in", headers=of("pr10010")).cookies


def test_a_refused_user_is_not_sent_to_the_first_link(tmp_path: Path) -> None:
    secret_file = tmp_path / "secret"
    secret_file.write_text(SECRET, encoding="utf-8")
    settings = Settings(
        data_dir=tmp_path / "data",
        memory_mb=128,
        trusted_proxy="127.0.0.1",
        proxy_user_header="X-Forwarded-User",
        proxy_groups_header="X-Forwarded-Groups",
        proxy_secret_file=str(secret_file),
        group_roles="auditors=analyst",
    )
    with composition_root.serving_in_background(settings, "tests") as here:
        answer = httpx.get(f"{here.url}/sign-in", headers=of("pr10011", "sales"))
    assert answer.status_code == 403
    assert "None of the groups" in answer.text
    assert "sign in by the proxy in front of it" in answer.text
    assert "No user has a password" not in answer.text


def test_there_is_no_provider_without_the_setting(server: LiveServer) -> None:
    for path in ("/sign-in/provider", "/sign-in/provider/return?code=a&state=b"):
        assert server.client(None).get(path).status_code == 404


def test_groups_change_the_role_at_the_next_sign_in(server: LiveServer) -> None:
    browser = server.client(None)
    for groups, role in (("auditors", "analyst"), ("it,auditors", "admin"), ("", "viewer")):
        browser.cookies.clear()
        browser.get("/sign-in", headers=of("pr10002", groups))
        assert role_of(browser, of("pr10002", groups)) == role


@pytest.mark.parametrize(
    ("separator", "header", "role"),
    [
        (",", "Audit, internal", "viewer"),
        (";", "sales; Audit, internal ;", "analyst"),
        ("|", "Prüfung|sales", "admin"),
        ("json", '["Audit, internal", "sales"]', "analyst"),
        ("json", "", "viewer"),
        ("json", "Audit, internal", None),
        ("json", '["sales", 7]', None),
    ],
)
def test_names_of_groups_may_have_commas(
    server: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
    separator: str,
    header: str,
    role: str | None,
) -> None:
    settings = vars(server.service.settings)
    roles = Settings(group_roles='{"Audit, internal": "analyst", "Prüfung": "admin"}')
    monkeypatch.setitem(settings, "roles_of_groups", roles.roles_of_groups)
    monkeypatch.setitem(settings, "proxy_groups_separator", separator)
    browser = server.client(None)
    headers = {name: value.encode() for name, value in of("pr10008", header).items()}
    answer = browser.get("/sign-in", headers=headers)
    if role is None:
        assert answer.status_code == 403
        assert "isn&#39;t a JSON list" in answer.text
        (failed, *_) = server.admin.get("/api/admin/audit").json()["entries"]
        assert (failed["action"], failed["user_soeid"]) == ("sign_in_failed", "pr10008")
    else:
        assert role_of(browser, of("pr10008")) == role


@pytest.mark.parametrize(
    "secret", [{}, {"X-Jobsvc-Proxy-Secret": "another secret"}, {"X-Jobsvc-Proxy-Secret": ""}]
)
def test_a_header_without_the_secret_is_refused(server: LiveServer, secret: dict[str, str]) -> None:
    headers = {"X-Forwarded-User": "pr10003", "X-Forwarded-For": f"198.51.100.{len(secret)}"}
    answer = server.client(None).get("/sign-in", headers={**headers, **secret})
    assert answer.status_code == 401
    assert COOKIE not in answer.cookies
    (failed, *_) = server.admin.get("/api/admin/audit").json()["entries"]
    assert (failed["action"], failed["user_soeid"]) == ("sign_in_failed", "")
    users = server.admin.get("/api/users", params={"q": "pr10003"}).json()
    assert users["total"] == 0


def test_a_header_from_another_address_is_refused(server: LiveServer) -> None:
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=server.url, transport=transport) as spoofer:
        headers = {**of("pr10004", "it"), "X-Forwarded-For": "127.0.0.1"}
        answer = spoofer.get("/sign-in", headers=headers)
        assert answer.status_code == 401
        assert "isn&#39;t from the trusted proxy" in answer.text
        assert COOKIE not in answer.cookies
        assert spoofer.get("/api/users/me", headers=headers).status_code == 401
    (failed, *_) = server.admin.get("/api/admin/audit").json()["entries"]
    assert (failed["action"], failed["client_address"]) == ("sign_in_failed", "127.0.0.2")


def test_a_session_ends_with_the_header_of_its_user(server: LiveServer) -> None:
    browser = server.client(None)
    browser.get("/sign-in", headers=of("pr10005"))
    assert role_of(browser, of("pr10005")) == "analyst"
    for headers in (PROXY, of("pr10006"), {"X-Forwarded-User": "pr10005"}):
        assert browser.get("/api/users/me", headers=headers).status_code == 401
        assert browser.get("/jobs", headers=headers).status_code == 303


def test_local_accounts_sign_in_behind_the_proxy(server: LiveServer) -> None:
    _, user = server.new_user()
    browser = server.client(None)
    assert browser.get("/sign-in?local=1", headers=of("pr10007")).status_code == 200
    form = {"soeid": user["soeid"], "password": PASSWORD}
    assert browser.post("/sign-in", data=form, headers=of("pr10007")).status_code == 303
    assert browser.get("/api/users/me", headers=of("pr10007")).json()["id"] == user["id"]


def test_a_local_account_is_linked_where_the_setting_allows_it(server: LiveServer) -> None:
    old_session, user = server.new_user()
    browser = server.client(None)
    browser.get("/sign-in", headers=of(user["soeid"], ""))
    mine = browser.get("/api/users/me", headers=of(user["soeid"])).json()
    assert (mine["id"], mine["role_name"]) == (user["id"], "viewer")
    assert old_session.get("/api/users/me").status_code == 401
    form = {"soeid": user["soeid"], "password": PASSWORD}
    assert server.client(None).post("/sign-in", data=form).status_code == 401
    refused = server.client(None).get("/sign-in", headers=of("admin00", "it"))
    assert refused.status_code == 403
    assert COOKIE not in refused.cookies
    # A password makes the account a local one again.
    server.admin.patch(f"/api/users/{user['id']}", json={"password": PASSWORD})
    assert server.client(None).post("/sign-in", data=form).status_code == 303
