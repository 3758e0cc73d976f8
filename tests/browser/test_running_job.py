"""The page of a job that runs: how far it is, what it does, how long it has run."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.live_server import LiveServer
from tests.web_ui.reader import Reader
from tests.web_ui.staged_jobs import cancelled, running_job

Analyst = tuple[Page, httpx.Client]
AN_HOUR_AHEAD = "const now = Date.now; Date.now = () => now() + 3_600_000"
SO_FAR = re.compile(r"^40 %, reading rows, ([\d.]+) s so far$")


@pytest.fixture
def running(analyst: Analyst, server: LiveServer) -> Iterator[str]:
    _, client = analyst
    soeid = client.get("/api/users/me").json()["soeid"]
    job = running_job(server, soeid, server.new_dataset(client))
    yield job
    cancelled(server, job)


def progress(server: LiveServer, job: str, percent: float, message: str) -> None:
    with server.service.database.write() as tx:
        tx.execute(
            "UPDATE jobs SET progress = ?, progress_message = ? WHERE id = ?",
            (percent, message, job),
        )


def test_percent_step_and_time_go_on_under_the_readers_eyes_and_clock(
    analyst: Analyst, server: LiveServer, running: str
) -> None:
    page, _ = analyst
    page.add_init_script(AN_HOUR_AHEAD)
    page.goto(f"{server.url}/jobs/{running}")
    told = page.locator("#progress-message")
    expect(told).to_have_text(SO_FAR)
    first = told.inner_text()
    expect(told).not_to_have_text(first)
    (seconds,) = SO_FAR.findall(told.inner_text())
    assert 0 < float(seconds) < 30
    progress(server, running, 54, "writing rows")
    expect(told).to_have_text(re.compile(r"^54 %, writing rows, [\d.]+ s so far$"))
    expect(page.get_by_role("progressbar", name="Done")).to_have_attribute("value", "54")


def test_whoever_listens_hears_of_quarters_and_not_of_each_step(
    analyst: Analyst, server: LiveServer, running: str
) -> None:
    page, _ = analyst
    page.goto(f"{server.url}/jobs/{running}")
    heard, told = page.locator("#announcer"), page.locator("#progress-message")
    assert told.evaluate("e => e.closest('[aria-live], [role=status], [role=alert]')") is None
    expect(heard).to_have_text("The job is running.")
    progress(server, running, 45, "sorting rows")
    expect(told).to_contain_text("45 %, sorting rows")
    expect(heard).to_have_text("The job is running.")
    progress(server, running, 54, "writing rows")
    expect(heard).to_have_text("50 % done.")


def test_before_any_script_the_page_says_the_same(server: LiveServer) -> None:
    reader = Reader(server)
    job = running_job(server, reader.soeid, server.new_dataset(reader.api))
    page = reader.page(f"/jobs/{job}")
    cancelled(server, job)
    assert re.search(r">40 %, reading rows, \d+\.\d+ s so far</p>", page)
