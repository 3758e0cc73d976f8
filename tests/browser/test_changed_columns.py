"""The import page says which columns change, before and after; and refuses them if asked."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, expect

from tests.support.live_server import LiveServer

Analyst = tuple[Page, httpx.Client]
OTHER = {"name": "t.csv", "mimeType": "text/csv", "buffer": b"id,town,amount\n1,Oslo,2.5\n"}


def choose_other(page: Page, server: LiveServer, dataset: int) -> None:
    page.goto(f"{server.url}/datasets/{dataset}/import")
    page.get_by_label("File (drop").set_input_files(OTHER)
    note = page.locator("#column-changes")
    expect(note).to_contain_text("The columns differ from those of the present version.")
    expect(note).to_contain_text("Missing: city. New: town. Rows before: 3, now: 1.")


def test_changed_columns_are_shown_and_imported(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    choose_other(page, server, server.new_table(3, client))
    page.get_by_role("button", name="Import file").click()
    page.wait_for_url("**imported=*")
    expect(page.locator("#column-changes")).to_contain_text("Missing: city. New: town.")
    job = page.url.rpartition("imported=")[2].partition("&")[0]
    page.goto(f"{server.url}/jobs/{job}")
    expect(page.locator("#column-changes")).to_contain_text("Rows before: 3, now: 1.")


def test_the_box_and_the_setting_refuse_them(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_table(3, client)
    choose_other(page, server, dataset)
    page.locator("#import summary", has_text="Details").click()
    page.get_by_label("Require the same columns").check()
    expect(page.locator("#column-changes")).to_contain_text("The import will be refused")
    page.get_by_role("button", name="Import file").click()
    expect(page.locator("#problems")).to_contain_text('"city" is missing, "town" is new')
    shown = page.locator("#problems")
    expect(shown).to_contain_text("import without “Require the same columns” to accept them.")
    assert shown.inner_text().count("Nothing was imported") == 1
    shown.get_by_role("link", name="Open job").click()
    expect(page.get_by_role("alert")).to_contain_text("without “Require the same columns” to")
    page.goto(f"{server.url}/datasets/{dataset}?tab=settings")
    page.get_by_label("Require the same columns of each import").check()
    page.get_by_role("button", name="Save settings").click()
    expect(page.locator("#toasts")).to_contain_text("Settings saved.")
    assert client.get(f"/api/datasets/{dataset}").json()["require_columns"] is True
    page.goto(f"{server.url}/datasets/{dataset}/import")
    page.locator("#import summary", has_text="Details").click()
    expect(page.get_by_label("Require the same columns")).to_be_disabled()
