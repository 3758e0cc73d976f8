"""The watch of the browser tests finds every violation."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.watching import watched_context
from tests.support.live_server import LiveServer

WITHOUT_A_NETWORK = "test_report.py"
UNWATCHED = ("test_keyed_certificates.py", "test_provider_sign_in.py", "test_verifier_page.py")
"""The pages of others have rules of their own; the verifier's tests watch it themselves."""
"""These tests open reports from disk, with stricter checks."""
UNREACHABLE = "http://127.0.0.2:9/unreachable"
POLICY = "Content Security Policy"
BREACHES = {
    "document.body.setAttribute('style', 'color: red')": POLICY,
    "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))": POLICY,
    f"new Image().src = '{UNREACHABLE}'": POLICY,
    f"fetch('{UNREACHABLE}').catch(() => {{}})": POLICY,
    "setTimeout(() => { throw new Error('Oh') })": "error: Oh",
    "Promise.reject(new Error('Oh'))": "error: Oh",
    "console.error('Oh')": "error: Oh",
    f"location.assign('{UNREACHABLE}')": "left the machine",
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_violation_fails_its_test(browser: Browser, server: LiveServer, breach: str) -> None:
    found = pytest.raises(AssertionError, match=BREACHES[breach])
    with found, watched_context(browser) as context:
        page = context.new_page()
        page.goto(f"{server.url}/sign-in")
        page.evaluate(f"() => {{ {breach} }}")
        page.wait_for_timeout(50)


def test_all_pages_are_watched() -> None:
    for path in Path(__file__).parent.glob("*.py"):
        if path.name not in (WITHOUT_A_NETWORK, *UNWATCHED, "watching.py"):
            text = path.read_text(encoding="utf-8")
            assert "browser.new_" + "context(" not in text, path
