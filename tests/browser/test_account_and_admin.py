"""The account page and the pages for administrators."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.live_server import PASSWORD, LiveServer

Analyst = tuple[Page, httpx.Client]


@pytest.fixture
def admin(page: Page, server: LiveServer) -> Page:
    _, user = server.new_user("admin")
    sign_in(page, server.url, user["soeid"])
    return page


def test_a_token_is_shown_once_works_and_is_deleted(analyst: Analyst, server: LiveServer) -> None:
    page, _ = analyst
    page.goto(f"{server.url}/account")
    page.get_by_label("Name").fill("nightly")
    page.get_by_role("button", name="Create token").click()
    token = page.locator("[data-field=token]").inner_text()
    listed = page.get_by_role("region", name="Tokens").get_by_role("row", name="nightly")
    expect(listed).to_contain_text("read")
    expect(page.get_by_text("No tokens.")).to_have_count(0)
    expect(page.locator("[data-field=token]")).to_have_text(token)
    script = server.client(token)
    assert script.get("/api/users/me").status_code == 200
    assert script.post("/api/datasets", json={"name": "x"}).status_code == 403
    page.reload()
    expect(page.locator("[data-field=token]")).to_have_count(0)
    page.get_by_role("button", name="Delete token nightly").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("No tokens.")).to_be_visible()
    assert script.get("/api/users/me").status_code == 401


def test_a_new_password_signs_out_and_in_again(page: Page, server: LiveServer) -> None:
    _, user = server.new_user()
    sign_in(page, server.url, user["soeid"], "/account")
    page.get_by_label("New password").fill("another long password ")
    page.get_by_label("Current password").fill("not this one")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("alert")).to_contain_text("isn't your current password")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("User name", exact=True).fill(user["soeid"])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    page.get_by_label("Password").fill("another long password ")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")


def test_an_admin_creates_and_deletes_a_user(admin: Page, server: LiveServer) -> None:
    admin.goto(f"{server.url}/admin/users")
    admin.get_by_label("User name", exact=True).fill("zz99001")
    admin.get_by_label("Role", exact=True).select_option("viewer")
    admin.get_by_role("button", name="Create user").click()
    expect(admin.get_by_role("cell", name="zz99001", exact=True)).to_be_visible()
    admin.get_by_role("button", name="Create link for zz99001").click()
    link = admin.locator("[data-field=link]").inner_text()
    form = {"code": link.split("code=")[1], "password": PASSWORD, "again": PASSWORD}
    assert server.client(None).post("/sign-in", data=form).status_code == 303
    admin.get_by_label("Role of zz99001", exact=True).select_option("analyst")
    admin.get_by_role("button", name="Change role of zz99001").click()
    expect(admin.get_by_text("Role of zz99001 changed.")).to_be_visible()
    expect(admin.get_by_label("Role of zz99001", exact=True)).to_have_value("analyst")
    admin.get_by_role("button", name="Delete user zz99001").click()
    admin.get_by_label("Type zz99001").fill("zz99001")
    admin.get_by_role("button", name="Confirm").click()
    expect(admin.get_by_role("cell", name="zz99001", exact=True)).to_have_count(0)
    admin.goto(f"{server.url}/admin/audit?action=user_removed")
    expect(admin.get_by_role("row").nth(1)).to_contain_text("zz99001")


def test_users_are_searched_by_a_part_of_the_name(admin: Page, server: LiveServer) -> None:
    _, sought = server.new_user()
    admin.goto(f"{server.url}/admin/users")
    admin.keyboard.press("/")
    admin.keyboard.type(sought["soeid"].upper())
    admin.keyboard.press("Enter")
    expect(admin.get_by_text("1 user", exact=True)).to_be_visible()
    expect(admin.get_by_role("cell", name=sought["soeid"], exact=True)).to_be_visible()
    admin.reload()
    expect(admin.get_by_label("Part of the user name")).to_have_value(sought["soeid"].upper())
    admin.get_by_label("Part of the user name").fill("nobody")
    admin.keyboard.press("Enter")
    admin.get_by_role("link", name="Show all users").click()
    expect(admin.get_by_role("row").nth(2)).to_be_visible()


def test_a_taken_user_name_is_reported_at_its_field(admin: Page, server: LiveServer) -> None:
    admin.goto(f"{server.url}/admin/users")
    taken = server.admin.get("/api/users/me").json()["soeid"]
    admin.get_by_label("User name", exact=True).fill(taken)
    admin.get_by_role("button", name="Create user").click()
    expect(admin.get_by_role("alert")).to_contain_text("already")


def test_admin_pages_are_forbidden_for_others(analyst: Analyst, server: LiveServer) -> None:
    page, _ = analyst
    for path in ("/admin/users", "/admin/audit", "/admin/storage"):
        answer = page.goto(f"{server.url}{path}")
        assert answer is not None
        assert answer.status == 403
    page.goto(server.url)
    page.locator("summary").first.click()
    expect(page.get_by_role("link", name="Audit trail")).to_have_count(0)


def test_a_clean_up_is_previewed_and_then_done(admin: Page, server: LiveServer) -> None:
    orphan = server.service.directory.counts_dir / f"{'0' * 64}-{'1' * 64}.parquet"
    orphan.write_bytes(b"counts of a table that is gone")
    admin.goto(f"{server.url}/admin/storage")
    expect(admin.get_by_role("cell", name="data files")).to_be_visible()
    admin.get_by_role("button", name="Preview clean-up").click()
    found = admin.get_by_role("region", name="Data to delete")
    expect(found.get_by_role("cell", name="counts")).to_be_visible()
    assert orphan.exists()
    admin.get_by_role("button", name="Delete data").click()
    admin.get_by_label("Type prune").fill("prune")
    admin.get_by_role("button", name="Confirm").click()
    expect(admin.get_by_text("Done.")).to_be_visible()
    assert not orphan.exists()
