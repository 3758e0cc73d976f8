"""The page of several samples together: reached from an evaluation, with figures and paper."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, sign_in
from tests.contract.test_combined_evaluation import HIGH, LOW, ROWS, sample
from tests.support.combined_scene import CombinedScene
from tests.support.live_server import LiveServer


def test_samples_are_chosen_and_evaluated_together(server: LiveServer, open_page: OpenPage) -> None:
    dataset = server.new_dataset()
    lines = [f"{row:05d},{(row + 1) / 4}" for row in range(ROWS)]
    server.import_text(dataset, "\n".join(["invoice,amount", *lines]) + "\n")
    first = sample(server, dataset, LOW, errors=3, method="monetary_unit")
    second = sample(server, dataset, HIGH, errors=2, method="monetary_unit", seed=2)
    page = open_page()
    sign_in(page, server.url, server.new_user("admin")[1]["soeid"], f"/jobs/{first}?tab=evaluation")
    page.get_by_role("link", name="Evaluate with other samples").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Several samples together")
    expect(page.get_by_text("Choose two samples or more")).to_be_visible()
    group = page.get_by_role("group", name="Samples")
    group.get_by_role("checkbox").nth(1).check()
    page.get_by_label("Tolerable").fill("20,000")
    page.get_by_role("button", name="Evaluate together").click()
    expect(page.get_by_text("that overstatements are tolerable")).to_be_visible()
    arithmetic = page.get_by_role("region", name="Arithmetic").first
    expect(arithmetic).to_contain_text("Upper limit")
    for name in (first, second):
        expect(page.locator(f'input[name="jobs"][value="{name}"]').first).to_be_checked()
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="HTML").click()
    assert "Several samples together" in Path(downloaded.value.path()).read_text(encoding="utf-8")
    page.get_by_role("button", name="Issue paper").click()
    issued = page.get_by_role("region", name="Papers on several samples")
    expect(issued).to_contain_text("No. 1, HTML")
    expect(issued).to_contain_text("that overstatements are tolerable")
    with page.expect_download() as downloaded:
        issued.get_by_role("link", name="No. 1").click()
    held = Path(downloaded.value.path()).read_bytes()
    expect(issued).to_contain_text(hashlib.sha256(held).hexdigest())
    issued.get_by_text("Withdraw", exact=True).click()
    issued.get_by_label("Reason").fill("not needed")
    pictures(page, "issued")
    issued.get_by_role("button", name="Withdraw paper").click()
    expect(issued).to_contain_text("Withdrawn")
    page.get_by_label("Confidence").fill("3")
    page.get_by_role("button", name="Evaluate together").click()
    expect(page.get_by_role("alert")).to_contain_text("A confidence is from 0.5")
    page.go_back()
    pictures(page, "evaluated")


def test_the_engagement_lists_its_papers_on_several_samples(
    server: LiveServer, open_page: OpenPage
) -> None:
    scene = CombinedScene(server)
    scene.bring_both_to("signed_off")
    paper = scene.done(scene.issue_together("preparer"))
    page = open_page()
    path = f"/engagements/{scene.id}"
    sign_in(page, server.url, scene.users["partner"]["soeid"], path)
    region = page.get_by_role("region", name="Papers on several samples").last
    expect(region).to_contain_text(paper["title"])
    expect(region).to_contain_text("The findings of its samples aren't all approved.")
    pictures(page, "engagement")
    region.get_by_role("link", name=paper["title"]).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Several samples together")
    expect(page.get_by_text("that overstatements are tolerable").first).to_be_visible()
    page.goto(f"{server.url}/jobs/{scene.jobs[0]}?tab=paper")
    expect(page.get_by_role("heading", name="With other samples")).to_be_visible()


def pictures(page: Page, name: str) -> None:
    """Write pictures of the page into the folder ``PICTURES``, if it is set."""
    folder = os.environ.get("PICTURES")
    for scheme, width in (("light", 1200), ("dark", 1200), ("light", 380)) if folder else ():
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1200, "height": 900})
