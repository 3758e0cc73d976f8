"""Lists on wide and narrow screens."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, sign_in
from tests.support.live_server import LiveServer
from tests.web_ui.staged_jobs import cancelled, running_job

WIDE, NARROW = {"width": 1280, "height": 720}, {"width": 390, "height": 800}
MAX_JOBS = 25
OVER = """() => [...document.querySelectorAll('.scroll')].map(e => e.scrollWidth - e.clientWidth)"""
OUTSIDE = """() => [...document.querySelectorAll('td')].filter(cell => {
  const place = cell.getBoundingClientRect();
  return place.left < 0 || place.right > innerWidth;
}).map(cell => cell.textContent)"""
DATE_PX = 140
"""The width of a date with its calendar button."""


@pytest.fixture(scope="module")
def admin(server: LiveServer) -> Iterator[tuple[httpx.Client, str, int]]:
    """An admin with a dataset whose jobs fill more than a screen, and a sample."""
    client, user = server.new_user("admin")
    five = {"round_number": 1, "method": "random", "parameters": {"sample_size": 5}}
    server.draw(server.new_table(10), {"rounds": [five]})
    dataset = server.new_dataset(client)
    server.import_text(dataset, "a,b\n1,2\n3,4,5\n", f"{'long' * 30}.csv", client=client)
    running = [running_job(server, user["soeid"], dataset) for _ in range(MAX_JOBS)]
    yield client, user["soeid"], dataset
    for job in running:
        cancelled(server, job)


@pytest.fixture
def page(
    open_page: OpenPage, server: LiveServer, admin: tuple[httpx.Client, str, int]
) -> Iterator[Page]:
    opened = open_page(viewport=WIDE)
    sign_in(opened, server.url, admin[1])
    return opened


def test_the_job_filters_fit_in_one_row(
    page: Page, server: LiveServer, admin: tuple[httpx.Client, str, int]
) -> None:
    page.goto(f"{server.url}/jobs?status=failed&dataset_id={admin[2]}")
    ends = set()
    for control in page.locator(".filters").locator("select, input, button, .button").all():
        place = control.bounding_box()
        assert place is not None
        ends.add(round(place["y"] + place["height"]))
    assert len(ends) == 1
    for name in ("Created after", "Created before"):
        place = page.get_by_label(name).bounding_box()
        assert place is not None
        assert place["width"] >= DATE_PX
    assert page.evaluate(OVER) == [0]


@pytest.mark.parametrize(
    "path", ["/jobs", "/admin/audit", "/admin/storage", "/", "/datasets", "/admin/users"]
)
def test_all_cells_are_visible_on_a_phone(page: Page, server: LiveServer, path: str) -> None:
    page.set_viewport_size(NARROW)
    page.goto(f"{server.url}{path}")
    expect(page.locator("table.cards td").first).to_be_visible()
    assert page.evaluate(OUTSIDE) == []
    assert set(page.evaluate(OVER)) == {0}


def test_cards_are_table_rows_for_screen_readers(page: Page, server: LiveServer) -> None:
    page.set_viewport_size(NARROW)
    page.goto(f"{server.url}/jobs")
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    assert roles.count("row") > MAX_JOBS
    assert roles.count("cell") > 7 * MAX_JOBS
    assert roles.count("columnheader") == 8


def test_a_selection_makes_its_actions_visible(
    page: Page, server: LiveServer, admin: tuple[httpx.Client, str, int]
) -> None:
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        page.goto(f"{server.url}/jobs?dataset_id={admin[2]}")
        cancel = page.get_by_role("button", name="Cancel job")
        expect(cancel).not_to_be_in_viewport()
        page.get_by_role("checkbox").first.check()
        expect(cancel).to_be_in_viewport(ratio=1)
        expect(page.get_by_text("1 selected:")).to_be_in_viewport(ratio=1)
        page.get_by_role("checkbox").first.uncheck()
        expect(cancel).not_to_be_in_viewport()
