"""The SQL tab of a dataset."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.support.live_server import LiveServer

Analyst = tuple[Page, httpx.Client]
TABLE = "id,city,Q1 2024\n" + "".join(
    f"{row},{'Oslo' if row % 3 else 'Lima'},{row}\n" for row in range(300)
)


@pytest.fixture
def sql_page(analyst: Analyst, server: LiveServer) -> tuple[Page, int]:
    """The page, and its dataset of 300 rows."""
    page, client = analyst
    dataset = server.new_dataset(client)
    server.import_text(dataset, TABLE, client=client)
    page.goto(f"{server.url}/datasets/{dataset}")
    page.get_by_role("link", name="SQL").click()
    return page, dataset


def write(page: Page, sql: str) -> None:
    """Replace the statement.

    ``fill`` replaces lines by the browser's own editing, which tries inline styles.
    """
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(sql)


def test_a_query_is_edited_run_paged_and_restored_from_its_url(
    sql_page: tuple[Page, int],
) -> None:
    page, _ = sql_page
    box = page.get_by_label("SELECT statement")
    expect(box.locator(".cm-line")).to_have_text(["SELECT *", "FROM data", "LIMIT 100"])
    expect(page.locator(".tok-keyword")).to_have_text(["SELECT", "FROM", "LIMIT"])
    write(page, "SELECT id, ")
    page.get_by_role("button", name='"Q1 2024"').click()
    page.keyboard.type("\nFROM data ORDER BY id DESC")
    expect(box.locator(".cm-line")).to_have_text(
        ['SELECT id, "Q1 2024"', "FROM data ORDER BY id DESC"]
    )
    page.keyboard.press("Control+Enter")
    rows = page.get_by_role("region", name="Rows of the result").get_by_role("row")
    expect(rows).to_have_count(101)
    expect(rows.nth(1)).to_have_text("299299")
    page.get_by_role("button", name="Next →").click()
    expect(rows.nth(1)).to_have_text("199199")
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download as CSV").click()
    assert taken.value.path().read_text("utf-8-sig").splitlines()[:2] == ["id,Q1 2024", "299,299"]
    write(page, "SELECT city, count(*) AS n FROM data GROUP BY ALL ORDER BY ALL")
    page.keyboard.press("Control+Enter")
    expect(rows.nth(1)).to_have_text("Lima100")
    page.reload()
    expect(box).to_contain_text("GROUP BY ALL")
    expect(rows.nth(1)).to_have_text("Lima100")
    page.go_back()
    expect(rows.nth(1)).to_have_text("299299")
    page.get_by_role("link", name="SELECT city, count").click()
    expect(rows.nth(1)).to_have_text("Lima100")


def test_an_error_is_shown_and_its_line_is_marked(sql_page: tuple[Page, int]) -> None:
    page, _ = sql_page
    write(page, "SELECT id,\n  citty\nFROM data")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("Line 2, column 3")
    expect(page.locator(".cm-lintRange-error")).to_have_text("citty")
    page.get_by_role("button", name="Go to line 2").click()
    for _ in "citty":
        page.keyboard.press("Delete")
    page.keyboard.type("city")
    expect(page.get_by_role("alert")).to_be_empty()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("300 rows in")).to_be_visible()
    write(page, "DROP TABLE data")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def test_the_editor_completes_names_and_tab_leaves_it(sql_page: tuple[Page, int]) -> None:
    page, _ = sql_page
    box = page.get_by_label("SELECT statement")
    write(page, "SELECT ")
    page.keyboard.type("Q1")
    expect(page.get_by_role("option", name="Q1 2024")).to_be_visible()
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("option", name="Q1 2024")).to_have_attribute("aria-selected", "true")
    page.wait_for_timeout(100)  # a completion isn't accepted by accident right after it appears
    page.keyboard.press("Enter")
    expect(box).to_have_text('SELECT "Q1 2024"')
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Run query")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(box).to_be_focused()


def test_a_saved_query_links_back_to_its_sql(
    sql_page: tuple[Page, int],
) -> None:
    page, dataset = sql_page
    box = page.get_by_label("SELECT statement")
    write(page, "SELECT * FROM data WHERE city = 'Lima'")
    page.get_by_role("button", name="Save query").click()
    page.get_by_label("Name", exact=True).fill("no such/name")
    page.get_by_label("Purpose").fill("Where Lima is")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Save query").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("lima")
    dialog.get_by_role("button", name="Save query").click()
    expect(page.locator("#state")).to_have_text("completed", timeout=30_000)
    expect(page.get_by_role("link", name="expl-lima")).to_be_visible()
    page.get_by_role("link", name="Edit query").click()
    expect(box).to_have_text("SELECT * FROM data WHERE city = 'Lima'")
    page.get_by_label("Version", exact=True).select_option("expl-lima")
    expect(page).to_have_url(re.compile(rf"/datasets/{dataset}/sql\?ref=expl-lima.*#sql="))
    write(page, "SELECT count(*) AS n FROM result")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="Rows of the result")).to_contain_text("100")


def test_a_viewer_can_query_but_not_save(page: Page, server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, TABLE)
    _, reader = server.new_user("viewer")
    given = {"user_soeid": reader["soeid"], "permission": "read"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=given)
    sign_in(page, server.url, reader["soeid"], f"/datasets/{dataset}/sql#sql=SELECT+42+AS+n")
    expect(page.get_by_role("region", name="Rows of the result")).to_contain_text("42")
    expect(page.get_by_role("button", name="Save query")).to_have_count(0)
