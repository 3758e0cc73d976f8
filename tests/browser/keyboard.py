"""Keyboard-only input. Every control that gets the focus must show it."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

MAX_TABS = 120
OUTLINE = "e => { const s = getComputedStyle(e); return s.outlineStyle + s.boxShadow }"


class Keyboard:
    """The keys of a page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def reach(self, control: Locator) -> None:
        """Press Tab until a control has the focus, and check that it is visible."""
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
        """Reach a field and replace its text."""
        self.reach(control)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, control: Locator, text: str) -> None:
        """Reach a list and type the start of an option."""
        self.reach(control)
        self.page.keyboard.type(text)

    def shortcut(self, key: str) -> None:
        """Press a shortcut of the page after it has loaded."""
        self.page.wait_for_load_state()
        self.page.keyboard.press(key)

    def command(self, words: str) -> None:
        """Run the first command of the palette for these words."""
        self.shortcut("Control+k")
        expect(self.page.get_by_role("combobox", name="Command or search")).to_be_focused()
        self.page.keyboard.type(words)
        offered = self.page.get_by_role("listbox", name="Commands")
        expect(offered.get_by_role("option", selected=True)).to_contain_text(words)
        self.page.keyboard.press("Enter")
