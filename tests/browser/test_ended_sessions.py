"""A session ends while a page is open: what was typed stays, and is sent after a new sign-in."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, sign_in
from tests.support.live_server import PASSWORD, LiveServer

Analyst = tuple[Page, httpx.Client]
End = Callable[[Page, LiveServer], object]


def expired(page: Page, server: LiveServer) -> None:
    """The server doesn't know the session any more; the browser still has its cookie."""
    with server.service.database.write() as tx:
        tx.execute(
            "DELETE FROM tokens WHERE kind = 'session' AND id = (SELECT max(id) FROM tokens)"
        )


def signed_out(page: Page, server: LiveServer) -> None:
    """The user signs out in another tab."""
    other = page.context.new_page()
    other.goto(f"{server.url}/account")
    other.locator("summary").first.click()
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("button", name="Sign in")).to_be_visible()
    other.close()


ENDS: dict[str, End] = {"expired": expired, "signed out": signed_out}


def sees_the_end(page: Page) -> None:
    """The page says so, names no header, and stays."""
    note = page.locator("#session-ended")
    expect(note).to_contain_text("You were signed out. What you typed is still on this page.")
    expect(page.locator("body")).not_to_contain_text("Authorization")


def no_longer_says_so(page: Page) -> None:
    """The notice of the end goes when what failed for it has worked."""
    expect(page.locator("#session-ended")).to_have_count(0)


def sign_in_again(page: Page, soeid: str) -> None:
    """Follow the notice's link, and sign in in the new tab."""
    with page.expect_popup() as opened:
        page.locator("#session-ended").get_by_role("link", name="Sign in").click()
    tab = opened.value
    tab.get_by_label("User name", exact=True).fill(soeid)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()
    expect(tab.get_by_role("heading", name="Datasets")).to_be_visible()
    tab.close()


def soeid_of(client: httpx.Client) -> str:
    return str(client.get("/api/users/me").json()["soeid"])


@pytest.fixture(params=ENDS)
def end(request: pytest.FixtureRequest) -> End:
    return ENDS[request.param]


def test_a_draw_is_kept(analyst: Analyst, server: LiveServer, end: End) -> None:
    page, client = analyst
    soeid = soeid_of(client)
    page.goto(f"{server.url}/datasets/{server.new_table(40, client)}/draw")
    expect(page.get_by_text("rows will be drawn")).to_be_visible()
    page.get_by_label("Purpose").fill("Receivables at the year's end")
    before = page.url
    end(page, server)
    page.get_by_role("button", name="Draw sample").click()
    sees_the_end(page)
    assert page.url == before
    expect(page.get_by_label("Purpose")).to_have_value("Receivables at the year's end")
    sign_in_again(page, soeid)
    page.get_by_role("button", name="Draw sample").click()
    page.wait_for_url("**/jobs/*")
    expect(page.get_by_text("Receivables at the year's end").first).to_be_visible()


def test_a_finding_is_kept(analyst: Analyst, server: LiveServer, end: End) -> None:
    page, client = analyst
    soeid, dataset = soeid_of(client), server.new_balanced_table(40, client)
    job = server.draw(dataset, {"method": "random", "sample_size": 3, "seed": 1})["id"]
    page.goto(f"{server.url}/jobs/{job}?tab=findings")
    line = page.locator("#findings tr[data-row]").first
    end(page, server)
    line.get_by_label("Finding about").select_option("ok")
    line.get_by_label("Note about").fill("seen by K.")
    line.get_by_label("Note about").press("Enter")
    sees_the_end(page)
    expect(line.get_by_label("Note about")).to_have_value("seen by K.")
    sign_in_again(page, soeid)
    line.get_by_label("Note about").press("Enter")
    expect(line.locator(".entered")).to_contain_text("Saved")
    no_longer_says_so(page)
    notes = client.get(f"/api/sampling/jobs/{job}/findings").json()["items"]
    assert notes[0]["finding"]["note"] == "seen by K."


def test_a_query_is_kept(analyst: Analyst, server: LiveServer, end: End) -> None:
    page, client = analyst
    soeid = soeid_of(client)
    page.goto(f"{server.url}/datasets/{server.new_table(9, client)}/sql")
    editor = page.get_by_label("SELECT statement")
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text("SELECT count(*) AS n FROM data")
    end(page, server)
    page.get_by_role("button", name="Run").click()
    sees_the_end(page)
    expect(editor).to_contain_text("SELECT count(*) AS n FROM data")
    sign_in_again(page, soeid)
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("region", name="Rows of the result")).to_contain_text("9")
    no_longer_says_so(page)


def test_settings_and_a_plain_form_are_kept(analyst: Analyst, server: LiveServer, end: End) -> None:
    page, client = analyst
    soeid, dataset = soeid_of(client), server.new_dataset(client)
    page.goto(f"{server.url}/datasets/{dataset}?tab=settings")
    page.get_by_label("Description").fill("What was sold")
    end(page, server)
    page.get_by_role("button", name="Save").click()
    sees_the_end(page)
    expect(page.get_by_label("Description")).to_have_value("What was sold")
    sign_in_again(page, soeid)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text("saved")
    no_longer_says_so(page)
    assert client.get(f"/api/datasets/{dataset}").json()["description"] == "What was sold"


def test_an_upload_is_kept(analyst: Analyst, server: LiveServer, end: End) -> None:
    page, client = analyst
    soeid, dataset = soeid_of(client), server.new_dataset(client)
    page.goto(f"{server.url}/datasets/{dataset}/import")
    table = {"name": "t.csv", "mimeType": "text/csv", "buffer": b"id,city\n1,Lima\n2,Oslo\n"}
    page.get_by_label("File (drop").set_input_files(table)
    expect(page.get_by_role("region", name="First rows")).to_be_visible()
    end(page, server)
    page.get_by_role("button", name="Import").click()
    sees_the_end(page)
    expect(page.get_by_role("region", name="First rows")).to_be_visible()
    sign_in_again(page, soeid)
    page.get_by_role("button", name="Import").click()
    page.wait_for_url("**imported=*")


def test_a_list_says_that_the_session_ended(analyst: Analyst, server: LiveServer, end: End) -> None:
    page, client = analyst
    server.new_table(3, client)
    page.goto(f"{server.url}/jobs")
    end(page, server)
    sees_the_end(page)
    expect(page.get_by_text("does not respond")).to_have_count(0)


def test_another_user_is_not_mistaken_for_the_first(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_dataset(client)
    page.goto(f"{server.url}/datasets/{dataset}?tab=settings")
    page.get_by_label("Description").fill("of the first user")
    page.context.clear_cookies()
    other = page.context.new_page()
    sign_in(other, server.url, server.new_user()[1]["soeid"])
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#session-ended")).to_contain_text("Another user has signed in")
    assert client.get(f"/api/datasets/{dataset}").json()["description"] != "of the first user"


def test_links_after_the_end_lead_to_the_sign_in(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    job = server.explore(server.new_table(5, client), {})["id"]
    page.goto(f"{server.url}/jobs/{job}")
    expired(page, server)
    page.get_by_role("link", name="Open report").click()
    expect(page.get_by_role("heading", name="Signed out")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_text("You were signed out. Sign in again to continue.")).to_be_visible()
    page.get_by_label("User name", exact=True).fill(soeid_of(client))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(f"/jobs/{job}$"))


def test_the_second_person_s_note_is_kept(
    analyst: Analyst, open_page: OpenPage, server: LiveServer
) -> None:
    page, client = analyst
    dataset = server.new_balanced_table(40, client)
    job = server.draw(dataset, {"method": "random", "sample_size": 3, "seed": 1})["id"]
    path = f"/api/sampling/jobs/{job}/findings"
    page.goto(f"{server.url}/jobs/{job}?tab=findings")
    rows = [item["row_id"] for item in client.get(path).json()["items"]]
    theirs = [
        {
            "row_id": row,
            "outcome": "exception",
            "note": "invoice missing",
            "cause": "other",
        }
        for row in rows[:2]
    ]
    theirs = [{**each, "cause_text": "lost"} for each in theirs]
    assert server.admin.post(path, json={"findings": theirs}).status_code == 200
    for row, button in zip(rows[:2], ("Save mine", "Keep theirs"), strict=True):
        line = page.locator(f'#findings tr[data-row="{row}"]')
        line.get_by_label("Finding about").select_option("ok")
        line.get_by_label("Note about").fill("seen by K.")
        line.get_by_label("Note about").press("Enter")
        note = page.locator("#findings .conflict")
        expect(note).to_contain_text("note “invoice missing”")
        expect(note).to_contain_text("What you typed isn’t saved.")
        expect(line.get_by_label("Note about")).to_have_value("seen by K.")
        note.get_by_role("button", name=button).click()
        expect(note).to_have_count(0)
    first, second = (page.locator(f'#findings tr[data-row="{row}"]') for row in rows[:2])
    expect(first.locator(".entered")).to_contain_text("Saved")
    expect(second.get_by_label("Note about")).to_have_value("invoice missing")
    found = client.get(path).json()["items"]
    assert [item["finding"]["note"] for item in found[:2]] == ["seen by K.", "invoice missing"]


def test_a_note_about_a_replaced_row_is_kept(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    dataset = server.new_balanced_table(40, client)
    job = server.draw(dataset, {"method": "random", "sample_size": 3, "seed": 1})["id"]
    page.goto(f"{server.url}/jobs/{job}?tab=findings")
    line = page.locator("#findings tr[data-row]").first
    row = line.get_attribute("data-row")
    body = {"row_id": row, "reason": "voided"}
    answer = server.admin.post(f"/api/sampling/jobs/{job}/replacements", json=body)
    assert answer.status_code == 200, answer.text
    line.get_by_label("Finding about").select_option("ok")
    line.get_by_label("Note about").fill("seen by K.")
    line.get_by_label("Note about").press("Enter")
    note = page.locator("#findings .conflict")
    expect(note).to_contain_text("Another person replaced this row meanwhile")
    expect(line.get_by_label("Note about")).to_have_value("seen by K.")
    note.get_by_role("button", name="Discard mine").click()
    expect(line).to_contain_text("replaced by")
