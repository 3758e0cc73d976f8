"""What no page may do: leave its origin, break the policy, or have an error in the console.

Every page of a browser test is watched. What a test brings about on purpose, such as a server that
is away, it says by ``expect``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request

REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (\d{3})")
"""What Chromium says of any answer that is no success."""
TOLD_STATUSES = {"401", "403", "404", "405", "409", "413", "421", "422", "429", "503"}


class Watch:
    """What a page did that it may not."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._note(f"error: {error}"))

    @contextmanager
    def expect(self, pattern: str) -> Iterator[None]:
        """Let pass, within the block, what the pattern finds."""
        self._expected.append(re.compile(pattern))
        yield
        self._expected.pop()

    def _note(self, what: str) -> None:
        if not any(pattern.search(what) for pattern in self._expected):
            self.found.append(what)

    def _request(self, request: Request) -> None:
        if request.url.startswith(("data:", "blob:")):
            return
        asked = _origin(request.url)
        if not asked.startswith("http://127.0.0.1:"):
            self._note(f"left the machine: {request.url}")
        elif not request.is_navigation_request() and asked != _origin(request.frame.url):
            self._note(f"left the origin of {request.frame.url}: {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        where = message.location["url"]
        refused = REFUSED.match(message.text)
        told = refused is not None and refused[1] in TOLD_STATUSES
        if told and not urlsplit(where).path.startswith("/pages/"):
            return  # the answer to a request that can't be granted; the test looks at what is said
        if message.type in ("error", "warning") or message.text.startswith("[DOM]"):
            self._note(f"{message.type}: {message.text} ({where})")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
