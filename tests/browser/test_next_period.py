"""The next period of an audit: postings come again, shuffled, with new ones among them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.support.live_server import LiveServer, finished

POSTINGS, REPEATED, REMOVED, NEW = 30_000, 40, 300, 2_000
MOST_ACTIONS = 15


class Actions:
    """What a user does: each click and each filled field is one."""

    count = 0

    def click(self, what: Locator) -> None:
        self.count += 1
        what.click()

    def fill(self, what: Locator, text: str) -> None:
        self.count += 1
        what.fill(text)


def postings(period: int) -> list[str]:
    """The lines of a period: of the second one some are gone, some new, and all shuffled."""
    lines = [f"D{number:09},{number % 97},{number % 9973}.25" for number in range(POSTINGS)]
    lines += lines[:REPEATED]
    if period == 2:
        lines = lines[:-REMOVED] + [f"D{POSTINGS + i:09},{i % 97},{i}.50" for i in range(NEW)]
    random.Random(period).shuffle(lines)
    return ["document,branch,amount", *lines]


def keys_of(client: httpx.Client, job_id: str) -> set[str]:
    data = client.get(f"/api/sampling/jobs/{job_id}/data", params={"limit": 1000}).json()["data"]
    return {row["document"] for row in data}


def test_a_sample_is_followed_into_the_next_period(
    analyst: tuple[Page, httpx.Client], server: LiveServer, tmp_path: Path
) -> None:
    page, client = analyst
    dataset_id = server.new_dataset(client)
    server.import_text(dataset_id, "\n".join(postings(1)) + "\n", client=client)
    key = {"columns": ["document"], "duplicates": "number"}
    path = f"/api/datasets/{dataset_id}/row-key"
    assert client.put(path, json=key).status_code == 200
    answer = client.post(f"/api/sampling/datasets/{dataset_id}/jobs", json=keyed(80))
    drawn = finished(client, answer.json()["job_id"])
    page.goto(f"{server.url}/jobs/{drawn['id']}")
    page.get_by_label("More").click()
    page.get_by_role("link", name="Follow as panel").click()
    page.get_by_label("Panel name").fill("quarterly")
    page.get_by_role("button", name="Create panel").click()
    page.get_by_role("button", name="Preview wave 1").click()
    page.get_by_role("button", name="Draw wave 1").click()
    expect(page.get_by_text("How it was drawn:")).to_be_visible()
    (wave,) = waves(client, dataset_id)
    assert keys_of(client, wave["job_id"]) == keys_of(client, drawn["id"])

    file = tmp_path / "second.csv"
    file.write_text("\n".join(postings(2)) + "\n")
    page.goto(f"{server.url}/datasets/{dataset_id}")
    user = Actions()
    user.click(page.get_by_label("More"))
    user.click(page.get_by_role("link", name="Import file"))
    user.count += 1
    page.get_by_label("File (drop").set_input_files(file)
    user.click(page.get_by_role("button", name="Import file"))
    steps = page.get_by_role("group", name="Next steps")
    expect(steps).to_be_visible()
    imported = page.url
    user.click(steps.get_by_role("link", name="Next wave of quarterly"))
    user.click(page.get_by_role("button", name="Draw wave 2"))
    expect(page.get_by_text("How it was drawn:")).to_be_visible()
    expect(page.get_by_role("link", name="Wave 2 of the panel quarterly")).to_be_visible()
    user.count += 1  # back to the import
    page.goto(imported)
    user.click(steps.get_by_role("link", name="Draw from new rows"))
    expect(page.get_by_label("Left out").get_by_text("New since")).to_be_visible()
    user.fill(page.get_by_label("Rows", exact=True), "30")
    user.click(page.get_by_role("button", name="Draw sample"))
    expect(page.get_by_text("How it was drawn:")).to_be_visible()
    new = page.url.rsplit("/", 1)[-1].partition("?")[0]
    user.count += 1
    page.goto(imported)
    user.click(steps.get_by_role("button", name="List changed rows"))
    chips = page.get_by_role("group", name="Kinds of change")
    expect(chips).to_contain_text(f"Added {NEW:,}")
    expect(chips).to_contain_text(f"Removed {REMOVED:,}")
    assert user.count <= MOST_ACTIONS

    second = keys_of(client, waves(client, dataset_id)[-1]["job_id"])
    assert len(second) == 80
    # A quarter of the rows rotates; some of the others are among the removed ones.
    assert 50 <= len(second & keys_of(client, drawn["id"])) <= 68
    fresh = keys_of(client, new)
    assert len(fresh) == 30
    assert min(int(key[1:]) for key in fresh) >= POSTINGS


def keyed(rows: int) -> dict[str, Any]:
    order = {"key": ["document"], "duplicates": "number"}
    parameters = {"sample_size": rows, "seed": 2025}
    return {"rounds": [{"method": "random", "parameters": parameters, "order": order}]}


def waves(client: httpx.Client, dataset_id: int) -> list[dict[str, Any]]:
    (panel,) = client.get(f"/api/sampling/datasets/{dataset_id}/panels").json()["panels"]
    found: list[dict[str, Any]] = client.get(f"/api/sampling/panels/{panel['id']}").json()["waves"]
    return found
