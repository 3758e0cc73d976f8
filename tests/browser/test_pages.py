"""The first start's link, the start page and the API's page, in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.live_server import PASSWORD, LiveServer
from tests.server_process import ServerProcess


def test_the_first_start_prints_a_link_that_sets_the_admins_password_once(
    page: Page, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path / "data") as server:
        (link,) = re.findall(r"http\S+/sign-in\?code=\S+", "".join(server.wait_for("sign-in")))
        page.goto(link)
        expect(page.get_by_role("heading")).to_have_text("Choose a password")
        expect(page.get_by_text("admin00")).to_be_visible()
        page.get_by_label("Password, at least").fill(PASSWORD)
        page.get_by_label("The same again").fill("another password")
        page.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_contain_text("not the same")
        page.get_by_label("Password, at least").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button").click()
        expect(page.get_by_role("heading")).to_have_text("The password is set")
        page.goto(link)
        expect(page.get_by_role("heading")).to_have_text("This link has ended")
        login = {"soeid": "admin00", "password": PASSWORD}
        answer = httpx.post(f"{server.url}/api/users/login", json=login)
        assert (answer.status_code, answer.json()["role_name"]) == (200, "admin")
    with ServerProcess(tmp_path / "data") as server:
        assert server.terminate() == 0
        assert "sign-in" not in "".join(server.output)


def test_the_start_page_leads_to_the_api(page: Page, server: LiveServer) -> None:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.goto(server.url)
    expect(page.get_by_role("heading")).to_have_text("jobsvc")
    page.get_by_role("link", name="The API, to read and to try").click()
    expect(page.get_by_text("/api/sampling/datasets/{dataset_id}/jobs")).to_be_visible()
    assert problems == []


@pytest.mark.parametrize("code", ["", "wrong", "\x00", "%ff"])
def test_a_link_that_never_was_has_ended(server: LiveServer, code: str) -> None:
    nobody = server.client(None)
    assert nobody.get("/sign-in", params={"code": code}).status_code == 404
    form = {"code": code, "password": PASSWORD, "again": PASSWORD}
    assert nobody.post("/sign-in", data=form).status_code == 404
