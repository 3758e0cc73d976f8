"""The page of a new sample: plan, steps, templates."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, expect

from tests.live_server import LiveServer, finished

Analyst = tuple[Page, httpx.Client]


def test_a_stratified_draw_is_planned_and_drawn(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(400, client)
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    expect(page.get_by_text("100 of 400 rows will be drawn.")).to_be_visible()
    expect(page.get_by_text("± 8.5 %")).to_be_visible()
    page.get_by_label("Method").select_option("stratified")
    first = "Correct these fields: Strata columns."
    expect(page.locator("#plan")).to_have_text(first)
    expect(page.locator(".field-problem")).to_have_text("Missing data for required field.")
    page.get_by_label("Strata columns").select_option("city")
    page.get_by_label("Rows", exact=True).fill("40")
    strata = page.get_by_role("region", name="Strata of step 1")
    expect(strata.get_by_role("row")).to_have_count(5)
    page.get_by_text("Row filter").click()
    page.get_by_role("button", name="Add condition").click()
    page.get_by_label("Column of condition 1").select_option("id")
    page.get_by_label("Operator of condition 1").select_option("<")
    page.get_by_label("Value of condition 1").fill("200")
    expect(page.get_by_label("Filter expression")).to_have_value('"id" < 200')
    expect(page.get_by_text("200 of 400 rows match.")).to_be_visible()
    expect(page.get_by_text("40 of 400 rows will be drawn.")).to_be_visible()
    page.get_by_label("Filter expression").fill("id < 100 AND city IS NOT NULL")
    expect(page.get_by_label("Operator of condition 2")).to_have_value("is_not_null")
    expect(strata.get_by_role("row")).to_have_count(4)
    page.get_by_label("Seed").fill("7")
    page.get_by_label("Name (saved as").fill("by-city")
    page.reload()
    expect(page.get_by_label("Seed")).to_have_value("7")
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text("40 of 400 rows drawn")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("link", name="smpl-by-city")).to_be_visible()


def test_columns_show_their_type_and_distinct_values(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_balanced_table(400, client)
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    page.get_by_label("Method").select_option("stratified")
    strata = page.get_by_label("Strata columns")
    expect(strata.locator("option", has_text="region (VARCHAR)")).to_have_count(1)
    page.get_by_role("button", name="Count distinct values").click()
    expect(strata.locator("option", has_text="region (VARCHAR, 4 unique)")).to_have_count(1)
    expect(page.get_by_role("button", name="Count distinct values")).to_be_hidden()
    page.reload()
    expect(strata.locator("option", has_text="id (BIGINT, 400 unique)")).to_have_count(1)
    strata.select_option("region")
    page.get_by_text("Suggested design columns").click()
    expect(page.get_by_text("region as strata: 4 strata, the smallest of 100 rows")).to_be_visible()


def test_an_invalid_size_is_reported_at_its_field(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(50, client)}/draw")
    page.get_by_label("Rows", exact=True).fill("0")
    expect(page.locator("[aria-invalid=true]")).to_have_count(1)
    expect(page.locator(".field-problem")).to_have_text("Must be greater than or equal to 1.")
    expect(page.locator("#plan")).to_have_text("Correct these fields: Rows.")
    expect(page.get_by_role("button", name="Draw sample")).to_be_disabled()
    page.get_by_label("Rows", exact=True).fill("5")
    expect(page.get_by_text("5 of 50 rows will be drawn.")).to_be_visible()
    expect(page.get_by_role("button", name="Draw sample")).to_be_enabled()


def test_steps_are_added_copied_moved_and_removed(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(200, client)}/draw")
    page.get_by_role("button", name="Add step").click()
    page.get_by_role("group", name="Step 2").get_by_label("Method").select_option("weighted")
    page.get_by_role("group", name="Step 2").get_by_label("Weight").select_option("amount")
    page.get_by_role("button", name="Copy step 2").click()
    expect(page.get_by_role("group", name="Step 3").get_by_label("Method")).to_have_value(
        "weighted"
    )
    page.get_by_role("button", name="Move up step 2").click()
    expect(page.get_by_role("group", name="Step 1").get_by_label("Method")).to_have_value(
        "weighted"
    )
    page.get_by_role("button", name="Remove step 3").click()
    expect(page.get_by_text("200 of 200 rows will be drawn.")).to_be_visible()
    expect(page.locator("#plan")).to_contain_text("can't be added up over rounds")
    page.get_by_text("API request").click()
    expect(page.locator("#body")).to_contain_text('"weight_column": "amount"')
    expect(page.locator("#curl")).to_contain_text("curl 'http")


def test_a_draw_starts_from_a_job_or_a_template(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(100, client)
    body = {"method": "systematic", "parameters": {"interval": 10, "start": 3}}
    job = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body).json()["job_id"]
    finished(client, job)
    page.goto(f"{server.url}/jobs/{job}")
    page.get_by_role("link", name="Copy design").click()
    expect(page.get_by_label("Method")).to_have_value("systematic")
    expect(page.get_by_text("10 of 100 rows will be drawn.")).to_be_visible()
    page.get_by_role("button", name="Save as template").click()
    page.get_by_label("Template name").fill("Every tenth")
    page.get_by_role("button", name="Save template").click()
    expect(page.get_by_text("Template Every tenth saved.")).to_be_visible()
    page.goto(f"{server.url}/datasets/{server.new_table(30, client)}/draw")
    page.get_by_label("Start from a template").select_option("Every tenth")
    expect(page.get_by_text("3 of 30 rows will be drawn.")).to_be_visible()
