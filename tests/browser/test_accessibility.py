"""axe-core finds nothing on any page in any state, light or dark, wide or narrow; no page is wider
than the screen.

The world and the browser's session are shared by all states, since none changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

from tests.browser.conftest import sign_in
from tests.browser.shown_states import OF_A_READER, OF_OTHERS, OF_THE_ADMIN, State
from tests.browser.shown_world import World, shown_world
from tests.browser.watching import watch_of, watched_context

EVERYTHING: dict[str, Any] = {"rules": {"target-size": {"enabled": True}}}
COLOURS: dict[str, Any] = {"runOnly": ["color-contrast", "link-in-text-block"]}
RUN = "async (options) => (await axe.run({...options, resultTypes: ['violations']})).violations"
"""What of a page changes with its width is looked at in either; its colours in all four."""
LOOKS = (
    (1280, "light", EVERYTHING),
    (1280, "dark", COLOURS),
    (360, "dark", EVERYTHING),
    (360, "light", COLOURS),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with shown_world(tmp_path_factory.mktemp("shown") / "data") as shown:
        yield shown


@pytest.fixture(scope="module")
def admins(browser: Browser, world: World) -> Iterator[Page]:
    with watched_context(browser) as context:
        page = context.new_page()
        sign_in(page, world.server.url, world.admin)
        yield page


def assert_accessible(page: Page) -> None:
    """In every look: no violation, no part of the page beyond its right side."""
    page.evaluate(AXE_SCRIPT)
    for width, scheme, options in LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert beyond <= 0, f"{page.url} is {beyond} px too wide for {width}"
        found = [
            (rule["id"], [(node["html"][:200], node["failureSummary"]) for node in rule["nodes"]])
            for rule in page.evaluate(RUN, options)
        ]
        assert found == [], f"{page.url}, {width} px, {scheme}"


def look(page: Page, world: World, state: State) -> None:
    """Bring a page into the state, and look at it."""
    page.set_viewport_size({"width": 1280, "height": 800})
    state(page, world, lambda path: page.goto(f"{world.server.url}{path}") and None)
    assert_accessible(page)
    page.goto("about:blank")
    assert watch_of(page).found == []


@pytest.mark.parametrize("state", OF_THE_ADMIN)
def test_what_an_admin_sees_is_accessible(admins: Page, world: World, state: str) -> None:
    look(admins, world, OF_THE_ADMIN[state])


@pytest.mark.parametrize("state", OF_A_READER)
def test_what_a_reader_sees_is_accessible(browser: Browser, world: World, state: str) -> None:
    with watched_context(browser) as context:
        page = context.new_page()
        sign_in(page, world.server.url, world.newcomer)
        look(page, world, OF_A_READER[state])


@pytest.mark.parametrize("state", OF_OTHERS)
def test_what_a_stranger_sees_is_accessible(browser: Browser, world: World, state: str) -> None:
    with watched_context(browser) as context:
        look(context.new_page(), world, OF_OTHERS[state])
