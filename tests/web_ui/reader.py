"""A client of the pages without scripts."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx

from application.sessions import COOKIE, CSRF_FIELD, csrf_token
from tests.support.live_server import PASSWORD, LiveServer

TAGS = re.compile(r"<[^>]*>")


class Reader:
    """A signed-in user with a page client and an API client."""

    def __init__(self, server: LiveServer, role: str = "analyst") -> None:
        self.api, user = server.new_user(role)
        self.soeid: str = user["soeid"]
        self.browser = server.client(None)
        form = {"soeid": self.soeid, "password": PASSWORD}
        assert self.browser.post("/sign-in", data=form).status_code == 303
        self.browser.headers["Accept"] = "text/html"

    def get(self, path: str, **query: Any) -> httpx.Response:
        """The response of a page."""
        return self.browser.get(path, params=query or None)

    def post(self, path: str, **form: Any) -> httpx.Response:
        """The response of a form."""
        token = csrf_token(self.browser.cookies[COOKIE])
        return self.browser.post(path, data={CSRF_FIELD: token, **form})

    def page(self, path: str, **query: Any) -> str:
        """The HTML of a page."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, (path, words(answer.text))
        return answer.text

    def text(self, path: str, **query: Any) -> str:
        """The text of a page, with single spaces."""
        return words(self.page(path, **query))


def words(page: str) -> str:
    """HTML without its tags, with single spaces."""
    return " ".join(html.unescape(TAGS.sub(" ", page)).split())


def in_element(page: str, beginning: str, ending: str) -> str:
    """The text between two pieces of HTML."""
    return html.unescape(page.split(beginning, 1)[1].split(ending, 1)[0])
