"""The form of a new sample with each method and size: no script fails, and groups taken whole."""

# ruff: noqa: E501 - lines of JavaScript

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, expect

from sampling_engine import METHOD_CLASSES
from tests.browser.conftest import sign_in
from tests.support.live_server import LiveServer

CHANGE_ALL = """(scope) => {
  const fields = () => [...document.querySelectorAll(`${scope} select, ${scope} input`)]
    .filter((one) => one.type !== "radio" && one.ariaLabel !== "Size");
  const tell = (field, kind) => field.dispatchEvent(new Event(kind, { bubbles: true }));
  for (let at = 0; at < fields().length; at += 1) {
    const field = fields()[at];
    if (field.type === "checkbox") { field.click(); continue; }
    for (const text of field.localName === "select" ? [field.options[field.options.length - 1]?.value ?? ""] : ["1.000", "x%", ""]) {
      if (!field.isConnected) break;
      field.value = text;
      tell(field, "input");
      tell(field, "change");
    }
  }
}"""
"""Change each field of the steps: the last choice, a number that can be read in two ways, nothing."""
NAMES = sorted({each.key for each in METHOD_CLASSES})


@pytest.fixture(scope="module")
def maker(server: LiveServer) -> tuple[httpx.Client, str, int]:
    """An analyst's client, the analyst, and a dataset of the analyst."""
    client, user = server.new_user()
    return client, user["soeid"], server.new_table(200, client)


@pytest.mark.parametrize("name", NAMES)
def test_no_script_fails_whatever_is_chosen(
    page: Page, server: LiveServer, maker: tuple[httpx.Client, str, int], name: str
) -> None:
    """Each size of a method, in one step and in two, with all its fields changed."""
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(f"{error}"))
    sign_in(page, server.url, maker[1], f"/datasets/{maker[2]}/draw")
    expect(page.get_by_text("100 of 200 rows will be drawn.")).to_be_visible()
    page.get_by_text("Several steps").click()
    for place in range(2):
        if place:
            page.locator("#add-round").click()
        page.locator(f'input[name="rounds.{place}.method"][value={name}]').check()
        step = page.locator("#rounds > fieldset").nth(place)
        sizes = step.get_by_label("Size", exact=True)
        kinds = sizes.locator("option").evaluate_all("all => all.map((one) => one.value)")
        for kind in kinds or [""]:
            if kind:
                sizes.select_option(kind)
            page.evaluate(CHANGE_ALL, f"#rounds > fieldset:nth-of-type({place + 1})")
            expect(page.locator("#plan")).not_to_have_attribute("aria-busy", "true")
    page.locator('input[name="rounds.0.method"][value=random]').check()
    expect(page.locator("#plan")).not_to_have_attribute("aria-busy", "true")
    assert failures == []


def test_groups_are_taken_whole_and_the_others_share_a_size(
    page: Page, server: LiveServer, maker: tuple[httpx.Client, str, int]
) -> None:
    sign_in(page, server.url, maker[1], f"/datasets/{maker[2]}/draw")
    page.get_by_role("radio", name="By group").check()
    page.get_by_label("Groups by").select_option("amount")
    expect(page.get_by_role("region", name="Rows by group")).to_contain_text("Take all")
    page.get_by_label("Take all of").last.check()
    page.get_by_label("Size", exact=True).select_option("rows")
    expect(page.get_by_label("Take all of").last).to_be_checked()
    page.get_by_label("Rows", exact=True).fill("20")
    page.get_by_label("Allocation", exact=True).select_option("amount")
    expect(page.get_by_label("Allocation column")).to_have_value("amount")
    plan = page.get_by_role("region", name="Groups of step 1")
    expect(plan).to_contain_text("taken whole")
    expect(plan).to_contain_text("sampled")
    whole = page.get_by_role("region", name="Rows by group").get_by_role("row").last
    rows = int(whole.get_by_role("cell").nth(1).inner_text())
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_text(f"{rows + 20} of 200 rows drawn")).to_be_visible()


def test_a_draw_by_group_keeps_the_tolerable_misstatement(
    page: Page, server: LiveServer, maker: tuple[httpx.Client, str, int]
) -> None:
    """It sizes no group: it stays beside their sizes, and is sent with the draw."""
    sign_in(page, server.url, maker[1], f"/datasets/{maker[2]}/draw")
    page.get_by_label("Size", exact=True).select_option("materiality")
    page.get_by_label("Tolerable rate of deviation").fill("5%")
    expect(page.get_by_text("upper limit")).to_be_visible()
    page.locator('input[name="rounds.0.method"][value=stratified]').check()
    page.get_by_label("Groups by").select_option("id")
    tolerable = page.get_by_label("Tolerable misstatement")
    expect(tolerable).to_have_value("5%")
    tolerable.fill("50,000")
    page.get_by_text("Show as code").click()
    expect(page.locator("[data-code=json]")).to_contain_text('"materiality": 50000')


def test_a_programme_plans_the_size_of_a_draw(
    page: Page, server: LiveServer, maker: tuple[httpx.Client, str, int]
) -> None:
    """6.1.1.2 of the guidance, for rows and for strata with a guess of each group."""
    dataset = server.new_dataset(maker[0])
    lines = [f"{row},{'ab'[row % 2]},{100 + row % 7}.00" for row in range(600)]
    server.import_text(dataset, "\n".join(["id,part,amount", *lines]) + "\n", client=maker[0])
    sign_in(page, server.url, maker[1], f"/datasets/{dataset}/draw")
    page.get_by_label("Amount to cover").select_option("amount")
    page.get_by_label("Size", exact=True).select_option("programme")
    expect(page.locator(".field-problem").first).to_contain_text("standard deviation")
    page.get_by_label("with a guessed deviation of").fill("8")
    page.get_by_label("Expected errors").fill("0.5%")
    expect(page.get_by_text("73 of 600 rows: n = (N·z·σ/(TE − AE))² gives 72.")).to_be_visible()
    expect(page.get_by_text("not certified by the European Commission")).to_be_visible()
    expect(page.get_by_text("73 of 600 rows will be drawn.")).to_be_visible()
    page.get_by_label("Confidence", exact=True).fill("95%")
    expect(page.locator(".field-problem")).to_contain_text("no confidence of 95 %")
    page.get_by_label("Confidence", exact=True).fill("")
    page.locator('input[name="rounds.0.method"][value=stratified]').check()
    page.get_by_label("Groups by").select_option("part")
    page.get_by_label("with a guessed deviation of").fill("a = 5; b = 9")
    expect(page.get_by_text("of 600 rows: n = (N·z·σ_w/(TE − AE))²")).to_be_visible()
    page.get_by_role("button", name="Draw sample").click()
    page.wait_for_url("**/jobs/*")
    (job,) = (
        maker[0]
        .get("/api/jobs", params={"dataset_id": dataset, "run_type": "sampling"})
        .json()["jobs"]
    )
    found = maker[0].get(f"/api/jobs/{job['id']}").json()["run_parameters"]["rounds"][0]
    assert set(found["parameters"]["sizes"]) == {"a", "b"}
