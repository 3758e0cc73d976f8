"""A reader of pages without scripts: a session's cookie, plain addresses, plain forms."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx

from http_api.auth.sessions import COOKIE, CSRF_FIELD, csrf_token
from tests.live_server import PASSWORD, LiveServer

TAGS = re.compile(r"<[^>]*>")


class Reader:
    """A signed-in user, who looks at pages and asks the API as well."""

    def __init__(self, server: LiveServer, role: str = "analyst") -> None:
        self.api, user = server.new_user(role)
        self.soeid: str = user["soeid"]
        self._browser = server.client(None)
        form = {"soeid": self.soeid, "password": PASSWORD}
        assert self._browser.post("/sign-in", data=form).status_code == 303
        self._browser.headers["Accept"] = "text/html"

    def get(self, path: str, **query: Any) -> httpx.Response:
        """A page, or where it leads."""
        return self._browser.get(path, params=query or None)

    def post(self, path: str, **form: Any) -> httpx.Response:
        """A form's answer."""
        token = csrf_token(self._browser.cookies[COOKIE])
        return self._browser.post(path, data={CSRF_FIELD: token, **form})

    def page(self, path: str, **query: Any) -> str:
        """A page as it was sent."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.text

    def text(self, path: str, **query: Any) -> str:
        """What a page says, with single blanks."""
        return words(self.page(path, **query))


def words(page: str) -> str:
    """A page, or a part of one, without its tags, with single blanks."""
    return " ".join(html.unescape(TAGS.sub(" ", page)).split())


def in_element(page: str, beginning: str, ending: str) -> str:
    """What stands between two pieces of a page."""
    return html.unescape(page.split(beginning, 1)[1].split(ending, 1)[0])
