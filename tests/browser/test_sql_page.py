"""The SQL tab of a dataset."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.live_server import LiveServer

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


def test_a_query_is_edited_run_paged_and_restored_from_its_url(
    sql_page: tuple[Page, int],
) -> None:
    page, _ = sql_page
    box = page.get_by_label("SELECT statement")
    expect(box).to_have_value("SELECT *\nFROM data\nLIMIT 100")
    box.fill("SELECT id, ")
    page.get_by_role("button", name='"Q1 2024"').click()
    page.keyboard.type("\nFROM data ORDER BY id DESC")
    expect(box).to_have_value('SELECT id, "Q1 2024"\nFROM data ORDER BY id DESC')
    page.keyboard.press("Control+Enter")
    rows = page.get_by_role("region", name="Rows of the result").get_by_role("row")
    expect(rows).to_have_count(101)
    expect(rows.nth(1)).to_have_text("299299")
    page.get_by_role("button", name="Next →").click()
    expect(rows.nth(1)).to_have_text("199199")
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download as CSV").click()
    assert taken.value.path().read_text().splitlines()[:2] == ["id,Q1 2024", "299,299"]
    box.fill("SELECT city, count(*) AS n FROM data GROUP BY ALL ORDER BY ALL")
    page.keyboard.press("Control+Enter")
    expect(rows.nth(1)).to_have_text("Lima100")
    page.reload()
    expect(box).to_have_value(re.compile("GROUP BY ALL"))
    expect(rows.nth(1)).to_have_text("Lima100")
    page.go_back()
    expect(rows.nth(1)).to_have_text("299299")
    page.get_by_role("link", name="SELECT city, count").click()
    expect(rows.nth(1)).to_have_text("Lima100")


def test_an_error_is_shown_and_its_line_is_marked(sql_page: tuple[Page, int]) -> None:
    page, _ = sql_page
    box = page.get_by_label("SELECT statement")
    box.fill("SELECT id,\n  citty\nFROM data")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("Line 2, column 3")
    expect(page.locator(".lines > .wrong")).to_have_text("2")
    page.get_by_role("button", name="Go to line 2").click()
    for _ in "citty":
        page.keyboard.press("Delete")
    page.keyboard.type("city")
    expect(page.get_by_role("alert")).to_be_empty()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("300 rows in")).to_be_visible()
    box.fill("DROP TABLE data")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def test_a_saved_query_links_back_to_its_sql(
    sql_page: tuple[Page, int],
) -> None:
    page, dataset = sql_page
    box = page.get_by_label("SELECT statement")
    box.fill("SELECT * FROM data WHERE city = 'Lima'")
    page.get_by_text("Save all rows as a table").click()
    page.get_by_label("Name (saved as").fill("lima")
    page.get_by_role("button", name="Run as job").click()
    expect(page.locator("#state")).to_have_text("completed", timeout=30_000)
    expect(page.get_by_role("link", name="expl-lima")).to_be_visible()
    page.get_by_role("link", name="Edit query").click()
    expect(box).to_have_value("SELECT * FROM data WHERE city = 'Lima'")
    page.get_by_label("Version", exact=True).select_option("expl-lima")
    expect(page).to_have_url(re.compile(rf"/datasets/{dataset}/sql\?ref=expl-lima.*#sql="))
    box.fill("SELECT count(*) AS n FROM result")
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
    expect(page.get_by_text("Save all rows as a table")).to_have_count(0)
