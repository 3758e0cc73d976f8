"""Pages show the time zone of their times."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, sign_in
from tests.live_server import LiveServer
from tests.web_ui.reader import Reader

ZONES = ("Asia/Tokyo", "Europe/London", "America/St_Johns", "UTC")


def words(zone: str) -> str:
    if zone == "UTC":
        return "Times are in UTC."
    offset = datetime.now(ZoneInfo(zone)).strftime("%z")
    return f"Times are in {zone}, UTC{offset[:3]}:{offset[3:]}."


@pytest.mark.parametrize("zone", ZONES)
def test_server_and_script_show_the_same_zone(
    open_page: OpenPage, server: LiveServer, zone: str
) -> None:
    client, user = server.new_user()
    dataset = server.new_table(5, client)
    page = open_page(timezone_id=zone)
    page.goto(f"{server.url}/sign-in")
    sign_in(page, server.url, user["soeid"], f"/jobs?dataset_id={dataset}")
    footer = page.locator("#zone")
    expect(footer).to_be_visible()
    expect(footer).to_have_text(words(zone))
    answer = page.context.request.get(page.url).text()
    assert re.sub("<[^>]*>", "", re.findall('<footer id="zone">.*', answer)[0]) == words(zone)
    page.goto(f"{server.url}/datasets/new")
    expect(footer).to_be_hidden()


def test_the_zone_is_utc_without_a_cookie(server: LiveServer) -> None:
    reader = Reader(server)
    reader.api.post("/api/datasets", json={"name": f"of {reader.soeid}"})
    page = reader.page("/datasets")
    assert "Times are in <span>UTC</span>." in page
    assert f"{datetime.now(UTC):%Y-%m-%d %H:}" in page
