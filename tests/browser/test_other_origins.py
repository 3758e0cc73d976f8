"""Requests from pages of other origins are refused."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from playwright.sync_api import Browser

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.support.live_server import LiveServer

STRANGER = "evil.example"
FORM = """<form method="post" action="{url}/api/users/login">
<input name="username" value="admin00"><input name="password" value="a guess">
<button>Win a prize</button></form>"""


def test_other_origins_are_refused(browser: Browser, server: LiveServer) -> None:
    """By DNS rebinding, and by a form of another origin."""
    rebinding = f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1"
    other_browser = browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*ARGUMENTS, rebinding]
    )
    try:
        page = other_browser.new_page()
        answer = page.goto(f"http://{STRANGER}:{urlsplit(server.url).port}/health")
        assert answer is not None
        assert answer.status == 421
        page.goto(f"data:text/html,{quote(FORM.format(url=server.url))}")
        with page.expect_navigation() as sent:
            page.get_by_role("button").click()
        assert sent.value.status == 403
        assert "origin_not_allowed" in sent.value.text()
    finally:
        other_browser.close()
