"""Runs the steps of docs/TUTORIAL.md.

The test of the tutorial and ``take_pictures`` use it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.server_process import START_S, ServerProcess

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "TUTORIAL.md"
PICTURES = ROOT / "docs" / "pictures"
JOBSVC = ".venv/bin/jobsvc"
SERVE = f"{JOBSVC} serve --open"
PATIENCE_MS = 60_000

SENTENCES = {
    "click": re.compile(r"Click \*\*(?P<name>[^*]+)\*\*\."),
    "download": re.compile(r"Click \*\*(?P<name>[^*]+)\*\* and keep the file as `(?P<file>[^`]+)`"),
    "write": re.compile(r"Write `(?P<text>[^`]+)` into \*\*(?P<name>[^*]+)\*\*\."),
    "choose": re.compile(r"Choose `(?P<text>[^`]+)` in \*\*(?P<name>[^*]+)\*\*\."),
    "see": re.compile(r"You see \*\*(?P<text>[^*]+?)\.?\*\*"),
}


@dataclass(frozen=True)
class Step:
    """One step; ``kind`` is a key of ``SENTENCES``, or sh, output or picture."""

    kind: str
    given: dict[str, str]


def steps(text: str) -> Iterator[Step]:
    """The steps of the tutorial in order.

    Raises
    ------
    ValueError
        A numbered line matches no sentence.
    """
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("```"):
            code = []
            for inside in lines:
                if inside == "```":
                    break
                code.append(inside)
            yield Step("sh" if line == "```sh" else "output", {"code": "\n".join(code)})
        elif picture := re.fullmatch(r"!\[(?P<alt>.+)\]\(pictures/(?P<picture>.+)\)", line):
            yield Step("picture", picture.groupdict())
        elif numbered := re.match(r"\d+\. (.*)", line):
            yield _sentence(numbered[1])


def _sentence(text: str) -> Step:
    for kind, pattern in SENTENCES.items():
        found = pattern.match(text)
        if found:
            return Step(kind, found.groupdict())
    raise ValueError(f"unknown step: {text}")


class Follower:
    """Runs steps in a temporary folder, except the installation.

    Parameters
    ----------
    on_picture : callable
        Called with the name of each picture at its step.
    """

    def __init__(self, page: Page, folder: Path, on_picture: Callable[[str], None]) -> None:
        self.page = page
        self.folder = folder
        self.on_picture = on_picture
        self.server: ServerProcess | None = None
        self._printed = ""
        self._opened = folder / "opened"
        browser = _script(folder / "browser", f'printf %s "$1" > {self._opened}')
        variables = f"PYTHONPATH={ROOT} JOBSVC_DATA_DIR={folder / 'data'} BROWSER='{browser} %s'"
        _script(folder / JOBSVC, f'{variables} exec {sys.executable} -m jobsvc "$@"')

    def follow(self, step: Step) -> None:
        """Run one step."""
        getattr(self, f"_{step.kind}")(**step.given)

    def _click(self, name: str) -> None:
        self._pressable(name).click()

    def _download(self, name: str, file: str) -> None:
        with self.page.expect_download() as download:
            self._pressable(name).click()
        download.value.save_as(self.folder / file)

    def _write(self, text: str, name: str) -> None:
        self.page.get_by_label(name, exact=True).fill(text)

    def _choose(self, text: str, name: str) -> None:
        self.page.get_by_label(name, exact=True).select_option(text)

    def _see(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=PATIENCE_MS)

    def _picture(self, alt: str, picture: str) -> None:
        self.on_picture(picture)

    def _output(self, code: str) -> None:
        for line in code.splitlines():
            assert line in self._printed, f"{line!r} is not in {self._printed!r}"

    def _sh(self, code: str) -> None:
        self._printed = ""
        for line in code.splitlines():
            if line == SERVE:
                self._serve()
            elif not line.startswith(("python3 -m venv ", ".venv/bin/pip install ")):
                done = subprocess.run(
                    ["sh", "-c", line],
                    cwd=self.folder,
                    capture_output=True,
                    text=True,
                    timeout=START_S,
                    check=False,
                )
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
                self._printed += done.stdout

    def _serve(self) -> None:
        """Start the server and open its link in the page."""
        self.server = ServerProcess(
            self.folder / "data", command=[str(self.folder / JOBSVC)], options=["--open"]
        )
        end = time.monotonic() + START_S
        while not (self._opened.exists() and self._opened.read_text()):
            assert time.monotonic() < end, "no browser was opened"
            time.sleep(0.02)
        self.page.goto(self._opened.read_text())

    def _pressable(self, name: str) -> Locator:
        """The first button, menu or link of a name."""
        buttons = self.page.get_by_role("button", name=name, exact=True)
        menus = self.page.locator("summary").filter(has_text=re.compile(rf"^\s*{name}\s*$"))
        labelled = self.page.locator(f'summary[aria-label="{name}"]')
        links = self.page.get_by_role("link", name=name, exact=True)
        cards = self.page.locator("label.choice").filter(has_text=name)
        return buttons.or_(menus).or_(labelled).or_(links).or_(cards).first


def _script(path: Path, line: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path
