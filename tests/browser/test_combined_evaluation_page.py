"""The page of several samples together: reached from an evaluation, with figures and paper."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, sign_in
from tests.contract.test_combined_evaluation import HIGH, LOW, ROWS, sample
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
    page.get_by_label("Confidence").fill("3")
    page.get_by_role("button", name="Evaluate together").click()
    expect(page.get_by_role("alert")).to_contain_text("A confidence is from 0.5")
    if folder := os.environ.get("PICTURES"):
        page.go_back()
        for name, scheme, width in (
            ("light", "light", 1200),
            ("dark", "dark", 1200),
            ("small", "light", 380),
        ):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{folder}/{name}.png", full_page=True)
