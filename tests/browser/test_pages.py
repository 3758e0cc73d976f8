"""The first start's link, the start page and the API's page, in a browser."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Page, expect

import composition_root
from job_runner.settings import Settings
from tests.browser.conftest import OpenPage, sign_in
from tests.browser.watching import watch_of
from tests.live_server import PASSWORD, LiveServer
from tests.server_process import ServerProcess
from web_ui.shell import STATIC, imported_by

MAX_PAGES_FILES = 120 * 1024
"""Bytes of all scripts and styles together, as they are."""


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


def test_an_unknown_address_is_a_page_for_a_browser_and_a_document_for_a_program(
    page: Page, server: LiveServer
) -> None:
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


def test_an_error_that_nobody_foresaw_is_a_page_that_names_the_request(
    page: Page, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", memory_mb=128)
    with (
        composition_root.serving_in_background(settings, "tests") as here,
        LiveServer(here) as server,
    ):
        _, user = server.new_user("admin")
        sign_in(page, server.url, user["soeid"])
        with here.service.database.write() as tx:
            tx.execute("ALTER TABLE audit_log RENAME TO audit_log_gone")
        with watch_of(page).expect("500"):
            page.goto(f"{server.url}/admin/audit")
        expect(page.get_by_role("heading", level=1)).to_have_text("Something went wrong")
        assert re.search("Request [0-9a-f-]{36}", page.locator("main").inner_text())


def test_times_stand_in_the_readers_zone_before_any_script_runs(
    open_page: OpenPage, server: LiveServer
) -> None:
    """The sign-in has told the zone, so nothing changes under the reader's eyes."""
    _, user = server.new_user()
    page = open_page(timezone_id="Asia/Kolkata")
    page.goto(f"{server.url}/sign-in")
    sign_in(page, server.url, user["soeid"], "/account")
    shown = page.locator("time").first
    told = httpx.get(
        f"{server.url}/account",
        headers={"Cookie": "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())},
    ).text
    assert f">{shown.inner_text()}</time>" in told
    utc = datetime.fromisoformat(user["created_at"])
    local = utc.astimezone(ZoneInfo("Asia/Kolkata"))
    expect(shown).to_have_text(local.strftime("%Y-%m-%d %H:%M:%S"))
    expect(shown).to_have_attribute(
        "title", f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03} UTC"
    )


def test_a_day_in_a_filter_is_the_readers_own(open_page: OpenPage, server: LiveServer) -> None:
    """Made just now: in Kiritimati's today, though it may be yesterday still in UTC."""
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


def test_filters_that_cannot_be_are_told_and_not_applied(page: Page, server: LiveServer) -> None:
    _, user = server.new_user()
    sign_in(page, server.url, user["soeid"], "/jobs?dataset_id=flights&created_after=soon")
    expect(page.get_by_role("alert")).to_contain_text("none is applied")
    expect(page.get_by_role("alert")).to_contain_text("created after: Must be a time")


def test_all_scripts_and_styles_together_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in STATIC.iterdir()}
    print(f"{sum(sizes.values()):,} bytes of {MAX_PAGES_FILES:,}: {sizes}")
    assert sum(sizes.values()) <= MAX_PAGES_FILES


def test_a_page_names_all_that_its_scripts_import(page: Page, server: LiveServer) -> None:
    """So that a browser asks for all of it at once."""
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
