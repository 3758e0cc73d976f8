"""The bin: delete a sample on its page, restore it under another name, delete it for good."""

from __future__ import annotations

from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tests.browser.watching import watch_of
from tests.support.live_server import LiveServer, finished

Analyst = tuple[Page, httpx.Client]


def draw(client: httpx.Client, dataset: int) -> str:
    body: dict[str, Any] = {"method": "random", "parameters": {"sample_size": 3}}
    body |= {"output_name": "q1", "commit_message": "Review of June"}
    answer = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
    return str(finished(client, answer.json()["job_id"])["id"])


def test_a_deleted_sample_is_restored_or_deleted_for_good(
    analyst: Analyst, server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_table(20, client)
    job = draw(client, dataset)
    page.goto(f"{server.url}/jobs/{job}")
    page.get_by_label("More").click()
    page.get_by_role("button", name="Delete sample").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("The sample q1 is in the bin.")).to_be_visible()
    page.goto(f"{server.url}/jobs/{job}")
    page.get_by_role("link", name="Open the bin").click()
    expect(page.get_by_role("cell", name="Review of June")).to_be_visible()
    again = {"method": "random", "sample_size": 1, "output_name": "q1"}
    answer = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=again)
    assert finished(client, answer.json()["job_id"])["status"] == "completed"
    with watch_of(page).expect("409"):
        page.get_by_role("button", name="Restore sample q1").click()
        expect(page.get_by_role("alert")).to_contain_text('The name "q1" is in use by now.')
    expect(page.get_by_label("New name")).to_have_value("q1-2")
    page.get_by_role("button", name="Restore sample q1").click()
    expect(page.get_by_text("The bin is empty")).to_be_visible()
    assert client.get(f"/api/datasets/{dataset}/refs/smpl-q1-2").status_code == 200
    client.delete(f"/api/datasets/{dataset}/refs/smpl-q1-2")
    page.reload()
    page.get_by_role("button", name="Delete sample q1-2 for good").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("The bin is empty")).to_be_visible()
