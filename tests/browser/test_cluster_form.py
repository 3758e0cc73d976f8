"""The form of a draw of clusters: in strata, by size and in three stages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.support.live_server import LiveServer


@pytest.fixture
def form(page: Page, server: LiveServer) -> Page:
    client, user = server.new_user()
    dataset = server.new_dataset(client)
    rows = "".join(
        f"{row},r{row // 60},s{row // 12},d{row % 3},{1 + row % 5}\n" for row in range(120)
    )
    server.import_text(dataset, f"id,region,shop,day,size\n{rows}", client=client)
    sign_in(page, server.url, user["soeid"], f"/datasets/{dataset}/draw")
    page.get_by_role("radio", name="Clusters").check()
    page.get_by_label("Cluster column").select_option("shop")
    return page


def test_clusters_are_drawn_in_groups_by_size_and_in_stages(form: Page) -> None:
    plan = form.locator("#plan")
    expect(plan).to_contain_text("60 of 120 rows")
    form.get_by_label("Groups by").select_option("region")
    expect(form.get_by_text("And by")).to_be_visible()
    expect(plan).to_contain_text("120 of 120 rows")
    form.get_by_label("Clusters", exact=True).fill("2")
    expect(plan).to_contain_text("48 of 120 rows")
    form.get_by_text("More options").click()
    form.get_by_label("Chance of a cluster").select_option("size")
    form.get_by_label("Sizes", exact=True).select_option("size")
    form.get_by_label("Subclusters", exact=True).select_option("day")
    form.get_by_label("Subclusters per cluster").fill("2")
    form.get_by_label("Rows per cluster").fill("3")
    expect(plan).to_contain_text("24 of 120 rows")
    # A field that isn't shown any more isn't sent.
    form.get_by_label("Chance of a cluster").select_option("equal")
    expect(form.get_by_label("Sizes", exact=True)).to_have_count(0)
    form.get_by_label("Rows per cluster").fill("2")
    expect(plan).to_contain_text("16 of 120 rows")
