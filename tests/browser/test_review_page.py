"""People answer questions about texts by keyboard, one row at a time, and never see the judge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from statistics import median, quantiles
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage, sign_in
from tests.browser.test_ended_sessions import (
    expired,
    no_longer_says_so,
    sees_the_end,
    sign_in_again,
    soeid_of,
)
from tests.browser.watching import watch_of
from tests.support.live_server import PASSWORD, LiveServer
from tests.support.reviewed_texts import (
    BAD,
    PLANTED,
    QUESTION,
    answer_rows,
    asked,
    drawn,
    judged,
    next_row,
    table_text,
)

Analyst = tuple[Page, httpx.Client]
TEXTS = 60
DIFFERENCES = 7
MOST_MS = 150
"""Between a key and the next row, in the fastest tenth: other tests run at the same time."""
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
            """([key, shown]) => new Promise((resolve, reject) => {
              setTimeout(() => reject(new Error(`no row after ${key}`)), 15000);
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


def precision_and_recall(rows: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """Both by hand, from the sampled rows and the flagged share of the table of 300 rows."""
    flagged = [row for row in rows if row["judge_verdict"] == BAD]
    others = [row for row in rows if row["judge_verdict"] != BAD]
    precision, elusion = (
        sum("I don't know" in row["conversation"] for row in part) / len(part)
        for part in (flagged, others)
    )
    share = sum(judged(number) == BAD for number in range(1, 301)) / 300
    yield "Precision", precision
    yield "Recall", share * precision / (share * precision + (1 - share) * elusion)


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
    assert quantiles(took, n=10)[0] < MOST_MS

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
    kappa = client.get(f"/api/sampling/jobs/{job}/agreement").json()["questions"][0]["kappa"]
    agreement = page.get_by_role("region", name="Agreement", exact=True)
    expect(agreement).to_contain_text(f"{kappa['estimate']:.3f}")
    page.get_by_role("link", name="Evaluate a model").click()
    actions += 1
    print(f"{actions} actions besides labels")
    assert actions <= MOST_ACTIONS
    figures = page.get_by_role("region", name="Figures", exact=True).get_by_role("table").first
    for name, share in (("Prevalence", None), *precision_and_recall(rows)):
        line = figures.get_by_role("row").filter(has_text=name)
        expect(line).to_contain_text(name if share is None else f"{100 * share:.2f} %")
    page.get_by_role("link", name="Labels").click()
    page.get_by_role("link", name="Estimate", exact=True).click()
    expect(page.locator("main")).to_contain_text(f"{100 * bad / TEXTS:.2f} %")


def queue_of(page: Page, server: LiveServer, job: str, query: str = "") -> Desk:
    desk = Desk(page)
    desk.open(server, job, query)
    return desk


def entries(client: httpx.Client, job: str) -> list[dict[str, Any]]:
    """The first readings of a sample's rows that have one."""
    rows = client.get(f"/api/sampling/jobs/{job}/answers").json()["rows"]
    return [row["first"] for row in rows if row["first"]]


def test_several_questions_are_answered_by_keyboard(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    job = sample_of_texts(server, client)
    asked(client, job, questions=TYPES)
    desk = queue_of(page, server, job)
    page.keyboard.press("y")
    page.keyboard.press("2")
    expect(page.get_by_label("How many stars?")).to_be_focused()
    page.keyboard.type("four")
    page.keyboard.press("Enter")
    expect(page.get_by_text("four isn’t a number.")).to_be_visible()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    page.keyboard.type("1.234,50 €")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Why?")).to_be_focused()
    page.keyboard.type("Very late.")
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_have_text("1")
    (entry,) = entries(client, job)
    assert entry["answers"] == {
        "is_bad": True,
        "kind": "refund",
        "stars": 4,
        "refund": "1234.50",
        "why": "Very late.",
    }
    desk.wait_for_row()
    page.keyboard.press("n")
    page.keyboard.press("1")
    page.keyboard.press("u")  # the field of the number is empty, so this is a key
    expect(page.locator("#done")).to_have_text("2")
    assert entries(client, job)[1]["outcome"] == "not_examinable"


def test_an_answer_is_corrected(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    job = sample_of_texts(server, client)
    asked(client, job)
    desk = queue_of(page, server, job)
    first = desk.text
    page.keyboard.press("m")
    page.keyboard.type("not sure")
    page.keyboard.press("Enter")
    desk.press("y")
    open_row = desk.text
    page.reload()
    desk.wait_for_row()
    assert desk.text == open_row
    page.keyboard.press("Backspace")
    expect(page.locator("#correction")).to_be_visible()
    assert desk.text == first
    expect(page.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#note")).to_have_value("not sure")
    page.keyboard.press("Escape")
    expect(page.locator("#correction")).to_be_hidden()
    assert desk.text == open_row
    page.keyboard.press("z")
    expect(page.locator("#correction")).to_be_visible()
    desk.wait_for_row()
    desk.press("N")
    assert desk.text == open_row
    (entry,) = entries(client, job)
    assert (entry["answers"], entry["note"], entry["entries"]) == ({"is_bad": False}, "not sure", 2)


def test_a_held_key_answers_one_row(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    job = sample_of_texts(server, client)
    asked(client, job)
    queue_of(page, server, job)
    page.keyboard.down("y")
    expect(page.locator("#done")).to_have_text("1")
    for _ in range(5):
        page.keyboard.down("y")  # repeats
    page.keyboard.up("y")
    page.keyboard.press("g")
    page.keyboard.press("n")  # a chord of the navigation
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Can’t be judged")
    page.keyboard.press("Escape")
    assert len(entries(client, job)) == 1


def test_an_answer_that_is_not_saved_is_sent_again(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    job = sample_of_texts(server, client)
    asked(client, job)
    desk = queue_of(page, server, job)
    page.route("**/answers", lambda route: route.abort())
    with watch_of(page).expect("ERR_FAILED"):
        page.keyboard.press("y")
        expect(page.locator("#problem")).to_contain_text(
            "Not saved: The server does not respond. Your answer is still here."
        )
    expect(page.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "true")
    page.unroute("**/answers")
    desk.press("r")
    expect(page.locator("#problem")).to_be_hidden()
    assert [entry["answers"] for entry in entries(client, job)] == [{"is_bad": True}]


def test_an_answer_is_kept_while_the_user_signs_in_again(
    analyst: Analyst, server: LiveServer
) -> None:
    page, client = analyst
    job = sample_of_texts(server, client)
    asked(client, job)
    desk = queue_of(page, server, job)
    expired(page, server)
    page.keyboard.press("y")
    expect(page.locator("#problem")).to_contain_text("Not saved: You were signed out.")
    sees_the_end(page)
    sign_in_again(page, soeid_of(client))
    desk.press("r")
    no_longer_says_so(page)
    assert [entry["answers"] for entry in entries(client, job)] == [{"is_bad": True}]


def test_a_row_that_another_person_answered_is_left(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    job = sample_of_texts(server, client)
    asked(client, job)
    desk = queue_of(page, server, job)
    taken = desk.text
    row = next_row(client, job)  # the same user's, so the same row
    assert row is not None
    with server.service.database.write() as tx:
        tx.execute("DELETE FROM reservations")
    body = {"row_id": row["row_id"], "answers": {"is_bad": False}}
    answer = server.admin.post(f"/api/sampling/jobs/{job}/answers", json=body)
    assert answer.status_code == 200, answer.text
    page.keyboard.press("y")
    expect(page.locator("#problem")).to_contain_text("Not saved: Another person gave the first")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_be_hidden()
    assert desk.text != taken
    assert [entry["answers"] for entry in entries(client, job)] == [{"is_bad": False}]


def test_a_reservation_is_renewed_until_the_row_is_lost(
    analyst: Analyst, server: LiveServer
) -> None:
    page, client = analyst
    job = sample_of_texts(server, client)
    asked(client, job)
    page.clock.install()
    desk = queue_of(page, server, job)
    text = desk.text
    later = "**/review-queue/next"
    with page.expect_response(later):
        page.clock.fast_forward("05:00")
    assert (page.locator("#problem").is_visible(), desk.text) == (False, text)
    with server.service.database.write() as tx:
        tx.execute("DELETE FROM reservations")
    row = next_row(server.admin, job)
    assert row is not None
    page.keyboard.press("Shift")  # the user is still here
    with page.expect_response(later):
        page.clock.fast_forward("05:00")
    expect(page.locator("#problem")).to_contain_text("another person has this row now")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_be_hidden()
    assert desk.text != text
    page.clock.fast_forward("12:00")
    asked_again = []
    page.on("request", lambda request: asked_again.append(request.url))
    page.clock.fast_forward("05:00")
    assert not any("review-queue" in url for url in asked_again)


def test_submitted_answers_can_not_be_changed(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    job = sample_of_texts(server, client)
    asked(client, job)
    answer_rows(client, job, 3)
    step = {"action": "submitted"}
    assert client.post(f"/api/sampling/jobs/{job}/review", json=step).status_code == 200
    page.goto(f"{server.url}/review/{job}")
    expect(page.locator("#problem")).to_contain_text("submitted for review")
    expect(page.locator("#reviewing")).to_be_hidden()
    page.goto(f"{server.url}/review")
    expect(page.get_by_role("link", name="Read rows")).to_have_count(0)


def test_findings_of_an_audit_are_entered_in_the_queue(
    analyst: Analyst, server: LiveServer
) -> None:
    page, client = analyst
    job = sample_of_texts(server, client, 4)
    path = f"/api/sampling/jobs/{job}"
    names = {"attributes": ["approved", "amount agrees"]}
    assert client.put(f"{path}/attributes", json=names).status_code == 200
    desk = queue_of(page, server, job)
    desk.press("o")
    page.keyboard.press("e")
    page.keyboard.press("2")
    page.get_by_label("Audit value").fill("12,50")
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_have_text("2")
    desk.wait_for_row()
    desk.press("n")
    desk.press("c")
    assert desk.is_done
    found = entries(client, job)
    assert [each["outcome"] for each in found] == [
        "ok",
        "exception",
        "not_applicable",
        "not_examinable",
    ]
    assert (found[1]["audit_value"], found[1]["deviations"]) == ("12.50", ["amount agrees"])


def csv_of(values: list[str]) -> str:
    """A table of texts, each in quotes."""
    lines = ['"' + value.replace('"', '""') + '"' for value in values]
    return "\n".join(["text,kind", *(f"{line},chat" for line in lines)]) + "\n"


TEXTS_OF_ALL_KINDS = {
    "<img src=x onerror=alert(1)> <b>bold</b>\n\nSecond": "<img src=x onerror=alert(1)> <b>bold",
    json.dumps({"ticket": {"tags": ["late", "<i>x</i>"], "open": True}}): "<i>x</i>",
    json.dumps([[[[[[[[["deep"]]]]]]]]]): "deep",
    "[" * 3000 + "]" * 3000: "[[[[",
    "مرحبا، أين طلبي؟\n\nشكرا": "مرحبا، أين طلبي؟",
    "  \n ": "Only spaces",
    "word " * 40_000: "word word",
    "Look:\n```\nx = 1\n```\nIt fails.": "x = 1",
}


def test_texts_of_all_kinds_are_shown(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    rows = len(TEXTS_OF_ALL_KINDS)
    job = drawn(server, client, csv_of(list(TEXTS_OF_ALL_KINDS)), rows)
    asked(client, job, hidden=[])
    desk = queue_of(page, server, job)
    seen = []
    for _ in range(rows):
        expect(page.locator("#facts")).to_contain_text("chat")
        assert page.locator("#texts :is(img, b, i)").count() == 0
        seen.append(desk.text)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if page.locator("#fold").is_visible():
            height = "document.documentElement.scrollHeight"
            folded = page.evaluate(height)
            page.keyboard.press("f")
            assert page.evaluate(height) > folded
            page.keyboard.press("Space")
            page.wait_for_function("scrollY > 0")
            page.keyboard.press("f")
        desk.press("n")
    for text in TEXTS_OF_ALL_KINDS.values():
        assert sum(text in one for one in seen) == 1, text[:40]


def test_half_of_a_small_screen_is_text(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    long = "A text of many words. " * 100
    job = drawn(server, client, f"text,channel\n{long},chat\n{long},mail\n", 2)
    asked(client, job, questions=TYPES, hidden=[])
    page.set_viewport_size({"width": 380, "height": 800})
    desk = queue_of(page, server, job)
    for _ in range(2):
        box = page.locator("#asking").bounding_box()
        texts = page.locator("#texts").bounding_box()
        assert box is not None
        assert texts is not None
        assert box["y"] - max(texts["y"], 0) >= 400
        page.keyboard.press("u")
        desk.wait_for_row()


def test_empty_texts_and_nulls_are_named(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    long = "A text of many words. " * 10
    table = f'text,n\n"",1\n,2\n"{long}",3\n'
    job = drawn(server, client, table, 3)
    asked(client, job, hidden=[])
    desk = queue_of(page, server, job)
    seen = []
    for _ in range(3):
        seen.append(page.locator("#reviewing").inner_text())
        desk.press("n")
    assert sum("missing" in one.lower() for one in seen) == 1
    assert sum("empty" in one.lower() for one in seen) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_review_pages_are_accessible(server: LiveServer, open_page: OpenPage, scheme: str) -> None:
    client, user = server.new_user()
    other, reviewer_user = server.new_user("viewer")
    jobs = {name: sample_of_texts(server, client, 4) for name in ("new", "several", "twice")}
    asked(client, jobs["several"], questions=TYPES)
    names = [reviewer_user["soeid"]]
    asked(client, jobs["twice"], second_readings=1, reviewers=names)
    answer_rows(client, jobs["twice"], 4)
    answer_rows(other, jobs["twice"], 4, lies=2)
    page = open_page(color_scheme=scheme)
    sign_in(page, server.url, user["soeid"])
    for path in (
        f"/jobs/{jobs['new']}?tab=labels",
        f"/jobs/{jobs['twice']}?tab=labels",
        f"/review/{jobs['several']}",
        f"/review/{jobs['twice']}",
        f"/review/{jobs['new']}",
        "/review",
        "/",
    ):
        page.goto(f"{server.url}{path}")
        if path.startswith("/review/"):
            Desk(page).wait_for_row()
        assert violations(page) == [], path
        page.set_viewport_size({"width": 380, "height": 760})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        page.set_viewport_size({"width": 1280, "height": 800})


def test_a_choice_can_have_a_comma(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    job = sample_of_texts(server, client)
    page.goto(f"{server.url}/jobs/{job}?tab=labels")
    page.get_by_label("Question", exact=True).fill("Which kind?")
    page.get_by_label("Answer", exact=True).select_option("choice")
    page.get_by_label("Choices").fill("wrong, but polite\n\nrude\n")
    for _ in range(2):  # the second time with what was stored
        page.get_by_role("button", name="Save questions").click()
        expect(page.get_by_text("The questions are stored.")).to_be_visible()
        (question,) = client.get(f"/api/sampling/jobs/{job}/questions").json()["questions"]
        assert question["choices"] == ["wrong, but polite", "rude"]
        page.reload()
        page.get_by_text("Change the questions").click()
