"""Lists at the width of a desk's screen and of a phone's: nothing that matters is out of sight."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, sign_in
from tests.live_server import LiveServer
from tests.web_ui.staged_jobs import cancelled, running_job

WIDE, NARROW = {"width": 1280, "height": 720}, {"width": 390, "height": 800}
MAX_JOBS = 25
OVER = """() => [...document.querySelectorAll('.scroll')].map(e => e.scrollWidth - e.clientWidth)"""
OUTSIDE = """() => [...document.querySelectorAll('td')].filter(cell => {
  const place = cell.getBoundingClientRect();
  return place.left < 0 || place.right > innerWidth;
}).map(cell => cell.textContent)"""
DATE_PX = 140
"""What a date takes with the button that opens the calendar."""


@pytest.fixture(scope="module")
def admin(server: LiveServer) -> Iterator[tuple[httpx.Client, str, int]]:
    """An admin with a dataset whose jobs fill more than a screen."""
    client, user = server.new_user("admin")
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


def test_the_filters_of_jobs_stand_in_one_row_with_whole_dates(
    page: Page, server: LiveServer, admin: tuple[httpx.Client, str, int]
) -> None:
    page.goto(f"{server.url}/jobs?status=failed&dataset_id={admin[2]}")
    ends = set()
    for control in page.locator(".filters").locator("select, input, button, .button").all():
        place = control.bounding_box()
        assert place is not None
        ends.add(round(place["y"] + place["height"]))
    assert len(ends) == 1
    for name in ("Asked for after", "and before"):
        place = page.get_by_label(name).bounding_box()
        assert place is not None
        assert place["width"] >= DATE_PX
    assert page.evaluate(OVER) == [0]


@pytest.mark.parametrize(
    "path", ["/jobs", "/admin/audit", "/admin/storage", "/", "/datasets", "/admin/users"]
)
def test_on_a_phone_no_cell_is_out_of_sight(page: Page, server: LiveServer, path: str) -> None:
    page.set_viewport_size(NARROW)
    page.goto(f"{server.url}{path}")
    expect(page.locator("table.cards td").first).to_be_visible()
    assert page.evaluate(OUTSIDE) == []
    assert set(page.evaluate(OVER)) == {0}


def test_on_a_phone_rows_are_rows_to_whoever_listens(page: Page, server: LiveServer) -> None:
    page.set_viewport_size(NARROW)
    page.goto(f"{server.url}/jobs")
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    assert roles.count("row") > MAX_JOBS
    assert roles.count("cell") > 7 * MAX_JOBS
    assert roles.count("columnheader") == 8


def test_what_can_be_done_with_ticked_jobs_is_in_sight_once_one_is_ticked(
    page: Page, server: LiveServer, admin: tuple[httpx.Client, str, int]
) -> None:
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        page.goto(f"{server.url}/jobs?dataset_id={admin[2]}")
        cancel = page.get_by_role("button", name="Cancel")
        expect(cancel).not_to_be_in_viewport()
        page.get_by_role("checkbox").first.check()
        expect(cancel).to_be_in_viewport(ratio=1)
        expect(page.get_by_text("1 ticked:")).to_be_in_viewport(ratio=1)
        page.get_by_role("checkbox").first.uncheck()
        expect(cancel).not_to_be_in_viewport()
