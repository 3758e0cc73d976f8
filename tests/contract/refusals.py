"""The refusals that the tests of the contract provoke: status, code, operation, place, sentence.

``--refusals record`` writes those of a whole run of ``tests/contract`` to
``tests/contract/recorded/refusals.txt``. ``--refusals compare`` fails if a run, also of a part,
has one that isn't there: whoever changes a sentence, a code or a place sees it. Without the option
nothing is collected. The plugin sees each answer of httpx, so it depends on nothing of the server.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.api_outline import RECORDED as API

RECORDED = Path(__file__).parent / "recorded" / "refusals.txt"
PROBLEM = "application/problem+json"
WATCHED = "tests/contract/"
UNSTEADY = ("tests/contract/test_generated_requests.py",)
"""Tests that provoke other refusals when a schema gains a field."""
BY_CHANCE = {"comparison_not_ready", "request_too_slow", "preview_too_slow"}
"""Codes that a busy machine answers."""
VOLATILE = (
    (re.compile(r"http://127\.0\.0\.1:\d+"), "URL"),
    (re.compile(r"/tmp/\S*?(?=[\s,;:\"')]|\.$|$)"), "PATH"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.+Z-]+"), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{32,64}\b"), "ID"),
    (re.compile(r"\d+(?:[.,]\d+)*"), "N"),
)
"""Values that differ from run to run."""


def lines_of(request: httpx.Request, answer: dict[str, Any]) -> Iterator[str]:
    """Write a problem document as a line for each of its errors."""
    head = f"{answer['status']} {answer['code']} {request.method} {template_of(request.url.path)}"
    for error in answer.get("errors") or [{"loc": [], "msg": answer["detail"], "template": ""}]:
        template = error["template"]
        sentence = steady(error["msg"]) if template in ("", "{text}") else template
        place = "".join("[]" if isinstance(part, int) else f".{part}" for part in error["loc"])
        yield f"{head} {steady(place).lstrip('.') or '-'}: {sentence}".replace("\n", "\\n")


def steady(text: str) -> str:
    """Replace the volatile values of a text.

    >>> steady("job 0123456789abcdef0123456789abcdef ended at 2025-07-07T00:00:00+00:00")
    'job ID ended at TIME'
    """
    for pattern, name in VOLATILE:
        text = pattern.sub(name, text)
    return text


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """The paths of the recorded API, those with most fixed parts first."""
    lines = API.read_text(encoding="utf-8").splitlines()
    paths = {line.split()[1] for line in lines if not line.startswith("schema ")}
    return [
        (re.compile(re.sub(r"\\\{\w+\\\}", any_part, re.escape(path))), path)
        for any_part in ("[^/]+", ".+")
        for path in sorted(paths, key=lambda path: (path.count("{"), path))
    ]


def template_of(path: str) -> str:
    """The template of a path, or the path's beginning if there is none."""
    for pattern, template in _templates():
        if pattern.fullmatch(path):
            return template
    return steady("/".join(path.split("/")[:3])) + " (no operation)"


def recorded_lines() -> list[str]:
    """Read the record; a sentence may hold any character but a line feed."""
    return RECORDED.read_text(encoding="utf-8").removesuffix("\n").split("\n")


class Refusals:
    """Collects the refusals of this process, and in the controller those of all workers."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.lines: set[str] = set()

    def pytest_sessionstart(self) -> None:
        send, lines = httpx.Client.send, self.lines

        def observed(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
            answer = send(self, request, **options)
            test = os.environ.get("PYTEST_CURRENT_TEST", "")
            is_problem = answer.headers.get("Content-Type", "").startswith(PROBLEM)
            if (
                400 <= answer.status_code < 500
                and is_problem
                and request.method != "HEAD"
                and test.startswith(WATCHED)
                and not test.startswith(UNSTEADY)
            ):
                answer.read()
                document = answer.json()
                if document["code"] not in BY_CHANCE:
                    lines.update(lines_of(request, document))
            return answer

        httpx.Client.send = observed  # type: ignore[method-assign]

    def pytest_testnodedown(self, node: Any) -> None:
        self.lines.update(getattr(node, "workeroutput", {}).get("refusals", ()))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        config = session.config
        if hasattr(config, "workeroutput"):
            config.workeroutput["refusals"] = sorted(self.lines)
        elif self.mode == "record":
            RECORDED.write_text("\n".join(sorted(self.lines)) + "\n", encoding="utf-8")
        elif self.new():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def new(self) -> list[str]:
        """The refusals that aren't recorded."""
        return sorted(self.lines - set(recorded_lines()))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.mode == "compare" and self.new():
            terminalreporter.section("refusals that aren't recorded")
            recorded = recorded_lines()
            for line in self.new():
                similar = difflib.get_close_matches(line, recorded, 1)
                terminalreporter.line(
                    "\n".join(["", *(f"- {old}" for old in similar), f"+ {line}"])
                )
            terminalreporter.line(
                "If each is intended, run: pytest -n auto tests/contract --refusals record"
            )
