"""Two people examine a sample: one enters findings by keyboard, the other signs them off."""

from __future__ import annotations

import re
from urllib.parse import unquote

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, sign_in
from tests.contract.deliveries import review_sample
from tests.support.live_server import LiveServer

Analyst = tuple[Page, httpx.Client]
DRAWN = 60
REPLACED = (1, 5)
A4 = {"width": 680, "height": 1010}  # 180 by 267 mm, inside its margins


def _open_findings(page: Page, server: LiveServer, client: httpx.Client, rows: int) -> str:
    """Draw a sample of a new dataset, and open its findings; the job's id."""
    dataset = server.new_balanced_table(200, client)
    body = {"method": "random", "sample_size": rows, "seed": 1}
    job: str = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body).json()["job_id"]
    assert server.finished(job)["status"] == "completed"
    page.goto(f"{server.url}/jobs/{job}?tab=findings")
    return job


def _enter_findings(client: httpx.Client, job: str) -> None:
    """Enter that all rows of a sample are OK, except the fourth."""
    path = f"/api/sampling/jobs/{job}/findings"
    rows = [item["row_id"] for item in client.get(path).json()["items"]]
    findings = [{"row_id": row, "outcome": "ok"} for row in rows]
    findings[3] |= {"outcome": "exception", "note": "invoice missing"}
    assert client.post(path, json={"findings": findings}).status_code == 200


def _submit_without_a_cause(page: Page) -> None:
    """Submit the findings, of which one has no cause, with a reason; its row is a link."""
    submit = page.get_by_role("button", name="Submit for review")
    dialog = page.get_by_role("dialog", name="Incomplete findings")
    submit.click()
    dialog.get_by_role("link", name="has no cause").click()
    expect(dialog).to_have_count(0)
    row = unquote(page.url.partition("#row-")[2])
    expect(page.locator(f'tr[data-row="{row}"] [name="cause"]')).to_be_in_viewport()
    submit.click()
    dialog.get_by_label("Reason to submit them as they are").fill("the invoice is late")
    dialog.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_text("Submitted for review", exact=True)).to_be_visible()
    expect(page.get_by_text("the invoice is late").first).to_be_attached()


def _replace_rows(client: httpx.Client, job: str) -> None:
    path = f"/api/sampling/jobs/{job}"
    rows = [item["row_id"] for item in client.get(f"{path}/findings").json()["items"]]
    for at in REPLACED:
        body = {"row_id": rows[at], "reason": "not a purchase"}
        answer = client.post(f"{path}/replacements", json=body)
        assert answer.status_code == 200, answer.text


def test_a_filled_in_list_is_previewed_and_entered(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    _open_findings(page, server, client, 4)
    page.get_by_text("Entry list").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    header, *lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()

    def choose(outcomes: list[str]) -> None:
        filled = [
            line[:-6] + f",{one},,<b>seen</b>,,," for line, one in zip(lines, outcomes, strict=True)
        ]
        content = "\n".join([header, *filled]).encode()
        page.get_by_label("Filled-in list").set_input_files(
            {"name": "list.csv", "mimeType": "text/csv", "buffer": content}
        )

    enter = page.get_by_role("button", name="Enter findings")
    choose(["OK", "fine", "OK", "Exception"])
    expect(page.get_by_role("alert")).to_contain_text("1 row is refused, so nothing is entered")
    preview = page.get_by_role("region", name="Lines of the file").locator("tbody tr")
    expect(preview.first).to_contain_text('"fine" isn')
    expect(enter).to_be_disabled()
    choose(["OK", "OK", "OK", "Exception"])
    expect(preview).to_have_count(4)
    expect(preview.last).to_contain_text("Exception, <b>seen</b>")
    expect(page.locator("#list-preview")).to_have_text(re.compile("^New4Row"))
    enter.click()
    expect(page.get_by_text("4 findings entered.")).to_be_visible()
    expect(page.locator("#done")).to_have_text("4")
    expect(page.locator("#exceptions")).to_have_text("1 exception")


def test_a_digit_says_from_which_attribute_a_row_deviates(
    analyst: Analyst, server: LiveServer
) -> None:
    page, client = analyst
    job = _open_findings(page, server, client, 3)
    page.get_by_text("Tested attributes").click()
    page.get_by_label("What each row is tested for").fill("approved, amount agrees")
    page.get_by_role("button", name="Save attributes").click()
    head = page.get_by_role("columnheader", name="amount agrees")
    expect(head).to_have_text("Deviates from amount agrees")
    line = page.locator("#findings tbody tr").first
    line.get_by_role("combobox").first.focus()
    page.keyboard.press("2")
    expect(line.get_by_role("checkbox").nth(1)).to_be_checked()
    line.get_by_label("Cause of").first.select_option("Wrong period")
    page.keyboard.press("Enter")
    expect(page.locator("#exceptions")).to_have_text("1 exception")
    expect(page.get_by_text("Tested attributes")).to_have_count(0)
    found = client.get(f"/api/sampling/jobs/{job}/findings").json()["items"][0]["finding"]
    assert (found["deviations"], found["cause"]) == (["amount agrees"], "cut_off")


def test_findings_are_entered_by_keyboard(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    job = _open_findings(page, server, client, DRAWN)
    rows = page.locator("#findings tbody tr")
    expect(rows).to_have_count(DRAWN)
    rows.first.get_by_role("combobox").focus()
    for key in "oooe" + "o" * (DRAWN - 4):
        page.keyboard.press(key)
        if key == "e":
            page.keyboard.press("Tab")
            for wrong, problem in (
                ("1.234", "can be read in two ways"),
                ("abc", "isn’t an amount"),
            ):
                page.keyboard.press("ControlOrMeta+a")
                page.keyboard.type(wrong)
                page.keyboard.press("Enter")
                expect(page.get_by_text(f"{wrong} {problem}")).to_be_visible()
            page.keyboard.press("ControlOrMeta+a")
            page.keyboard.type("(1.234,50 €)")
            page.keyboard.press("Tab")
            page.keyboard.type("invoice missing")
        page.keyboard.press("Enter")
    expect(page.locator("#done")).to_have_text(str(DRAWN))
    expect(page.locator("#exceptions")).to_have_text("1 exception")
    found = client.get(f"/api/sampling/jobs/{job}/findings").json()["items"][3]["finding"]
    assert (found["outcome"], found["audit_value"]) == ("exception", "-1234.50")
    assert found["note"] == "invoice missing"


def test_replacements_join_the_findings(analyst: Analyst, server: LiveServer) -> None:
    page, client = analyst
    page.set_viewport_size({"width": 1280, "height": 800})
    job = _open_findings(page, server, client, DRAWN)
    _enter_findings(client, job)
    page.reload()
    rows = page.locator("#findings tbody tr")
    for count, at in enumerate(REPLACED, start=1):
        rows.nth(at).get_by_role("button", name="Replace").click()
        page.get_by_label("Reason").fill("not a purchase")
        page.get_by_role("dialog").get_by_role("button", name="Replace").click()
        expect(rows).to_have_count(DRAWN + count)
        expect(rows.last).to_contain_text("replaces")
        rows.last.get_by_role("combobox").focus()
        page.keyboard.press("o")
        page.keyboard.press("Enter")
        expect(page.locator("#done")).to_have_text(str(DRAWN))
    page.goto(f"{server.url}/jobs/{job}?tab=reserves")
    used = page.get_by_role("region", name="Replacements").locator("tbody tr", has_text="used for")
    expect(used).to_have_count(len(REPLACED))
    expect(page.get_by_role("columnheader", name="_stratum")).to_have_count(0)
    page.goto(f"{server.url}/jobs/{job}?tab=findings")
    grid = page.get_by_role("region", name="Findings", exact=True)
    assert grid.evaluate("grid => grid.scrollWidth <= grid.clientWidth")


def test_another_person_returns_findings_and_signs_them_off(
    analyst: Analyst, server: LiveServer, open_page: OpenPage
) -> None:
    page, client = analyst
    job = _open_findings(page, server, client, DRAWN)
    _enter_findings(client, job)
    page.reload()
    _submit_without_a_cause(page)
    expect(page.locator("#findings select")).to_have_count(0)
    expect(page.get_by_text("Another person signs off")).to_be_visible()
    expect(page.get_by_role("button", name="Sign off")).to_have_count(0)

    _, user = server.new_user()
    granted = {"user_id": user["id"], "permission": "write"}
    dataset = client.get(f"/api/jobs/{job}").json()["dataset_id"]
    assert client.put(f"/api/datasets/{dataset}/permissions", json=granted).status_code == 200
    reviewer = open_page()
    sign_in(reviewer, server.url, user["soeid"])
    reviewer.goto(f"{server.url}/jobs/{job}?tab=findings")
    reviewer.get_by_placeholder("Reason").fill("look at row 4 again")
    reviewer.get_by_role("button", name="Return").click()
    expect(reviewer.get_by_role("button", name="Submit for review")).to_be_visible()
    page.reload()
    expect(page.locator(".note.warn")).to_contain_text("the findings: look at row 4 again")
    _submit_without_a_cause(page)
    reviewer.reload()
    reviewer.get_by_role("link", name="Evaluate and sign off").click()
    reviewer.get_by_label("Tolerable rate of deviation").fill("10 %")
    reviewer.get_by_role("button", name="Evaluate").click()
    expect(reviewer.get_by_text("is below the tolerable 10.00 %")).to_be_visible()
    reviewer.get_by_role("button", name="Sign off").click()
    expect(reviewer.get_by_text("Signed off by")).to_be_visible()
    reviewer.goto(f"{server.url}/jobs/{job}?tab=findings")
    expect(reviewer.get_by_text("Signed off", exact=True)).to_be_visible()
    reviewer.get_by_text("Review history").click()
    expect(reviewer.locator("#review li").first).to_have_text(
        re.compile(f"{user['soeid']} signed the findings off")
    )
    page.goto(f"{server.url}/jobs/{job}?tab=evaluation&tolerable=20 %&kind=attributes")
    expect(page.get_by_text("tolerable 10 %; evaluated with: tolerable 20 %")).to_be_visible()
    expect(page.get_by_role("button", name="HTML")).to_have_count(2)
    page.goto(f"{server.url}/jobs/{job}?tab=evaluation")
    expect(page.get_by_text("is below the tolerable 10.00 %").last).to_be_visible()


def test_the_working_paper_of_an_evaluation_fits_a_page(
    analyst: Analyst, server: LiveServer, open_page: OpenPage
) -> None:
    page, client = analyst
    job = _open_findings(page, server, client, DRAWN)
    _replace_rows(client, job)
    review_sample(client, server.admin, job)
    page.goto(f"{server.url}/jobs/{job}?tab=evaluation")
    with page.expect_download() as download:
        page.get_by_role("button", name="HTML").click()
    paper = open_page()
    paper.set_viewport_size(A4)
    paper.emulate_media(media="print")
    paper.set_content(download.value.path().read_text(encoding="utf-8"))
    expect(paper.get_by_text("Signed off").first).to_be_visible()
    assert paper.evaluate("document.documentElement.scrollWidth") <= A4["width"]
    assert paper.get_by_text("not a purchase").count() == 2 * len(REPLACED)  # item, and reason
