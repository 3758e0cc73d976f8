"""The list of findings in a browser: filters, search, order, columns, files, and a phone."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage, sign_in
from tests.support.live_server import LiveServer

PHONE = {"width": 380, "height": 800}
LEDGER = "document,vendor,text,amount\n" + "".join(
    f"D{row:03},{'Acme' if row % 5 else 'Baltic Freight & Forwarding Company'},goods,{row}.50\n"
    for row in range(240)
)


class Audit:
    """A sample of a ledger, the page of its auditor, and the auditor's client."""

    def __init__(self, page: Page, server: LiveServer) -> None:
        self.page, self.server = page, server
        self.client, user = server.new_user()
        sign_in(page, server.url, user["soeid"])
        self.dataset = server.new_dataset(self.client)
        server.import_text(self.dataset, LEDGER, client=self.client)
        self.job = ""

    def draw(self, rows: int, **query: str) -> None:
        body = {"method": "random", "sample_size": rows, "seed": 1}
        path = f"/api/sampling/datasets/{self.dataset}/jobs"
        self.job = self.client.post(path, json=body).json()["job_id"]
        assert self.server.finished(self.job)["status"] == "completed"
        self.open(**query)

    @property
    def path(self) -> str:
        return f"/api/sampling/jobs/{self.job}"

    def open(self, page: Page | None = None, **query: str) -> None:
        url = httpx.URL(f"{self.server.url}/jobs/{self.job}", params={"tab": "findings", **query})
        (page or self.page).goto(str(url))

    def items(self) -> list[dict[str, Any]]:
        answer = self.client.get(f"{self.path}/findings", params={"limit": 1000})
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    def enter(self, place: int, **finding: str) -> None:
        entry = {"row_id": self.items()[place]["row_id"], "outcome": "ok", **finding}
        answer = self.client.post(f"{self.path}/findings", json={"findings": [entry]})
        assert answer.status_code == 200, answer.text

    @property
    def lines(self) -> Locator:
        return self.page.locator("#findings tbody tr[data-row]")

    def documents(self) -> list[str]:
        return [text[:4] for text in self.lines.locator("th").all_inner_texts()]

    def colleague(self, page: Page) -> None:
        """Sign another person in who may write."""
        _, user = self.server.new_user()
        granted = {"user_id": user["id"], "permission": "write"}
        path = f"/api/datasets/{self.dataset}/permissions"
        assert self.client.put(path, json=granted).status_code == 200
        sign_in(page, self.server.url, user["soeid"])


@pytest.fixture
def audit(page: Page, server: LiveServer) -> Audit:
    return Audit(page, server)


def test_filter_search_and_order_stay_in_the_address(audit: Audit, open_page: OpenPage) -> None:
    page = audit.page
    audit.draw(120)
    audit.enter(3, outcome="exception", cause="clerical", note="price")
    audit.enter(110, outcome="exception", note="no invoice")
    page.reload()
    filters = page.get_by_role("navigation", name="Filter")
    expect(filters.get_by_role("link", name="Exceptions")).to_have_text("Exceptions 2")
    expect(filters.get_by_role("link", name="Missing cause")).to_have_text(re.compile(r"\b1$"))
    filters.get_by_role("link", name="Exceptions").click()
    expect(audit.lines).to_have_count(2)
    page.get_by_role("link", name="Without a finding").click()
    page.get_by_label("Search rows and notes").fill("baltic")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("columnheader", name="amount").get_by_role("link").click()
    page.get_by_role("columnheader", name="amount").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="amount")).to_have_attribute(
        "aria-sort", "descending"
    )
    shown = audit.documents()
    assert shown == sorted(shown, reverse=True)
    assert all(int(document[1:]) % 5 == 0 for document in shown)
    other = open_page()
    audit.colleague(other)
    other.goto(page.url)
    expect(other.locator("#findings tbody th").first).to_contain_text(shown[0])
    expect(other.locator("#findings tbody tr")).to_have_count(len(shown))
    page.get_by_role("link", name="Show all rows").click()
    expect(audit.lines).to_have_count(100)
    page.get_by_label("Search rows and notes").fill("nowhere")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No row matches.")).to_be_visible()


def test_no_row_is_skipped_when_entered_rows_leave_the_filter(audit: Audit) -> None:
    page = audit.page
    audit.draw(130, show="open")
    order = [item["data"]["document"] for item in audit.items()]
    assert audit.documents() == order[:100]
    audit.lines.first.get_by_role("combobox").first.focus()
    for _ in range(3):
        page.keyboard.press("o")
        page.keyboard.press("Enter")
    expect(page.locator("#done")).to_have_text("3")
    expect(page.get_by_role("link", name="Without a finding")).to_have_text("Without a finding 127")
    page.get_by_role("link", name="Next").click()
    expect(audit.lines).to_have_count(30)
    assert audit.documents() == order[100:]


def test_the_columns_are_chosen_for_all_people(audit: Audit, open_page: OpenPage) -> None:
    page = audit.page
    audit.draw(12)
    heads = page.locator("#findings thead th")
    expect(heads).to_contain_text(["document", "vendor", "text", "amount", "Finding"])
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("vendor").uncheck()
    page.get_by_label("text").uncheck()
    page.get_by_label("vendor").check()
    page.get_by_role("button", name="Show columns").click()
    expect(heads).to_contain_text(["document", "amount", "vendor", "Finding"])
    expect(page.get_by_role("columnheader", name="text")).to_have_count(0)
    other = open_page()
    audit.colleague(other)
    audit.open(other)
    expect(other.locator("#findings thead th")).to_contain_text(["document", "amount", "vendor"])


def test_the_page_scrolls_alone_and_the_header_stays(audit: Audit) -> None:
    page = audit.page
    page.set_viewport_size({"width": 1280, "height": 700})
    audit.draw(100)
    page.mouse.move(600, 500)
    page.mouse.wheel(0, 3000)
    expect(audit.lines.nth(60)).to_be_in_viewport()
    expect(page.get_by_role("columnheader", name="Audit value")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    table = page.get_by_role("region", name="Findings", exact=True)
    assert table.evaluate("region => getComputedStyle(region).overflow") == "visible"


def test_files_are_chosen_dropped_refused_and_removed(audit: Audit) -> None:
    page = audit.page
    audit.draw(6)
    line = audit.lines.first
    line.get_by_label("Attach files to").set_input_files(
        [
            {"name": "invoice.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 x"},
            {"name": "empty.txt", "mimeType": "text/plain", "buffer": b""},
        ]
    )
    expect(line.get_by_role("link", name="invoice.pdf")).to_be_visible()
    expect(line.get_by_role("alert")).to_have_text("empty.txt: The file is empty.")
    dropped = page.evaluate_handle(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["From: vendor"], "mail.eml"));
          return data;
        }"""
    )
    for kind in ("dragover", "drop"):
        line.locator("td").first.dispatch_event(kind, {"dataTransfer": dropped})
    expect(line.get_by_role("link", name="mail.eml")).to_be_visible()
    expect(line.get_by_role("alert")).to_have_count(0)
    with page.expect_download() as download:
        line.get_by_role("link", name="invoice.pdf").click()
    assert download.value.path().read_bytes() == b"%PDF-1.7 x"
    line.get_by_role("button", name="Remove mail.eml").click()
    page.get_by_label("Reason").fill("wrong row")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(line.get_by_role("link", name="mail.eml")).to_have_count(0)
    page.reload()
    expect(line.get_by_role("link")).to_have_text(["invoice.pdf"])
    page.get_by_role("link", name="With attachments 1").click()
    expect(audit.lines).to_have_count(1)
    removed = audit.client.get(f"{audit.path}/attachments", params={"removed": True}).json()
    assert removed["attachments"][1]["removal_reason"] == "wrong row"


def test_what_was_not_saved_stands_in_its_line(audit: Audit) -> None:
    page = audit.page
    audit.draw(2)
    audit.enter(0)
    audit.enter(1)
    page.reload()
    step = {"action": "submitted"}
    assert audit.client.post(f"{audit.path}/review", json=step).status_code == 200
    audit.lines.nth(1).get_by_label("Note").fill("late")
    page.keyboard.press("Enter")
    expect(audit.lines.nth(1).get_by_role("alert")).to_contain_text(
        "The findings are submitted for review."
    )
    expect(audit.lines.nth(1).get_by_label("Finding about")).to_have_attribute(
        "aria-invalid", "true"
    )
    expect(page.locator("#toasts .note")).to_have_count(0)
    page.on("dialog", lambda dialog: dialog.accept())


def test_a_submission_asks_for_what_is_missing(audit: Audit) -> None:
    page = audit.page
    audit.draw(4)
    for place in range(4):
        audit.enter(place, outcome="exception" if place % 2 else "ok")
    names = [item["data"]["document"] for item in audit.items()]
    page.reload()
    page.get_by_role("button", name="Submit for review").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    dialog.get_by_role("link").last.click()
    expect(audit.lines).to_have_count(2)
    assert audit.documents() == names[1::2]
    expect(page.get_by_role("navigation", name="Filter")).to_contain_text(
        "Missing cause or value 2"
    )
    cause = audit.lines.last.get_by_label("Cause of").first
    cause.select_option("Wrong period")
    cause.focus()
    page.keyboard.press("Enter")
    expect(audit.lines.last.get_by_text("Saved")).to_be_visible()
    page.get_by_role("button", name="Submit for review").click()
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    dialog.get_by_role("button", name="Submit for review").click()
    expect(dialog).to_be_visible()  # a reason is required
    dialog.get_by_label("Reason").fill("the vendor answers in March")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Submitted for review", exact=True)).to_be_visible()
    page.get_by_text("Review history").click()
    expect(page.locator("#review li").first).to_contain_text("the vendor answers in March")


def test_a_phone_shows_each_finding_as_a_card(audit: Audit) -> None:
    page = audit.page
    page.set_viewport_size(PHONE)
    audit.draw(6)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    line = audit.lines.first
    labels = line.locator("td").evaluate_all(
        "cells => cells.map((cell) => getComputedStyle(cell, '::before').content)"
    )
    assert labels == [
        f'"{label}"'
        for label in (
            *("vendor", "text", "amount", "Finding"),
            *("Audit value", "Note", "Files", "Entered"),
        )
    ]
    line.get_by_label("Finding about").select_option("Exception")
    expect(line.get_by_label("Cause of").first).to_be_visible()
    box = line.get_by_label("Note").bounding_box()
    assert box is not None
    assert box["width"] > 150
    line.get_by_role("button", name="Replace").click()
    page.get_by_label("Reason").fill("void")
    page.get_by_role("dialog").get_by_role("button", name="Replace").click()
    expect(audit.lines).to_have_count(7)
    notice, table = page.locator("#toasts .note").bounding_box(), line.bounding_box()
    assert notice is not None
    assert table is not None
    assert notice["y"] + notice["height"] <= table["y"]


def test_the_sample_as_a_whole_has_files_and_replaced_rows_their_documents(audit: Audit) -> None:
    page = audit.page
    audit.draw(4)
    whole = page.get_by_label("Files of the sample", exact=True)
    whole.get_by_label("Attach files to the sample").set_input_files(
        [{"name": "ledger.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 x"}]
    )
    expect(whole.get_by_role("link", name="ledger.pdf")).to_be_visible()
    body = {"row_id": audit.items()[0]["row_id"], "reason": "voided"}
    assert audit.client.post(f"{audit.path}/replacements", json=body).status_code == 200
    documents = [item["data"]["document"] for item in audit.items()]
    page.reload()
    expect(audit.lines.first.locator("th")).to_contain_text(f"replaced by {documents[-1]}")
    expect(audit.lines.last.locator("th")).to_contain_text(f"replaces {documents[0]}")
    whole.get_by_role("button", name="Remove ledger.pdf").click()
    page.get_by_label("Reason").fill("another period")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(whole.get_by_role("link")).to_have_count(0)
