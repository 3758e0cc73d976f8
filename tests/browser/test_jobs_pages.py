"""The list of jobs and the page of a job."""

from __future__ import annotations

import re
import threading
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import sign_in
from tests.browser.watching import watched_context
from tests.support.live_server import PASSWORD, LiveServer, finished

Analyst = tuple[Page, httpx.Client]
DRAW = {
    "rounds": [
        {
            "method": "stratified",
            "parameters": {"strata_columns": ["city"], "sample_size": 12, "seed": 7},
        }
    ],
    "export_residual": True,
}


def draw(client: httpx.Client, dataset: int, body: dict[str, Any] = DRAW) -> str:
    answer = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
    return str(answer.json()["job_id"])


def test_a_completed_draw_shows_all_its_tabs(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    job_id = draw(client, server.new_table(100, client))
    finished(client, job_id)
    page.goto(f"{server.url}/jobs/{job_id}")
    expect(page.get_by_text("12 of 100 rows drawn")).to_be_visible()
    expect(page.get_by_role("region", name="Groups").get_by_role("row")).to_have_count(5)
    page.get_by_role("link", name="Rows", exact=True).click()
    rows = page.get_by_role("region", name="Rows").get_by_role("row")
    expect(rows).to_have_count(13)
    page.get_by_role("link", name="id", exact=True).click()
    expect(page.get_by_role("columnheader", name="id ↑")).to_have_attribute(
        "aria-sort", "ascending"
    )
    page.get_by_label("Only rows where").fill("city = 'Oslo'")
    page.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(4)
    assert "order_by=id" in page.url
    page.get_by_role("link", name="Why?").first.click()
    expect(page.get_by_text("in line of 25; the first 3 were drawn")).to_be_visible()
    page.get_by_label("Column").select_option("city")
    page.get_by_label("Value").fill("Kyiv")
    page.get_by_role("button", name="Look up row").click()
    expect(page.get_by_text("in line of 25; the first 3 were drawn")).to_have_count(10)
    page.get_by_role("link", name="Remaining rows").click()
    expect(page.get_by_text("88 rows")).to_be_visible()
    page.get_by_role("link", name="Replacements").click()
    expect(
        page.get_by_role("region", name="Replacements").get_by_role("row").nth(1)
    ).to_be_visible()
    page.locator("summary", has_text="Download").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert download.value.path().read_text().count("\n") == 13
    page.reload()
    assert "tab=reserves" in page.url


def test_an_invalid_filter_is_reported_with_the_rows(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    job_id = draw(client, server.new_table(50, client))
    finished(client, job_id)
    page.goto(f"{server.url}/jobs/{job_id}?tab=rows&filters=citty+%3D+%27Oslo%27")
    expect(page.get_by_role("alert")).to_contain_text('Did you mean "city"?')
    expect(page.get_by_role("region", name="Rows")).to_have_count(0)


def test_a_failed_job_shows_its_error_and_advice(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    failed = server.import_text(server.new_dataset(client), "a,b\n1,2\n3,4,5\n", client=client)
    page.goto(f"{server.url}/jobs/{failed['id']}")
    expect(page.get_by_role("alert")).to_contain_text("Line 3: expected 2 values, found 3.")
    expect(page.get_by_role("alert")).to_contain_text("import or attach it again")
    expect(page.get_by_role("button", name="Retry job")).to_have_count(0)
    page.get_by_role("link", name="Import another file").click()
    expect(page.get_by_role("heading", name="Import file")).to_be_visible()


def test_the_list_updates_and_preserves_the_selection(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(50, client)
    first = draw(client, dataset)
    finished(client, first)
    page.goto(f"{server.url}/jobs?dataset_id={dataset}&run_type=sampling")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_label(f"Select job {first[:8]}").check()
    second = draw(client, dataset, {**DRAW, "export_residual": False})
    expect(page.get_by_role("link", name=second[:8])).to_be_visible(timeout=15_000)
    expect(page.get_by_label(f"Select job {first[:8]}")).to_be_checked()
    page.get_by_role("button", name="Cancel job").click()
    expect(page.get_by_role("status")).to_contain_text("1 job unchanged: already ended")
    assert f"dataset_id={dataset}" in page.url


def test_the_page_of_a_waiting_job_updates(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(50, client)
    lines = "\n".join(f"{row},{row % 7}" for row in range(400_000))
    answer = client.post(
        f"/api/datasets/{dataset}/refs/main/import",
        files={"file": ("big.csv", f"a,b\n{lines}\n")},
    )
    page.goto(f"{server.url}/jobs/{answer.json()['job_id']}")
    expect(page.locator("#state")).to_have_text("completed", timeout=30_000)
    expect(page.get_by_role("cell", name="400,000")).to_be_visible()


def test_pages_work_without_scripts(browser: Browser, server: LiveServer) -> None:
    client, user = server.new_user()
    dataset = server.new_table(50, client)
    job_id = draw(client, dataset)
    finished(client, job_id)
    with watched_context(browser, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{server.url}/datasets?sort=name")
        page.get_by_label("User name").fill(user["soeid"])
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.locator(f"a[href='/datasets/{dataset}']").click()
        expect(page.get_by_text("1 to 50 of 50")).to_be_visible()
        page.get_by_role("link", name="Jobs", exact=True).click()
        page.get_by_label("Type").select_option("sampling")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name=job_id[:8]).click()
        expect(page.get_by_text("12 of 50 rows drawn")).to_be_visible()
        page.get_by_label("More").click()
        page.get_by_role("link", name="Log").click()
        expect(page.get_by_role("cell", name="attempt 1 started")).to_be_visible()
        page.get_by_role("link", name="Rows", exact=True).click()
        expect(page.get_by_role("region", name="Rows").get_by_role("row")).to_have_count(13)
        page.locator("summary", has_text="Download").click()
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV", exact=True).click()
        assert download.value.path().read_text().count("\n") == 13
        page.locator("summary").first.click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_job_of_another_user_is_not_found(analyst: Analyst, server: LiveServer) -> None:
    page, _ = analyst
    other, _ = server.new_user()
    job_id = draw(other, server.new_table(20, other))
    answer = page.goto(f"{server.url}/jobs/{job_id}")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_a_sample_is_compared_with_its_population(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(2000, client)
    every_fourth = {"method": "systematic", "parameters": {"interval": 4, "start": 2}}
    job_id = draw(client, dataset, {"rounds": [every_fourth]})
    finished(client, job_id)
    page.goto(f"{server.url}/jobs/{job_id}")
    page.get_by_role("link", name="Comparison", exact=True).click()
    expect(page.get_by_text("Differs. 1 of 3 columns differs.")).to_be_visible()
    standing_out = page.get_by_role("listitem").filter(has_text='city is "Lima" in 100 %')
    expect(standing_out).to_be_visible()
    columns = page.get_by_role("region", name="Columns compared")
    expect(columns.get_by_role("row")).to_have_count(4)
    expect(columns.get_by_role("img", name="Shares of city")).to_be_visible()
    expect(columns.get_by_role("row", name="city")).to_contain_text("yes")
    page.get_by_role("link", name="Summary").click()
    expect(page.get_by_text("Differs", exact=True)).to_be_visible()
    shares = page.get_by_role("region", name="By city").get_by_role("row", name="Lima")
    expect(shares).to_have_text(re.compile(r"Lima\s*33.3 %\s*100 %"))
    page.get_by_role("link", name="Column by column").click()
    expect(columns).to_be_visible()


def test_the_comparison_reports_strata_and_filter_effects(
    analyst: Analyst, server: LiveServer
) -> None:
    page, client = analyst
    sizes = {"strata_columns": ["city"], "sizes": {"Oslo": 60, "Lima": 60, "Kyiv": 60}}
    rounds = [{"method": "stratified", "parameters": sizes, "filters": {"expression": "id < 500"}}]
    job_id = draw(client, server.new_table(2000, client), {"rounds": rounds})
    finished(client, job_id)
    page.goto(f"{server.url}/jobs/{job_id}?tab=comparison")
    expect(page.get_by_text("Step 1 reached 3 of 4 groups; not NULL.")).to_be_visible()
    expect(page.get_by_text("compared with 500 of 2,000 rows, filtered by")).to_be_visible()
    expect(page.get_by_text("differ from the whole table in id, amount").last).to_be_visible()


def test_the_verdict_appears_when_it_is_computed(comparing_server: LiveServer, page: Page) -> None:
    server = comparing_server
    client, user = server.new_user()
    sign_in(page, server.url, user["soeid"])
    dataset = server.new_table(2000, client)
    may_end = threading.Event()
    server.service.background.result("hold", lambda _: may_end.wait(60), 0)
    path = f"/api/sampling/datasets/{dataset}/jobs"
    job_id = client.post(path, json={"method": "random", "sample_size": 400}).json()["job_id"]
    server.finished(job_id)
    page.goto(f"{server.url}/jobs/{job_id}")
    expect(page.get_by_text("is being compared with its population")).to_be_visible()
    may_end.set()
    expect(page.locator("#sample-summary").get_by_text("No difference found").first).to_be_visible()
