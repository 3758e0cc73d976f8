"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.watching import watched_context
from tests.support.live_server import PASSWORD, LiveServer

CHROMIUMS = ("chromium-headless-shell", "chromium")
"""Debian's builds of Chromium; the first one is faster."""
CHROMIUM = os.environ.get("JOBSVC_TEST_CHROMIUM") or next(
    filter(None, map(shutil.which, CHROMIUMS)), ""
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


expect.set_options(timeout=20_000)  # 5 s are short on a machine that does much else


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).is_file(), "no Chromium: apt-get install chromium-headless-shell"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens watched pages, each in a browser session of its own."""
    with ExitStack() as contexts:

        def opened(**options: Any) -> Page:
            return contexts.enter_context(watched_context(browser, **options)).new_page()

        yield opened


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A page in a new session."""
    return open_page()


def sign_in(page: Page, url: str, soeid: str, path: str = "/") -> None:
    """Sign in by a direct request, and open a page."""
    answer = page.context.request.post(
        f"{url}/sign-in", form={"soeid": soeid, "password": PASSWORD}, max_redirects=0
    )
    assert answer.status == 303, answer.text()
    page.goto(f"{url}{path}")


@pytest.fixture
def analyst(page: Page, server: LiveServer) -> tuple[Page, httpx.Client]:
    """A page and an API client of a new analyst."""
    client, user = server.new_user()
    sign_in(page, server.url, user["soeid"])
    return page, client
