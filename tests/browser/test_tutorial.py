"""The tutorials and their pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.tutorial import PICTURES, ROOT, TUTORIAL, TUTORIALS, Follower, steps

MAX_PICTURE = 150_000
TEXT = TUTORIAL.read_text(encoding="utf-8")


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda tutorial: tutorial.stem)
def test_the_tutorial_works(open_page: OpenPage, tmp_path: Path, tutorial: Path) -> None:
    def patient_page() -> Page:
        page = open_page()
        page.set_default_timeout(60_000)
        return page

    follower = Follower(patient_page, tmp_path, lambda _page, _name: None)
    try:
        for step in steps(tutorial.read_text(encoding="utf-8")):
            follower.follow(step)
    finally:
        if follower.server is not None:
            follower.server.kill()


def test_each_picture_is_in_a_tutorial() -> None:
    shown = [
        step.given["picture"]
        for tutorial in TUTORIALS
        for step in steps(tutorial.read_text(encoding="utf-8"))
        if step.kind == "picture"
    ]
    assert sorted(shown) == sorted(path.name for path in PICTURES.iterdir())


def test_the_pictures_are_small() -> None:
    for path in PICTURES.iterdir():
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) <= MAX_PICTURE, path


def test_the_tutorial_installs_as_the_demo_does() -> None:
    (install,) = (line for line in TEXT.splitlines() if "pip install" in line)
    demo = (ROOT / "run-demo").read_text(encoding="utf-8")
    assert install.split("install")[1].strip() in demo
    assert "python3 -m venv .venv" in demo


def test_the_tutorial_continues_after_the_demo() -> None:
    """The start page offers the demo data only without datasets."""
    section = TEXT.split("## 2. ")[1].split("## 3. ")[0]
    words = " ".join(section.split())
    (step,) = re.findall(r"If you ran `./run-demo` before,.* go on with step (\d+)\.", words)
    (line,) = re.findall(rf"^{step}\. (.*)$", section, re.MULTILINE)
    assert line.startswith("Write `type = 'invoice'")
    assert "--data-dir demo-data" in (ROOT / "run-demo").read_text(encoding="utf-8")


def test_an_unknown_step_is_an_error() -> None:
    with pytest.raises(ValueError, match="Open the"):
        list(steps("1. Open the **Rows**."))
