"""Hands on the keyboard, and nothing else: what a person without a mouse can do.

Every step is keys that go to whatever has the focus. Invariant: a control that is reached shows
that it has the focus.
"""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

MAX_TABS = 120
OUTLINE = "e => { const s = getComputedStyle(e); return s.outlineStyle + s.boxShadow }"


class Keyboard:
    """The keys of a page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def reach(self, control: Locator) -> None:
        """Tab until a control has the focus, which must be seen."""
        expect(control).to_have_count(1)
        for _ in range(MAX_TABS):
            if control.evaluate("e => e === document.activeElement"):
                assert control.evaluate(OUTLINE) != "nonenone", "the focus can't be seen"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{MAX_TABS} tabs don't lead to {control}")

    def press(self, control: Locator) -> None:
        """Reach a button, a link or a summary, and press Enter."""
        self.reach(control)
        self.page.keyboard.press("Enter")

    def write(self, control: Locator, text: str) -> None:
        """Reach a field and write over what it holds."""
        self.reach(control)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, control: Locator, text: str) -> None:
        """Reach a list of choices and type the beginning of one."""
        self.reach(control)
        self.page.keyboard.type(text)

    def shortcut(self, key: str) -> None:
        """Press a key that the page itself hears, once it can."""
        self.page.wait_for_load_state()
        self.page.keyboard.press(key)

    def command(self, words: str) -> None:
        """Run the palette's first command that has these words."""
        self.shortcut("Control+k")
        expect(self.page.get_by_role("combobox", name="What to do")).to_be_focused()
        self.page.keyboard.type(words)
        offered = self.page.get_by_role("listbox", name="Commands")
        expect(offered.get_by_role("option", selected=True)).to_contain_text(words)
        self.page.keyboard.press("Enter")
