"""From the first link to a downloaded sample, by keyboard only."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.keyboard import Keyboard
from tests.support.live_server import PASSWORD, LiveServer, write_csv

ROWS = 2_000


def test_all_steps_work_by_keyboard_only(page: Page, server: LiveServer, tmp_path: Path) -> None:
    """The test opens no URL except the one-time link."""
    keys, keyboard = Keyboard(page), page.keyboard
    _, user = server.new_user()
    link = server.admin.post(f"/api/users/{user['id']}/sign-in-link").json()["link"]
    page.goto(link)
    keys.write(page.get_by_label("Password, at least"), PASSWORD)
    keys.write(page.get_by_label("Password again"), PASSWORD)
    keyboard.press("Enter")
    # The page that was open at the sign-out, if it sent a request meanwhile, or else Home.
    expect(page.get_by_text(user["soeid"]).first).to_be_visible()

    keys.shortcut("c")
    keys.write(page.get_by_label("Name"), "By hand")
    with page.expect_file_chooser() as chooser:
        keys.press(page.get_by_label("File (drop it here"))
    chooser.value.set_files(write_csv(tmp_path / "by-hand.csv", ROWS))
    expect(page.get_by_role("region", name="First rows")).to_be_visible()
    keys.press(page.get_by_role("button", name="Import file"))
    expect(page.get_by_role("region", name="Import")).to_contain_text("2,000 rows")

    keys.press(page.get_by_role("link", name="Draw sample"))
    expect(page.get_by_text(f"100 of {ROWS:,} rows will be drawn.")).to_be_visible()
    keys.reach(page.get_by_role("radio", name="Equal probability"))
    keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="By group")).to_be_focused()
    keys.choose(page.get_by_label("Groups by"), "kind")
    keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove kind")).to_be_visible()
    keys.write(page.get_by_label("Rows", exact=True), "70")
    expect(page.get_by_text(f"70 of {ROWS:,} rows will be drawn.")).to_be_visible()
    expect(page.get_by_role("region", name="Groups of step 1").get_by_role("row")).to_have_count(8)
    keys.command("Draw the sample")
    expect(page.locator("#state")).to_have_text("completed", timeout=30_000)

    keys.command("Show Comparison")
    expect(page.get_by_role("region", name="Columns compared")).to_be_visible()
    keys.command("Show Rows")
    expect(page.get_by_role("region", name="Rows").get_by_role("row")).to_have_count(51)
    keys.shortcut("/")
    keyboard.type("kind = 3")
    keyboard.press("Enter")
    expect(page.get_by_text("10 of 70 rows")).to_be_visible()
    with page.expect_download() as download:
        keys.shortcut("d")
    assert download.value.path().read_text().count("\n") == 11

    keys.shortcut("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text(
        "Download the rows shown"
    )
    keyboard.press("Escape")
    keys.command("Sign out")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    keys.write(page.get_by_label("User name"), user["soeid"])
    keys.write(page.get_by_label("Password"), PASSWORD)
    keyboard.press("Enter")
    # The page that was open at the sign-out, if it sent a request meanwhile, or else Home.
    expect(page.get_by_text(user["soeid"]).first).to_be_visible()
