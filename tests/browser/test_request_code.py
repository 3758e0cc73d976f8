"""Show as code: the texts follow the form, and the chosen language is kept."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Page, expect

from tests.support.live_server import LiveServer


def test_the_code_follows_the_form_and_the_language_is_kept(
    analyst: tuple[Page, httpx.Client], server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_table(60, client)
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    page.get_by_text("Show as code").click()
    python, command = (page.locator(f"[data-code={kind}]") for kind in ("python", "command"))
    expect(python).to_contain_text("size=100")
    expect(command).to_be_hidden()
    page.get_by_label("Rows", exact=True).fill("7")
    expect(python).to_contain_text("size=7")
    page.get_by_role("radio", name="Command").check()
    expect(python).to_be_hidden()
    expect(command).to_contain_text(re.compile(r"jobsvc sample .*--size 7"))
    page.goto(f"{server.url}/datasets/{dataset}/sql#sql=SELECT+42")
    page.get_by_text("Show as code").click()
    expect(command).to_contain_text("'SELECT 42'")
    expect(command).to_be_visible()
    page.goto(f"{server.url}/datasets/{dataset}/import")
    expect(page.get_by_text("Show as code")).to_be_hidden()
    content = b"id;amount\n1;2,5\n2;3,5\n"
    file = {"name": "orders.csv", "mimeType": "text/csv", "buffer": content}
    page.set_input_files("#file", files=[file])
    page.get_by_text("Show as code").click()
    expect(command).to_contain_text("jobsvc import orders.csv --dataset")
    page.get_by_label("Purpose").evaluate("(field) => { field.closest('details').open = true; }")
    page.get_by_label("Purpose").fill("July")
    expect(command).to_contain_text("--purpose July")
