"""A text of too little contrast is found after texts that look much like it have passed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.axe import LAYOUT_RULES, violations
from tests.browser.watching import watched_context

PASSES = """<!doctype html><html lang=en><title>Looks</title><main><h1>Heading</h1>
<p style="color: #767676">Grey on white</p></main>"""
PLAIN = "color: #767676"


@pytest.fixture(scope="module")
def looks_page(browser: Browser) -> Iterator[Page]:
    with watched_context(browser) as context:
        yield context.new_page()


def contrast_found(page: Page, style: str, around: str = "") -> list[str]:
    """Add a text to the page whose texts pass, and check the page again."""
    page.goto("about:blank")
    page.set_content(PASSES)
    assert violations(page) == []
    page.evaluate(
        """([style, around]) => { const outer = document.createElement('div');
        const text = document.createElement('p');
        outer.style.cssText = around; text.style.cssText = style; text.textContent = 'Added';
        outer.append(text); document.querySelector('main').append(outer); }""",
        [style, around],
    )
    return [rule for rule, _nodes in violations(page, LAYOUT_RULES)]


@pytest.mark.parametrize(
    ("style", "around"),
    [
        ("color: #777", ""),
        (PLAIN, "background: #fdfdfd"),
        (PLAIN, "background: rgb(0 0 0 / 2%)"),
        (PLAIN, "opacity: 0.98"),
        (f"{PLAIN}; opacity: 0.98", ""),
        (f"{PLAIN}; -webkit-text-fill-color: #777", ""),
        (PLAIN, "position: fixed; inset: 0 0 auto auto; background: #000c"),
    ],
)
def test_a_look_that_differs_is_measured(looks_page: Page, style: str, around: str) -> None:
    assert contrast_found(looks_page, style, around) == ["color-contrast"]


def test_a_smaller_text_is_measured(looks_page: Page) -> None:
    """Large texts need less contrast."""
    large = "color: #949494; font-size: 24px"
    assert contrast_found(looks_page, large) == []
    assert contrast_found(looks_page, large.replace("24", "20")) == ["color-contrast"]


def test_a_text_over_another_element_is_measured(looks_page: Page) -> None:
    """Its own parents say nothing about the background."""
    over = "background: #ccc; height: 90px"
    looks_page.set_content(PASSES)
    assert violations(looks_page) == []
    looks_page.evaluate(
        """(over) => { document.querySelector('main').insertAdjacentHTML('beforeend',
        '<div id=under></div><p id=text>Added</p>');
        document.querySelector('#under').style.cssText = over;
        document.querySelector('#text').style.cssText =
          'color: #767676; position: absolute; margin-top: -60px'; }""",
        over,
    )
    assert [rule for rule, _nodes in violations(looks_page, LAYOUT_RULES)] == ["color-contrast"]


def test_a_look_that_fails_fails_each_time(looks_page: Page) -> None:
    assert contrast_found(looks_page, "color: #aaa") == ["color-contrast"]
    assert contrast_found(looks_page, "color: #aaa") == ["color-contrast"]
