"""Take the pictures of the tutorials.

python -m tests.browser.take_pictures
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.tutorial import PICTURES, TUTORIALS, Follower, steps

SIZE = {"width": 1040, "height": 680}


def main() -> None:
    """Run the tutorials and save their pictures."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for tutorial in TUTORIALS:
            with tempfile.TemporaryDirectory() as folder:
                follower = Follower(lambda: _new_page(browser), Path(folder), _take)
                try:
                    for step in steps(tutorial.read_text(encoding="utf-8")):
                        follower.follow(step)
                finally:
                    if follower.server is not None:
                        follower.server.kill()
        browser.close()


def _new_page(browser: Browser) -> Page:
    page = browser.new_page(viewport=SIZE, timezone_id="UTC", reduced_motion="reduce")
    page.set_default_timeout(60_000)
    return page


def _take(page: Page, name: str) -> None:
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=PICTURES / name, animations="disabled", caret="hide")


if __name__ == "__main__":
    main()
