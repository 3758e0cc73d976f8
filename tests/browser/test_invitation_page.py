"""Invitations and quotas in a browser: invite, accept, set a quota."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from service.settings import Settings
from tests.browser.axe import violations
from tests.browser.conftest import sign_in
from tests.browser.watching import watched_context
from tests.support.live_server import PASSWORD, LiveServer, live_server
from tests.support.mail_server import DOMAIN, MailServer, mail_server

PICTURES = os.environ.get("JOBSVC_TEST_PICTURES")
"""A folder for pictures of the pages, to look at."""


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("authority")) as found:
        yield found


@pytest.fixture(scope="module")
def inviting(tmp_path_factory: pytest.TempPathFactory, mails: MailServer) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("inviting"), memory_mb=256, **mails.settings()
    )
    with live_server(settings) as live:
        live.admin.post("/api/groups", json={"name": "Auditors"}).raise_for_status()
        yield live


def look_at(page: Page, name: str) -> None:
    """Check a page, and keep pictures of it if a folder is named."""
    assert violations(page) == []
    if PICTURES:
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{PICTURES}/{name}-{scheme}-{width}.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})


def test_a_person_is_invited_and_accepts(
    page: Page, browser: Browser, inviting: LiveServer, mails: MailServer
) -> None:
    _, admin = inviting.new_user("admin")
    sign_in(page, inviting.url, admin["soeid"], "/admin/users")
    page.locator("summary", has_text="Invite by address").click()
    page.get_by_label("E-mail address").fill(f"anna@{DOMAIN}")
    page.get_by_label("Role of the person").select_option("viewer")
    page.get_by_label("Groups, with commas").fill("Auditors")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("status")).to_contain_text(f"took the e-mail to anna@{DOMAIN}")
    row = page.get_by_role("region", name="Invitations").get_by_role("row", name=f"anna@{DOMAIN}")
    expect(row).to_contain_text("sent")
    look_at(page, "invited")
    (mail,) = mails.wait(f"anna@{DOMAIN}")
    (link,) = re.findall(r"http://\S+", mail.text)
    with watched_context(browser) as context:
        person = context.new_page()
        person.goto(link)
        look_at(person, "invitation")
        person.get_by_label("User name").fill("Auditors")
        person.get_by_label("Password, at least").fill(PASSWORD)
        person.get_by_label("Password again").fill(PASSWORD)
        person.get_by_role("button", name="Create account").click()
        expect(person.get_by_role("alert")).to_contain_text("exists already")
        look_at(person, "invitation-refused")
        person.get_by_label("User name").fill("anna")
        person.get_by_label("Password, at least").fill(PASSWORD)
        person.get_by_label("Password again").fill(PASSWORD)
        person.get_by_role("button", name="Create account").click()
        expect(person.get_by_role("heading", name="Invitation")).to_have_count(0)
        person.goto(link)
        expect(person.get_by_text("was used or withdrawn")).to_be_visible()
        look_at(person, "invitation-ended")
    page.reload()
    expect(page.get_by_role("region", name="Invitations")).to_have_count(0)
    expect(page.get_by_role("row", name="anna")).to_contain_text("Auditors")


def test_an_account_accepts_and_an_invitation_is_withdrawn(
    page: Page, inviting: LiveServer
) -> None:
    body = {"address": f"ben@{DOMAIN}", "role_name": "admin", "show_link": True}
    link = inviting.admin.post("/api/invitations", json=body).json()["link"]
    _, user = inviting.new_user("analyst")
    page.goto(link)
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("User name").fill(user["soeid"])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    look_at(page, "invitation-account")
    page.get_by_role("button", name=f"Accept as {user['soeid']}").click()
    expect(page.get_by_role("heading", name="Invitation")).to_have_count(0)
    inviting.admin.post("/api/invitations", json={**body, "address": f"chris@{DOMAIN}"})
    page.goto(f"{inviting.url}/admin/users")  # an admin now
    page.get_by_role("button", name=f"Withdraw invitation of chris@{DOMAIN}").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text(f"Invitation of chris@{DOMAIN} withdrawn.")).to_be_visible()


def test_an_admin_sets_the_quota_of_a_dataset_and_of_a_user(
    page: Page, inviting: LiveServer
) -> None:
    dataset = inviting.new_table(20)
    _, admin = inviting.new_user("admin")
    sign_in(page, inviting.url, admin["soeid"], f"/datasets/{dataset}?tab=overview")
    expect(page.get_by_text("without a quota")).to_be_visible()
    page.get_by_label("in MiB; 0 is none").fill("5")
    page.get_by_role("button", name="Change quota").click()
    expect(page.get_by_text("of 5.0 MiB")).to_be_visible()
    look_at(page, "quota")
    page.goto(f"{inviting.url}/admin/storage")
    expect(page.get_by_role("region", name="Datasets")).to_contain_text("5.0 MiB")
    field = page.get_by_role("region", name="Disk by user").get_by_role("spinbutton").first
    field.fill("7")
    field.press("Enter")
    expect(page.get_by_role("region", name="Disk by user")).to_contain_text("of 7.0 MiB")
    look_at(page, "storage")
