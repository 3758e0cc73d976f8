"""Times are relative to now; the exact time and its zone are in the title."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, sign_in
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

ZONES = ("Asia/Tokyo", "Europe/London", "America/St_Johns", "UTC")


@pytest.mark.parametrize("zone", ZONES)
def test_server_and_script_show_the_same_time_and_zone(
    open_page: OpenPage, server: LiveServer, zone: str
) -> None:
    client, user = server.new_user()
    dataset = server.new_table(5, client)
    page = open_page(timezone_id=zone)
    page.goto(f"{server.url}/sign-in")
    sign_in(page, server.url, user["soeid"], f"/jobs?dataset_id={dataset}")
    shown = page.locator("main time").first
    expect(shown).to_have_text("just now")
    created = datetime.fromisoformat(str(shown.get_attribute("datetime")))
    local = created.astimezone(ZoneInfo(zone))
    offset = local.strftime("%z")
    name = zone if zone == "UTC" else f"{zone}, UTC{offset[:3]}:{offset[3:]}"
    expect(shown).to_have_attribute("title", f"{local:%Y-%m-%d %H:%M:%S} {name}")
    answer = page.context.request.get(page.url).text()
    assert f'title="{local:%Y-%m-%d %H:%M:%S} {name}">just now</time>' in answer


def test_the_zone_is_utc_without_a_cookie(server: LiveServer) -> None:
    reader = Reader(server)
    reader.api.post("/api/datasets", json={"name": f"of {reader.soeid}"})
    assert re.search(
        rf'title="{datetime.now(UTC):%Y-%m-%d %H:}\d\d:\d\d UTC">just now', reader.page("/datasets")
    )
