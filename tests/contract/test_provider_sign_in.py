"""Sign-in by OpenID Connect, against a provider that signs its tokens and speaks HTTP."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from application.credentials import SignInRefused
from application.providers.openid import OpenidProvider
from application.sessions import COOKIE, csrf_token
from application.work_limits import work_limits
from service.settings import Settings
from tests.contract.problems import assert_problem
from tests.support.live_server import PASSWORD, LiveServer, live_server
from tests.support.openid_provider import (
    Provider,
    at_provider,
    confirmed,
    running_provider,
    sign_in,
)

pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config")  # the provider's Authlib
CLIENT_ID = "jobsvc"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("openid"),
        memory_mb=128,
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret="a secret",
        oidc_name="Example Login",
        group_roles="auditors=analyst, it=admin",
    )
    with live_server(settings) as live:
        yield live


@pytest.fixture
def browser(server: LiveServer) -> httpx.Client:
    return server.client(None)


def who(browser: httpx.Client) -> dict[str, Any]:
    """The user of the browser's session."""
    answer = browser.get("/api/users/me")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def newest(server: LiveServer, count: int = 1) -> list[dict[str, Any]]:
    return list(server.admin.get("/api/admin/audit").json()["entries"][:count])


def refusal(answer: httpx.Response, status: int = 403) -> str:
    """The sentence on the sign-in page after a refusal, which begins no session."""
    assert answer.status_code == status, answer.text
    assert COOKIE not in answer.cookies
    (note,) = re.findall(r'role="alert"[^>]*>(.*?)</', answer.text, re.DOTALL)
    return unescape(re.sub("<[^>]*>", "", note)).strip()


def test_a_user_of_the_provider_signs_in(
    server: LiveServer, provider: Provider, browser: httpx.Client
) -> None:
    assert "Sign in with Example Login" in browser.get("/sign-in").text
    provider.set_user("an10001", groups=["auditors", "sales"])
    answer = sign_in(browser, "an10001", "/jobs?limit=5")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs?limit=5")
    cookie = next(line for line in answer.headers.get_list("Set-Cookie") if COOKIE in line)
    assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert (who(browser)["soeid"], who(browser)["role_name"]) == ("an10001", "analyst")
    (listed,) = server.admin.get("/api/users", params={"q": "an10001"}).json()["users"]
    assert (listed["by_provider"], listed["has_password"]) == (True, False)
    begun, added = newest(server, 2)
    assert (begun["action"], begun["user_soeid"]) == ("signed_in", "an10001")
    assert begun["details"] == {"by": "provider"}
    assert (added["action"], added["details"]) == (
        "user_added",
        {"soeid": "an10001", "role_name": "analyst"},
    )
    assert added["sentence"] == "an10001 was added as analyst at the first sign-in"


def test_groups_are_read_again_at_each_sign_in(
    server: LiveServer, provider: Provider, browser: httpx.Client
) -> None:
    provider.set_user("an10002", groups=["auditors"])
    sign_in(browser, "an10002")
    before = who(browser)
    provider.set_user("an10002", groups=["it"])
    other_browser = server.client(None)
    sign_in(other_browser, "an10002")
    assert who(other_browser) == {**before, "role_name": "admin"} == who(browser)
    _, changed = newest(server, 2)
    assert changed["details"] == {
        "soeid": "an10002",
        "role_name": "admin",
        "role_before": "analyst",
    }


def test_a_user_who_lost_all_groups_loses_tokens_too(
    server: LiveServer, provider: Provider, browser: httpx.Client
) -> None:
    provider.set_user("an10003", groups=["auditors"])
    sign_in(browser, "an10003")
    headers = {"X-CSRF-Token": csrf_token(browser.cookies[COOKIE])}
    made = browser.post("/api/tokens", json={"name": "script"}, headers=headers).json()
    script = server.client(made["token"])
    assert script.get("/api/users/me").status_code == 200
    provider.set_user("an10003", groups=["sales"])
    assert "has a role here" in refusal(sign_in(server.client(None), "an10003"))
    assert script.get("/api/users/me").status_code == 401
    assert browser.get("/api/users/me").status_code == 401
    failed, changed = newest(server, 2)
    assert (failed["action"], failed["user_soeid"]) == ("sign_in_failed", "an10003")
    assert failed["details"]["by"] == "provider"
    assert changed["details"]["role_name"] == "viewer"


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"aud": "another"}, "the claim aud is wrong"),
        ({"aud": ["another", CLIENT_ID], "azp": "another"}, "the claim azp is wrong"),
        ({"iss": "https://evil.example"}, "the claim iss is wrong"),
        ({"nonce": "of another attempt"}, "the claim nonce is wrong"),
        ({"exp": int(time.time()) - 120}, "token has expired"),
        ({"exp": None}, "the claim exp is wrong"),
        ({"preferred_username": None}, "sent no user name"),
        ({"preferred_username": "a b"}, "isn't a valid user name"),
    ],
)
def test_a_wrong_token_is_refused(
    provider: Provider, server: LiveServer, claims: dict[str, Any], sentence: str
) -> None:
    provider.set_user("an10004", **{"groups": ["auditors"], **claims})
    browser = server.client(None)
    assert sentence in refusal(sign_in(browser, "an10004"))
    (failed,) = newest(server)
    assert (failed["action"], failed["user_id"]) == ("sign_in_failed", None)
    assert browser.get("/api/users/me").status_code == 401


def test_a_state_of_another_browser_is_refused(provider: Provider, server: LiveServer) -> None:
    provider.set_user("an10006", groups=["auditors"])
    attacker, victim = server.client(None), server.client(None)
    address = confirmed(attacker, "an10006")
    assert "another browser" in refusal(victim.get(address))
    at_provider(victim)
    assert "another browser" in refusal(victim.get(address))
    assert attacker.get(address).status_code == 303
    assert "another browser" in refusal(attacker.get(address))  # a code works once


def test_keys_of_the_provider_may_rotate(
    provider: Provider, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.set_user("an10007", groups=["auditors"])
    assert sign_in(server.client(None), "an10007").status_code == 303
    monkeypatch.setattr(provider, "changes_key_at", ("/oauth2/token",))
    assert sign_in(server.client(None), "an10007").status_code == 303
    monkeypatch.setattr(provider, "changes_key_at", ("/oauth2/token", "/jwks"))
    assert "token is invalid" in refusal(sign_in(server.client(None), "an10007"))


def test_a_user_signs_out_at_the_provider_too(
    provider: Provider, server: LiveServer, browser: httpx.Client
) -> None:
    provider.set_user("an10008", groups=["auditors"])
    sign_in(browser, "an10008")
    secret = browser.cookies[COOKIE]
    answer = browser.post("/sign-out", data={"csrf": csrf_token(secret)})
    assert answer.status_code == 200
    assert "signed out of jobsvc" in answer.text
    assert "an10008" not in answer.text
    _, _, address = answer.headers["Refresh"].partition("url=")
    assert unescape(re.findall('href="(http[^"]*)"', answer.text)[0]) == address
    assert address.startswith(f"{provider.issuer}/oauth2/end_session?")
    query = parse_qs(urlsplit(address).query)
    assert query["post_logout_redirect_uri"] == [f"{server.url}/sign-in"]
    assert query["client_id"] == [CLIENT_ID]
    assert len(query["id_token_hint"][0]) > 100
    assert browser.get(address).status_code == 200
    assert server.client(secret).get("/api/users/me").status_code == 401


SIGN_OUT = "/sign-in/provider/sign-out"


def test_a_sign_out_at_the_provider_ends_the_sessions(
    server: LiveServer, provider: Provider, browser: httpx.Client
) -> None:
    provider.set_user("an10015", groups=["auditors"])
    provider.set_user("an10016", groups=["auditors"])
    sign_in(browser, "an10015")
    second, of_another = server.client(None), server.client(None)
    sign_in(second, "an10015")
    sign_in(of_another, "an10016")
    headers = {"X-CSRF-Token": csrf_token(browser.cookies[COOKIE])}
    script = browser.post("/api/tokens", json={"name": "script"}, headers=headers).json()["token"]
    answer = provider.sign_out("an10015", f"{server.url}{SIGN_OUT}", sid="of one session")
    assert (answer.status_code, answer.text) == (200, "")
    assert answer.headers["Cache-Control"] == "no-store"
    assert browser.get("/api/users/me").status_code == 401
    assert second.get("/api/users/me").status_code == 401
    assert who(of_another)["soeid"] == "an10016"
    assert server.client(script).get("/api/users/me").status_code == 200
    (ended,) = newest(server)
    assert (ended["action"], ended["user_soeid"]) == ("signed_out", "an10015")
    assert ended["details"] == {"by": "provider"}
    assert provider.sign_out("an10015", f"{server.url}{SIGN_OUT}").status_code == 200
    assert provider.sign_out("unknown", f"{server.url}{SIGN_OUT}").status_code == 200
    assert newest(server) == [ended]  # nothing else has ended


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"iat": None},
        {"jti": None},
        {"sub": None, "sid": "of a session"},
        {"events": {}},
        {"events": "http://schemas.openid.net/event/backchannel-logout"},
        {"nonce": "as in an ID token"},
    ],
)
def test_a_wrong_logout_token_is_refused(
    server: LiveServer, provider: Provider, claims: dict[str, Any]
) -> None:
    limits = work_limits(server.service.settings)
    here = OpenidProvider(server.service.settings, server.service.clock, limits.provider_reads)
    with pytest.raises(SignInRefused, match="The logout token is invalid"):
        here.signed_out_identity(provider.logout_token(**{"sub": "an10017", **claims}))


def test_a_refused_logout_token_ends_nothing(
    server: LiveServer, provider: Provider, browser: httpx.Client
) -> None:
    provider.set_user("an10017", groups=["auditors"])
    sign_in(browser, "an10017")
    address = f"{server.url}{SIGN_OUT}"
    answer = provider.sign_out("an10017", address, aud="another")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    signed = provider.logout_token(sub="an10017")
    for token in ("", "a.b.c", "a" * 20_000, f"{signed[:-8]}AAAAAAAA", *3 * [f"{signed}A"]):
        answer = httpx.post(address, data={"logout_token": token})
    assert answer.status_code == 429  # failures are throttled by address
    assert who(browser)["soeid"] == "an10017"


def test_forged_logout_tokens_let_no_valid_one_be_refused(
    server: LiveServer, provider: Provider, browser: httpx.Client
) -> None:
    provider.set_user("an10019", groups=["auditors"])
    sign_in(browser, "an10019")
    address = f"{server.url}{SIGN_OUT}"
    header, claims, signature = provider.logout_token(sub="an10019").split(".")
    unknown_key = b64encode(b'{"alg": "RS256", "kid": "another"}').decode().rstrip("=")
    before = provider.key_reads
    statuses = {
        httpx.post(address, data={"logout_token": token}).status_code
        for token in (f"{header}.{claims}.{signature[::-1]}", f"{unknown_key}.{claims}.{signature}")
        for _ in range(20)
    }
    assert statuses <= {400, 429}
    assert 429 in statuses
    assert provider.key_reads - before <= 1
    assert provider.sign_out("an10019", address).status_code == 200
    assert browser.get("/api/users/me").status_code == 401


def test_a_name_of_another_account_is_not_taken(
    provider: Provider, server: LiveServer, browser: httpx.Client
) -> None:
    _, local = server.new_user()
    provider.set_user("stranger", preferred_username=local["soeid"], groups=["it"])
    assert "doesn't sign in by the provider" in refusal(sign_in(browser, "stranger"))
    provider.set_user("an10009", groups=["auditors"])
    sign_in(browser, "an10009")
    provider.set_user("stranger", preferred_username="AN10009", groups=["it"])
    assert "another user of the provider" in refusal(sign_in(server.client(None), "stranger"))
    provider.set_user("stranger", preferred_username="admin00", groups=["it"])
    assert "doesn't sign in by the provider" in refusal(sign_in(server.client(None), "stranger"))
    form = {"soeid": local["soeid"], "password": PASSWORD}
    assert server.client(None).post("/sign-in", data=form).status_code == 303


def test_a_renamed_user_keeps_the_account_and_has_no_password(
    provider: Provider, server: LiveServer, browser: httpx.Client
) -> None:
    provider.set_user("an10010", groups=["auditors"])
    sign_in(browser, "an10010")
    before = who(browser)
    provider.set_user("an10010", preferred_username="married", groups=["auditors"])
    sign_in(browser, "an10010")
    assert who(browser) == before
    headers = {"X-CSRF-Token": csrf_token(browser.cookies[COOKIE])}
    path = f"/api/users/{before['id']}"
    answer = browser.patch(path, json={"password": PASSWORD}, headers=headers)
    assert_problem(answer, 422, "invalid_request", "Change your password there")
    assert "have no password here" in browser.get("/account").text


def test_a_removed_user_is_not_admitted_again(
    provider: Provider, server: LiveServer, browser: httpx.Client
) -> None:
    provider.set_user("an10011", groups=["auditors"])
    sign_in(browser, "an10011")
    server.admin.delete(f"/api/users/{who(browser)['id']}")
    assert browser.get("/api/users/me").status_code == 401
    assert "was removed here" in refusal(sign_in(browser, "an10011"))


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_a_sign_in_returns_to_no_other_host(
    provider: Provider, server: LiveServer, page: str
) -> None:
    provider.set_user("an10012", groups=["auditors"])
    assert sign_in(server.client(None), "an10012", page).headers["Location"] == "/"


@pytest.mark.parametrize(("length", "returns"), [(200, True), (2000, False)])
def test_a_long_address_fits_into_the_cookie(
    provider: Provider, server: LiveServer, length: int, returns: bool
) -> None:
    provider.set_user("an10013", groups=["auditors"])
    answer = sign_in(server.client(None), "an10013", f"/jobs?q={'é' * length}")
    assert answer.status_code == 303
    assert (answer.headers["Location"] != "/") is returns


def test_a_refusal_by_the_provider_is_shown(
    provider: Provider, server: LiveServer, browser: httpx.Client
) -> None:
    shown = at_provider(browser)
    denied = browser.post(str(shown.url), data={"action": "deny"})
    query = parse_qs(urlsplit(denied.headers["Location"]).query)
    state = parse_qs(urlsplit(str(shown.url)).query)["state"][0]
    answer = browser.get(
        "/sign-in/provider/return", params={"error": query["error"][0], "state": state}
    )
    assert "refused the sign-in (access_denied)" in refusal(answer)


def test_a_server_may_have_a_provider_and_a_proxy(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("both"),
        memory_mb=128,
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret="a secret",
        trusted_proxy="127.0.0.1",
        proxy_user_header="X-User",
        proxy_secret="a secret of the proxy",
        role_without_group="viewer",
        link_local_accounts=True,
    )
    proxied = {"X-Jobsvc-Proxy-Secret": "a secret of the proxy"}
    with live_server(settings) as live:
        provider.set_user("an10020")
        outside = live.client(None)
        assert sign_in(outside, "an10020").status_code == 303
        assert who(outside)["soeid"] == "an10020"
        inside = live.client(None)
        headers = {**proxied, "X-User": "pr10020"}
        assert inside.get("/sign-in", headers=headers).status_code == 303
        assert inside.get("/api/users/me", headers=headers).json()["soeid"] == "pr10020"
        shown = live.client(None).get("/sign-in?local=1", headers=headers).text
        assert "/sign-in/provider?" in shown
        assert "Sign in as the proxy" in shown
        headers = {**proxied, "X-User": "an10020"}
        refused = live.client(None).get("/sign-in", headers=headers)
        assert "signs in by another provider" in refusal(refused)
        provider.set_user("stranger", preferred_username="pr10020")
        refused = sign_in(live.client(None), "stranger")
        assert "signs in by another provider" in refusal(refused)
        assert who(outside)["soeid"] == "an10020"


def test_local_accounts_work_while_the_provider_is_down(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("down"),
        memory_mb=128,
        oidc_issuer="http://127.0.0.1:9",
        oidc_client_id=CLIENT_ID,
        role_without_group="viewer",
    )
    with live_server(settings) as live:
        _, user = live.new_user()
        browser = live.client(None)
        assert "can't be used (ConnectError)" in refusal(browser.get("/sign-in/provider"), 503)
        form = {"soeid": user["soeid"], "password": PASSWORD}
        assert browser.post("/sign-in", data=form).status_code == 303


def test_a_user_of_the_provider_accepts_an_invitation(
    server: LiveServer, provider: Provider, browser: httpx.Client
) -> None:
    server.admin.post("/api/groups", json={"name": "External auditors"}).raise_for_status()
    body = {"address": "an@bank.example", "role_name": "admin", "groups": ["External auditors"]}
    link = server.admin.post("/api/invitations", json=body).json()["link"]
    page = link[link.index("/invitation") :]
    assert "Sign in with Example Login" in browser.get(page).text
    provider.set_user("an10077", groups=["auditors"])
    answer = sign_in(browser, "an10077", page)
    assert answer.headers["Location"] == page
    shown = browser.get(page).text
    assert "Accept as an10077" in shown
    (csrf,) = set(re.findall(r'name="csrf" value="([^"]+)"', shown))
    code = page.partition("code=")[2]
    joined = browser.post("/invitation/join", data={"csrf": csrf, "code": code})
    assert joined.status_code == 303
    assert who(browser)["role_name"] == "analyst"  # the provider's role
    (listed,) = server.admin.get("/api/users", params={"q": "an10077"}).json()["users"]
    assert listed["groups"] == ["External auditors"]
