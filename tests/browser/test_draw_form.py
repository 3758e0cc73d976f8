"""What the form of a draw keeps, and what it says of what was entered."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from sampling_engine import METHODS
from tests.browser.conftest import sign_in
from tests.live_server import PASSWORD, LiveServer, finished

LABELLED = """async (methods) => {
  const { labelled } = await import(document.querySelector("[href*='words.js']").href);
  const described = methods.flatMap((method) => [method, ...method.parameters]);
  return described.map(({ description }) => labelled(description));
}"""
"""What the page makes of each description of a method or a parameter."""


@pytest.fixture(scope="module")
def maker(server: LiveServer) -> tuple[httpx.Client, dict[str, Any], int]:
    """An analyst's client, the analyst, and a table of theirs."""
    client, user = server.new_user()
    return client, user, server.new_table(60, client)


@pytest.fixture
def form(page: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]) -> Page:
    _, user, dataset = maker
    sign_in(page, server.url, user["soeid"], f"/datasets/{dataset}/draw")
    expect(page.get_by_text("60 of 60 rows would be drawn.")).to_be_visible()
    return page


def plan(page: Page) -> Locator:
    return page.locator("#plan")


def asked_seed(page: Page) -> object:
    body = json.loads(page.locator("#body").inner_text())
    return body["rounds"][0]["parameters"].get("seed")


SEEDS: dict[str, tuple[object, str]] = {
    "7": (7, "Seed 7"),
    "-7": (-7, "Seed -7"),
    "0": (0, "Seed 0"),
    "007": ("007", "Seed: the text 007, another seed than 7"),
    "+7": ("+7", "Seed: the text +7, another seed than 7"),
    " 7": (" 7", "Seed: the text “ 7”, another seed than 7"),
    "1e3": ("1e3", "Seed: the text 1e3, another seed than 1000"),
    "-0": ("-0", "Seed: the text -0, another seed than 0"),
    "1.5": ("1.5", "Seed: the text 1.5"),
    "spring": ("spring", "Seed: the text spring"),
    "9007199254740993": ("9007199254740993", "Seed 9007199254740993"),
    "": (None, ""),
}


def test_a_seed_is_what_was_typed_and_told_as_it_is_understood(form: Page) -> None:
    form.get_by_text("The same as a request").click()
    seed = form.get_by_label("Seed")
    for text, (asked, told) in SEEDS.items():
        seed.fill(text)
        note = form.locator(f"[id='{seed.get_attribute('aria-describedby')}']")
        assert note.text_content() == told
        assert asked_seed(form) == asked, text


def test_a_seed_that_a_script_would_round_is_taken_over_as_it_is(
    form: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    client, _, dataset = maker
    body = {"method": "random", "sample_size": 2, "seed": 2**53 + 1}
    job = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body).json()["job_id"]
    form.goto(f"{server.url}/datasets/{dataset}/draw?job={job}")
    expect(form.get_by_label("Seed")).to_have_value(str(2**53 + 1))
    finished(client, job)


def fill_in(form: Page, name: str) -> None:
    form.get_by_text("Only some rows (filter)").click()
    form.get_by_label("As an expression").fill("id < 30")
    form.get_by_label("Seed").fill("007")
    form.get_by_label("Rows", exact=True).fill("5")
    form.get_by_label("Name, the ref will be").fill(name)
    expect(form.get_by_text("5 of 60 rows would be drawn.")).to_be_visible()
    expect(form.get_by_text("30 of 60 rows pass.")).to_be_visible()


def assert_filled_in(form: Page, name: str) -> None:
    expect(form.get_by_label("As an expression")).to_have_value('"id" < 30')
    expect(form.get_by_label("Seed")).to_have_value("007")
    expect(form.get_by_label("Rows", exact=True)).to_have_value("5")
    expect(form.get_by_label("Name, the ref will be")).to_have_value(name)


def test_what_was_drawn_is_still_there_on_the_way_back_and_a_new_draw_starts_anew(
    form: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    fill_in(form, "back")
    draw = form.get_by_role("button", name="Draw", exact=True)
    draw.click()
    expect(form.locator("#state")).to_have_text("completed", timeout=15_000)
    job = form.url
    form.go_back()
    assert_filled_in(form, "back")
    expect(plan(form)).to_contain_text("Drawn already under this name: job")
    form.reload()
    assert_filled_in(form, "back")
    draw.click()
    form.wait_for_url(job)
    form.goto(f"{server.url}/datasets/{maker[2]}/draw")
    expect(form.get_by_label("Seed")).to_have_value("")
    expect(form.get_by_label("Name, the ref will be")).to_have_value("")


def test_nothing_that_was_entered_outlives_the_sign_out(
    form: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    _, user, dataset = maker
    fill_in(form, "kept")
    form.reload()
    assert_filled_in(form, "kept")
    form.locator("details.menu > summary").click()
    form.get_by_role("button", name="Sign out").click()
    expect(form.get_by_role("heading", name="Sign in")).to_be_visible()
    assert form.evaluate("sessionStorage.length") == 0
    form.goto(f"{server.url}/datasets/{dataset}/draw")
    form.get_by_label("SOEID").fill(user["soeid"])
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Sign in").click()
    expect(form.get_by_label("Seed")).to_have_value("")


def test_what_one_user_entered_is_not_there_for_the_next_one_in_the_same_tab(
    form: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    client, _, dataset = maker
    other, user = server.new_user()
    given = {"user_soeid": user["soeid"], "permission": "write"}
    client.put(f"/api/datasets/{dataset}/permissions", json=given)
    fill_in(form, "mine")
    sign_in(form, server.url, user["soeid"], f"/datasets/{dataset}/draw")
    expect(form.get_by_text("60 of 60 rows would be drawn.")).to_be_visible()
    expect(form.get_by_label("Seed")).to_have_value("")
    assert other.get(f"/api/datasets/{dataset}").status_code == 200


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a b/../c", "can't name a ref"),
        ("taken", "A ref smpl-taken exists already. Choose another name."),
    ],
)
def test_a_name_that_cannot_be_is_told_at_its_field_before_anything_is_drawn(
    form: Page, maker: tuple[httpx.Client, dict[str, Any], int], name: str, told: str
) -> None:
    client, _, dataset = maker
    ref = {"name": "smpl-taken", "from_ref": "main"}
    client.post(f"/api/datasets/{dataset}/refs", json=ref)
    field = form.get_by_label("Name, the ref will be")
    field.fill(name)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(form.locator(".field", has=field).locator(".field-problem")).to_contain_text(told)
    expect(plan(form)).to_contain_text("The form has to be put right first: Name.")
    expect(form.get_by_role("button", name="Draw", exact=True)).to_be_disabled()
    field.fill("free")
    expect(plan(form)).not_to_contain_text("put right")
    expect(form.get_by_role("button", name="Draw", exact=True)).to_be_enabled()


def test_a_name_that_is_taken_in_between_is_told_at_its_field(
    form: Page, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    client, _, dataset = maker
    form.get_by_label("Name, the ref will be").fill("hasty")
    form.get_by_label("Seed").fill("5")
    expect(plan(form)).not_to_have_attribute("aria-busy", "true")
    ref = {"name": "smpl-hasty", "from_ref": "main"}
    client.post(f"/api/datasets/{dataset}/refs", json=ref)
    form.get_by_role("button", name="Draw", exact=True).click()
    expect(form.locator(".field-problem")).to_contain_text("A ref smpl-hasty exists already.")


def test_a_filter_that_cannot_be_is_told_once_beside_it(form: Page) -> None:
    form.get_by_text("Only some rows (filter)").click()
    form.get_by_label("As an expression").fill("idd < 3")
    expect(form.get_by_text('Did you mean "id"?')).to_have_count(1)
    expect(form.locator(".field-problem")).to_contain_text('Did you mean "id"?')
    expect(plan(form)).to_have_text("The form has to be put right first: Filter.")
    form.get_by_label("As an expression").fill("")
    expect(form.get_by_text("60 of 60 rows would be drawn.")).to_be_visible()
    form.get_by_role("button", name="Add a condition").click()
    form.get_by_label("Column of condition 1").select_option("id")
    form.get_by_label("Value of condition 1").fill("many")
    expect(form.locator(".field-problem")).to_have_count(1)
    expect(plan(form)).to_have_text("The form has to be put right first: Filter.")
    expect(form.get_by_role("button", name="Draw", exact=True)).to_be_disabled()


def test_fields_are_called_by_their_labels_and_rounds_by_their_number(form: Page) -> None:
    expect(plan(form)).to_contain_text("“Rows” is 100, but only 60 rows were eligible")
    expect(form.get_by_text("Give either “Rows” or “Share of the rows”.")).to_be_visible()
    names = form.evaluate(LABELLED, [asdict(method) for method in METHODS])
    assert [name for name in names if re.search(r"\b[a-z]+_[a-z]|\bsizes\b", name)] == []
    form.get_by_label("Method").select_option("stratified")
    form.get_by_label("Strata: rows that agree in").select_option("city")
    form.get_by_label("How the size is given").select_option("samples_per_stratum")
    form.get_by_label("Rows in each stratum", exact=True).fill("2")
    form.get_by_label("At least, in each stratum").fill("3")
    told = "“At least, in each stratum” 3 is more than “Rows in each stratum” 2."
    expect(form.locator(".field-problem")).to_have_text(told)
    form.get_by_label("At least, in each stratum").fill("")
    form.get_by_role("button", name="Add a round").click()
    form.get_by_role("group", name="Round 2").get_by_label("Rows", exact=True).fill("")
    expect(form.locator(".field-problem")).to_have_text("Fill this in.")
    expect(plan(form)).to_have_text("The form has to be put right first: Round 2, Rows.")
    form.get_by_role("button", name="Keep as template").click()
    form.get_by_label("Name; an earlier one").fill("Half done")
    form.get_by_role("button", name="Keep", exact=True).click()
    expect(form.get_by_role("alert")).to_contain_text("Round 2, Rows: Fill this in.")
