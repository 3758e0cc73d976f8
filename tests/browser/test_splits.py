"""A split in the browser: its form, its plan, its page with shares and what was checked."""

from __future__ import annotations

import os
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.support.live_server import LiveServer

ROWS = 900


@pytest.fixture(scope="module")
def maker(server: LiveServer) -> tuple[httpx.Client, dict[str, Any], int]:
    client, user = server.new_user()
    dataset = server.new_dataset(client)
    lines = [f"{row},user-{row % 71},{'ab'[row % 2]},{row / 8}" for row in range(ROWS)]
    content = "\n".join(["id,user,label,score", *lines]) + "\n"
    server.import_text(dataset, content, client=client)
    return client, user, dataset


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("SPLIT_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_a_table_is_split_into_parts(
    page: Page, server: LiveServer, maker: tuple[httpx.Client, dict[str, Any], int]
) -> None:
    _, user, dataset = maker
    sign_in(page, server.url, user["soeid"], f"/datasets/{dataset}/draw")
    page.get_by_role("radio", name="Split into parts").check()
    parts = page.get_by_label("Parts", exact=True)
    expect(parts).to_have_value("test 10%, train 80%, validation 10%")
    expect(page.get_by_text("How many?")).to_have_count(0)
    parts.fill("train 80%, test")
    expect(page.get_by_text("Write each part once")).to_be_visible()
    parts.fill("train 80%, test 20%")
    page.get_by_label("Keep together").select_option("user")
    page.get_by_label("Groups by").select_option("label")
    plan = page.locator("#plan")
    expect(plan.get_by_text(f"{ROWS} of {ROWS} rows will be divided.")).to_be_visible()
    expect(plan.get_by_text("train", exact=True)).to_be_visible()
    picture(page, "form")
    page.get_by_role("button", name="Draw sample").click()
    page.wait_for_url(re.compile("/jobs/"))
    expect(page.get_by_role("heading", name="Parts")).to_be_visible()
    expect(page.get_by_text("0 groups in two parts")).to_be_visible()
    expect(page.get_by_role("link", name="Estimates")).to_have_count(0)
    expect(page.get_by_role("row", name=re.compile("^a")).first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download test as CSV").click()
    assert download.value.suggested_filename.endswith("-test.csv")
    for width, scheme in ((1280, "light"), (1280, "dark"), (360, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        wide = "document.documentElement.scrollWidth"
        assert page.evaluate(wide) <= width
        picture(page, f"page-{width}-{scheme}")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("link", name="test", exact=True).click()
    expect(page.get_by_role("columnheader", name="_part")).to_be_visible()
