"""Reports: as offline files, and from the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import LAYOUT_RULES, violations
from tests.support.live_server import LiveServer

ROWS = 300


@pytest.fixture(scope="module")
def report_file(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A downloaded report with every section."""
    dataset = server.new_dataset()
    cities = ("Oslo", "Lima", "Kyiv", "")
    lines = [
        f"{row},{cities[row % 4]},{row / 4 if row % 3 else ''},{-row},2024-01-{row % 28 + 1:02},x,"
        + ",".join(str(row * (1500 + place) % 2013) for place in range(12))
        for row in range(ROWS)
    ]
    more = ",".join(f"measure_{place}" for place in range(12))
    text = "\n".join([f"id,city,amount,falling,day,same,{more}", *lines]) + "\n"
    server.import_text(dataset, text)
    server.import_text(dataset, text.replace("Lima", "Rome"))
    history = server.admin.get(f"/api/datasets/{dataset}/history").json()
    parent = history["commits"][1]["commit_id"]
    job = server.explore(dataset, {"compare_to": {"source_ref": parent}})
    query = {"format": "html", "download": "true"}
    answer = server.admin.get(f"/api/exploration/jobs/{job['id']}/result", params=query)
    assert answer.status_code == 200, answer.text
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_bytes(answer.content)
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_works_offline_and_is_accessible(
    browser: Browser, report_file: Path, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(offline=True, color_scheme=scheme)
    page = context.new_page()
    requests: list[str] = []
    messages: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(error.message))
    page.goto(report_file.as_uri())
    assert requests == [report_file.as_uri()]
    assert page.get_by_role("heading", level=1).inner_text().endswith("table primary")
    assert page.get_by_role("img", name="Histogram of amount").is_visible()
    assert page.get_by_role("region", name="Pearson's correlation").is_visible()
    assert page.get_by_role("img", name="Shares of city in this table").is_visible()
    assert violations(page, None if scheme == "light" else LAYOUT_RULES) == []
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(14, 17, 22)"}[scheme]
    assert messages == []
    context.close()


def test_a_report_prints_each_part_on_a_new_page(browser: Browser, report_file: Path) -> None:
    context = browser.new_context(offline=True, color_scheme="dark")
    page = context.new_page()
    page.goto(report_file.as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    breaks = page.evaluate(
        "[...document.querySelectorAll('main > section')].map(s => getComputedStyle(s).breakBefore)"
    )
    assert breaks == ["auto", *["page"] * (len(breaks) - 1)]
    assert page.pdf().startswith(b"%PDF")
    context.close()


def test_a_report_is_asked_for_and_opened_from_the_pages(
    analyst: tuple[Page, httpx.Client], server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_table(ROWS, client=client)
    page.goto(f"{server.url}/datasets/{dataset}?tab=profile")
    page.get_by_role("button", name="Create report").click()
    page.get_by_role("link", name="Open report").click()
    page.get_by_role("heading", name="Missing values").wait_for()
    style = page.evaluate("getComputedStyle(document.querySelector('nav ul')).listStyleType")
    assert style == "none", "the policy of the page lets its own style apply"


def test_the_job_of_a_query_shows_its_rows(
    analyst: tuple[Page, httpx.Client], server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_table(ROWS, client=client)
    path = f"/api/exploration/datasets/{dataset}/jobs"
    sql = "SELECT city, count(*) AS n FROM data GROUP BY city ORDER BY n"
    job = server.finished(client.post(path, json={"sql": sql}).json()["job_id"])
    page.goto(f"{server.url}/jobs/{job['id']}")
    page.get_by_role("link", name="Show rows").click()
    assert page.get_by_role("cell", name="Lima").is_visible()
    link = page.get_by_role("link", name="CSV", exact=True, include_hidden=True)
    assert link.get_attribute("href") == f"/api/exploration/jobs/{job['id']}/result?format=csv"


def test_a_report_compares_two_versions(
    analyst: tuple[Page, httpx.Client], server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_dataset(client)
    text = "id,city\n" + "".join(f"{row},Oslo\n" for row in range(ROWS))
    server.import_text(dataset, text, client=client)
    server.import_text(dataset, text.replace("Oslo", "Lima"), client=client)
    page.goto(f"{server.url}/datasets/{dataset}?tab=history")
    page.get_by_role("link", name="What changed").first.click()
    expect(page.get_by_role("heading", name="Significant differences")).to_be_visible()
    expect(page.get_by_role("region", name="Columns compared").locator("svg")).to_have_count(2)
    page.get_by_role("button", name="Create report").click()
    expect(page.locator("#state")).to_have_text("completed", timeout=30_000)
    expect(page.get_by_text("Compared with the table primary at")).to_be_visible()
    page.get_by_role("link", name="Open report").click()
    expect(page.get_by_role("heading", name="Comparison", exact=True)).to_be_visible()
