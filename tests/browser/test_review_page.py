"""People answer questions about texts by keyboard, one row at a time, and never see the judge."""

from __future__ import annotations

import json
from statistics import median

import httpx
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import OpenPage
from tests.support.live_server import PASSWORD, LiveServer
from tests.support.reviewed_texts import (
    PLANTED,
    QUESTION,
    drawn,
    table_text,
)

Analyst = tuple[Page, httpx.Client]
TEXTS = 60
DIFFERENCES = 7
MOST_MS = 150
"""Between a key and the next row, at the median."""
MOST_ACTIONS = 12
TYPES = [
    QUESTION,
    {"name": "kind", "type": "choice", "text": "Which kind?", "choices": ["order", "refund"]},
    {"name": "stars", "type": "number", "text": "How many stars?"},
    {"name": "refund", "type": "amount", "text": "Which refund?", "required": False},
    {"name": "why", "type": "text", "text": "Why?", "required": False},
]


class Desk:
    """The page of a reviewer, whose responses are searched for hidden columns."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.responses: list[Response] = []
        self.seen: list[str] = []
        self.shown = 0
        page.on("response", lambda response: self.responses.append(response))

    def open(self, server: LiveServer, job: str, query: str = "") -> None:
        """Open the queue and wait for its first row."""
        self.page.goto(f"{server.url}/review/{job}{query}")
        self.wait_for_row()

    def wait_for_row(self) -> None:
        """Wait for a row, or the end of the queue."""
        expect(self.page.locator("#reviewing:visible, #end:visible")).to_have_count(1)
        self.shown = int(self.page.locator("#queue").get_attribute("data-shown") or 0)

    @property
    def text(self) -> str:
        return self.page.locator("#texts").inner_text()

    @property
    def is_done(self) -> bool:
        return self.page.locator("#end").is_visible()

    def press(self, key: str) -> float:
        """Press a key that saves; the milliseconds until the next row is there."""
        took: float = self.page.evaluate(
            """([key, shown]) => new Promise((resolve) => {
              const queue = document.querySelector('#queue');
              const end = document.querySelector('#end');
              const begin = performance.now();
              const look = () => {
                if (Number(queue.dataset.shown) > shown || !end.hidden) {
                  watch.disconnect();
                  resolve(performance.now() - begin);
                }
              };
              const watch = new MutationObserver(look);
              watch.observe(queue, { attributes: true, subtree: true });
              const at = document.activeElement ?? document.body;
              const options = { key, bubbles: true, cancelable: true };
              at.dispatchEvent(new KeyboardEvent('keydown', options));
            })""",
            [key, self.shown],
        )
        self.wait_for_row()
        return took

    def read_responses(self) -> None:
        """Read the responses so far; the browser forgets them when it opens another page."""
        for response in self.responses:
            if response.status == 200 and "/pages/" not in response.url:
                self.seen.append(response.text())
            self.seen.append(json.dumps(response.all_headers()) + response.url)
        self.responses.clear()
        self.seen.append(self.page.content())

    def sees_nothing_hidden(self) -> None:
        """Search the page and all its responses so far for names and values of hidden columns."""
        self.read_responses()
        for planted in PLANTED:
            assert not any(planted in text for text in self.seen), planted
        assert any("Where is my order" in text for text in self.seen)
        self.seen.clear()


def reviewer(open_page: OpenPage, server: LiveServer) -> tuple[Desk, str, httpx.Client]:
    """The page of a new user who sees no dataset."""
    page = open_page()
    client, user = server.new_user("viewer")
    page.goto(f"{server.url}/sign-in")
    page.get_by_label("User name", exact=True).fill(user["soeid"])
    page.get_by_label("Password").fill(PASSWORD)
    return Desk(page), user["soeid"], client


def sample_of_texts(server: LiveServer, client: httpx.Client, rows: int = 3) -> str:
    return drawn(server, client, table_text(4 * rows), rows)


def test_two_people_label_texts_and_a_third_decides(
    analyst: Analyst, server: LiveServer, open_page: OpenPage
) -> None:
    page, client = analyst
    job = drawn(server, client, table_text(300), TEXTS)
    (ann, ann_name, _), (bob, bob_name, _) = (reviewer(open_page, server) for _ in range(2))
    actions = 0

    page.goto(f"{server.url}/jobs/{job}?tab=labels")
    page.get_by_label("Question", exact=True).fill("Is the answer bad?")
    page.get_by_label("Second readings").fill("50 %")
    page.get_by_label("Reviewers", exact=True).fill(f"{ann_name}, {bob_name}")
    expect(page.get_by_label("judge_verdict")).to_be_checked()
    expect(page.locator("#preview")).to_contain_text("Where is my order")
    page.get_by_role("button", name="Save questions").click()
    expect(page.get_by_text("0 of 60 rows answered")).to_be_visible()
    actions += 4

    for desk in (ann, bob):
        desk.read_responses()
        desk.page.get_by_role("button", name="Sign in").click()
        read = desk.page.get_by_role("link", name="Read rows")
        expect(read).to_be_visible()
        desk.read_responses()
        read.click()
        desk.wait_for_row()
        actions += 2

    took, labels, lies = [], 0, 0
    read_by_ann = set[str]()
    while not (ann.is_done and bob.is_done):
        for desk in (ann, bob):
            if desk.is_done:
                desk.page.locator("#again").click()
                desk.page.wait_for_timeout(20)
                if desk.is_done:
                    continue
            text = desk.text
            is_bad = "I don't know" in text
            if desk is ann:
                read_by_ann.add(text)
            elif text in read_by_ann and lies < DIFFERENCES:
                is_bad, lies = not is_bad, lies + 1
            took.append(desk.press("y" if is_bad else "n"))
            labels += 1
            if labels % 20 < 2:
                desk.sees_nothing_hidden()
    for desk in (ann, bob):
        desk.sees_nothing_hidden()
    assert labels == TEXTS + TEXTS // 2
    print(f"{labels} labels; key to next row: median {median(took):.0f} ms, most {max(took):.0f}")
    assert median(took) < MOST_MS

    page.reload()
    page.get_by_role("link", name="7 differences to decide").click()
    actions += 1
    decider = Desk(page)
    decider.wait_for_row()
    for _ in range(DIFFERENCES):
        expect(page.locator("#readings h2")).to_have_text(["Reading 1", "Reading 2"])
        assert ann_name not in page.locator("#queue").inner_text()
        decider.press("y" if "I don't know" in decider.text else "n")
    decider.sees_nothing_hidden()
    expect(page.locator("#reason")).to_have_text("No readings differ.")
    page.get_by_role("link", name="Sample").click()
    actions += 1
    expect(page.get_by_text("7 decided")).to_be_visible()
    rows = server.rows(job, limit=TEXTS)
    bad = sum("I don't know" in row["conversation"] for row in rows)
    page.get_by_role("link", name="Estimate", exact=True).click()
    actions += 1
    expect(page.locator("main")).to_contain_text(f"{100 * bad / TEXTS:.2f} %")
    print(f"{actions} actions besides labels")
    assert actions <= MOST_ACTIONS
