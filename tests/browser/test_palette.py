"""The command palette."""

from __future__ import annotations

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.browser.watching import watch_of
from tests.support.live_server import LiveServer, finished

Analyst = tuple[Page, httpx.Client]


def type_into_palette(page: Page, words: str) -> Locator:
    """Open the palette, type, and return what it offers."""
    page.wait_for_load_state()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Command or search").fill(words)
    return page.get_by_role("dialog", name="Commands").get_by_role("option")


def test_a_job_is_found_by_the_start_of_its_id(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_dataset(client)
    job = server.import_text(dataset, "a\n1\n", client=client)["id"]
    offered = type_into_palette(page, job[:8].upper())
    expect(offered).to_have_count(1)
    expect(offered).to_contain_text(f"Job, import {job[:8]} Import table.csv · dataset")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/jobs/{job}")


def test_a_sample_of_another_dataset_is_found_by_name_and_purpose(
    analyst: Analyst, server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_table(20, client)
    body = {"method": "random", "parameters": {"sample_size": 5}, "output_name": "by-hand"}
    body["commit_message"] = "Stock of the warehouse"
    answer = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
    job = finished(client, answer.json()["job_id"])["id"]
    page.goto(f"{server.url}/datasets/{server.new_table(2, client)}")
    for words in ("BY-HAND", "warehouse"):
        offered = type_into_palette(page, words)
        expect(offered).to_have_count(1)
        expect(offered).to_contain_text("Sample by-hand Stock of the warehouse · dataset")
        page.keyboard.press("Escape")
    type_into_palette(page, "primary:3")
    row = page.get_by_role("option", name="Row primary:3 in by-hand")
    expect(row).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/jobs/{job}?tab=why&value=primary%3A3")


def test_the_palette_reports_no_results(analyst: Analyst, server: LiveServer) -> None:
    page, _ = analyst
    said = page.get_by_role("dialog", name="Commands").get_by_role("status")
    for words in ("no such thing", "0123abcd"):
        expect(type_into_palette(page, words)).to_have_count(0)
        expect(said).to_have_text("No results.")
    page.get_by_role("combobox", name="Command or search").fill("go to")
    expect(said).to_have_text("")
    expect(page.get_by_role("option", name="Go to datasets")).to_be_visible()


def test_the_palette_reports_a_lost_connection(analyst: Analyst, server: LiveServer) -> None:
    page, _ = analyst
    page.route("**/api/**", lambda route: route.abort())
    with watch_of(page).expect("net::ERR_"):
        type_into_palette(page, "no such thing")
        said = page.get_by_role("dialog", name="Commands").get_by_role("status")
        expect(said).to_have_text("The server does not respond.")
