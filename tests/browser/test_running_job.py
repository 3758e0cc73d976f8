"""The progress on the page of a running job."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader
from tests.web_ui.staged_jobs import cancelled, running_job

Analyst = tuple[Page, httpx.Client]
AN_HOUR_AHEAD = "const now = Date.now; Date.now = () => now() + 3_600_000"
PROGRESS = re.compile(r"^40 %, reading rows, ([\d.]+) s elapsed$")


@pytest.fixture
def running(analyst: Analyst, server: LiveServer) -> Iterator[str]:
    _, client = analyst
    soeid = client.get("/api/users/me").json()["soeid"]
    job = running_job(server, soeid, server.new_dataset(client))
    yield job
    cancelled(server, job)


def progress(server: LiveServer, job: str, percent: float, text: str) -> None:
    with server.service.database.write() as tx:
        tx.execute(
            "UPDATE jobs SET progress = ?, progress_message = ? WHERE id = ?",
            (percent, text, job),
        )


def test_progress_updates_with_a_wrong_browser_clock(
    analyst: Analyst, server: LiveServer, running: str
) -> None:
    page, _ = analyst
    page.add_init_script(AN_HOUR_AHEAD)
    page.goto(f"{server.url}/jobs/{running}")
    message = page.locator("#progress-message")
    expect(message).to_have_text(PROGRESS)
    first = message.inner_text()
    expect(message).not_to_have_text(first)
    (seconds,) = PROGRESS.findall(message.inner_text())
    assert 0 < float(seconds) < 30
    progress(server, running, 54, "writing rows")
    expect(message).to_have_text(re.compile(r"^54 %, writing rows, [\d.]+ s elapsed$"))
    expect(page.get_by_role("progressbar", name="Progress in percent")).to_have_attribute(
        "value", "54"
    )


def test_screen_readers_hear_every_quarter(
    analyst: Analyst, server: LiveServer, running: str
) -> None:
    page, _ = analyst
    page.goto(f"{server.url}/jobs/{running}")
    announced, message = page.locator("#announcer"), page.locator("#progress-message")
    assert message.evaluate("e => e.closest('[aria-live], [role=status], [role=alert]')") is None
    expect(announced).to_have_text("The job is running.")
    progress(server, running, 45, "sorting rows")
    expect(message).to_contain_text("45 %, sorting rows")
    expect(announced).to_have_text("The job is running.")
    progress(server, running, 54, "writing rows")
    expect(announced).to_have_text("50 % done.")


def test_the_server_writes_the_same_progress(server: LiveServer) -> None:
    reader = Reader(server)
    job = running_job(server, reader.soeid, server.new_dataset(reader.api))
    page = reader.page(f"/jobs/{job}")
    cancelled(server, job)
    assert re.search(r">40 %, reading rows, \d+\.\d+ s elapsed</p>", page)
