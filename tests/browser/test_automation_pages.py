"""The pages that set e-mail addresses, and create webhooks and schedules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from service.settings import Settings
from tests.browser.axe import violations
from tests.browser.conftest import sign_in
from tests.support.attached_world import parquet_file
from tests.support.live_server import LiveServer, live_server
from tests.support.mail_server import DOMAIN, MailServer, mail_server
from tests.support.webhook_receiver import Receiver, receiver


@pytest.fixture(scope="module")
def hooks() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("authority")) as found:
        yield found


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def automated(
    hooks: Receiver, mails: MailServer, lake: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        memory_mb=256,
        webhook_prefixes=f"{hooks.url}/",
        compare_samples=False,
        connection_prefixes=f"file://{lake}/",
        **mails.settings(),
    )
    with live_server(settings) as live:
        yield live


def test_email_address_is_set_tested_and_removed(
    page: Page, automated: LiveServer, mails: MailServer
) -> None:
    _, user = automated.new_user()
    sign_in(page, automated.url, user["soeid"], "/account")
    field = page.get_by_label("E-mail address")
    field.fill("an12345@other.example")
    page.get_by_role("button", name="Save address").click()
    expect(page.get_by_role("alert")).to_contain_text(f"addresses of {DOMAIN} only")
    assert violations(page) == []
    address = f"{user['soeid']}@{DOMAIN}"
    field.fill(address)
    completed = page.get_by_label("My jobs that were completed")
    expect(completed).not_to_be_checked()
    completed.check()
    page.get_by_label("My jobs that failed").uncheck()
    page.get_by_role("button", name="Save address").click()
    expect(page.get_by_text("E-mail address saved.")).to_be_visible()
    expect(field).to_have_value(address)
    expect(completed).to_be_checked()
    expect(page.get_by_label("My jobs that failed")).not_to_be_checked()
    assert violations(page) == []
    page.get_by_role("button", name="Send test").click()
    expect(page).to_have_url(f"{automated.url}/account/email")
    mails.wait(address)
    assert violations(page) == []
    page.get_by_role("link", name="My account").click()
    page.get_by_role("button", name="Remove address").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("E-mail address removed.")).to_be_visible()
    expect(field).to_have_value("")


def test_webhook_is_created_and_tested(page: Page, automated: LiveServer, hooks: Receiver) -> None:
    _, user = automated.new_user()
    sign_in(page, automated.url, user["soeid"], "/account")
    page.get_by_label("Receiver (URL)").fill(f"{hooks.url}/page")
    page.get_by_label("Events").select_option(label="ended jobs")
    page.get_by_role("button", name="Create webhook").click()
    secret = page.get_by_text("whsec_").text_content()
    expect(page.get_by_role("region", name="List of webhooks")).to_contain_text(
        "completed jobs, failed jobs"
    )
    assert violations(page) == []
    page.get_by_role("link", name=f"Messages to {hooks.url}/page").click()
    page.get_by_role("button", name="Send test").click()
    (message,) = hooks.wait("/page")
    assert message.verified(str(secret))["type"] == "webhook.test"
    row = (
        page.get_by_role("region", name="Messages")
        .get_by_role("row")
        .filter(has=page.get_by_text("test", exact=True))
    )
    expect(row).to_contain_text("Delivered")  # the list reloads by itself
    page.get_by_role("button", name="Send message").click()
    assert len({each.id for each in hooks.wait("/page", 2)}) == 1
    expect(page.get_by_text("Sent again.")).to_be_visible()
    hooks.answers["/page"] = 410
    page.get_by_role("button", name="Send test").click()
    expect(page.get_by_text("Test sent.")).to_be_visible()
    hooks.wait("/page", 3)
    enable = page.get_by_role("button", name="Enable webhook")
    while not enable.is_visible():  # the attempt's end is stored after the answer
        page.reload()
    assert violations(page) == []
    enable.click()
    expect(page.get_by_role("button", name="Send test")).to_be_visible()


def test_schedule_begins_with_data_and_profiles_it(
    page: Page, automated: LiveServer, lake: Path
) -> None:
    client, user = automated.new_user("admin")
    connection = {"name": "lake", "prefix": f"file://{lake}/"}
    assert client.post("/api/connections", json=connection).is_success
    parquet_file(lake / "a.parquet", "SELECT range AS id FROM range(50)")
    dataset = automated.new_dataset(client)
    attached = {"tables": [{"uri": f"file://{lake}/a.parquet"}]}
    path = f"/api/datasets/{dataset}/refs/main/attach"
    begins = automated.finished(client.post(path, json=attached).json()["job_id"])
    job = automated.draw(dataset, {"method": "random", "sample_size": 2})
    sign_in(page, automated.url, user["soeid"], f"/jobs/{job['id']}?tab=request")
    form = page.get_by_role("form", name="New schedule")
    form.get_by_label("Name").fill("nightly")
    form.get_by_label("New version").select_option("profile it")
    form.get_by_role("button", name="Create schedule").click()
    begin = form.get_by_label("Begin with")
    expect(begin).to_have_attribute("aria-invalid", "true")
    assert violations(page) == []
    begin.select_option(begins["id"])
    form.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_text("Schedule created.")).to_be_visible()
    query = {"dataset_id": dataset}
    (made,) = client.get("/api/schedules", params=query).json()["schedules"]
    assert (made["source"]["job_id"], made["source"]["profile"]) == (begins["id"], True)


def test_schedule_is_previewed_created_run_and_paused(page: Page, automated: LiveServer) -> None:
    _, user = automated.new_user("admin")
    job = automated.draw(automated.new_balanced_table(20), {"method": "random", "sample_size": 2})
    sign_in(page, automated.url, user["soeid"], f"/jobs/{job['id']}?tab=request")
    form = page.get_by_role("form", name="New schedule")
    times = page.get_by_role("status").filter(has_text="Next runs")
    expect(times).to_contain_text("At 06:00 on Monday")
    form.get_by_label("Times (cron)").fill("30 6 1 * *")
    expect(times).to_contain_text("first day of every month")
    form.get_by_label("Name").fill("monthly")
    form.get_by_label("Time zone").fill("Berlin")
    form.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_role("alert")).to_contain_text("IANA time zone")
    form.get_by_label("Time zone").fill("Europe/Berlin")
    form.get_by_label("Exclude drawn rows by").fill("id, ammount")
    form.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_role("alert")).to_contain_text('Did you mean "amount"?')
    form.get_by_label("Exclude drawn rows by").fill("id, region")
    assert violations(page) == []
    form.get_by_role("button", name="Create schedule").click()
    row = page.get_by_role("region", name="Schedules").get_by_role("row", name="monthly")
    expect(row).to_contain_text("Europe/Berlin")
    own = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    expect(row.get_by_role("cell").nth(2)).to_contain_text(own)
    assert violations(page) == []
    page.get_by_role("link", name="Rows that the next run of monthly excludes").click()
    excluded = page.get_by_role("region", name="Rows that the next run excludes")
    expect(excluded).to_contain_text("by id, region")
    expect(excluded).to_contain_text("18")
    assert violations(page) == []
    page.get_by_role("link", name="Change monthly").click()
    change = page.get_by_role("form", name="Change monthly")
    expect(page.get_by_role("status").filter(has_text="Next runs")).to_contain_text("06:30")
    change.get_by_label("Exclude drawn rows by").fill("id, ammount")
    change.get_by_role("button", name="Change schedule").click()
    expect(page.get_by_role("alert")).to_contain_text('Did you mean "amount"?')
    assert violations(page) == []
    change.get_by_label("Exclude drawn rows by").fill("id")
    change.get_by_label("Times (cron)").fill("45 6 1 * *")
    change.get_by_role("button", name="Change schedule").click()
    expect(row).to_contain_text("06:45")
    expect(row).to_contain_text("Excludes drawn rows by id.")
    expect(change).to_be_hidden()
    page.get_by_role("button", name="Pause monthly").click()
    expect(row).to_contain_text("Paused")
    page.get_by_role("button", name="Resume monthly").click()
    expect(page.get_by_role("button", name="Pause monthly")).to_be_visible()
    page.get_by_role("button", name="Run monthly now").click()
    expect(page.get_by_role("heading", name="monthly-")).to_be_visible()
    expect(page.get_by_text("without 2 rows of 1 earlier sample")).to_be_visible()
