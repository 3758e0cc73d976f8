"""The row key of a dataset: proposed at an import, changed on its page, read in a working paper."""

from __future__ import annotations

from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.browser.watching import watch_of
from tests.support.attached_world import parquet_file
from tests.support.live_server import LiveServer


def postings(path: Path, first: int, last: int, *more: str) -> Path:
    lines = [f"1000,{number:010},{number * 1.25:.2f}" for number in range(first, last)]
    path.write_text("\n".join(["company,document,amount", *lines, *more]) + "\n")
    return path


def imported(page: Page, url: str, file: Path) -> None:
    page.goto(url)
    page.get_by_label("File (drop").set_input_files(file)
    expect(page.get_by_role("region", name="First rows of primary")).to_be_visible()
    page.get_by_role("button", name="Import file").click()
    page.wait_for_url("**imported=*")


def test_a_proposed_key_with_outer_spaces_is_quoted(
    page: Page, server: LiveServer, tmp_path: Path
) -> None:
    _, user = server.new_user()
    sign_in(page, server.url, user["soeid"], "/datasets/new")
    file = tmp_path / "spaced.parquet"
    parquet_file(file, """SELECT 100 + range AS " document", 1.5 AS amount FROM range(60)""")
    page.get_by_label("File (drop").set_input_files(file)
    expect(page.get_by_label("Row key")).to_have_value('" document"')


def test_a_key_is_proposed_changed_and_read(page: Page, server: LiveServer, tmp_path: Path) -> None:
    client, user = server.new_user()
    sign_in(page, server.url, user["soeid"], "/datasets/new")
    page.get_by_label("File (drop").set_input_files(postings(tmp_path / "june.csv", 100, 160))
    expect(page.get_by_label("Row key")).to_have_value("document")
    page.get_by_role("button", name="Import file").click()
    page.wait_for_url("**imported=*")
    expect(page.get_by_text("Each row has a key of its own.")).to_be_visible()
    dataset = page.url.partition("/datasets/")[2].partition("?")[0]

    july = postings(tmp_path / "july.csv", 110, 165)
    imported(page, f"{server.url}/datasets/{dataset}/import", july)
    expect(page.get_by_text("New keys: 5. Gone: 10. Kept: 50.")).to_be_visible()
    page.goto(f"{server.url}/datasets/{dataset}?tab=key")
    states = page.get_by_role("region", name="State of the row key by version").locator("tbody tr")
    expect(states).to_have_count(2)
    expect(states.first.locator("td")).to_contain_text(
        ["july.csv", "", "Holds", "55", "5", "10", "50"]
    )

    page.get_by_label("Columns, separated by commas").fill("company")
    page.get_by_role("button", name="Change row key").click()
    expect(page.get_by_role("alert")).to_contain_text("55 rows share their key with")
    page.get_by_label("Columns, separated by commas").fill("company, document")
    page.get_by_role("button", name="Change row key").click()
    expect(page.get_by_text("Row key saved.")).to_be_visible()
    expect(page.get_by_label("Columns, separated by commas")).to_have_value("company, document")
    names_are_read(page, server, client, int(dataset), tmp_path)

    page.goto(f"{server.url}/datasets/{dataset}?tab=key")
    page.get_by_role("button", name="Delete row key").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Row key deleted.")).to_be_visible()
    expect(page.get_by_label("Columns, separated by commas")).to_have_value("document")


def names_are_read(
    page: Page, server: LiveServer, client: httpx.Client, dataset: int, folder: Path
) -> None:
    """Findings, look-up and working paper of a sample name rows by their keys."""
    parameters = {"sample_size": 5, "book_column": "amount", "seed": 1}
    job = server.draw(dataset, {"method": "monetary_unit", "parameters": parameters})
    items = client.get(f"/api/sampling/jobs/{job['id']}/findings").json()["items"]
    name = items[0]["name"]
    page.goto(f"{server.url}/jobs/{job['id']}?tab=findings")
    line = page.locator("#findings tbody tr").first
    expect(line.locator("th")).to_have_text(name)
    line.get_by_role("button", name=f"Replace {name}").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"Replace {name} by the next row")
    page.get_by_label("Reason").fill("void")
    page.get_by_role("dialog").get_by_role("button", name="Replace").click()
    expect(page.get_by_text(f"{name} was replaced by company 1000, document")).to_be_visible()
    page.goto(f"{server.url}/jobs/{job['id']}?tab=why")
    page.get_by_label("Value").fill(name)
    page.get_by_role("button", name="Look up row").click()
    expect(page.locator("summary strong").filter(has_text=name)).to_be_visible()
    paper = client.get(f"/api/sampling/jobs/{job['id']}/working-paper", params={"format": "html"})
    (file := folder / "paper.html").write_text(paper.text)
    with watch_of(page).expect("left the machine: file:"):
        page.goto(file.as_uri())
    items = page.locator("table").filter(has_text="Selected").locator("tbody tr").first
    expect(items.locator("td").first).to_have_text(name)
