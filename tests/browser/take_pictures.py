"""Take the pictures of the tutorial.

python -m tests.browser.take_pictures
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.tutorial import PICTURES, TUTORIAL, Follower, steps

SIZE = {"width": 1040, "height": 680}


def main() -> None:
    """Run the tutorial and save its pictures."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport=SIZE, timezone_id="UTC", reduced_motion="reduce")
        page.set_default_timeout(60_000)

        def take(name: str) -> None:
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=PICTURES / name, animations="disabled", caret="hide")

        follower = Follower(page, Path(folder), take)
        try:
            for step in steps(TUTORIAL.read_text(encoding="utf-8")):
                follower.follow(step)
        finally:
            if follower.server is not None:
                follower.server.kill()
            browser.close()


if __name__ == "__main__":
    main()
