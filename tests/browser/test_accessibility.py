"""axe-core finds no violation on any page, and no page is wider than the screen.

All states share one server and one session, since they change nothing. By default axe-core doesn't
check the states that are similar to others; a nightly run checks all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.axe import LAYOUT_RULES, violations
from tests.browser.conftest import sign_in
from tests.browser.shown_states import (
    ADMIN_STATES,
    SIMILAR,
    VIEWER_STATES,
    VISITOR_STATES,
    State,
)
from tests.browser.shown_world import World, shown_world
from tests.browser.watching import watch_of, watched_context
from tests.support.nightly import NIGHTLY

LAYOUTS = ((1280, "light"), (360, "dark"))
"""Each width and each scheme once: no colour depends on the width."""
NEWLY_SHOWN = """() => {
  window.shownBefore ??= new WeakSet();
  const shown = [...document.body.querySelectorAll('*')].filter(
    (element) => element.checkVisibility({ visibilityProperty: true }),
  );
  const first = shown.filter((element) => !window.shownBefore.has(element));
  for (const element of first) window.shownBefore.add(element);
  return first.length;
}"""
"""How many elements are shown that no layout before showed."""
STYLE = Path(__file__).parents[2] / "web_ui" / "static" / "style.css"


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


def assert_accessible(page: Page, *, with_axe: bool) -> None:
    """Check for overflow and violations in all layouts; the structure where it is shown first."""
    for width, scheme in LAYOUTS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{page.url} is {overflow} px too wide for {width}"
        if not with_axe:
            continue
        rules = None if page.evaluate(NEWLY_SHOWN) else LAYOUT_RULES
        found = violations(page, rules)
        assert found == [], f"{page.url}, {width} px, {scheme}"


def check(page: Page, world: World, states: dict[str, State], name: str) -> None:
    """Bring a page into the state of this name and check it."""
    page.set_viewport_size({"width": 1280, "height": 800})

    def goto(path: str) -> None:
        if "#" in path:
            page.goto("about:blank")  # a change of the fragment alone loads no page
        page.goto(f"{world.server.url}{path}")

    states[name](page, world, goto)
    assert_accessible(page, with_axe=NIGHTLY or name not in SIMILAR)
    assert watch_of(page).found == []


def test_similar_states_are_states() -> None:
    assert {*ADMIN_STATES, *VIEWER_STATES, *VISITOR_STATES} >= SIMILAR


def test_no_colour_depends_on_the_width() -> None:
    """So that it is enough to check each scheme at one width; axe sees no generated content."""
    rules = re.sub(r"/\*.*?\*/", "", STYLE.read_text("utf-8"), flags=re.DOTALL)
    rules = re.sub(r"[^{};]*::(?:before|after)\s*\{[^{}]*\}", "", rules)
    blocks = re.findall(r"@media[^{]*width[^{]*\{((?:[^{}]*\{[^{}]*\})*)", rules)
    assert len(blocks) > 5
    for block in blocks:
        assert not re.search(r"color|background|opacity|filter", block), block


@pytest.mark.parametrize("state", ADMIN_STATES)
def test_admin_pages_are_accessible(admins: Page, world: World, state: str) -> None:
    check(admins, world, ADMIN_STATES, state)


@pytest.mark.parametrize("state", VIEWER_STATES)
def test_viewer_pages_are_accessible(browser: Browser, world: World, state: str) -> None:
    with watched_context(browser) as context:
        page = context.new_page()
        sign_in(page, world.server.url, world.newcomer)
        check(page, world, VIEWER_STATES, state)


@pytest.mark.parametrize("state", VISITOR_STATES)
def test_visitor_pages_are_accessible(browser: Browser, world: World, state: str) -> None:
    with watched_context(browser) as context:
        check(context.new_page(), world, VISITOR_STATES, state)
