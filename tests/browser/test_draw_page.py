"""The page of a new sample: plan, steps, templates."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Page, expect

from storage.versions.row_keys import set_row_key
from tests.support.live_server import LiveServer, finished

Analyst = tuple[Page, httpx.Client]
PROPORTIONAL = re.compile("^Proportional to amount")
"""The name of its card, not the hint of another one."""


def test_a_stratified_draw_is_planned_and_drawn(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(400, client)
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    expect(page.get_by_text("100 of 400 rows will be drawn.")).to_be_visible()
    expect(page.get_by_text("± 8.5 %")).to_be_visible()
    page.get_by_role("radio", name="By group").check()
    expect(page.locator("#plan")).to_have_text("Choose “Groups by”.")
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_label("Groups by")).to_be_focused()
    page.get_by_label("Groups by").select_option("city")
    page.get_by_label("Rows", exact=True).fill("40")
    strata = page.get_by_role("region", name="Groups of step 1")
    expect(strata.get_by_role("row")).to_have_count(5)
    page.get_by_text("Filter rows").click()
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
    expect(page.get_by_label("Filters").locator(".chip")).to_have_count(2)
    page.get_by_text("More options").click()
    page.get_by_label("Seed").fill("7")
    page.get_by_label("Name").fill("By city: Müller")
    expect(page.get_by_text("Saved as By-city-Muller.")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Seed")).to_have_value("7")
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text("40 of 400 rows drawn")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("heading", name="By-city-Muller")).to_be_visible()


def test_rows_are_sorted_by_columns_and_by_size(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(400, client)
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    page.get_by_role("radio", name="Every k-th row").check()
    expect(page.get_by_label("Order of the sort")).to_have_count(0)
    page.get_by_text("More options").click()
    page.get_by_label("Sorted by").select_option("city")
    page.get_by_label("And by").select_option("amount")
    page.get_by_label("Order of the sort").select_option("nested")
    expect(page.get_by_label("And by")).to_have_count(2)
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text(re.compile("of 400 rows drawn"))).to_be_visible(timeout=15_000)
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    page.get_by_role("radio", name=PROPORTIONAL).check()
    page.get_by_label("Weight column").select_option("amount")
    expect(page.get_by_label("Sorted by")).to_have_count(0)
    page.get_by_label("Selection").select_option("systematic")
    page.get_by_text("More options").click()
    page.get_by_label("Sorted by").select_option("city")
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text(re.compile("of 400 rows drawn"))).to_be_visible(timeout=15_000)


def test_columns_show_their_type_and_distinct_values(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_balanced_table(400, client)
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    expect(page.locator("#rounds [aria-label='Size']")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.get_by_role("radio", name="By group").check()
    strata = page.get_by_label("Groups by")
    expect(strata.locator("option", has_text="region (text, 4 unique)")).to_have_count(1)
    expect(page.get_by_role("button", name="Suggest columns for groups")).to_be_hidden()
    expect(strata.locator("option", has_text="id (whole number, 400 unique)")).to_have_count(1)
    assert strata.locator("option").nth(1).inner_text().startswith("region")
    strata.select_option("region")
    page.get_by_text("Suggested design columns").click()
    expect(page.get_by_text("region as groups: 4 groups, the smallest of 100 rows")).to_be_visible()


def test_an_invalid_size_is_reported_at_its_field(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(50, client)}/draw")
    page.get_by_label("Rows", exact=True).fill("0")
    expect(page.locator("[aria-invalid=true]")).to_have_count(1)
    expect(page.locator(".field-problem")).to_have_text("Must be greater than or equal to 1.")
    expect(page.locator("#plan")).to_have_text("Correct these fields: Rows.")
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_label("Rows", exact=True)).to_be_focused()
    for text, rows in (("5", 5), ("10%", 5), ("1,000", 50), ("30 %", 15)):
        page.get_by_label("Rows", exact=True).fill(text)
        expect(page.get_by_text(f"{rows} of 50 rows will be drawn.")).to_be_visible()
    page.get_by_label("Size").select_option("For a margin of ±")
    page.get_by_label("Margin of error").fill("20%")
    expect(page.get_by_text("17 of 50 rows: ± 19.9 % at 95 % confidence")).to_be_visible()
    expect(page.get_by_text("17 of 50 rows will be drawn.")).to_be_visible()


def test_a_new_margin_or_none_is_drawn(analyst: Analyst, server: LiveServer) -> None:
    """The draw waits for the size of the margin just typed, and refuses what is no margin."""
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(2000, client)}/draw")
    page.get_by_label("Size").select_option("For a margin of ±")
    expect(page.get_by_text("697 of 2,000 rows will be drawn.")).to_be_visible()
    margin = page.get_by_label("Margin of error")
    for text in ("0", "0%", "-5", "100%", "abc", ""):
        margin.fill(text)
        margin.press("Enter")
        expect(page.locator(".field-problem")).to_contain_text("Write a margin above 0 %")
        expect(margin).to_be_focused()
        expect(page.locator("#plan")).to_have_text("Correct these fields: Margin of error.")
        expect(page.get_by_role("button", name="Draw sample")).to_be_enabled()
    margin.fill("4,5%")
    expect(page.get_by_text("385 of 2,000 rows will be drawn.")).to_be_visible()
    margin.fill("10%")
    margin.press("Enter")
    expect(page.get_by_text(re.compile(r"^9\d of 2,000 rows drawn"))).to_be_visible(timeout=15_000)


def test_labels_with_a_judge_are_beside_those_without(analyst: Analyst, server: LiveServer) -> None:
    """The correlation gives a second size, which is drawn if the user says so."""
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(2000, client)}/draw")
    page.get_by_label("Size").select_option("For a margin of ±")
    judge = page.get_by_label("Judge’s correlation with the labels")
    judge.fill("2")
    judge.press("Enter")
    expect(page.locator(".field-problem")).to_contain_text("from 0 to below 1")
    judge.fill("0.8")
    expect(page.get_by_role("img", name="Labels needed")).to_have_attribute(
        "aria-label", "Labels needed: People alone 697, With the judge 324"
    )
    expect(page.get_by_text("697 of 2,000 rows will be drawn.")).to_be_visible()
    page.get_by_role("button", name="Draw 324 rows").click()
    expect(page.get_by_text("324 of 2,000 rows will be drawn.")).to_be_visible()


def test_a_total_is_planned_and_bands_are_suggested(analyst: Analyst, server: LiveServer) -> None:
    """The rows for a margin of a total, with its curve; then bands with a size each."""
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(2000, client)}/draw")
    page.get_by_label("Size").select_option("For a margin of ±")
    page.get_by_label("Figure").select_option("the total")
    expect(page.locator(".field-problem")).to_contain_text("Choose the column")
    page.get_by_label("Column of the figure").select_option("amount")
    found = page.get_by_text(re.compile(r"^[\d,]+ of 2,000 rows: ± .* % of 499,750"))
    expect(found).to_be_visible()
    expect(page.get_by_role("img", name="Rows and margins")).to_be_visible()
    page.get_by_role("radio", name="By group").check()
    page.get_by_label("Groups by").select_option("amount")
    page.get_by_text("Suggest bands").first.click()
    page.get_by_role("button", name="Suggest bands").click()
    expect(
        page.get_by_text(re.compile(r"^3\d\d rows: total ± |^300 rows: total ± "))
    ).to_be_visible()
    expect(page.get_by_text(re.compile(r"^300 of 2,000 rows will be drawn"))).to_be_visible()


def test_numbers_that_can_be_misread_are_refused(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(400, client)}/draw")
    rows = page.get_by_label("Rows", exact=True)
    for text in ("12,34", "10.000"):
        rows.fill(text)
        expect(page.locator(".field-problem")).to_contain_text(text)
    rows.fill("2,5 %")
    expect(page.get_by_text("10 of 400 rows will be drawn.")).to_be_visible()
    page.get_by_role("radio", name="By group").check()
    page.get_by_label("Groups by").select_option("amount")
    first = page.get_by_label("Break 1", exact=True)
    expect(first).to_be_visible()
    first.fill("10.000")
    page.keyboard.press("Tab")
    problem = page.locator(".field-problem")
    expect(problem).to_contain_text("Write 10000 or 10,000, or 10.0000 for decimals.")
    first.fill("1.234,56")
    page.keyboard.press("Tab")
    expect(problem).to_have_count(0)
    page.get_by_text("Show as code").click()
    expect(page.locator("[data-code=json]")).to_contain_text("1234.56")


def test_steps_are_added_copied_moved_and_removed(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    page.goto(f"{server.url}/datasets/{server.new_table(200, client)}/draw")
    page.get_by_text("Several steps").click()
    page.get_by_role("button", name="Add step").click()
    second = page.get_by_role("group", name="Step 2")
    second.get_by_role("radio", name=PROPORTIONAL).check()
    page.get_by_role("group", name="Step 2").get_by_label("Weight column").select_option("amount")
    page.get_by_role("button", name="Copy step 2").click()
    third = page.get_by_role("group", name="Step 3")
    expect(third.get_by_role("radio", name=PROPORTIONAL)).to_be_checked()
    page.get_by_role("button", name="Move up step 2").click()
    third = page.get_by_role("group", name="Step 1")
    expect(third.get_by_role("radio", name=PROPORTIONAL)).to_be_checked()
    page.get_by_role("button", name="Remove step 3").click()
    expect(page.get_by_text("200 of 200 rows will be drawn.")).to_be_visible()
    expect(page.locator("#plan")).to_contain_text("can't be added up over steps")
    page.get_by_text("Show as code").click()
    expect(page.locator("[data-code=json]")).to_contain_text('"weight_column": "amount"')
    expect(page.locator("[data-code=curl]")).to_contain_text("curl http")


def test_a_draw_starts_from_a_job_or_a_template(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(100, client)
    body = {"method": "systematic", "parameters": {"interval": 10, "start": 3}}
    job = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body).json()["job_id"]
    finished(client, job)
    copied = f"{server.url}/datasets/{dataset}/draw?job={job}"
    page.goto(copied)
    expect(page.get_by_role("radio", name="Every k-th row")).to_be_checked()
    expect(page.get_by_text("10 of 100 rows will be drawn.")).to_be_visible()
    expect(page.get_by_text("The same seed draws other rows there.")).to_have_count(0)
    server.import_text(dataset, "id,city,amount\n1,Oslo,2\n", client=client)
    page.goto(copied)
    expect(page.get_by_text("The same seed draws other rows there.")).to_be_visible()
    expect(page.locator(".note").first).to_contain_text("main has changed")
    page.get_by_role("button", name="Save as template").click()
    page.get_by_label("Template name").fill("Every tenth")
    page.get_by_role("button", name="Save template").click()
    expect(page.get_by_text("Template Every tenth saved.")).to_be_visible()
    page.get_by_role("button", name="Save as template").click()
    page.get_by_label("Template name").fill("every TENTH")
    page.get_by_role("button", name="Save template").click()
    expect(page.get_by_text('You have a template "Every tenth". Replace it')).to_be_visible()
    page.get_by_label("Template name").fill("Other")
    expect(page.get_by_role("button", name="Save template")).to_be_visible()
    page.get_by_label("Template name").fill("Every tenth")
    page.get_by_role("button", name="Save template").click()
    page.get_by_role("button", name="Replace template").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert client.get("/api/sampling/templates").json()["total"] == 1
    page.goto(f"{server.url}/datasets/{server.new_table(30, client)}/draw")
    page.get_by_label("Start from a template").select_option("Every tenth")
    expect(page.get_by_text("3 of 30 rows will be drawn.")).to_be_visible()


LEDGER_ROWS = 600


def test_an_auditors_banded_sample_takes_few_actions(analyst: Analyst, server: LiveServer) -> None:
    """Entries of one account by bands of the amount, the large ones all: 11 actions."""
    page, client = analyst
    lines = [
        f"{row},{1400 + row % 3 * 100},{round(1.02**row - 30, 2) if row % 50 else ''}"
        for row in range(LEDGER_ROWS)
    ]
    dataset = server.new_dataset(client)
    content = "\n".join(["Line,Account,Amount (EUR)", *lines]) + "\n"
    assert server.import_text(dataset, content, client=client)["status"] == "completed"
    page.goto(f"{server.url}/datasets/{dataset}?filters=Account+%3D+1400")

    actions = 0

    def done() -> None:
        nonlocal actions
        actions += 1

    page.get_by_role("link", name="Draw sample").click()
    done()
    expect(page.get_by_label("Filters")).to_contain_text("Account = 1400")
    page.get_by_role("radio", name="By group").check()
    done()
    page.get_by_label("Groups by").select_option("Amount (EUR)")
    done()
    expect(page.get_by_role("slider")).not_to_have_count(0)
    expect(page.get_by_label("Amount to cover")).to_have_value("Amount (EUR)")
    cuts = page.get_by_role("slider").count()
    last = page.get_by_role("slider", name=f"Cut {cuts} of")
    before = last.get_attribute("aria-valuenow")
    last.press("ArrowRight")
    done()
    expect(last).not_to_have_attribute("aria-valuenow", str(before))
    for place, text in ((cuts - 1, "1,000"), (cuts, "10,000")):
        page.get_by_label(f"Break {place}", exact=True).fill(text)
        page.keyboard.press("Tab")
        done()
    page.get_by_label("Take all of ≥ 10,000").check()
    assert page.get_by_label("Rows of ≥ 10,000").get_attribute("placeholder") == "all"
    done()
    page.get_by_label("Rows of 1,000 to < 10,000").fill("10%")
    done()
    page.get_by_label("Name").fill("Receivables Q1")
    done()
    page.get_by_label("Purpose").fill("Test of existence")
    done()
    plan = page.locator("#plan")
    expect(plan).to_contain_text("Amount covered, without signs (expected)")
    expect(plan).to_contain_text("Rows in groups without a drawn row")
    expect(plan).not_to_have_attribute("aria-busy", "true")
    page.get_by_role("button", name="Draw sample").click()
    done()
    expect(page.get_by_role("heading", name="Receivables-Q1")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("Test of existence")).to_be_visible()
    groups = page.get_by_role("region", name="Groups")
    top = groups.get_by_role("row").filter(has_text="≥ 10,000")
    available, asked, drawn = (top.get_by_role("cell").nth(at).inner_text() for at in (1, 2, 3))
    assert (asked, available) == ("all", drawn)
    assert actions <= 12


def test_a_keyed_draw_is_chosen_copied_and_refused(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(400, client)
    with server.service.database.write() as tx:
        set_row_key(tx, dataset, "primary", ["id"], "refuse", 1, server.service.clock)
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    keyed = page.get_by_label("Same rows in later versions")
    keyed.check()
    expect(page.get_by_label("Row key")).to_have_value("id")
    page.get_by_label("Row key").select_option("city")
    expect(page.locator("#plan")).to_have_text("Correct these fields: Row key.")
    expect(page.get_by_text("The key city is missing in 100 rows")).to_be_visible()
    page.get_by_label("Row key").select_option("id")
    page.get_by_label("Start (default: 0)").fill("0.25")
    expect(page.get_by_text("100 of 400 rows will be drawn.")).to_be_visible()
    page.locator("input[value=monetary_unit]").check()
    expect(keyed).to_have_count(0)
    page.locator("input[value=random]").check()
    keyed.check()
    page.get_by_label("Start (default: 0)").fill("0.25")
    expect(page.get_by_text("100 of 400 rows will be drawn.")).to_be_visible()
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text("100 of 400 rows drawn")).to_be_visible(timeout=15_000)
    page.get_by_text("How it was drawn").click()
    expect(page.get_by_text("by id, from 0.25")).to_be_visible()
    page.goto(f"{server.url}/datasets/{dataset}/draw?job={page.url.rpartition('/')[2]}")
    expect(page.get_by_label("Same rows in later versions")).to_be_checked()
    expect(page.get_by_label("Start (default: 0)")).to_have_value("0.25")
