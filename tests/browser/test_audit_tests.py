"""An audit test in the pages: from planted duplicates to the evaluation of a sample of them."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.watching import watch_of
from tests.support.live_server import LiveServer, finished

Analyst = tuple[Page, httpx.Client]
ROWS = 400
DOUBLED = range(0, ROWS, 20)
"""Invoices that are entered twice: 20 pairs, the second written in another way."""


def new_ledger(server: LiveServer, client: httpx.Client) -> int:
    lines = [f"{row},RE {row},2025-12-{row % 28 + 1:02d},{row % 9 + 1}.00" for row in range(ROWS)]
    lines += [
        f"{ROWS + row},re-{row},2025-12-{row % 28 + 1:02d},{row % 9 + 1}.00" for row in DOUBLED
    ]
    dataset = server.new_dataset(client)
    text = "\n".join(["entry,invoice,posted,amount", *lines]) + "\n"
    assert server.import_text(dataset, text, client=client)["status"] == "completed"
    return dataset


def run_duplicates(page: Page, server: LiveServer, dataset: int, name: str) -> None:
    """Run the test by its form, and wait for its result."""
    page.goto(f"{server.url}/datasets/{dataset}?tab=tests")
    assert violations(page) == []
    page.get_by_role("link", name="Duplicates", exact=True).click()
    loose = page.get_by_role("group", name="Columns compared loosely")
    expect(loose.get_by_label("posted")).to_have_count(0)  # no text
    loose.get_by_label("invoice").check()
    page.get_by_label("Amounts").select_option("amount")
    page.get_by_label("Name of the result").fill(name)
    assert violations(page) == []
    page.get_by_role("button", name="Test table").click()
    expect(page.get_by_text("40 rows found in 20 groups.")).to_be_visible(timeout=15_000)


def test_planted_duplicates_are_drawn_and_evaluated(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = new_ledger(server, client)
    run_duplicates(page, server, dataset, "twice")
    expect(page.get_by_text("Unchecked")).to_be_visible()
    assert violations(page) == []
    with page.expect_download() as paper:
        page.get_by_role("link", name="Paper").click()
    assert paper.value.suggested_filename == "audit-test-twice.html"
    page.get_by_role("link", name="Draw from the found rows").click()
    expect(page.get_by_label("Left out").locator(".chip")).to_contain_text("Found by twice")
    expect(page.locator("#plan")).to_contain_text("40 found by tests")
    page.get_by_label("Rows", exact=True).fill("30")
    expect(page.get_by_text("30 of 40 rows will be drawn.")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text("380 rows that audit test twice didn't find").first).to_be_visible(
        timeout=15_000
    )
    job = page.url.rpartition("/")[2].partition("?")[0]
    path = f"/api/sampling/jobs/{job}"
    items = client.get(f"{path}/findings?limit=100").json()["items"]
    rows = {
        row["_logical_row_id"]: row for row in client.get(f"{path}/data?limit=100").json()["data"]
    }
    findings = [
        {
            "row_id": item["row_id"],
            "outcome": "exception" if rows[item["row_id"]]["entry"] >= ROWS else "ok",
        }
        for item in items
    ]
    entered = client.post(f"{path}/findings", json={"findings": findings})
    assert entered.status_code == 200, entered.text
    page.goto(f"{server.url}/jobs/{job}?tab=evaluation")
    expect(
        page.get_by_text("Left out of the population: 380 rows that audit test").first
    ).to_be_visible()


def test_found_rows_become_a_stratum(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = new_ledger(server, client)
    run_duplicates(page, server, dataset, "first")
    page.get_by_role("button", name="Mark the found rows").click()
    page.get_by_role("link", name="Draw with the found rows as a stratum").click(timeout=15_000)
    groups = page.get_by_role("row")
    expect(groups.filter(has_text="not found")).to_contain_text("380")
    expect(page.get_by_text("100 of 420 rows will be drawn.")).to_be_visible()
    page.get_by_role("button", name="Draw sample").click()
    expect(page).to_have_url(re.compile("/jobs/"), timeout=15_000)
    job = finished(client, page.url.rpartition("/")[2].partition("?")[0])
    assert job["output_summary"]["total_sampled"] == 100
    rows = client.get(f"/api/sampling/jobs/{job['id']}/data?limit=200").json()["data"]
    assert sum(row["found"] == "found" for row in rows) == 40


def test_numbers_that_are_none_are_refused_at_their_field(
    analyst: Analyst, server: LiveServer
) -> None:
    page, client = analyst
    dataset = new_ledger(server, client)
    page.goto(f"{server.url}/datasets/{dataset}?tab=tests&test=near_duplicates")
    page.get_by_role("group", name="Columns", exact=True).get_by_label("entry").check()
    page.get_by_label("Dates").select_option("posted")
    days = page.get_by_label("Days apart")
    days.fill("zehn")
    with watch_of(page).expect("422"):
        page.get_by_role("button", name="Test table").click()
        expect(days).to_have_attribute("aria-invalid", "true")
    assert page.url.endswith("near_duplicates")


def test_the_other_table_is_chosen_by_its_name(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset, other = new_ledger(server, client), server.new_dataset(client)
    server.import_text(other, "nr,day\n0,x\n1,y\n", client=client)
    page.goto(f"{server.url}/datasets/{dataset}?tab=tests&test=unmatched")
    assert violations(page) == []
    button = page.get_by_role("button", name="Test table")
    with watch_of(page).expect("422"):
        button.click()
        expect(page.get_by_text("Name a column in “Columns”.")).to_be_visible()
    own, partner = page.get_by_label("Column 1 of this table"), page.locator("[name=other_columns]")
    own.select_option("entry")
    with watch_of(page).expect("422"):
        button.click()
        expect(page.get_by_text("each row would be its own partner")).to_be_visible()
    page.get_by_label("Other table: dataset").select_option(str(other))
    expect(page.get_by_label("Table", exact=True).last).to_have_value("primary")
    expect(partner.first.get_by_role("option", name="nr")).to_be_attached()
    own.select_option("entry")
    partner.first.select_option("nr")
    button.click()
    expect(page.get_by_text("Without a partner: 418 rows of this table.")).to_be_visible(
        timeout=15_000
    )


def test_a_refusal_names_fields_as_the_form_does(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = new_ledger(server, client)
    page.goto(f"{server.url}/datasets/{dataset}?tab=tests&test=duplicates")
    with watch_of(page).expect("422"):
        page.get_by_role("button", name="Test table").click()
        expect(page.get_by_text("“Columns” or “Columns compared loosely”")).to_be_visible()
