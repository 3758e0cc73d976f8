"""The account page and the pages for administrators."""

from __future__ import annotations

import tarfile

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.contract.test_paper_template import png
from tests.support.live_server import PASSWORD, LiveServer

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
    expect(page.get_by_role("heading", level=1)).to_contain_text("Home")


def test_an_admin_invites_a_user_and_a_group_gives_access(admin: Page, server: LiveServer) -> None:
    dataset = server.new_table(10)
    admin.goto(f"{server.url}/admin/users")
    admin.get_by_label("User name", exact=True).fill("zoe.b@example.org")
    admin.get_by_label("Role", exact=True).select_option("viewer")
    admin.get_by_role("button", name="Invite").press("Enter")
    link = admin.locator("[data-field=link]").inner_text()
    assert link.startswith(f"{server.url}/sign-in?code=")
    row = admin.get_by_role("row", name="zoe.b@example.org")
    expect(row).to_contain_text("invited")
    admin.get_by_role("button", name="Copy link").click()
    expect(admin.get_by_role("button", name="Copied")).to_be_visible()
    admin.get_by_role("button", name="New link for zoe.b@example.org").click()
    expect(admin.locator("[data-field=link]")).to_have_count(2)
    newer = admin.locator("[data-field=link]").last.inner_text()
    for code, status in ((link, 404), (newer, 303)):
        form = {"code": code.split("code=")[1], "password": PASSWORD, "again": PASSWORD}
        assert server.client(None).post("/sign-in", data=form).status_code == status
    admin.get_by_label("Name of the group").fill("Readers of ten")
    admin.get_by_role("button", name="Create group").click()
    expect(admin.get_by_text("Group created.")).to_be_visible()
    admin.locator("summary", has_text="Readers of ten").click()
    admin.get_by_label("Add users").locator("visible=true").fill("zoe.b@example.org")
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("button", name="Remove zoe.b@example.org")).to_be_visible()
    admin.goto(f"{server.url}/datasets/{dataset}?tab=access")
    admin.get_by_label("User or group").fill("Readers of ten")
    admin.get_by_role("button", name="Grant access").click()
    expect(admin.get_by_role("row", name="Readers of ten")).to_contain_text("read")
    login = {"soeid": "zoe.b@example.org", "password": PASSWORD}
    token = server.client(None).post("/api/users/login", json=login).json()["access_token"]
    assert server.client(token).get(f"/api/datasets/{dataset}").status_code == 200


def test_an_admin_changes_and_deletes_a_user(admin: Page, server: LiveServer) -> None:
    _, user = server.new_user("viewer")
    name = user["soeid"]
    admin.goto(f"{server.url}/admin/users?q={name}")
    admin.get_by_label(f"Role of {name}", exact=True).select_option("analyst")
    admin.get_by_role("button", name=f"Change role of {name}").click()
    expect(admin.get_by_text(f"Role of {name} changed.")).to_be_visible()
    expect(admin.get_by_label(f"Role of {name}", exact=True)).to_have_value("analyst")
    admin.get_by_role("button", name=f"Delete user {name}").click()
    admin.get_by_label(f"Type {name}").fill(name)
    admin.get_by_role("button", name="Confirm").click()
    expect(admin.get_by_role("cell", name=name, exact=True)).to_have_count(0)
    admin.goto(f"{server.url}/admin/audit?action=user_removed")
    expect(admin.get_by_role("row").nth(1)).to_contain_text(name)


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
    admin.get_by_role("button", name="Invite").click()
    expect(admin.get_by_role("alert")).to_contain_text("already")


def test_admin_pages_are_forbidden_for_others(analyst: Analyst, server: LiveServer) -> None:
    page, _ = analyst
    for path in ("/admin/users", "/admin/tokens", "/admin/audit", "/admin/internals"):
        answer = page.goto(f"{server.url}{path}")
        assert answer is not None
        assert answer.status == 403
    page.goto(server.url)
    page.locator("summary").first.click()
    expect(page.get_by_role("link", name="Activity")).to_have_count(0)


def test_a_clean_up_is_previewed_and_then_done(admin: Page, server: LiveServer) -> None:
    orphan = server.service.directory.counts_dir / f"{'0' * 64}-{'1' * 64}.parquet"
    orphan.write_bytes(b"counts of a table that is gone")
    admin.goto(f"{server.url}/admin/storage")
    row = admin.get_by_role("row", name="Summaries of columns")
    expect(row).to_contain_text("not used for 90 days")
    expect(admin.get_by_role("img", name="The disk")).to_be_visible()
    assert orphan.exists()
    admin.get_by_role("button", name="Delete now").click()
    admin.get_by_label("Type prune").fill("prune")
    admin.get_by_role("button", name="Confirm").click()
    expect(admin.get_by_text("Done.")).to_be_visible()
    assert not orphan.exists()


def test_a_backup_is_downloaded_from_the_page(admin: Page, server: LiveServer) -> None:
    admin.goto(f"{server.url}/admin/storage")
    with admin.expect_download() as download:
        admin.get_by_role("link", name="Download backup").click()
    assert tarfile.is_tarfile(download.value.path())
    admin.reload()
    expect(admin.locator(".figure", has_text="Last backup")).not_to_contain_text("never")


def test_an_administrator_sets_the_look_of_papers(admin: Page, server: LiveServer) -> None:
    page = admin
    page.goto(f"{server.url}/admin/papers")
    page.get_by_label("Firm").fill("Audit & Co")
    page.get_by_label("Colour of headings").fill("yellow")
    page.get_by_label("Logo").set_input_files(
        {"name": "logo.png", "mimeType": "image/png", "buffer": png()}
    )
    page.get_by_role("button", name="Save template").click()
    expect(page.get_by_role("alert")).to_contain_text("six hexadecimal digits")
    page.get_by_label("Colour of headings").fill("#1f3b57")
    page.get_by_role("button", name="Save template").click()
    expect(page.get_by_text("There is one; a file replaces it.")).to_be_visible()
    expect(page.get_by_label("Firm")).to_have_value("Audit & Co")
    page.get_by_role("button", name="Remove logo").click()
    expect(page.get_by_text("None yet.")).to_be_visible()
