"""Rows by their keys in a browser: a sample in a newer version, and changed rows of equal keys."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Page, expect

from tests.browser.test_sql_page import write
from tests.support.live_server import LiveServer

Analyst = tuple[Page, httpx.Client]
HEADER = "doc,amount"


def two_versions(server: LiveServer, client: httpx.Client) -> tuple[int, str]:
    """A dataset with 40 repeated keys and its first version's sample of documents without one."""
    dataset = server.new_dataset(client)
    lines = [f"d{row // 2 if row < 80 else row},{row}" for row in range(200)]
    server.import_text(dataset, "\n".join([HEADER, *lines]), client=client)
    body = {
        "method": "random",
        "sample_size": 12,
        "seed": 1,
        "filters": {"expression": "amount >= 100"},
    }
    path = f"/api/sampling/datasets/{dataset}/jobs"
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    job: str = answer.json()["job_id"]
    assert server.finished(job)["status"] == "completed"
    drawn = client.get(f"/api/sampling/jobs/{job}/data").json()["data"]
    lines = [line for line in lines if line.split(",")[0] != drawn[0]["doc"]]
    lines = [f"{doc},{-1 if doc == drawn[1]['doc'] else n}" for doc, n in map(split, lines)]
    lines[1] = "d0,5000"
    server.import_text(dataset, "\n".join([HEADER, *lines[::-1]]), client=client)
    return dataset, job


def split(line: str) -> list[str]:
    return line.split(",")


def test_a_sample_is_read_in_the_newer_version(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    _, job = two_versions(server, client)
    page.goto(f"{server.url}/jobs/{job}?tab=rows")
    page.get_by_label("Rows as they are in").select_option("main")
    page.get_by_role("button", name="Show rows").click()
    expect(page.get_by_role("alert")).to_contain_text("has no row key")
    page.get_by_label("Columns that identify a row").fill("doc")
    page.get_by_role("button", name="Show rows").click()
    state = page.get_by_role("status").filter(has_text="By doc:")
    expect(state).to_contain_text("10 unchanged, 1 changed, 1 removed, 0 added.")
    page.get_by_role("link", name="1 changed").click()
    row = page.locator(".datagrid tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("-1")
    page.get_by_text("Download").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith('changed,"""amount"""')


def test_a_query_reads_findings_and_a_version(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset, job = two_versions(server, client)
    drawn = client.get(f"/api/sampling/jobs/{job}/data").json()["data"]
    finding = {"row_id": drawn[1]["_logical_row_id"], "outcome": "exception", "note": "twice"}
    path = f"/api/sampling/jobs/{job}/findings"
    assert client.post(path, json={"findings": [finding]}).status_code < 300
    ref = client.get(f"/api/jobs/{job}").json()["output_summary"]["output_ref"]
    page.goto(f"{server.url}/datasets/{dataset}/sql?ref={ref}")
    page.get_by_text("Further tables").click()
    page.get_by_label("Findings").check()
    page.get_by_label("Version main").check()
    page.get_by_role("button", name="Show tables").click()
    expect(page.locator("summary", has_text="findings further table")).to_be_visible()
    sql = (
        "SELECT f.note, m.amount FROM findings f JOIN data s USING (_logical_row_id) "
        "JOIN main m USING (doc)"
    )
    write(page, sql)
    page.get_by_role("button", name="Run query").click()
    rows = page.locator("#result tbody tr")
    expect(rows).to_have_text(["twice-1"])
    page.reload()
    expect(rows).to_have_text(["twice-1"])
    page.get_by_role("button", name="Save query…").click()
    page.get_by_label("Name").fill("checked")
    page.get_by_role("dialog").get_by_role("button", name="Save query").click()
    link = page.get_by_role("link", name="Edit query")
    expect(link).to_have_attribute("href", re.compile("with=findings&with=main#sql="))


def test_changed_rows_of_equal_keys_are_matched(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset, _ = two_versions(server, client)
    page.goto(f"{server.url}/datasets/{dataset}/changes")
    page.locator("label", has_text=re.compile("^doc$")).locator("input").check()
    amount = page.locator("label", has_text=re.compile("^amount$")).locator("input")
    amount.uncheck()
    page.get_by_role("button", name="List changed rows").click()
    expect(page.get_by_role("alert")).to_contain_text("80 rows share their key", timeout=15_000)
    page.get_by_label("Match rows with equal keys by their other columns").check()
    page.get_by_role("button", name="List changed rows").click()
    note = page.get_by_text("40 keys with several rows, 80 before and 80 now, such as d0; d1; d10.")
    expect(note).to_be_visible(timeout=15_000)
    expect(page.get_by_role("link", name="Changed 2")).to_be_visible()
    expect(page.get_by_role("link", name="Removed 1")).to_be_visible()
