"""The form of a draw takes any confidence for a margin or a materiality, and marks a wrong one."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.live_server import LiveServer


@pytest.mark.parametrize("kind", ["For a margin of ±", "For a tolerable"])
def test_a_goal_takes_any_confidence(
    analyst: tuple[Page, httpx.Client], server: LiveServer, kind: str
) -> None:
    page, client = analyst
    dataset = server.new_table(900, client)
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    options = page.get_by_label("Size").locator("option")
    page.get_by_label("Size").select_option(options.filter(has_text=kind).inner_text())
    level = page.get_by_label("Confidence", exact=True)
    expect(level).to_have_value("95%")
    level.fill("30%")
    level.press("Enter")
    problem = page.locator(".field-problem")
    expect(problem).to_contain_text("A confidence is from 0.5, and below 1")
    level.fill("66.6%")
    page.get_by_role("button", name="Draw sample").wait_for()
    page.get_by_role("button", name="Draw sample").click()
    page.wait_for_url(re.compile("/jobs/"))
    (job,) = client.get("/api/jobs", params={"run_type": "sampling"}).json()["jobs"]
    goal = client.get(f"/api/jobs/{job['id']}").json()["run_parameters"]["rounds"][0]["goal"]
    assert goal["confidence"] == 0.666
