"""The form of a new sample: drafts, seeds and errors."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from sampling_engine import METHODS
from sampling_engine.methods import MethodName
from tests.browser.conftest import sign_in
from tests.support.live_server import PASSWORD, LiveServer, finished

LABELLED = """async (methods) => {
  const { render } = await import(document.querySelector("[href*='words.js']").href);
  const described = methods.flatMap((method) => [method, ...method.parameters]);
  return described.map(({ description }) => render(description));
}"""
"""The page's texts of the descriptions of methods and parameters."""
MESSAGE = """async (error) => {
  const { messageOf } = await import(document.querySelector("[href*='words.js']").href);
  return messageOf(error);
}"""


@pytest.fixture(scope="module")
def maker(server: LiveServer) -> tuple[httpx.Client, dict[str, Any], int]:
    """An analyst's client, the analyst, and the id of the analyst's dataset."""
    client, user = server.new_user()
    return client, user, server.new_table(60, client)


@pytest.fixture
def form(page: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]) -> Page:
    _, user, dataset = maker
    sign_in(page, server.url, user["soeid"], f"/datasets/{dataset}/draw")
    expect(page.get_by_text("60 of 60 rows will be drawn.")).to_be_visible()
    page.get_by_text("More options").click()
    return page


PROPOSED = re.compile(r"dataset-\d+-\d{4}-\d\d-\d\d(-\d+)?")


def make_sample(client: httpx.Client, dataset: int, name: str) -> None:
    """Draw a sample of this name."""
    body = {"method": "random", "sample_size": 1, "output_name": name}
    job = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body).json()["job_id"]
    assert finished(client, job)["status"] == "completed"


def plan(page: Page) -> Locator:
    return page.locator("#plan")


def sent_seed(page: Page) -> object:
    body = json.loads(page.locator("[data-code=json]").text_content() or "")
    return body["rounds"][0]["parameters"].get("seed")


SEEDS: dict[str, tuple[object, str]] = {
    "7": (7, "Seed 7"),
    "-7": (-7, "Seed -7"),
    "0": (0, "Seed 0"),
    "007": ("007", "Seed: the text 007, not the number 7"),
    "+7": ("+7", "Seed: the text +7, not the number 7"),
    " 7": (" 7", "Seed: the text “ 7”, not the number 7"),
    "1e3": ("1e3", "Seed: the text 1e3, not the number 1000"),
    "-0": ("-0", "Seed: the text -0, not the number 0"),
    "1.5": ("1.5", "Seed: the text 1.5"),
    "spring": ("spring", "Seed: the text spring"),
    "9007199254740993": ("9007199254740993", "Seed 9007199254740993"),
    "": (None, ""),
}


def test_a_seed_is_sent_unchanged_and_interpreted(form: Page) -> None:
    form.get_by_text("Show as code").click()
    seed = form.get_by_label("Seed")
    for text, (sent, note_text) in SEEDS.items():
        seed.fill(text)
        note = form.locator(f"[id='{seed.get_attribute('aria-describedby')}']")
        assert note.text_content() == note_text
        assert sent_seed(form) == sent, text


def test_a_copied_design_has_a_large_seed_unchanged(
    form: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    client, _, dataset = maker
    body = {"method": "random", "sample_size": 2, "seed": 2**53 + 1}
    job = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body).json()["job_id"]
    form.goto(f"{server.url}/datasets/{dataset}/draw?job={job}")
    expect(form.get_by_label("Seed")).to_have_value(str(2**53 + 1))
    finished(client, job)


def fill_in(form: Page, name: str) -> None:
    form.get_by_text("Filter rows").click()
    form.get_by_label("Filter expression").fill("id < 30")
    form.get_by_label("Seed").fill("007")
    form.get_by_label("Rows", exact=True).fill("5")
    form.get_by_label("Name").fill(name)
    expect(form.get_by_text("5 of 60 rows will be drawn.")).to_be_visible()
    expect(form.get_by_text("30 of 60 rows match.")).to_be_visible()


def assert_filled_in(form: Page, name: str) -> None:
    expect(form.get_by_label("Filter expression")).to_have_value('"id" < 30')
    expect(form.get_by_label("Seed")).to_have_value("007")
    expect(form.get_by_label("Rows", exact=True)).to_have_value("5")
    expect(form.get_by_label("Name")).to_have_value(name)


def test_back_restores_a_draft_and_a_link_does_not(
    form: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    fill_in(form, "back")
    draw = form.get_by_role("button", name="Draw sample")
    draw.click()
    expect(form.locator("#state")).to_have_text("completed", timeout=15_000)
    job = form.url
    form.go_back()
    assert_filled_in(form, "back")
    expect(plan(form)).to_contain_text("Already drawn under this name: job")
    form.reload()
    assert_filled_in(form, "back")
    draw.click()
    form.wait_for_url(job)
    form.goto(f"{server.url}/datasets/{maker[2]}/draw")
    expect(form.get_by_label("Seed")).to_have_value("")
    expect(form.get_by_label("Name")).to_have_value(PROPOSED)


def test_an_abandoned_draft_says_so_and_can_be_discarded(
    form: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    client, _, dataset = maker
    here = f"{server.url}/datasets/{dataset}/draw"
    note = form.get_by_text("This is a design that you began earlier and did not draw.")
    form.goto(here)
    expect(form.get_by_text("60 of 60 rows will be drawn.")).to_be_visible()
    expect(note).to_be_hidden()
    form.get_by_text("More options").click()
    fill_in(form, "begun")
    make_sample(client, dataset, "begun")
    form.goto(here)
    expect(note).to_be_visible()
    assert_filled_in(form, "begun-2")
    expect(form.locator("[aria-invalid]")).to_have_count(0)
    form.get_by_role("button", name="Discard draft").click()
    expect(form.get_by_label("Rows", exact=True)).to_have_value("100")
    expect(form.get_by_label("Seed")).to_have_value("")
    expect(form.get_by_label("Name")).to_have_value(PROPOSED)
    expect(note).to_be_hidden()


def test_signing_out_deletes_the_draft(
    form: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    _, user, dataset = maker
    fill_in(form, "saved")
    form.reload()
    assert_filled_in(form, "saved")
    form.locator("details.menu > summary").click()
    form.get_by_role("button", name="Sign out").click()
    expect(form.get_by_role("heading", name="Sign in")).to_be_visible()
    assert form.evaluate("sessionStorage.length") == 0
    form.goto(f"{server.url}/datasets/{dataset}/draw")
    form.get_by_label("User name").fill(user["soeid"])
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Sign in").click()
    expect(form.get_by_label("Seed")).to_have_value("")


def test_another_user_does_not_get_the_draft(
    form: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    client, _, dataset = maker
    other, user = server.new_user()
    given = {"user_soeid": user["soeid"], "permission": "write"}
    client.put(f"/api/datasets/{dataset}/permissions", json=given)
    fill_in(form, "mine")
    sign_in(form, server.url, user["soeid"], f"/datasets/{dataset}/draw")
    expect(form.get_by_text("60 of 60 rows will be drawn.")).to_be_visible()
    expect(form.get_by_label("Seed")).to_have_value("")
    assert other.get(f"/api/datasets/{dataset}").status_code == 200


def test_a_taken_name_is_reported_at_its_field(
    form: Page, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    client, _, dataset = maker
    make_sample(client, dataset, "taken")
    field = form.get_by_label("Name")
    expect(field).to_have_value(PROPOSED)
    field.fill("taken")
    expect(field).to_have_attribute("aria-invalid", "true")
    message = "A sample named taken exists already. Choose another name."
    expect(form.locator(".field", has=field).locator(".field-problem")).to_contain_text(message)
    expect(plan(form)).to_contain_text("Correct these fields: Name.")
    form.get_by_role("button", name="Draw sample").click()
    expect(field).to_be_focused()
    field.fill("free")
    expect(plan(form)).not_to_contain_text("Correct these")


def test_a_name_taken_meanwhile_is_reported_at_its_field(
    form: Page, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    client, _, dataset = maker
    form.get_by_label("Name").fill("hasty")
    form.get_by_label("Seed").fill("5")
    expect(plan(form)).not_to_have_attribute("aria-busy", "true")
    make_sample(client, dataset, "hasty")
    form.get_by_role("button", name="Draw sample").click()
    expect(form.locator(".field-problem")).to_contain_text("A sample named hasty exists already.")


def test_an_invalid_filter_is_reported_once(form: Page) -> None:
    form.get_by_text("Filter rows").click()
    form.get_by_label("Filter expression").fill("idd < 3")
    expect(form.get_by_text('Did you mean "id"?')).to_have_count(1)
    expect(form.locator(".field-problem")).to_contain_text('Did you mean "id"?')
    expect(plan(form)).to_have_text("Correct these fields: Filter.")
    form.get_by_label("Filter expression").fill("")
    expect(form.get_by_text("60 of 60 rows will be drawn.")).to_be_visible()
    form.get_by_role("button", name="Add condition").click()
    form.get_by_label("Column of condition 1").select_option("id")
    form.get_by_label("Value of condition 1").fill("many")
    expect(form.locator(".field-problem")).to_have_count(1)
    expect(plan(form)).to_have_text("Correct these fields: Filter.")


def _described(method: MethodName) -> dict[str, Any]:
    parameters = [{"description": own.help} for own in method.parameters]
    return {"description": method.description, "parameters": parameters}


def test_errors_name_fields_by_label_and_steps_by_number(form: Page) -> None:
    expect(plan(form)).to_contain_text("“Rows” is 100, but only 60 rows are eligible")
    names = form.evaluate(LABELLED, [_described(method) for method in METHODS])
    assert [name for name in names if re.search(r"\b[a-z]+_[a-z]|\bsizes\b", name)] == []
    form.get_by_role("radio", name="By group").check()
    form.get_by_label("Groups by").select_option("city")
    form.get_by_label("Size").select_option("Rows per group")
    form.get_by_label("Rows per group", exact=True).fill("2")
    form.get_by_text("More options").click()
    form.get_by_label("Minimum per group").fill("3")
    message = "“Minimum per group” 3 is more than “Rows per group” 2."
    expect(form.locator(".field-problem")).to_have_text(message)
    form.get_by_label("Minimum per group").fill("")
    form.get_by_text("Several steps").click()
    form.get_by_role("button", name="Add step").click()
    form.get_by_role("group", name="Step 2").get_by_label("Rows", exact=True).fill("")
    expect(form.locator(".field-problem")).to_contain_text("Missing: give")
    expect(plan(form)).to_have_text("Correct these fields: Step 2, Rows.")
    form.get_by_role("button", name="Save as template").click()
    form.get_by_label("Template name").fill("Half done")
    form.get_by_role("button", name="Save template").click()
    expect(form.get_by_role("alert")).to_contain_text("Step 2, Rows: Missing: give")


def test_an_error_is_rendered_from_its_template(form: Page) -> None:
    template = "`sample_size` must be at least {minimum}, not {value} or {other}."
    parameters = {"minimum": 1000, "value": "sizes"}
    plural = {"loc": [], "msg": "", "template": "{n} {n|row is|rows are} left."}
    for n, expected in ((1, "1 row is left."), (2, "2 rows are left.")):
        assert form.evaluate(MESSAGE, {**plural, "parameters": {"n": n}}) == expected
    error = {"loc": [], "msg": "", "template": template, "parameters": parameters}
    text = "“Rows” must be at least 1,000, not sizes or {other}."
    assert form.evaluate(MESSAGE, error) == text
