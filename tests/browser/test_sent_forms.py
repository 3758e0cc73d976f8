"""Plain forms, sent in the background or without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import sign_in
from tests.browser.watching import watch_of, watched_context
from tests.support.live_server import LiveServer
from tests.web_ui.staged_jobs import FILE, cancelled, running_job

Analyst = tuple[Page, httpx.Client]
NO_RESPONSE = "The server does not respond. Is it running?"
FORMS = ("**/cancel", "**/retry", "**/jobs")


def soeid_of(client: httpx.Client) -> str:
    return str(client.get("/api/users/me").json()["soeid"])


@pytest.fixture
def running(analyst: Analyst, server: LiveServer) -> str:
    """A running job of the analyst."""
    _, client = analyst
    return running_job(server, soeid_of(client), server.new_dataset(client), file=FILE)


@contextmanager
def disconnected(page: Page) -> Iterator[None]:
    """Refuse the connection of every form."""

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


def test_cancel_and_retry_work_after_a_connection_error(
    analyst: Analyst, server: LiveServer, running: str
) -> None:
    page, client = analyst
    page.goto(f"{server.url}/jobs/{running}")
    for button, then in (("Cancel job", "cancelled"), ("Retry job", "completed")):
        before = page.url
        with disconnected(page):
            page.get_by_role("button", name=button).click()
            expect(page.get_by_text(NO_RESPONSE)).to_be_visible()
        assert page.url == before
        page.get_by_role("button", name=button).click()
        expect(page.locator("#state")).to_have_text(then)
    again = page.url.removeprefix(f"{server.url}/jobs/")
    assert client.get(f"/api/jobs/{again}").json()["retry_of"] == running
    page.reload()
    expect(page.locator("#state")).to_have_text("completed")


def test_a_lost_response_creates_one_job(analyst: Analyst, server: LiveServer) -> None:
    """The second request gets the job of the first one, whose response was lost."""
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
        page.get_by_role("button", name="Retry job").click()
        expect(page.get_by_text(NO_RESPONSE)).to_be_visible()
    page.get_by_role("button", name="Retry job").click()
    expect(page.locator("#state")).to_have_text("completed")
    jobs = client.get("/api/jobs", params={"dataset_id": dataset, "run_type": "profiling"}).json()
    assert jobs["total"] == 2


def test_a_refusal_is_shown_on_the_page(analyst: Analyst, server: LiveServer, running: str) -> None:
    page, _ = analyst
    page.goto(f"{server.url}/jobs/{cancelled(server, running)}")
    server.service.directory.discard_upload(running)
    page.get_by_role("button", name="Retry job").click()
    expect(page.locator("#toasts").get_by_role("alert")).to_contain_text(
        "The file of that import was deleted"
    )
    assert page.url == f"{server.url}/jobs/{running}"


def test_the_selection_survives_a_connection_error(
    analyst: Analyst, server: LiveServer, running: str
) -> None:
    page, _ = analyst
    page.goto(f"{server.url}/jobs")
    checkbox = page.get_by_label(f"Select job {running[:8]}")
    checkbox.check()
    with disconnected(page):
        page.get_by_role("button", name="Cancel job").click()
        expect(page.get_by_text(NO_RESPONSE)).to_be_visible()
    expect(checkbox).to_be_checked()
    page.get_by_role("button", name="Cancel job").click()
    expect(page.get_by_text("1 job cancelled.")).to_be_visible()


def test_cancel_and_retry_work_without_scripts(browser: Browser, server: LiveServer) -> None:
    client, user = server.new_user()
    job = running_job(server, user["soeid"], server.new_dataset(client), file=FILE)
    with watched_context(browser, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, server.url, user["soeid"], f"/jobs/{job}")
        page.get_by_role("button", name="Cancel job").click()
        expect(page.locator("#state")).to_have_text("cancelled")
        assert page.url == f"{server.url}/jobs/{job}"
        server.service.directory.discard_upload(job)
        page.get_by_role("button", name="Retry job").click()
        expect(page.get_by_role("heading", name="Not possible now")).to_be_visible()
        page.goto(page.url)
        expect(page.locator("#state")).to_have_text("cancelled")
