"""The pages' plain forms: sent in the background where scripts run, else by the browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import sign_in
from tests.browser.watching import watch_of, watched_context
from tests.live_server import LiveServer
from tests.web_ui.staged_jobs import FILE, cancelled, running_job

Analyst = tuple[Page, httpx.Client]
AWAY = "The server doesn't answer. Is it running?"
FORMS = ("**/cancel", "**/retry", "**/jobs")


def soeid_of(client: httpx.Client) -> str:
    return str(client.get("/api/users/me").json()["soeid"])


@pytest.fixture
def running(analyst: Analyst, server: LiveServer) -> str:
    """A job of the analyst that says it runs."""
    _, client = analyst
    return running_job(server, soeid_of(client), server.new_dataset(client), file=FILE)


@contextmanager
def away(page: Page) -> Iterator[None]:
    """No form reaches the server, as when it is down."""

    def refuse(route: Route) -> None:
        if route.request.method == "POST":
            route.abort("connectionrefused")
        else:
            route.fallback()

    for address in FORMS:
        page.route(address, refuse)
    with watch_of(page).expect("net::ERR_CONNECTION_REFUSED"):
        yield
    for address in FORMS:
        page.unroute(address)


def test_a_job_is_cancelled_and_done_again_once_the_server_answers(
    analyst: Analyst, server: LiveServer, running: str
) -> None:
    page, client = analyst
    page.goto(f"{server.url}/jobs/{running}")
    for button, then in (("Cancel", "cancelled"), ("Do again", "completed")):
        before = page.url
        with away(page):
            page.get_by_role("button", name=button).click()
            expect(page.get_by_text(AWAY)).to_be_visible()
        assert page.url == before
        page.get_by_role("button", name=button).click()
        expect(page.locator("#state")).to_have_text(then)
    again = page.url.removeprefix(f"{server.url}/jobs/")
    assert client.get(f"/api/jobs/{again}").json()["retry_of"] == running
    page.reload()
    expect(page.locator("#state")).to_have_text("completed")


def test_an_answer_that_was_lost_does_not_do_a_job_twice(
    analyst: Analyst, server: LiveServer
) -> None:
    """The request arrives, but its answer doesn't; whoever asks again gets the job of the first."""
    page, client = analyst
    dataset = server.new_table(5, client)
    commit = client.get(f"/api/datasets/{dataset}/refs/main").json()["commit_id"]
    profile = {"source_ref": "main", "table_key": "primary", "columns": []}
    given = {"run_type": "profiling", "parameters": profile, "source": commit}
    failed = cancelled(server, running_job(server, soeid_of(client), dataset, **given))
    page.goto(f"{server.url}/jobs/{failed}")

    def lose(route: Route) -> None:
        route.fetch(max_redirects=0)
        route.abort("connectionreset")

    page.route("**/retry", lose, times=1)
    with watch_of(page).expect("net::ERR_CONNECTION_RESET"):
        page.get_by_role("button", name="Do again").click()
        expect(page.get_by_text(AWAY)).to_be_visible()
    page.get_by_role("button", name="Do again").click()
    expect(page.locator("#state")).to_have_text("completed")
    jobs = client.get("/api/jobs", params={"dataset_id": dataset, "run_type": "profiling"}).json()
    assert jobs["total"] == 2


def test_a_refusal_is_told_on_the_page(analyst: Analyst, server: LiveServer, running: str) -> None:
    page, _ = analyst
    page.goto(f"{server.url}/jobs/{cancelled(server, running)}")
    server.service.directory.discard_upload(running)
    page.get_by_role("button", name="Do again").click()
    expect(page.locator("#toasts").get_by_role("alert")).to_contain_text(
        "The file of that import is gone"
    )
    assert page.url == f"{server.url}/jobs/{running}"


def test_ticked_jobs_stay_ticked_while_the_server_is_away(
    analyst: Analyst, server: LiveServer, running: str
) -> None:
    page, _ = analyst
    page.goto(f"{server.url}/jobs")
    tick = page.get_by_label(f"Tick job {running[:8]}")
    tick.check()
    with away(page):
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text(AWAY)).to_be_visible()
    expect(tick).to_be_checked()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("1 job cancelled.")).to_be_visible()


def test_without_scripts_a_form_leads_on_and_a_refusal_leads_back(
    browser: Browser, server: LiveServer
) -> None:
    client, user = server.new_user()
    job = running_job(server, user["soeid"], server.new_dataset(client), file=FILE)
    with watched_context(browser, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, server.url, user["soeid"], f"/jobs/{job}")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("#state")).to_have_text("cancelled")
        assert page.url == f"{server.url}/jobs/{job}"
        server.service.directory.discard_upload(job)
        page.get_by_role("button", name="Do again").click()
        expect(page.get_by_role("heading", name="Not now")).to_be_visible()
        page.goto(page.url)
        expect(page.locator("#state")).to_have_text("cancelled")
