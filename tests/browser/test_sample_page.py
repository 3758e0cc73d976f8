"""The page of a sample in a browser: what appears by itself, and what stays in place."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.live_server import LiveServer

Analyst = tuple[Page, httpx.Client]
BANDED = {
    "method": "stratified",
    "parameters": {
        "strata_columns": [{"column": "amount", "breaks": [100, 400]}],
        "sizes": {"≥ 400": "all", "100 to < 400": 60, "< 100": 20},
        "seed": 3,
    },
    "amount_column": "amount",
}
TABS = """() => [...document.querySelectorAll("main nav[aria-label=Sections] a")].map((tab) => {
  const { x, y, width } = tab.getBoundingClientRect();
  return [tab.textContent, Math.round(x), Math.round(y), Math.round(width)];
})"""


def drawn(server: LiveServer, client: httpx.Client, dataset: int, body: dict[str, object]) -> str:
    path = f"/api/sampling/datasets/{dataset}/jobs"
    job_id: str = client.post(path, json=body).json()["job_id"]
    assert server.finished(job_id)["status"] == "completed"
    return job_id


def test_the_margin_is_that_of_the_amount(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(2000, client)
    page.goto(f"{server.url}/jobs/{drawn(server, client, dataset, BANDED)}")
    figure = page.locator("#margin")
    expect(figure).to_contain_text("of the estimated total of amount")
    expect(figure).to_have_text(re.compile(r"Margin of error\s*± [\d.]+ %.*at 95 % confidence"))
    plain = {"method": "random", "sample_size": 400, "seed": 1}
    page.goto(f"{server.url}/jobs/{drawn(server, client, dataset, plain)}")
    expect(page.get_by_text("for a share of 50 %, at 95 % confidence")).to_be_visible()


def test_a_margin_is_recorded_and_copied(analyst: Analyst, server: LiveServer) -> None:
    """A draw of a moment opens its sample; no page of a running job is between."""
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(2000, client)}/draw")
    page.get_by_label("Size").select_option("For a margin of ±")
    page.get_by_label("Margin of error").fill("4%")
    expect(page.get_by_text("at 95 % confidence")).to_be_visible()
    expect(page.get_by_text("463 of 2,000 rows will be drawn.")).to_be_visible()
    seen: list[str] = []
    page.on("framenavigated", lambda frame: seen.append(frame.url))
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text("463 of 2,000 rows drawn")).to_be_visible(timeout=15_000)
    assert seen == [page.url]  # a page of a running job would have reloaded
    page.get_by_text("How it was drawn").click()
    expect(page.get_by_text("± 4 % for a share of 50 %, at 95 % confidence")).to_be_visible()
    page.get_by_label("More").click()
    page.get_by_role("link", name="Copy design").click()
    expect(page.get_by_label("Size")).to_have_value("margin")
    expect(page.get_by_label("Margin of error")).to_have_value("4%")
    expect(page.get_by_text("463 of 2,000 rows will be drawn.")).to_be_visible()


def test_a_materiality_sizes_a_sample_of_money(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(2000, client)}/draw")
    page.get_by_role("radio", name="Monetary units").check()
    page.get_by_label("Book amounts").select_option("amount")
    page.get_by_label("Size").select_option("For a tolerable misstatement of")
    page.get_by_label("Tolerable misstatement", exact=True).fill("abc")
    expect(page.get_by_label("Tolerable misstatement", exact=True)).to_have_attribute(
        "data-refused", re.compile("share")
    )
    page.get_by_label("Tolerable misstatement", exact=True).fill("3%")
    page.get_by_label("Expected errors").fill("1%")
    expect(page.get_by_text("220 of 2,000 rows will be drawn.")).to_be_visible()
    expect(page.get_by_text("Always drawn", exact=True)).to_be_visible()
    page.get_by_role("button", name="Draw sample").click()
    # Several of the 220 units can lie in one row, and the seed is a new one.
    drawn = re.compile(r"2[0-2]\d of 2,000 rows drawn")
    expect(page.get_by_text(drawn)).to_be_visible(timeout=15_000)
    page.get_by_text("How it was drawn").click()
    expect(page.get_by_text("3 %, with 1 % expected, at 95 % confidence (Poisson)")).to_be_visible()
    expect(page.get_by_text("220 units selected")).to_be_visible()
    page.get_by_label("More").click()
    page.get_by_role("link", name="Copy design").click()
    expect(page.get_by_label("Tolerable misstatement", exact=True)).to_have_value("3%")
    expect(page.get_by_text("220 of 2,000 rows will be drawn.")).to_be_visible()


def test_tabs_stay_in_place(analyst: Analyst, server: LiveServer) -> None:
    """Each tab is at the same place on all tabs of a dataset, and of a sample."""
    page, client = analyst
    dataset = server.new_table(300, client)
    job = drawn(server, client, dataset, {**BANDED, "export_residual": True})
    for address in (f"/datasets/{dataset}", f"/jobs/{job}"):
        page.goto(f"{server.url}{address}")
        before = page.evaluate(TABS)
        assert len(before) >= 4
        for place in range(1, len(before)):
            tab = page.get_by_role("navigation", name="Sections").get_by_role("link").nth(place)
            tab.click()
            expect(tab).to_have_attribute("aria-current", "page")
            page.wait_for_load_state("networkidle")
            assert page.evaluate(TABS) == before, before[place]


@pytest.mark.parametrize("width", [360, 1920])
def test_a_band_histogram_fits_the_page(analyst: Analyst, server: LiveServer, width: int) -> None:
    page, client = analyst
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{server.url}/datasets/{server.new_table(2000, client)}/draw")
    page.get_by_role("radio", name="By group").check()
    page.get_by_label("Groups by").select_option("amount")
    picture = page.get_by_role("group", name="Histogram of amount")
    expect(picture.get_by_role("slider").first).to_be_visible()
    box, page_width = picture.bounding_box(), page.evaluate("document.body.clientWidth")
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page_width
    bars = picture.locator("rect.population")
    heights = bars.evaluate_all("all => all.map((e) => Number(e.getAttribute('height')))")
    assert max(heights) > 10
    assert picture.locator("text").first.evaluate("e => e.getBoundingClientRect().height") >= 10
    last = picture.get_by_role("slider").last.bounding_box()
    assert last is not None
    assert last["x"] < page_width


def test_a_name_that_is_too_long_is_refused(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(50, client)}/draw")
    expect(page.get_by_text("50 of 50 rows will be drawn.")).to_be_visible()
    page.get_by_label("Name").fill("n" * 10_000)
    problem = page.locator(".field-problem")
    expect(problem).to_have_text("Has 10,000 characters; at most 90 are allowed.")
    page.get_by_label("Name").fill("ledger")
    page.get_by_label("Purpose").fill("p" * 10_001)
    expect(problem).to_have_text("Has 10,001 characters; at most 10,000 are allowed.")
    expect(page.get_by_label("Purpose")).to_have_value("p" * 10_001)


def test_the_groups_of_a_sample_fit_a_narrow_page(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_dataset(client)
    labels = (
        "Consulting-and-implementation-services",
        "Office supplies and small machines for other offices",
    )
    lines = ["invoice_document_posting_date,cost_centre,amount"]
    lines += [
        f"2025-{1 + row % 9:02}-{1 + row % 28:02},{labels[row % 2]},{row}" for row in range(600)
    ]
    assert server.import_text(dataset, "\n".join(lines), client=client)["status"] == "completed"
    page.set_viewport_size({"width": 360, "height": 800})
    for column in ("invoice_document_posting_date", "cost_centre"):
        body = {
            "method": "stratified",
            "parameters": {"strata_columns": [column], "sample_size": 60, "seed": 1},
        }
        page.goto(f"{server.url}/jobs/{drawn(server, client, dataset, body)}")
        chart = page.get_by_role("region", name=f"By {column}")
        expect(chart.locator("svg").first).to_be_visible()
        wide, seen = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= seen
        for cell in chart.get_by_role("cell").all():
            box = cell.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= seen
