"""A plan is registered from the form of a draw, then drawn with a seed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from service.settings import Settings
from tests.support.live_server import LiveServer, finished, live_server
from tests.support.published_rounds import INVENTED, PUBLISHED, PublishedRound, SetClock


@pytest.fixture(scope="module")
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, clock: SetClock) -> Iterator[LiveServer]:
    """A server whose clock is set, for rounds whose signatures are known."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("plans"), memory_mb=256, compare_samples=False
    )
    with live_server(settings, clock=clock) as live:
        yield live


@pytest.fixture(params=(PUBLISHED[0], PUBLISHED[-1]), ids=lambda it: it.chain.name)
def published(request: pytest.FixtureRequest, clock: SetClock) -> PublishedRound:
    """A round that comes in a second."""
    published: PublishedRound = request.param
    clock.now = published.before
    return published


def test_a_plan_is_registered_and_drawn(
    published: PublishedRound,
    clock: SetClock,
    analyst: tuple[Page, httpx.Client],
    server: LiveServer,
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
    name = published.chain.name
    page.get_by_label("Beacon", exact=True).select_option(label=f"drand {name}")
    signature = page.get_by_label("Signature of the round", exact=True)
    before = page.get_by_label("Signature of the round before")
    signature.fill(published.signature.upper())
    if published.previous_signature:
        before.fill(published.previous_signature)
    else:
        expect(before).to_be_hidden()
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_role("alert")).to_contain_text(f"The round {published.number} of this chain")
    clock.now = published.time
    signature.fill(INVENTED * (len(published.signature) // len(INVENTED)))
    page.get_by_role("button", name="Draw sample").click()
    expect(page.get_by_role("alert")).to_contain_text("This isn't the signature of round")
    signature.fill(published.signature.upper())
    page.get_by_role("button", name="Draw sample").click()
    page.wait_for_url(re.compile("/jobs/"))
    (job,) = client.get("/api/jobs", params={"run_type": "sampling"}).json()["jobs"]
    assert finished(client, job["id"])["output_summary"]["total_sampled"] == 5
    # The page shows the sample by itself: a visit of another one before that would be stopped.
    expect(page.get_by_text("How it was drawn:")).to_be_visible()
    page.goto(f"{server.url}/jobs/{job['id']}?tab=certificate")
    expect(page.get_by_text("nobody chose the seed")).to_be_visible()
    expect(page.get_by_text(published.chain.public_key[:16])).to_be_visible()


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
