"""What a page of another origin achieves through a visitor's browser: nothing."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Browser

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.live_server import LiveServer

POST = """async ([url, type, body]) => {
    const options = { method: 'POST', mode: 'no-cors', headers: { 'Content-Type': type }, body };
    await fetch(url, options);
}"""
STRANGER = "evil.example"


def test_a_page_elsewhere_is_refused_in_a_real_browser(
    browser: Browser, server: LiveServer
) -> None:
    """Under a name of its own, and rebound to the server's address."""
    port = urlsplit(server.url).port
    rebound = f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1"
    elsewhere = browser.browser_type.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, rebound])
    try:
        page = elsewhere.new_page()
        other_name = page.goto(f"http://{STRANGER}:{port}/health")
        assert other_name is not None
        assert other_name.status == 421
        other_origin = page.goto(f"http://localhost:{port}/health")
        assert other_origin is not None
        assert other_origin.status == 200
        form = "application/x-www-form-urlencoded"
        login = f"{server.url}/api/users/login"
        with page.expect_response(login) as guess:
            page.evaluate(POST, [login, form, "username=admin00&password=x"])
        assert guess.value.status == 403
    finally:
        elsewhere.close()
