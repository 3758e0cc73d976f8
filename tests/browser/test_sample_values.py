"""Values of a sample from a file: choose it, correct the key, store it, estimate from it."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.support.live_server import LiveServer

Analyst = tuple[Page, httpx.Client]
DRAWN = 40


def test_a_file_of_results_is_matched_stored_and_estimated(
    analyst: Analyst, server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_table(200, client)
    body = {"method": "random", "sample_size": DRAWN, "seed": 1}
    job = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body).json()["job_id"]
    assert server.finished(job)["status"] == "completed"
    rows = client.get(f"/api/sampling/jobs/{job}/data", params={"limit": 1000}).json()["data"]
    lines = [f"{row['id']};{row['amount'] - 1:.2f}".replace(".", ",") for row in rows[:-3]]
    content = "\n".join(["id;audited", *lines, "9999;1,00"]).encode()
    page.goto(f"{server.url}/jobs/{job}?tab=estimates&view=values")
    store = page.get_by_role("button", name="Store values")
    expect(store).to_be_disabled()
    file = page.get_by_label("File with a row for each examined row")
    file.set_input_files({"name": "wrong.csv", "mimeType": "text/csv", "buffer": content})
    expect(page.get_by_role("alert")).to_contain_text("_logical_row_id")
    page.get_by_label("Rows are identified by").select_option("id")
    match = page.locator("#match")
    expect(match).to_contain_text("1 rows of the file that no sampled row has: 9999")
    expect(store).to_be_disabled()
    right = content.replace(b"\n9999;1,00", b"")
    file.set_input_files({"name": "results.csv", "mimeType": "text/csv", "buffer": right})
    expect(match).to_contain_text("3 sampled rows that the file lacks")
    expect(match).to_contain_text("audited (Number with 2 decimals)")
    assert violations(page) == []
    store.click()
    expect(page.get_by_label("Values from")).to_have_value("1")
    columns = page.get_by_label("Column", exact=True).get_by_role("option")
    page.get_by_label("Values from").select_option("The table")
    expect(columns.filter(has_text="audited")).to_have_count(0)
    page.get_by_label("Values from").select_option("1")  # its columns are offered at once
    expect(columns.filter(has_text="audited")).to_have_count(1)
    page.get_by_label("Figure").select_option("total")
    page.get_by_label("Calibration").select_option("regression")
    page.get_by_label("Known totals of").select_option("amount")
    page.get_by_role("button", name="Estimate").click()
    expect(page.get_by_text("Without calibration").first).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="upload 1, results.csv")).to_be_visible()
