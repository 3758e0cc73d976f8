"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.live_server import PASSWORD, LiveServer

CHROMIUM = os.environ.get("JOBSVC_TEST_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), f"no Chromium at {CHROMIUM}: apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own; a request that leaves the machine fails the test."""
    context = browser.new_context()
    opened = context.new_page()
    strangers: list[str] = []
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1:", "data:"))
            else strangers.append(request.url)
        ),
    )
    yield opened
    context.close()
    assert strangers == []


def sign_in(page: Page, url: str, soeid: str, path: str = "/") -> None:
    """Sign in by the form and go to a page."""
    page.goto(f"{url}/sign-in")
    page.get_by_label("SOEID").fill(soeid)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")
    if path != "/":
        page.goto(f"{url}{path}")


@pytest.fixture
def analyst(page: Page, server: LiveServer) -> tuple[Page, httpx.Client]:
    """A page on which a new analyst is signed in, and a client of the same user."""
    client, user = server.new_user()
    sign_in(page, server.url, user["soeid"])
    return page, client
