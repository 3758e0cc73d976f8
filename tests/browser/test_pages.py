"""The first start's link, the start page and the API's page, in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.live_server import PASSWORD, LiveServer
from tests.server_process import ServerProcess


def test_the_first_start_prints_a_link_that_sets_the_admins_password_once(
    page: Page, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path / "data") as server:
        (link,) = re.findall(r"http\S+/sign-in\?code=\S+", "".join(server.wait_for("sign-in")))
        page.goto(link)
        expect(page.get_by_role("heading")).to_have_text("Choose a password")
        expect(page.get_by_text("admin00")).to_be_visible()
        page.get_by_label("Password, at least").fill(PASSWORD)
        page.get_by_label("The same again").fill("another password")
        page.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_contain_text("not the same")
        page.get_by_label("Password, at least").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, admin00")
        page.goto(link)
        expect(page.get_by_role("heading")).to_have_text("This link has ended")
        login = {"soeid": "admin00", "password": PASSWORD}
        answer = httpx.post(f"{server.url}/api/users/login", json=login)
        assert (answer.status_code, answer.json()["role_name"]) == (200, "admin")
        # The command line's own way in, on this machine, is still open.
        assert server.client().get("/api/users/me").json()["soeid"] == "admin00"
    with ServerProcess(tmp_path / "data") as server:
        assert server.terminate() == 0
        assert "sign-in" not in "".join(server.output)


def test_whoever_is_not_signed_in_is_led_to_the_sign_in_and_back(
    page: Page, server: LiveServer
) -> None:
    _, user = server.new_user()
    page.goto(f"{server.url}/?x=1")
    expect(page.get_by_role("heading")).to_have_text("Sign in")
    page.get_by_label("SOEID").fill(user["soeid"])
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")
    assert page.url.endswith("/?x=1")
    page.locator("summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading")).to_have_text("Sign in")
    page.goto(server.url)
    expect(page.get_by_role("heading")).to_have_text("Sign in")


def test_a_session_changes_nothing_without_the_pages_own_token(server: LiveServer) -> None:
    _, user = server.new_user()
    browser = server.client(None)
    form = {"soeid": user["soeid"], "password": PASSWORD}
    assert browser.post("/sign-in", data=form).status_code == 303
    assert "HttpOnly" in browser.post("/sign-in", data=form).headers["Set-Cookie"]
    assert browser.get("/api/users/me").json()["soeid"] == user["soeid"]
    refused = browser.post("/api/datasets", json={"name": "forged"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert browser.post("/sign-out").status_code == 403
    (csrf,) = re.findall(r'name="csrf" content="([0-9a-f]{64})"', browser.get("/").text)
    made = browser.post("/api/datasets", json={"name": "my own"}, headers={"X-CSRF-Token": csrf})
    assert made.status_code == 200
    assert browser.post("/sign-out", data={"csrf": csrf}).status_code == 303
    assert browser.get("/api/users/me").status_code == 401


@pytest.mark.parametrize("address", ["//evil.example", "/\\evil.example", "https://evil.example"])
def test_a_sign_in_leads_to_pages_of_this_server_alone(server: LiveServer, address: str) -> None:
    _, user = server.new_user()
    form = {"soeid": user["soeid"], "password": PASSWORD, "next": address}
    answer = server.client(None).post("/sign-in", data=form)
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("code", ["", "wrong", "\x00", "%ff"])
def test_a_link_that_never_was_has_ended(server: LiveServer, code: str) -> None:
    nobody = server.client(None)
    assert nobody.get("/sign-in", params={"code": code}).status_code == 404
    form = {"code": code, "password": PASSWORD, "again": PASSWORD}
    assert nobody.post("/sign-in", data=form).status_code == 404
