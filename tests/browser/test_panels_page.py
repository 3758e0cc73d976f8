"""Panels in the browser: create one, preview and draw its waves, see which rows come and go."""

from __future__ import annotations

import os
import random
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.support.live_server import LiveServer


def version(numbers: list[int]) -> str:
    lines = [
        f"A{each:05},{('north', 'south', 'east')[each % 3]},{each % 97 + 1}" for each in numbers
    ]
    random.Random(len(lines)).shuffle(lines)
    return "\n".join(["account,region,amount", *lines]) + "\n"


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page, if a folder for them is named."""
    folder = os.environ.get("JOBSVC_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_panel_is_created_previewed_and_drawn(
    analyst: tuple[Page, httpx.Client], server: LiveServer
) -> None:
    page, client = analyst
    dataset_id = server.new_dataset(client)
    numbers = list(range(1000))
    server.import_text(dataset_id, version(numbers), client=client)
    page.goto(f"{server.url}/datasets/{dataset_id}?tab=panels")
    expect(page.get_by_role("heading", name="No panels")).to_be_visible()
    page.get_by_label("Panel name").fill("quarterly")
    page.get_by_label("Rows", exact=True).fill("80")
    page.get_by_role("button", name="Create panel").click()
    expect(page.get_by_text("has no row key", exact=False)).to_be_visible()
    page.get_by_label("Row key").fill("account")
    picture(page, "panels-form")
    page.get_by_role("button", name="Create panel").click()
    expect(page.get_by_role("heading", name="quarterly")).to_be_visible()
    expect(page.get_by_role("heading", name="No waves")).to_be_visible()
    address = page.url
    for wave in (1, 2, 3):
        if wave > 1:
            numbers = [each for each in numbers if each % 29 != wave] + [
                1000 * wave + each for each in range(60)
            ]
            server.import_text(dataset_id, version(numbers), client=client)
        page.goto(address)
        page.get_by_role("button", name=f"Preview wave {wave}").click()
        expect(page.get_by_role("heading", name=f"Wave {wave} of main")).to_be_visible()
        picture(page, f"panel-preview-{wave}")
        page.get_by_role("button", name=f"Draw wave {wave}").click()
        page.wait_for_url("**/jobs/*")
        server.finished(page.url.rpartition("/")[2].partition("?")[0])
    page.goto(address)
    found = client.get(f"/api/sampling/panels/{address.rpartition('/')[2]}").json()["waves"][-1]
    row = page.get_by_role("row").nth(1)
    for name, label in (
        ("kept", "Kept"),
        ("rotated_in", "Rotated in"),
        ("born", "Born"),
        ("rotated_out", "Rotated out"),
        ("died", "Died"),
    ):
        expect(row.locator(f"[data-label='{label}']")).to_contain_text(str(found[name]))
    shown = page.get_by_role("img", name="Rows of the waves", exact=False)
    expect(shown).to_be_visible()
    assert f"{found['rotated_in']} rotated in" in (shown.get_attribute("aria-label") or "")
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        picture(page, f"panel-{scheme}-{width}")
    page.set_viewport_size({"width": 1280, "height": 900})
    with page.expect_download() as download:
        page.get_by_role("link", name="Rows of wave 3 as CSV").click()
    assert "_panel_state" in Path(download.value.path()).read_text(encoding="utf-8")
    page.get_by_role("button", name="Delete panel").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="No panels")).to_be_visible()
