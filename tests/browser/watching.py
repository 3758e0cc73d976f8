"""Checks that pages request no other origin, obey the policy and log no console error.

All browser tests open pages in ``watched_context`` and declare expected errors with ``expect``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (\d{3})")
"""Chromium's console message for an error response."""
ZONE = "Asia/Kolkata"  # differs from UTC and from whole hours
EXPECTED_STATUSES = {"401", "403", "404", "405", "409", "413", "421", "422", "429", "503"}


class Watch:
    """The violations of the pages of a context."""

    def __init__(self, context: BrowserContext) -> None:
        self.found: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", lambda problem: self._note(f"error: {problem.error}"))

    @contextmanager
    def expect(self, pattern: str) -> Iterator[None]:
        """Ignore violations that match the pattern within the block."""
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
        is_expected = refused is not None and refused[1] in EXPECTED_STATUSES
        if is_expected and not urlsplit(where).path.startswith("/pages/"):
            return  # the answer to a request that can't be granted; the test looks at what is said
        if message.type in ("error", "warning") or message.text.startswith("[DOM]"):
            self._note(f"{message.type}: {message.text} ({where})")


@contextmanager
def watched_context(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A browser session of its own, in whose pages nothing is found at its end."""
    context = browser.new_context(**{"timezone_id": ZONE, "reduced_motion": "reduce", **options})
    watch = _WATCHES[context] = Watch(context)
    try:
        yield context
    finally:
        context.close()
        del _WATCHES[context]
    assert watch.found == [], "\n".join(watch.found)


def watch_of(page: Page) -> Watch:
    """What sees to it that a page, and those of its context, behave."""
    return _WATCHES[page.context]


_WATCHES: dict[BrowserContext, Watch] = {}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
