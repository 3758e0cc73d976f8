"""Draws of rows that an earlier version or earlier samples don't have, in the form."""

from __future__ import annotations

import random

import httpx
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.support.live_server import LiveServer, finished

Analyst = tuple[Page, httpx.Client]


def test_thirty_new_postings_are_drawn_by_chips(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    rng = random.Random(1)
    old = [f"{each},{each % 9}" for each in range(29_960)]
    old += rng.sample(old, 40)
    new = [f"{each},{each % 9}" for each in range(50_000, 52_000)]
    dataset = server.new_dataset(client)
    for lines in (old, old + new):
        text = "\n".join(["posting,part", *rng.sample(lines, len(lines))]) + "\n"
        server.import_text(dataset, text, client=client)
        if lines is old:
            body = {"method": "random", "sample_size": 80, "output_name": "Q3"}
            job = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body).json()
            assert finished(client, job["job_id"])["status"] == "completed"
    key = {"table_key": "primary", "columns": ["posting"], "duplicates": "number"}
    assert client.put(f"/api/datasets/{dataset}/row-key", json=key).status_code == 200
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    expect(page.get_by_text("100 of 32,000 rows will be drawn.")).to_be_visible()
    page.get_by_text("Only new rows").click()
    page.get_by_label("Not drawn by").select_option("Q3")
    plan = page.locator("#plan")
    expect(plan).to_contain_text("31,920 not drawn yet, 80 left out, matched by posting.")
    page.get_by_label("New since").select_option(index=1)
    expect(plan).to_contain_text("32,000 rows in the table, 2,000 new, 31,920 not drawn yet")
    chips = page.get_by_label("Left out").locator(".chip")
    expect(chips).to_have_count(2)
    expect(chips.nth(1)).to_contain_text("Not drawn by Q3")
    page.get_by_label("Rows", exact=True).fill("30")
    expect(page.get_by_text("30 of 2,000 rows will be drawn.")).to_be_visible()
    assert violations(page) == []
    chips.nth(1).get_by_role("button").click()
    expect(chips).to_have_count(1)
    page.get_by_text("Filter rows").click()
    page.get_by_label("Filter expression").fill("part < 5")
    expect(plan.get_by_text("Rows to choose from")).to_be_visible()
    expect(chips).to_have_count(1)
    page.get_by_text("Several steps").click()
    page.get_by_role("button", name="Add step").click()
    expect(plan.get_by_role("heading", name="Step 2")).to_be_visible()
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text("30,000 rows of version")).to_be_visible(timeout=15_000)


def test_a_refused_version_is_shown_at_its_field(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_dataset(client)
    for first in (0, 5):
        lines = [f"{each},{each % 9}" for each in range(first, 30)]
        server.import_text(dataset, "\n".join(["posting,part", *lines]) + "\n", client=client)
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    expect(page.get_by_text("25 of 25 rows will be drawn.")).to_be_visible()
    page.get_by_text("Only new rows").click()
    page.get_by_label("New since").select_option(index=1)
    expect(page.locator(".field-problem")).to_contain_text("Declare the row key of the table")
    expect(page.get_by_label("New since")).to_have_attribute("aria-invalid", "true")
    assert violations(page) == []
