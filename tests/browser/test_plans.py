"""A plan is registered from the form of a draw, then drawn with a seed."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Page, expect

from tests.live_server import LiveServer, finished


def test_a_plan_is_registered_and_drawn(
    analyst: tuple[Page, httpx.Client], server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_table(60, client)
    page.goto(f"{server.url}/datasets/{dataset}/draw")
    page.get_by_label("Rows", exact=True).fill("5")
    page.get_by_label("Purpose").fill("Registered first")
    page.get_by_text("Register plan first").click()
    page.get_by_role("button", name="Register plan").click()
    page.wait_for_url(re.compile(rf"/datasets/{dataset}/plans/.+"))
    expect(page.get_by_label("Purpose")).to_have_value("Registered first")
    expect(page.get_by_text(re.compile(r"Round \d+, the first one after"))).to_be_visible()
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_role("alert")).to_contain_text("hexadecimal")
    page.get_by_label("Signature of the round").fill("0F" * 48)
    page.get_by_role("button", name="Draw sample").click()
    page.wait_for_url(re.compile("/jobs/"))
    (job,) = client.get("/api/jobs", params={"run_type": "sampling"}).json()["jobs"]
    assert finished(client, job["id"])["output_summary"]["total_sampled"] == 5
    page.goto(f"{server.url}/jobs/{job['id']}?tab=certificate")
    expect(page.get_by_text("nobody chose the seed")).to_be_visible()


def test_dice_need_digits_and_witnesses(
    analyst: tuple[Page, httpx.Client], server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_table(60, client)
    body = {"rounds": [{"method": "random", "parameters": {"sample_size": 4}}], "commit": True}
    plan = client.post(f"/api/sampling/datasets/{dataset}/plan", json=body).json()["registered"]
    page.goto(f"{server.url}/datasets/{dataset}/plans")
    page.get_by_role("cell").get_by_role("link").click()
    page.get_by_label("Dice").check()
    page.get_by_label("Digits").fill("31415 92653 58979 32384")
    page.get_by_label("Witnesses, one a line").fill("A. Turing\nG. Hopper")
    page.get_by_role("button", name="Draw sample").click()
    page.wait_for_url(re.compile("/jobs/"))
    (job,) = client.get("/api/jobs", params={"run_type": "sampling"}).json()["jobs"]
    parameters = finished(client, job["id"])["run_parameters"]
    assert parameters["seed_origin"]["witnesses"] == ["A. Turing", "G. Hopper"]
    assert parameters["plan"]["plan_id"] == plan["plan_id"]
