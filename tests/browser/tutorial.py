"""Runs the steps of the tutorials in docs/.

The test of the tutorials and ``take_pictures`` use it.
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

from tests.support.server_process import START_S, ServerProcess

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "TUTORIAL.md"
AUDIT_TUTORIAL = ROOT / "docs" / "TUTORIAL_AUDIT.md"
TUTORIALS = (TUTORIAL, AUDIT_TUTORIAL)
PICTURES = ROOT / "docs" / "pictures"
JOBSVC = ".venv/bin/jobsvc"
SERVE = f"{JOBSVC} serve --open"
PATIENCE_MS = 60_000

LINE_LABELS = {
    "Finding": "Finding about",
    "Audit value": "Audit value of",
    "Cause": "Cause of",
    "Note": "Note about",
}
"""The labels of the fields in a line of findings, before its row id, by the column's head."""
JOB_ID = re.compile(r"\bjob ([0-9a-f]{8})\b")
SENTENCES = {
    "click": re.compile(r"Click \*\*(?P<name>[^*]+)\*\*\."),
    "download": re.compile(r"Click \*\*(?P<name>[^*]+)\*\* and keep the file as `(?P<file>[^`]+)`"),
    "write_in_line": re.compile(
        r"Write `(?P<text>[^`]+)` into \*\*(?P<name>[^*]+)\*\* of `(?P<row>[^`]+)`\."
    ),
    "choose_in_line": re.compile(
        r"Choose `(?P<text>[^`]+)` in \*\*(?P<name>[^*]+)\*\* of `(?P<row>[^`]+)`\."
    ),
    "press": re.compile(r"Press `(?P<key>\w+)`\."),
    "open": re.compile(r"Open the printed link in another browser\."),
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
    open_page : callable
        Opens a page in a browser session of its own, for each person.
    on_picture : callable
        Called with the page and the name of each picture at its step.
    """

    def __init__(
        self, open_page: Callable[[], Page], folder: Path, on_picture: Callable[[Page, str], object]
    ) -> None:
        self.open_page = open_page
        self.page = open_page()
        self.folder = folder
        self.on_picture = on_picture
        self.server: ServerProcess | None = None
        self._printed = ""
        self._jobs: dict[str, str] = {}
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
        named = self.page.get_by_role("textbox", name=name, exact=True)
        named.or_(self.page.get_by_label(name, exact=True)).fill(text)

    def _choose(self, text: str, name: str) -> None:
        self.page.get_by_label(name, exact=True).select_option(text)

    def _write_in_line(self, text: str, name: str, row: str) -> None:
        self._write(text, f"{LINE_LABELS[name]} {row}")

    def _choose_in_line(self, text: str, name: str, row: str) -> None:
        self._choose(text, f"{LINE_LABELS[name]} {row}")

    def _press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def _open(self) -> None:
        """Open the printed link as another person, whose page the next steps use."""
        (link,) = re.findall(r"^http\S+$", self._printed, re.MULTILINE)
        self.page = self.open_page()
        self.page.goto(link)

    def _see(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=PATIENCE_MS)

    def _picture(self, alt: str, picture: str) -> None:
        self.on_picture(self.page, picture)

    def _output(self, code: str) -> None:
        """Find each line in what was printed; job ids differ, and the next steps use the new."""
        for written, printed in zip(
            JOB_ID.findall(code), JOB_ID.findall(self._printed), strict=False
        ):
            self._jobs[written] = printed
        code = self._with_job_ids(code)
        for line in code.splitlines():
            assert line in self._printed, f"{line!r} is not in {self._printed!r}"

    def _with_job_ids(self, code: str) -> str:
        for written, printed in self._jobs.items():
            code = code.replace(written, printed)
        return code

    def _sh(self, code: str) -> None:
        self._printed = ""
        for line in self._with_job_ids(code).splitlines():
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
