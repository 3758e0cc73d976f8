"""Sign-in, errors, times and static files of the pages."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Page, expect

from service.settings import Settings
from tests.browser.conftest import OpenPage, sign_in
from tests.browser.watching import watch_of
from tests.support.live_server import PASSWORD, LiveServer, live_server
from tests.support.server_process import ServerProcess
from web_ui.shell import STATIC, imported_by

MAX_PAGES_FILES = 325_000
"""Bytes of all static files, uncompressed."""


def test_the_first_start_prints_a_link_that_signs_in(page: Page, tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", forked=True) as server:
        (link,) = re.findall(r"http\S+/sign-in\?\S+", "".join(server.wait_for("sign-in")))
        page.goto(link)
        page.get_by_role("link", name="Set a password").click()
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.goto(link)
        expect(page.get_by_role("heading")).to_have_text("This link has expired")
        login = {"soeid": "admin00", "password": PASSWORD}
        answer = httpx.post(f"{server.url}/api/users/login", json=login)
        assert (answer.status_code, answer.json()["role_name"]) == (200, "admin")
        # The command line on this machine needs no password.
        assert server.client().get("/api/users/me").json()["soeid"] == "admin00"
    with ServerProcess(tmp_path / "data", forked=True) as server:
        assert server.terminate() == 0
        assert "sign-in" not in "".join(server.output)


def test_a_visitor_is_redirected_to_sign_in_and_back(page: Page, server: LiveServer) -> None:
    _, user = server.new_user()
    page.goto(f"{server.url}/?x=1")
    expect(page.get_by_role("heading")).to_have_text("Sign in")
    page.get_by_label("User name").fill(user["soeid"])
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Home")
    assert page.url.endswith("/?x=1")
    page.locator("header summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading")).to_have_text("Sign in")
    page.goto(server.url)
    expect(page.get_by_role("heading")).to_have_text("Sign in")


def test_a_session_needs_the_csrf_token_for_changes(server: LiveServer) -> None:
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
def test_a_sign_in_redirects_only_to_this_server(server: LiveServer, address: str) -> None:
    _, user = server.new_user()
    form = {"soeid": user["soeid"], "password": PASSWORD, "next": address}
    answer = server.client(None).post("/sign-in", data=form)
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("code", ["", "wrong", "\x00", "%ff"])
def test_an_unknown_link_has_expired(server: LiveServer, code: str) -> None:
    nobody = server.client(None)
    assert nobody.get("/sign-in", params={"code": code}).status_code == 404
    form = {"code": code, "password": PASSWORD, "again": PASSWORD}
    assert nobody.post("/sign-in", data=form).status_code == 404


def test_an_unknown_url_gets_a_page_or_a_problem_document(page: Page, server: LiveServer) -> None:
    answer = page.goto(f"{server.url}/nowhere")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert page.title() == "Not found – jobsvc"
    nobody = server.client(None)
    for path in ("/nowhere", "/api/nowhere"):
        assert nobody.get(path).json()["code"] == "not_found"
    as_browser = {"Accept": "text/html"}
    assert nobody.get("/api/nowhere", headers=as_browser).json()["code"] == "not_found"
    refused = nobody.get("/sign-out")
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_an_unexpected_error_page_shows_the_request_id(page: Page, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", memory_mb=128)
    with live_server(settings) as server:
        _, user = server.new_user("admin")
        sign_in(page, server.url, user["soeid"])
        with server.service.database.write() as tx:
            tx.execute("ALTER TABLE audit_log RENAME TO audit_log_gone")
        with watch_of(page).expect("500"):
            page.goto(f"{server.url}/admin/audit")
        expect(page.get_by_role("heading", level=1)).to_have_text("Something went wrong")
        assert re.search("Request [0-9a-f-]{36}", page.locator("main").inner_text())


def test_a_day_in_a_filter_is_in_the_browsers_zone(open_page: OpenPage, server: LiveServer) -> None:
    """A new job is of today in Kiritimati, and maybe of yesterday in UTC."""
    client, user = server.new_user()
    server.new_table(5, client)
    zone = "Pacific/Kiritimati"
    page = open_page(timezone_id=zone)
    page.goto(f"{server.url}/sign-in")
    today = datetime.now(ZoneInfo(zone)).date()
    for day, jobs in ((today, 1), (today + timedelta(days=1), 0)):
        path = f"/jobs?user_soeid={user['soeid']}&created_after={day}"
        sign_in(page, server.url, user["soeid"], path)
        expect(
            page.get_by_text(f"{jobs} job{'' if jobs == 1 else 's'}", exact=True)
        ).to_be_visible()


def test_invalid_filters_are_reported_and_not_applied(page: Page, server: LiveServer) -> None:
    _, user = server.new_user()
    sign_in(page, server.url, user["soeid"], "/jobs?dataset_id=flights&created_after=soon")
    expect(page.get_by_role("alert")).to_contain_text("No filter is applied")
    expect(page.get_by_role("alert")).to_contain_text("created after: Must be a time")


def test_static_files_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in STATIC.iterdir() if path.is_file()}
    print(f"{sum(sizes.values()):,} bytes of {MAX_PAGES_FILES:,}: {sizes}")
    assert sum(sizes.values()) <= MAX_PAGES_FILES


def test_a_page_preloads_all_imports_of_its_scripts(page: Page, server: LiveServer) -> None:
    _, user = server.new_user()
    sign_in(page, server.url, user["soeid"], "/jobs")
    page.wait_for_load_state()
    loaded = "performance.getEntriesByType('resource').map(e => e.name.split('/').pop())"
    named = page.locator("head [href$='.js'], head [src$='.js']").evaluate_all(
        "all => all.map(e => (e.href || e.src).split('/').pop())"
    )
    scripts = sorted(name for name in page.evaluate(loaded) if name.endswith(".js"))
    assert sorted(named) == scripts
    of_jobs = {"live.js", "notices.js", "dom.js", "api.js", "words.js"}
    assert of_jobs == imported_by("jobs.js") - {"format.js"}
